//! Gets at the text of a configuration file, whatever somebody put in its place.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::parse::parse;
use super::{Config, Mistake, Mistakes, Place};

/// No configuration is longer: every key with its comment is about 4 KiB.
const LONGEST_FILE: u64 = 64 * 1024;

/// The file at `path`, or the defaults when there is none.
pub(super) fn read_if_present(path: &Path) -> (Config, Mistakes) {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => (Config::default(), Mistakes::default()),
        _ => read(path),
    }
}

/// What could be understood of the file at `path`, and all the mistakes in it.
pub(super) fn read(path: &Path) -> (Config, Mistakes) {
    match load(path) {
        Ok(text) => parse(path, &text),
        Err((line, problem)) => {
            let place = Place::File { path: path.to_owned(), line };
            (Config::default(), Mistakes(vec![Mistake { place, problem }]))
        }
    }
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
