//! What `hostclock setup` has changed, so that `--undo` puts back exactly what was there.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use hostclock_linux::services::Link;
use serde::{Deserialize, Serialize};

/// Where it is kept, below the root: with what it describes, and for root alone, as undoing is done by root.
const FILE: &str = "etc/hostclock/undo.json";
/// The version of that file.
const VERSION: u32 = 1;

/// A file as it was, or is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) text: String,
    pub(super) mode: u32,
}

/// One change. Paths are below the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// A directory is made.
    Directory { path: PathBuf },
    /// A text file is written, over what was there before it.
    Write { path: PathBuf, before: Option<Content>, after: Content },
    /// The program itself is copied to where it can stay.
    Copy { path: PathBuf },
    /// A link is made.
    Link { path: PathBuf, target: PathBuf },
    /// A link is removed.
    Unlink { path: PathBuf, target: PathBuf },
    /// The service's user is made.
    User { name: String },
}

impl Change {
    pub(super) fn link(link: Link) -> Self {
        Self::Link { path: link.path, target: link.target }
    }

    pub(super) fn unlink(link: Link) -> Self {
        Self::Unlink { path: link.path, target: link.target }
    }

    /// What has to be in the tree for it: its directory, or the file that is written.
    pub(super) fn place(&self) -> Option<&Path> {
        match self {
            Self::Directory { path } | Self::Write { path, .. } | Self::Copy { path } => Some(path),
            Self::Link { path, .. } | Self::Unlink { path, .. } => path.parent(),
            Self::User { .. } => None,
        }
    }
}

/// The changes of all runs since the last undoing, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    version: u32,
    pub(super) changes: Vec<Change>,
    /// The services that ran and were stopped.
    pub(super) stopped: Vec<String>,
}

impl Journal {
    /// The journal of the tree under `root`; `None` where nothing was changed.
    ///
    /// # Errors
    /// When there is one that can't be read or understood, in one line.
    pub(super) fn load(root: &Path) -> Result<Option<Self>, String> {
        let file = root.join(FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read {}: {error}", file.display())),
        };
        let journal: Self = serde_json::from_str(&text)
            .map_err(|error| format!("{}: not a record of `hostclock setup` ({error})", file.display()))?;
        if journal.version != VERSION {
            return Err(format!(
                "{}: version {} of the record, and this program knows {VERSION}: undo with the program that wrote it",
                file.display(),
                journal.version
            ));
        }
        Ok(Some(journal))
    }

    /// Adds the changes of another run. A file that was written before keeps what was there at first.
    pub(super) fn add(&mut self, changes: &[Change], stopped: &[String]) {
        self.version = VERSION;
        for change in changes {
            if let Change::Write { path, after, .. } = change {
                let written = self.changes.iter_mut().find_map(|known| match known {
                    Change::Write { path: known, after, .. } if known == path => Some(after),
                    _ => None,
                });
                if let Some(written) = written {
                    *written = after.clone();
                    continue;
                }
            }
            if !self.changes.contains(change) {
                self.changes.push(change.clone());
            }
        }
        for service in stopped {
            if !self.stopped.contains(service) {
                self.stopped.push(service.clone());
            }
        }
    }

    /// Writes it below `root`, whole or not at all.
    ///
    /// # Errors
    /// In one line.
    pub(super) fn save(&self, root: &Path) -> Result<(), String> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        text.push('\n');
        write(&root.join(FILE), text.as_bytes(), 0o600)
    }

    /// Removes it: there is nothing left to undo.
    pub(super) fn remove(root: &Path) -> Result<(), String> {
        let file = root.join(FILE);
        fs::remove_file(&file).map_err(|error| format!("cannot remove {}: {error}", file.display()))
    }
}

/// Writes a file by way of another beside it, so that nobody sees half of it.
pub(super) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let _ = fs::remove_file(&beside);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside).map_err(failed)?;
    let written = file
        .write_all(bytes)
        // Whatever the umask.
        .and_then(|()| file.set_permissions(fs::Permissions::from_mode(mode)))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        failed(error)
    })
}

/// A file's text and mode; `None` where there is none.
pub(super) fn content(path: &Path) -> Result<Option<Content>, String> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let mode = fs::metadata(path).map_or(0o644, |metadata| metadata.mode() & 0o7777);
            Ok(Some(Content { text, mode }))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}

/// Makes one change in the tree under `root`, unless it is made already.
pub(super) fn make(root: &Path, change: &Change) -> Result<(), String> {
    let at = |path: &Path| root.join(path);
    match change {
        Change::Directory { path } => fs::create_dir_all(at(path))
            .map_err(|error| format!("cannot make {}: {error}", at(path).display())),
        Change::Write { path, after, .. } => write(&at(path), after.text.as_bytes(), after.mode),
        Change::Copy { path } => {
            let program = std::env::current_exe().and_then(fs::read);
            let program = program.map_err(|error| format!("cannot read this program's own file: {error}"))?;
            write(&at(path), &program, 0o755)
        }
        Change::Link { path, target } => match symlink(target, at(path)) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(format!("cannot make the link {}: {error}", at(path).display()))
            }
            _ => Ok(()),
        },
        Change::Unlink { path, .. } => remove(&at(path)),
        // By a command.
        Change::User { .. } => Ok(()),
    }
}

/// Takes one change back; what somebody else has changed since is left alone, and told of.
pub(super) fn unmake(root: &Path, change: &Change) -> Result<Option<String>, String> {
    let at = |path: &Path| root.join(path);
    match change {
        // Whoever has put something else into it keeps it.
        Change::Directory { path } => {
            let _ = fs::remove_dir(at(path));
            Ok(None)
        }
        Change::Write { path, before, after } => {
            let now = content(&at(path))?;
            if now == *before {
                return Ok(None);
            }
            if now.is_some_and(|now| now.text != after.text) {
                return Ok(Some(format!("{} was changed since, and is left as it is", at(path).display())));
            }
            match before {
                Some(before) => write(&at(path), before.text.as_bytes(), before.mode)?,
                None => remove(&at(path))?,
            }
            Ok(None)
        }
        Change::Copy { path } => remove(&at(path)).map(|()| None),
        Change::Link { path, target } => {
            // Who enabled the service in between may have written another path to the same unit.
            if fs::read_link(at(path)).is_ok_and(|now| now.file_name() == target.file_name()) {
                remove(&at(path))?;
            }
            Ok(None)
        }
        Change::Unlink { path, target } => match symlink(target, at(path)) {
            Ok(()) => Ok(None),
            Err(_) if fs::read_link(at(path)).is_ok_and(|now| now == *target) => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Some(format!("{} is gone, and so is its link", at(path).display())))
            }
            Err(error) => Err(format!("cannot make the link {}: {error}", at(path).display())),
        },
        Change::User { .. } => Ok(None),
    }
}

fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}
