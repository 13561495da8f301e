//! The tree of files that is changed: every operation on it, one a method, each durable when it has returned and none
//! half visible. Paths are below the root.
//!
//! A file or a link comes by way of another beside it and a rename, so that nobody sees half of it, and a crash leaves
//! either what was there or what is to be there, and perhaps that other one ([`Tree::tidy`]).

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};

use hostclock_linux::label;

#[cfg(test)]
use super::fault::{Faults, Kind};
use super::node::{Node, Owner};

/// A tree of files: `/`, or an image's.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    #[cfg(test)]
    pub(super) faults: std::rc::Rc<Faults>,
}

/// What a step does to the disk.
#[cfg(not(test))]
enum Kind {
    Looks,
    Changes,
    Grows,
}

/// Who may do what with a file, and its label; `None`: as it comes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Access<'a> {
    pub(super) mode: u32,
    pub(super) owner: Option<Owner>,
    pub(super) label: Option<&'a str>,
}

impl Tree {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            #[cfg(test)]
            faults: std::rc::Rc::default(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where `path` is on this machine.
    pub(super) fn at(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// The first of `paths` that is outside of the tree, because a link in there leads out of it: in an image, links to
    /// absolute paths mean its own files.
    pub(super) fn leads_out<'a>(&self, mut paths: impl Iterator<Item = &'a Path>) -> Option<PathBuf> {
        let root = self.root.canonicalize().ok()?;
        paths.find_map(|path| {
            let path = self.at(path);
            let there = path.ancestors().find_map(|place| place.canonicalize().ok());
            there.is_some_and(|there| !there.starts_with(&root)).then_some(path)
        })
    }

    /// Each step goes by here, or by the two below, so that a test can have it fail, or be the last.
    fn step(&self) -> io::Result<()> {
        self.does(Kind::Changes)
    }

    /// A step that takes room on the disk.
    fn grow(&self) -> io::Result<()> {
        self.does(Kind::Grows)
    }

    /// A step that only reads.
    fn look(&self) -> io::Result<()> {
        self.does(Kind::Looks)
    }

    #[cfg(test)]
    fn does(&self, kind: Kind) -> io::Result<()> {
        self.faults.step(kind)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "in a test it may fail")]
    fn does(&self, _: Kind) -> io::Result<()> {
        Ok(())
    }

    /// What is at `path`.
    pub(super) fn node(&self, path: &Path) -> Result<Node, String> {
        self.look().and_then(|()| Node::at(&self.at(path))).map_err(self.failed("read", path))
    }

    /// What a file has in it; `None` where there is no file.
    pub(super) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, String> {
        match self.look().and_then(|()| fs::read(self.at(path))) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", path)(error)),
        }
    }

    /// Makes a directory that everybody may look into, whatever the umask. One that is there is left as it is.
    pub(super) fn make_directory(&self, path: &Path) -> Result<(), String> {
        /// As every directory of a system's configuration.
        const MODE: u32 = 0o755;
        let place = self.at(path);
        let made = self.grow().and_then(|()| fs::DirBuilder::new().mode(MODE).create(&place));
        match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
            made => made
                .and_then(|()| self.step())
                .and_then(|()| fs::set_permissions(&place, Permissions::from_mode(MODE))),
        }
        .and_then(|()| self.sync_above(path))
        .map_err(self.failed("make the directory", path))
    }

    /// Writes a file, over whatever file or link is there.
    pub(super) fn write(&self, path: &Path, bytes: &[u8], access: Access<'_>) -> Result<(), String> {
        let beside = self.at(&beside(path));
        self.clear(&beside)
            .and_then(|()| self.fill(&beside, bytes, access))
            .and_then(|()| self.move_to(&beside, path))
            .inspect_err(|_| drop(self.clear(&beside)))
            .map_err(self.failed("write", path))
    }

    /// Makes a link, over whatever file or link is there.
    pub(super) fn link(
        &self,
        path: &Path,
        target: &Path,
        owner: Option<Owner>,
        label: Option<&str>,
    ) -> Result<(), String> {
        let beside = self.at(&beside(path));
        self.clear(&beside)
            .and_then(|()| self.grow())
            .and_then(|()| symlink(target, &beside))
            .and_then(|()| match owner.filter(|owner| !is_owned(&beside, *owner)) {
                Some(owner) => {
                    self.step().and_then(|()| lchown(&beside, Some(owner.user), Some(owner.group)))
                }
                None => Ok(()),
            })
            .and_then(|()| self.label(&beside, label))
            .and_then(|()| self.move_to(&beside, path))
            .inspect_err(|_| drop(self.clear(&beside)))
            .map_err(self.failed("make the link", path))
    }

    /// Keeps the file at `path`, which is `what`, under another name beside it, as it is. It may be kept already.
    pub(super) fn keep(&self, path: &Path, kept: &Path, what: &Node) -> Result<(), String> {
        let (from, to) = (self.at(path), self.at(kept));
        match self.node(kept)? {
            Node::Absent => {}
            there if there.is(what) => return Ok(()),
            _ => {
                return Err(format!(
                    "{}: something else is where {} would be kept for undoing: move it away first",
                    to.display(),
                    from.display()
                ));
            }
        }
        self.grow()
            .and_then(|()| fs::hard_link(from, to))
            .and_then(|()| self.sync_above(path))
            .map_err(self.failed("keep a second name of", path))
    }

    /// Puts what was kept back; whether it was there.
    pub(super) fn put_back(&self, kept: &Path, path: &Path) -> Result<bool, String> {
        match self.move_to(&self.at(kept), path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed("put back", path)(error)),
        }
    }

    /// Removes a file or a link, if it is there.
    pub(super) fn remove(&self, path: &Path) -> Result<(), String> {
        let removed = self.step().and_then(|()| fs::remove_file(self.at(path)));
        match removed {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
            removed => removed.and_then(|()| self.sync_above(path)).map_err(self.failed("remove", path)),
        }
    }

    /// Removes a directory, unless something is in it.
    pub(super) fn remove_directory(&self, path: &Path) -> Result<(), String> {
        let removed = self.step().and_then(|()| fs::remove_dir(self.at(path)));
        match removed {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory
                ) =>
            {
                Ok(())
            }
            removed => removed
                .and_then(|()| self.sync_above(path))
                .map_err(self.failed("remove the directory", path)),
        }
    }

    /// Makes durable what another program did in the directory above `path`.
    pub(super) fn settle(&self, path: &Path) -> Result<(), String> {
        self.sync_above(path).map_err(self.failed("make durable", path))
    }

    /// Removes what a crash may have left beside `path`.
    pub(super) fn tidy(&self, path: &Path) -> Result<(), String> {
        let left = beside(path);
        if fs::symlink_metadata(self.at(&left)).is_ok() { self.remove(&left) } else { Ok(()) }
    }

    /// A new file with everything that belongs to it, on the disk.
    fn fill(&self, place: &Path, bytes: &[u8], access: Access<'_>) -> io::Result<()> {
        self.grow()?;
        // Nobody else's until it is whole.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(place)?;
        self.grow()?;
        file.write_all(bytes)?;
        if let Some(owner) = access.owner.filter(|owner| !is_owned(place, *owner)) {
            self.step()?;
            std::os::unix::fs::fchown(&file, Some(owner.user), Some(owner.group))?;
        }
        // Whatever the umask; and after the owner, whose change takes bits away.
        self.step()?;
        file.set_permissions(Permissions::from_mode(access.mode))?;
        self.label(place, access.label)?;
        self.step()?;
        file.sync_all()
    }

    fn label(&self, place: &Path, wanted: Option<&str>) -> io::Result<()> {
        match wanted.filter(|wanted| label::of(place).as_deref() != Some(*wanted)) {
            Some(wanted) => {
                self.step()?;
                label::set(place, wanted).map_err(|errno| io::Error::from_raw_os_error(errno.0))
            }
            None => Ok(()),
        }
    }

    fn clear(&self, beside: &Path) -> io::Result<()> {
        match self.step().and_then(|()| fs::remove_file(beside)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn move_to(&self, place: &Path, path: &Path) -> io::Result<()> {
        self.step()?;
        fs::rename(place, self.at(path))?;
        self.sync_above(path)
    }

    /// Makes what happened in the directory above `path` durable.
    fn sync_above(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        let place = self.at(path);
        let above = place.parent().unwrap_or(&self.root);
        match File::open(above)?.sync_all() {
            // Some file systems can't, and need not: an overlay's upper directory, a memory's.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
            synced => synced,
        }
    }

    fn failed(&self, what: &str, path: &Path) -> impl FnOnce(io::Error) -> String {
        let line = format!("cannot {what} {}", self.at(path).display());
        move |error| format!("{line}: {error}")
    }
}

/// Another name in the directory of `path`, which no program takes for one of its files.
fn beside(path: &Path) -> PathBuf {
    named(path, "hostclock-new")
}

/// The name under which what `path` was is kept.
pub(super) fn kept_name(path: &Path) -> PathBuf {
    named(path, "before-hostclock")
}

fn named(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(end);
    path.with_file_name(name)
}

fn is_owned(place: &Path, owner: Owner) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::symlink_metadata(place)
        .is_ok_and(|metadata| metadata.uid() == owner.user && metadata.gid() == owner.group)
}
