//! The links that make services start: an administrator's, and those that packages bring.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::{fs, iter};

use crate::inside::inside;

/// Where an administrator's links are, for systemd.
const OWN: &str = "etc/systemd/system";
/// Where packages' are, which can only be masked; the last one is another name of the one before on most systems.
const PACKAGES: [&str; 3] = ["usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];
/// The directories of links that make a target start a unit: systemd.unit(5).
const WANTS: [&str; 3] = [".wants", ".requires", ".upholds"];
const RUNLEVELS: &str = "etc/runlevels";

/// A link that makes a service start, or gives it another name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Where it is, below the root.
    pub path: PathBuf,
    /// Where it leads, as it is written.
    pub target: PathBuf,
}

impl Link {
    /// Whether a package brings it, so that it comes again when it is removed.
    #[must_use]
    pub fn is_a_packages(&self) -> bool {
        !self.path.starts_with("etc")
    }
}

/// The links that make the service `name` start, in the tree under `root`: `chrony.service` for systemd, `chronyd`
/// for OpenRC. Empty where it doesn't.
///
/// # Errors
/// When a directory that is there can't be read.
pub fn links(root: &Path, name: &str) -> io::Result<Vec<Link>> {
    let mut found = Vec::new();
    if !name.contains('.') {
        for level in names(root, Path::new(RUNLEVELS))? {
            add(root, &Path::new(RUNLEVELS).join(level), name, &mut found)?;
        }
        found.sort();
        return Ok(found);
    }
    add(root, Path::new(OWN), name, &mut found)?;
    let mut seen = Vec::new();
    for place in iter::once(OWN).chain(PACKAGES) {
        let real = inside(root, Path::new(place));
        if seen.contains(&real) {
            continue;
        }
        seen.push(real);
        for directory in names(root, Path::new(place))? {
            if WANTS.iter().any(|end| directory.to_string_lossy().ends_with(end)) {
                add(root, &Path::new(place).join(directory), name, &mut found)?;
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The links in `directory` that are called `name`, or lead to what is called so.
fn add(root: &Path, directory: &Path, name: &str, found: &mut Vec<Link>) -> io::Result<()> {
    for file in names(root, directory)? {
        let Ok(target) = fs::read_link(inside(root, directory).join(&file)) else { continue };
        let is_it = |path: &Path| path.file_name().is_some_and(|file| file == name);
        let path = directory.join(file);
        // To /dev/null: it is forbidden, the opposite.
        if target != Path::new(super::NULL) && (is_it(&path) || is_it(&target)) {
            found.push(Link { path, target });
        }
    }
    Ok(())
}

/// What is in a directory of the tree; nothing where there is none.
fn names(root: &Path, directory: &Path) -> io::Result<Vec<OsString>> {
    match fs::read_dir(inside(root, directory)) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.file_name())).collect(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}
