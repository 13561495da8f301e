//! What is at a path, told so exactly that it can be known again and put back: a link by where it leads, a file by its
//! bytes' digest, each with its owner and SELinux label. Links are never followed.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hostclock_linux::label;
use serde::{Deserialize, Serialize};

use crate::digest::digest;

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    pub(super) user: u32,
    pub(super) group: u32,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Node {
    /// Nothing.
    Absent,
    /// A symbolic link.
    Link { target: PathBuf, owner: Option<Owner>, label: Option<String> },
    /// A regular file.
    File { mode: u32, size: u64, digest: String, owner: Option<Owner>, label: Option<String> },
    /// A directory, a device or the like, which is never touched.
    Other,
}

impl Node {
    /// What is at `path`.
    ///
    /// # Errors
    /// When that can't be found out.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            // Under something that is no directory there is nothing either.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Self::Absent);
            }
            Err(error) => return Err(error),
        };
        let owner = Some(Owner { user: metadata.uid(), group: metadata.gid() });
        Ok(if metadata.is_symlink() {
            Self::Link { target: fs::read_link(path)?, owner, label: label::of(path) }
        } else if metadata.is_file() {
            let bytes = fs::read(path)?;
            let Self::File { size, digest, .. } = Self::file(&bytes, 0) else { return Ok(Self::Other) };
            Self::File { mode: metadata.mode() & 0o7777, size, digest, owner, label: label::of(path) }
        } else {
            Self::Other
        })
    }

    /// A file to be written: of whoever writes it, with the label that its directory gives.
    pub(super) fn file(bytes: &[u8], mode: u32) -> Self {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self::File { mode, size, digest: digest(bytes), owner: None, label: None }
    }

    /// A link to be made.
    pub(super) const fn link(target: PathBuf) -> Self {
        Self::Link { target, owner: None, label: None }
    }

    /// Whether this is `other` as far as its content goes: where a link leads, what a file has in it.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, Self::Absent) => true,
            (Self::Link { target, .. }, Self::Link { target: wanted, .. }) => target == wanted,
            (Self::File { size, digest, .. }, Self::File { size: length, digest: wanted, .. }) => {
                size == length && digest == wanted
            }
            _ => false,
        }
    }

    /// As [`Node::is`], and of a link that enables a unit it is enough that it leads to that unit: who enables it again
    /// may write another path to it.
    pub(super) fn serves_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Link { target, .. }, Self::Link { target: wanted, .. }) => {
                target.file_name() == wanted.file_name()
            }
            _ => self.is(other),
        }
    }

    /// Whether it is that by which an administrator forbids a unit or a rule: a link to /dev/null, however it is written,
    /// or an empty file (systemd.unit(5), udev(7)).
    pub(super) fn is_mask(&self) -> bool {
        match self {
            Self::Link { target, .. } => target.ends_with("dev/null"),
            Self::File { size, .. } => *size == 0,
            Self::Absent | Self::Other => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn what_is_at_a_path_is_told_without_following_links() {
        let scratch = Scratch::new("node");
        scratch.file("file", "text").link("mask", "/dev/null").link("dangling", "nowhere");
        assert_eq!(Node::at(&scratch.join("none")).expect("known"), Node::Absent);
        assert_eq!(Node::at(&scratch.join("file/below")).expect("known"), Node::Absent);
        assert!(Node::at(&scratch.join("file")).expect("known").is(&Node::file(b"text", 0o600)));
        assert!(!Node::at(&scratch.join("file")).expect("known").is(&Node::file(b"other", 0o600)));
        assert!(Node::at(&scratch.join("mask")).expect("known").is_mask());
        assert!(Node::at(&scratch.join("dangling")).expect("known").is(&Node::link("nowhere".into())));
        assert_eq!(Node::at(scratch.path()).expect("known"), Node::Other);
    }
}
