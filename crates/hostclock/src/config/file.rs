//! Gets at the text of a configuration file, whatever somebody put in its place.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::parse::parse;
use super::{Config, Mistake, Mistakes, Place};
use crate::digest::digest;

/// No configuration is longer: every key with its comment is about 4 KiB.
const LONGEST_FILE: u64 = 64 * 1024;

/// What a file gave.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    /// What could be understood of it.
    pub(super) config: Config,
    /// All the mistakes in it.
    pub(super) mistakes: Mistakes,
    /// What it had in it ([`digest`]); `None` where it could not be read, or there was none.
    pub(super) digest: Option<String>,
}

/// The file at `path`, or the defaults when there is none.
pub(super) fn read_if_present(path: &Path) -> Reading {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Reading { config: Config::default(), mistakes: Mistakes::default(), digest: None }
        }
        _ => read(path),
    }
}

/// The file at `path`.
pub(super) fn read(path: &Path) -> Reading {
    match load(path) {
        Ok(text) => {
            let (config, mistakes) = parse(path, &text);
            Reading { config, mistakes, digest: Some(digest(text.as_bytes())) }
        }
        Err((line, problem)) => {
            let place = Place::File { path: path.to_owned(), line };
            let mistakes = Mistakes(vec![Mistake { place, problem }]);
            Reading { config: Config::default(), mistakes, digest: None }
        }
    }
}

/// What the file at `path` has in it now; `None` where there is none, or it can't be read.
pub(crate) fn digest_of(path: &Path) -> Option<String> {
    load(path).ok().map(|text| digest(text.as_bytes()))
}

/// The file's text; the error has the line, where it is in one.
fn load(path: &Path) -> Result<String, (Option<usize>, String)> {
    let cannot = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => (None, "there is no such file".to_owned()),
        ErrorKind::PermissionDenied => (None, "permission to read it is denied".to_owned()),
        _ => (None, format!("it cannot be read: {error}")),
    };
    // Asked before opening: a pipe that nobody writes to would never open.
    let kind = fs::metadata(path).map_err(cannot)?;
    if kind.is_dir() {
        return Err((None, "it is a directory, not a file".to_owned()));
    }
    if !is_readable_kind(&kind) {
        return Err((None, "it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(LONGEST_FILE + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err((
            None,
            format!("it is longer than {} KiB, so it is not a configuration", LONGEST_FILE / 1024),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        (Some(line), "it is not UTF-8 text".to_owned())
    })
}

/// Regular files, and `/dev/null`, which people name to get the defaults.
#[cfg(unix)]
fn is_readable_kind(kind: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    kind.is_file() || kind.file_type().is_char_device()
}

#[cfg(not(unix))]
fn is_readable_kind(kind: &fs::Metadata) -> bool {
    kind.is_file()
}
