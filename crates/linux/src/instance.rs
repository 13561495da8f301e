//! One daemon at a time: a lock on a file that all of a machine's hostclocks can see.
//!
//! It is a record lock (`fcntl(2)`, `F_SETLK`): it needs no network and so holds between network namespaces, it
//! vanishes with its process however that ends, it is not inherited by a fork, and the kernel says who holds it. The
//! file's mode lets nobody take it who may not steer. Only namespaces of mounts that don't share the directory are
//! apart.
//!
//! The kernel gives such a lock up as soon as its process closes *any* descriptor of the file: a process takes it once.
#![allow(unsafe_code, reason = "fcntl(2), geteuid(2)")]

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use crate::directory::make_public;
use crate::errno::{Errno, check};

/// The file. It stays when its holder ends, so that everybody locks the same one.
const LOCK_FILE: &str = "/run/hostclock/lock";
/// Only its owner, and root.
const MODE: u32 = 0o600;
/// How often a file is opened anew that somebody puts another one in place of.
const MOST_ATTEMPTS: u32 = 5;

/// The right to be the one hostclock that writes the clock, held for as long as the value lives.
#[derive(Debug)]
pub struct InstanceLock {
    _file: File,
}

/// Who holds the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its process number as this process sees it; 0 from another PID namespace.
    pub pid: i32,
    /// Its effective user, where /proc tells.
    pub uid: Option<u32>,
}

/// Why the lock could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another hostclock is already steering this clock{}", described(.0))]
    Taken(Option<Holder>),
    /// The file can't be used.
    #[error("lock file {}: {action}: {errno}", .path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The kernel's reason.
        errno: Errno,
    },
    /// What is in the file's place is no file of hostclock's.
    #[error("lock file {}: it {what}", .path.display())]
    Odd {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

fn described(holder: &Option<Holder>) -> String {
    match holder {
        Some(Holder { pid: 0, .. }) => " (a process in another container)".to_owned(),
        Some(Holder { pid, uid: Some(uid) }) => format!(" (process {pid} of user {uid})"),
        Some(Holder { pid, uid: None }) => format!(" (process {pid})"),
        None => String::new(),
    }
}

impl InstanceLock {
    /// Takes the lock of this machine. Never blocks.
    ///
    /// # Errors
    /// When another process has it, or its file can't be made or opened.
    pub fn take() -> Result<Self, LockError> {
        Self::take_at(Path::new(LOCK_FILE))
    }

    /// Takes the lock whose file is `path`; the file and its directory are made where they are missing.
    ///
    /// # Errors
    /// As for [`Self::take`].
    pub fn take_at(path: &Path) -> Result<Self, LockError> {
        let failed = |action| {
            move |error: io::Error| LockError::Failed {
                path: path.to_owned(),
                action,
                errno: Errno::of(&error),
            }
        };
        for _ in 0..MOST_ATTEMPTS {
            let file = open(path)?;
            match lock(&file) {
                Ok(()) => {}
                Err(Errno(libc::EAGAIN | libc::EACCES)) => return Err(LockError::Taken(holder(&file))),
                Err(errno) => {
                    let path = path.to_owned();
                    return Err(LockError::Failed { path, action: "locking it", errno });
                }
            }
            // Who comes later opens what is there then: a file that was taken away holds nobody off.
            let held = identity(&file.metadata().map_err(failed("looking at it"))?);
            if fs::symlink_metadata(path).is_ok_and(|there| identity(&there) == held) {
                return Ok(Self { _file: file });
            }
        }
        Err(LockError::Odd { path: path.to_owned(), what: "is being replaced again and again" })
    }
}

fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// The file, made where it is missing. Whatever else is in its place is not waited for, followed or changed.
fn open(path: &Path) -> Result<File, LockError> {
    let failed = |action| {
        move |error: io::Error| LockError::Failed { path: path.to_owned(), action, errno: Errno::of(&error) }
    };
    if let Some(directory) = path.parent() {
        make_public(directory).map_err(failed("making its directory"))?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(MODE).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let (file, made) = match options.clone().create_new(true).open(path) {
        Ok(file) => (file, true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            (options.open(path).map_err(failed("opening it"))?, false)
        }
        Err(error) => return Err(failed("making it")(error)),
    };
    let metadata = file.metadata().map_err(failed("looking at it"))?;
    let odd = |what| LockError::Odd { path: path.to_owned(), what };
    if !metadata.is_file() {
        return Err(odd("is not a regular file"));
    }
    if metadata.nlink() > 1 {
        return Err(odd("has a second name"));
    }
    if made {
        file.set_permissions(Permissions::from_mode(MODE)).map_err(failed("setting its mode"))?;
        // Where that is refused, it locks all the same; and whoever can't open it later says so.
        let _ = give_to_the_directorys_owner(&file, path, metadata.uid());
    }
    Ok(file)
}

/// What root makes in the directory of the service's user is that user's: the service has to open it later.
fn give_to_the_directorys_owner(file: &File, path: &Path, owner: u32) -> io::Result<()> {
    // SAFETY: geteuid(2) takes nothing and always succeeds.
    let root = unsafe { libc::geteuid() } == 0;
    let Some(directory) = path.parent().filter(|_| root) else { return Ok(()) };
    let directory = fs::metadata(directory)?;
    if directory.uid() == owner {
        return Ok(());
    }
    fchown(file, Some(directory.uid()), Some(directory.gid()))
}

/// Takes the lock on the whole file, or says at once that it can't be had.
fn lock(file: &File) -> Result<(), Errno> {
    let mut wanted = whole_file();
    // SAFETY: the kernel reads one flock through the pointer, and `wanted` outlives the call.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw mut wanted) }).map(drop)
}

/// Who has it; `None` where nobody has it any more.
fn holder(file: &File) -> Option<Holder> {
    let mut found = whole_file();
    // SAFETY: the kernel reads and writes one flock through the pointer, and `found` is ours alone during the call.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut found) }).ok()?;
    // F_UNLCK: it was given up meanwhile. -1: a lock of an open file, which is none of ours.
    if found.l_type == libc::F_UNLCK as libc::c_short || found.l_pid < 0 {
        return None;
    }
    let process = Path::new("/proc").join(found.l_pid.to_string());
    Some(Holder { pid: found.l_pid, uid: fs::metadata(process).ok().map(|own| own.uid()) })
}

fn whole_file() -> libc::flock {
    // SAFETY: flock consists of integers, for which all bits zero is a value; libc keeps its padding private on some
    // machines, so it can't be written out. Start and length of zero are the whole file, however long it gets.
    let mut lock: libc::flock = unsafe { core::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short; // 1
    lock.l_whence = libc::SEEK_SET as libc::c_short; // 0
    lock
}

#[cfg(test)]
#[path = "instance_tests.rs"]
mod tests;
