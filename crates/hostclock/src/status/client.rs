//! Asks the daemon for its status document: connect, read to the end, understand.
//!
//! Nothing is sent. The daemon writes one JSON document and closes; it never waits for us, and we
//! wait for it no longer than a second.

use std::fmt;
use std::path::{Path, PathBuf};

use hostclock_core::status::{Status, VERSION};
use serde::Deserialize;

use crate::exit::Code;

/// How long the daemon has to answer.
#[cfg(unix)]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);
/// No document is longer; a few KiB are usual.
const LONGEST: u64 = 1024 * 1024;

/// A document as it came, and what it says.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// As the daemon sent it, without the line's end.
    pub(crate) text: String,
    /// The same, understood.
    pub(crate) status: Status,
}

/// Why there is no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody listens; why that is thought, in words.
    NoDaemon(String),
    /// The socket may not be opened.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there is no socket to be denied"))]
    Denied(PathBuf),
    /// Somebody listens, and what he says is of no use; in words.
    Useless(String),
}

impl Trouble {
    /// How a command ends that found this.
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::NoDaemon(_) => Code::NoDaemon,
            Self::Denied(_) => Code::NoPermission,
            Self::Useless(_) => Code::Failed,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDaemon(why) => write!(f, "no daemon runs ({why})"),
            Self::Denied(path) => {
                write!(
                    f,
                    "{}: permission denied: `socket-mode` of the configuration says who may read",
                    path.display()
                )
            }
            Self::Useless(why) => f.write_str(why),
        }
    }
}

/// Asks the daemon at `socket`; `None` is a daemon that serves nobody.
pub(crate) fn ask(socket: Option<&Path>) -> Result<Answer, Trouble> {
    match socket {
        Some(path) => understand(path, fetch(path)?),
        None => Err(Trouble::NoDaemon(
            "or it serves nobody: the configuration says `socket = \"none\"`".to_owned(),
        )),
    }
}

/// The whole exchange has [`PATIENCE`]. It runs in a thread of its own, because connecting to a Unix
/// socket blocks while the daemon's queue is full, and nothing but a thread ends that.
#[cfg(unix)]
fn fetch(path: &Path) -> Result<Vec<u8>, Trouble> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let owned = path.to_owned();
    std::thread::spawn(move || sender.send(exchange(&owned)));
    receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| Err(silent(path)))
}

/// Nobody answers in time.
#[cfg(unix)]
fn silent(path: &Path) -> Trouble {
    Trouble::Useless(format!(
        "{}: the daemon did not answer within {} s: is it stopped?",
        path.display(),
        PATIENCE.as_secs()
    ))
}

#[cfg(unix)]
fn exchange(path: &Path) -> Result<Vec<u8>, Trouble> {
    use std::io::{ErrorKind, Read as _};
    use std::os::unix::net::UnixStream;

    let shown = path.display();
    let failed = |error: std::io::Error| Trouble::Useless(format!("{shown}: {error}"));
    let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Trouble::NoDaemon(format!("there is no socket {shown}")),
        ErrorKind::ConnectionRefused => Trouble::NoDaemon(format!("nobody listens on {shown}")),
        ErrorKind::PermissionDenied => Trouble::Denied(path.to_owned()),
        _ => failed(error),
    })?;
    // The thread must end too when nobody waits for it any more.
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut document = Vec::new();
    stream.take(LONGEST + 1).read_to_end(&mut document).map_err(|error| match error.kind() {
        // Its time is over as well, and it may be the first to say so.
        ErrorKind::WouldBlock | ErrorKind::TimedOut => silent(path),
        _ => failed(error),
    })?;
    Ok(document)
}

#[cfg(not(unix))]
fn fetch(_: &Path) -> Result<Vec<u8>, Trouble> {
    Err(Trouble::NoDaemon("this system has none: the daemon needs Linux".to_owned()))
}

/// The one field that every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

fn understand(path: &Path, document: Vec<u8>) -> Result<Answer, Trouble> {
    let shown = path.display();
    if document.is_empty() {
        return Err(Trouble::Useless(format!(
            "{shown}: the daemon closed the connection without an answer; try again"
        )));
    }
    if document.len() as u64 > LONGEST {
        return Err(Trouble::Useless(format!(
            "{shown}: the answer is longer than 1 MiB: this is not hostclock's daemon"
        )));
    }
    let strange = |error: serde_json::Error| {
        Trouble::Useless(format!(
            "{shown}: the answer is not a status document ({error}): is this hostclock's daemon?"
        ))
    };
    let Versioned { version } = serde_json::from_slice(&document).map_err(strange)?;
    if version > VERSION {
        return Err(Trouble::Useless(format!(
            "the daemon is newer than this command: it speaks version {version} of the status, this command {VERSION}; \
             use the `hostclock` that belongs to it"
        )));
    }
    let status = serde_json::from_slice(&document).map_err(strange)?;
    let mut text = String::from_utf8_lossy(&document).into_owned();
    text.truncate(text.trim_end().len());
    Ok(Answer { text, status })
}
