//! Devices, files, sockets and their permissions.

use std::path::{Path, PathBuf};

use hostclock_core::source::Wanted;
use toml::Value;

use super::super::value::{Raw, quoted};
use super::{Form, text};

/// Which device.
pub(crate) struct Device;

impl Form for Device {
    type Value = Wanted;
    const ACCEPTS: &'static str =
        "\"auto\", a path such as \"/dev/ptp0\", or a clock name such as \"KVM virtual PTP\"";

    fn parse(raw: Raw<'_>) -> Result<Wanted, String> {
        let name = raw.text()?.trim();
        let is_node =
            name.strip_prefix("ptp").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if name.is_empty() {
            Err("the name is empty".to_owned())
        } else if name.chars().any(char::is_control) {
            Err(format!("{} has a control character", quoted(name)))
        } else if is_node || name.starts_with("dev/") || name.starts_with("./") {
            Err(format!("{} is not a whole path", quoted(name)))
        } else if name == "auto" {
            Ok(Wanted::Auto)
        } else if name.starts_with('/') {
            Ok(Wanted::Path(name.to_owned()))
        } else {
            Ok(Wanted::ClockName(name.to_owned()))
        }
    }

    fn show(value: &Wanted) -> Value {
        text(value.to_string())
    }
}

/// An absolute path, or `none`; `flaw` says what else is wrong with one.
fn path_or_none(raw: Raw<'_>, flaw: impl Fn(&str) -> Option<String>) -> Result<Option<PathBuf>, String> {
    let path = raw.text()?;
    if path == "none" {
        return Ok(None);
    }
    let flaw = if path.starts_with('/') { flaw(path) } else { Some("does not start with /".to_owned()) };
    match flaw {
        Some(flaw) => Err(format!("{} {flaw}", quoted(path))),
        None => Ok(Some(PathBuf::from(path))),
    }
}

fn show_path(path: Option<&Path>) -> Value {
    text(path.map_or_else(|| "none".into(), Path::to_string_lossy))
}

/// A file that the daemon writes, or `none`.
pub(crate) struct FileOrNone;

impl Form for FileOrNone {
    type Value = Option<PathBuf>;
    const ACCEPTS: &'static str = "an absolute path, such as \"/var/lib/hostclock/drift\", or \"none\"";

    fn parse(raw: Raw<'_>) -> Result<Self::Value, String> {
        path_or_none(raw, |path| {
            let odd = path.ends_with(['/', '.']) || path.chars().any(char::is_control);
            odd.then(|| "cannot be the path of a file".to_owned())
        })
    }

    fn show(value: &Self::Value) -> Value {
        show_path(value.as_deref())
    }
}

/// Where the control socket is, or `none`.
pub(crate) struct Socket;

/// What fits in `sun_path` of `struct sockaddr_un` (108 bytes) with the NUL behind it.
const LONGEST_SOCKET_PATH: usize = 107;

impl Form for Socket {
    type Value = Option<PathBuf>;
    const ACCEPTS: &'static str = "an absolute path of at most 107 bytes, or \"none\"";

    fn parse(raw: Raw<'_>) -> Result<Self::Value, String> {
        path_or_none(raw, |path| {
            if path.len() > LONGEST_SOCKET_PATH {
                return Some(format!("is longer than {LONGEST_SOCKET_PATH} bytes"));
            }
            let odd = path.ends_with('/') || path.chars().any(char::is_control);
            odd.then(|| "cannot be the path of a socket".to_owned())
        })
    }

    fn show(value: &Self::Value) -> Value {
        show_path(value.as_deref())
    }
}

/// The permission bits of a file.
pub(crate) struct FileMode;

impl Form for FileMode {
    type Value = u32;
    const ACCEPTS: &'static str = "permission bits in octal and in quotes, such as \"0660\"";

    fn parse(raw: Raw<'_>) -> Result<u32, String> {
        let digits = match raw {
            Raw::Integer(_) => return Err("it has no quotes".to_owned()),
            raw => raw.text()?,
        };
        match u32::from_str_radix(digits, 8) {
            Ok(mode) if mode <= 0o777 && !digits.starts_with('+') => Ok(mode),
            _ => Err(format!("{} is not an octal number up to 0777", quoted(digits))),
        }
    }

    fn show(value: &u32) -> Value {
        text(format!("{value:04o}"))
    }
}
