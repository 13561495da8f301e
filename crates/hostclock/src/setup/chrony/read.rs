//! The lines of chrony's configuration, with those of the files that it includes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use hostclock_linux::inside::inside;

/// How deep files may include others.
const DEEPEST: usize = 10;
/// A line that says something.
pub(super) enum Line {
    /// A file begins.
    File(PathBuf),
    /// What includes another file.
    Inclusion(String),
    /// What stands in a file, and its directive.
    Directive(String, String),
}

/// Collects the lines of a file and of those that it includes.
struct Reader<'a> {
    root: &'a Path,
    lines: Vec<Line>,
}

/// The lines of `file` below `root`, and of those that it includes.
///
/// # Errors
/// When a file can't be read, in one line.
pub(super) fn lines(root: &Path, file: &Path) -> Result<Vec<Line>, String> {
    let mut reader = Reader { root, lines: Vec::new() };
    reader.read(file, 0)?;
    Ok(reader.lines)
}

impl Reader<'_> {
    fn read(&mut self, file: &Path, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("{}: included too deeply: does it include itself?", file.display()));
        }
        let place = below(self.root, file);
        let cannot = |error: std::io::Error| format!("cannot read {}: {error}", place.display());
        // Asked before opening: a pipe that nobody writes to would never open.
        if !fs::metadata(&place).map_err(cannot)?.is_file() {
            return Err(format!("cannot read {}: it is not a regular file", place.display()));
        }
        // A comment may be in any encoding.
        let bytes = fs::read(&place).map_err(cannot)?;
        let text = String::from_utf8_lossy(&bytes);
        self.lines.push(Line::File(file.to_owned()));
        for line in text.lines() {
            self.line(line, depth)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str, depth: usize) -> Result<(), String> {
        let line = line.trim();
        // chrony takes all of these for comments.
        if line.is_empty() || line.starts_with(['#', '%', ';', '!']) {
            return Ok(());
        }
        let shown: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut words = line.split_whitespace();
        let directive = words.next().unwrap_or_default().to_ascii_lowercase();
        let arguments: Vec<&str> = words.collect();
        match directive.as_str() {
            "include" => {
                self.lines.push(Line::Inclusion(shown));
                self.include(&arguments, depth)
            }
            "confdir" => {
                self.lines.push(Line::Inclusion(shown));
                self.confdir(&arguments, depth)
            }
            _ => {
                self.lines.push(Line::Directive(shown, directive));
                Ok(())
            }
        }
    }

    /// `include /etc/chrony.d/*.conf`: a pattern as glob(3) takes it, every part of which may have wildcards.
    fn include(&mut self, arguments: &[&str], depth: usize) -> Result<(), String> {
        for pattern in arguments {
            for file in matching(self.root, pattern)? {
                self.read(&file, depth + 1)?;
            }
        }
        Ok(())
    }

    /// All files `*.conf` of the directories; of two with one name the first counts.
    fn confdir(&mut self, arguments: &[&str], depth: usize) -> Result<(), String> {
        let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
        for directory in arguments.iter().map(Path::new) {
            for file in files(&below(self.root, directory)) {
                if file.ends_with(".conf") {
                    found.entry(file.clone()).or_insert_with(|| directory.join(file));
                }
            }
        }
        for file in found.values() {
            self.read(file, depth + 1)?;
        }
        Ok(())
    }
}

/// The files that match a pattern, sorted; a pattern without wildcards is a file's name, whether that is there or not.
fn matching(root: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    // As glob(3) does: what is hidden is not meant by a wildcard.
    let hidden = MatchOptions { require_literal_leading_dot: true, ..MatchOptions::new() };
    let mut found = vec![PathBuf::new()];
    for part in Path::new(pattern).components() {
        let name = part.as_os_str().to_string_lossy();
        if !name.contains(['*', '?', '[']) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let wanted = Pattern::new(&name).map_err(|error| format!("include {pattern}: {error}"))?;
        let inside = |directory: PathBuf| {
            let names = files(&below(root, &directory)).into_iter();
            let names = names.filter(|name| wanted.matches_with(name, hidden));
            names.map(|name| directory.join(name)).collect::<Vec<_>>()
        };
        found = found.into_iter().flat_map(inside).filter(|path| below(root, path).exists()).collect();
    }
    Ok(found)
}

/// A path of the machine, in the tree under `root`.
fn below(root: &Path, path: &Path) -> PathBuf {
    // Else given by the user, relative to where he is.
    if path.is_absolute() { inside(root, path) } else { path.to_owned() }
}

/// The names in a directory, sorted.
fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}
