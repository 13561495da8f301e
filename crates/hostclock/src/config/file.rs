//! Reads a configuration file and finds everything that is wrong with it, not only the first thing.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::value::{Raw, bare};
use super::{Config, Mistake, Mistakes, Place, check_together, keys, set};

/// No configuration is longer: every key with its comment is about 4 KiB.
const LONGEST_FILE: u64 = 64 * 1024;
/// After so many mistakes the rest is not listed: the file isn't a configuration.
const MOST_MISTAKES: usize = 50;

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

/// What could be understood of `text`, and all the mistakes in it, in the order of their lines.
pub(super) fn parse(path: &Path, text: &str) -> (Config, Mistakes) {
    let mut config = Config::default();
    let mut found: Vec<(usize, String)> = Vec::new();
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let start = error.span().map_or(0, |span| span.start);
        let line = line_of(text, start);
        // One mistake often makes several errors: the first of a line says it.
        if found.iter().all(|(known, _)| *known != line) {
            found.push((line, syntax_problem(text, line, error.message())));
        }
    }
    for (name, value) in table.get_ref() {
        let line = line_of(text, name.span().start);
        if found.iter().any(|(known, _)| *known == line) {
            continue;
        }
        let raw = Raw::of(value.get_ref());
        let outcome = match keys::find(name.get_ref()) {
            None if is_section(value.get_ref()) => Err(format!(
                "unknown section `[{}]`; all keys stand at the top, without sections",
                bare(name.get_ref())
            )),
            _ => set(&mut config, name.get_ref(), raw),
        };
        if let Err(problem) = outcome {
            found.push((line, problem));
        }
    }
    if found.is_empty() {
        if let Err((keys, problem)) = check_together(&config) {
            // At the last of them that the file has: the others may be defaults.
            let set = table.get_ref().iter().filter(|(name, _)| keys.contains(&name.get_ref().as_ref()));
            let line = set.map(|(name, _)| line_of(text, name.span().start)).max();
            found.push((line.unwrap_or(1), problem));
        }
    }
    found.sort_by_key(|(line, _)| *line);
    let left_out = found.len().saturating_sub(MOST_MISTAKES);
    found.truncate(MOST_MISTAKES);
    let mut mistakes: Vec<_> = found
        .into_iter()
        .map(|(line, problem)| Mistake {
            place: Place::File { path: path.to_owned(), line: Some(line) },
            problem,
        })
        .collect();
    if left_out > 0 {
        let problem = format!("and {left_out} more mistakes");
        mistakes.push(Mistake { place: Place::File { path: path.to_owned(), line: None }, problem });
    }
    (config, Mistakes(mistakes))
}

/// `[name]` or `[[name]]`, or an inline table.
fn is_section(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Table(_) => true,
        DeValue::Array(list) => list.first().is_some_and(|first| first.get_ref().is_table()),
        _ => false,
    }
}

/// The line, from 1, in which the byte at `position` is.
fn line_of(text: &str, position: usize) -> usize {
    let before = text.as_bytes().get(..position).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// A mistake in the syntax of `line`: with the key, and what it accepts, where one is recognised.
fn syntax_problem(text: &str, line: usize, message: &str) -> String {
    let message = match message.lines().next().unwrap_or_default() {
        unquoted if unquoted.starts_with("string values must be quoted") => "text needs quotes",
        other => other,
    };
    let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let name = written.split('=').next().unwrap_or_default().trim();
    match keys::find(name) {
        Some(_) if message.starts_with("duplicate key") => format!("`{name}`: it is set twice"),
        Some(key) => format!("`{name}`: not valid TOML ({message}); accepted is {}", key.accepts),
        None => format!("not valid TOML: {message}"),
    }
}
