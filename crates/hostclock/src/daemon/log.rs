//! The log: one line for an event, to standard error, as text or as a flat JSON object.
//!
//! Nothing here is on the steady path: a clock that is all right is silent.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use hostclock_core::notice::{Importance, Notice};
use hostclock_linux::clock;
use hostclock_linux::wait::takes_more;
use serde::Serialize;

use crate::config::{Config, LogFormat, LogLevel};

/// Lines that could not be written without waiting.
static LOST: AtomicU32 = AtomicU32::new(0);

/// Where lines go, and which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    level: LogLevel,
    format: LogFormat,
    /// Standard error is the journal's. It keeps the time, and reads the importance from a prefix (`sd-daemon(3)`).
    journal: bool,
}

/// One line as JSON. `time` is the system clock's: right after a step it is the new one.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: &'static str,
    message: &'a str,
    #[serde(flatten)]
    notice: Option<&'a Notice>,
}

impl Log {
    pub(crate) fn new(config: &Config) -> Self {
        let journal = is_journal(std::env::var_os("JOURNAL_STREAM").as_deref(), std::io::stderr().as_fd());
        Self { level: config.log_level, format: config.log_format, journal }
    }

    /// An event of the engine's, and what else is known of it.
    pub(crate) fn notice(&self, notice: &Notice, besides: &str) {
        let level = match notice.importance() {
            Importance::Debug => LogLevel::Debug,
            Importance::Info => LogLevel::Info,
            Importance::Warning => LogLevel::Warn,
        };
        if self.shows(level) {
            self.write(level, &format!("{notice}{besides}"), Some(notice));
        }
    }

    pub(crate) fn error(&self, message: &str) {
        self.say(LogLevel::Error, message);
    }

    pub(crate) fn warn(&self, message: &str) {
        self.say(LogLevel::Warn, message);
    }

    pub(crate) fn info(&self, message: &str) {
        self.say(LogLevel::Info, message);
    }

    fn say(&self, level: LogLevel, message: &str) {
        if self.shows(level) {
            self.write(level, message, None);
        }
    }

    const fn shows(&self, level: LogLevel) -> bool {
        level as u8 <= self.level as u8
    }

    fn write(&self, level: LogLevel, message: &str, notice: Option<&Notice>) {
        let (word, priority) = match level {
            LogLevel::Error => ("error", 3),
            LogLevel::Warn => ("warning", 4),
            LogLevel::Info => ("info", 6),
            LogLevel::Debug => ("debug", 7),
        };
        // Whoever reads our lines may have stopped to, and the clock doesn't wait for him.
        if !takes_more(std::io::stderr().as_fd()) {
            LOST.fetch_add(1, Relaxed);
            return;
        }
        let lost = LOST.swap(0, Relaxed);
        if lost > 0 {
            let message = format!("lost {lost} lines of this log: nobody read standard error");
            self.write(LogLevel::Warn, &message, None);
        }
        let prefix = if self.journal { format!("<{priority}>") } else { String::new() };
        let line = match self.format {
            LogFormat::Json => {
                let line = Line { time: clock::now_system().to_string(), level: word, message, notice };
                // The types above have no map with odd keys and no number that JSON lacks.
                serde_json::to_string(&line).unwrap_or_default()
            }
            LogFormat::Text if self.journal => message.to_owned(),
            LogFormat::Text => format!("{} {word}: {message}", clock::now_system()),
        };
        let line = format!("{prefix}{line}\n");
        // One write a line, so that lines of several programs don't mix; and nowhere to complain to.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

/// Whether `fd` is the stream to the journal that `JOURNAL_STREAM` names by its device and inode. Whoever redirects
/// standard error, or starts us from a service, may have left the variable of another one (`systemd.exec(5)`).
fn is_journal(named: Option<&OsStr>, fd: BorrowedFd<'_>) -> bool {
    let Some((device, inode)) = named.and_then(OsStr::to_str).and_then(|named| named.split_once(':')) else {
        return false;
    };
    let Ok(metadata) = fd.try_clone_to_owned().and_then(|fd| File::from(fd).metadata()) else { return false };
    device.parse() == Ok(metadata.dev()) && inode.parse() == Ok(metadata.ino())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_stream_is_the_journals_if_it_is_the_one_that_is_named() {
        let (ours, other) = UnixStream::pair().expect("a pair");
        let name = |stream: &UnixStream| {
            let file = File::from(stream.as_fd().try_clone_to_owned().expect("cloned"));
            let metadata = file.metadata().expect("there");
            (metadata.dev(), metadata.ino())
        };
        let ((device, inode), (_, another)) = (name(&ours), name(&other));
        let said = |text: &str| is_journal(Some(OsStr::new(text)), ours.as_fd());
        assert!(said(&format!("{device}:{inode}")));
        assert!(!said(&format!("{device}:{another}")), "another stream's");
        assert!(!said(&format!("{}:{inode}", device + 1)));
        assert!(!said("") && !said("1") && !said(":") && !said("x:y"));
        assert!(!is_journal(None, ours.as_fd()));
    }
}
