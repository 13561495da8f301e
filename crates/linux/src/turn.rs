//! One at a time: the turn to change a tree of files, which ends with the process.
//!
//! It is a lock (flock(2)) on a file that only root can open: anybody may lock what he can open, and so keep root waiting.
//! Who isn't root, and changes a tree of his own, locks its directory instead.
#![allow(unsafe_code, reason = "flock(2)")]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::errno::{Errno, check};

/// Between two tries.
const AGAIN: Duration = Duration::from_millis(50);

/// The turn, for as long as this lives.
#[derive(Debug)]
pub struct Turn {
    _locked: File,
    /// A file that was made for it.
    file: Option<PathBuf>,
}

impl Turn {
    /// Waits for the turn by the file `path`, which is made for it and goes with it, for at most `patience`; `None` where
    /// another process still has it then.
    ///
    /// # Errors
    /// Where it can't be made, or its file system knows no locks.
    pub fn by_file(path: &Path, patience: Duration) -> io::Result<Option<Self>> {
        let began = Instant::now();
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(libc::O_NOFOLLOW)
                .open(path)?;
            if !lock(&file, patience.saturating_sub(began.elapsed()))? {
                return Ok(None);
            }
            // Who had it before has removed the file; another may have made one since.
            if is_at(&file, path)? {
                return Ok(Some(Self { _locked: file, file: Some(path.to_owned()) }));
            }
        }
    }

    /// The same by the directory `path`, which stays.
    ///
    /// # Errors
    /// Where it can't be opened, or its file system knows no locks.
    pub fn by_directory(path: &Path, patience: Duration) -> io::Result<Option<Self>> {
        let directory = File::open(path)?;
        Ok(lock(&directory, patience)?.then_some(Self { _locked: directory, file: None }))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // While it is locked: it is still ours. One that stays does no harm.
        if let Some(path) = &self.file {
            let _ = fs::remove_file(path);
        }
    }
}

/// Whether `file` is what is at `path`.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Locks it; `false` where another process has it for longer than `patience`.
fn lock(file: &File, patience: Duration) -> io::Result<bool> {
    let began = Instant::now();
    loop {
        // SAFETY: flock(2) takes two numbers, and `file` keeps the descriptor open during the call.
        match check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }) {
            Ok(_) => return Ok(true),
            Err(Errno(libc::EWOULDBLOCK)) if began.elapsed() < patience => std::thread::sleep(AGAIN),
            Err(Errno(libc::EWOULDBLOCK)) => return Ok(false),
            Err(Errno(libc::EINTR)) => {}
            Err(Errno(errno)) => return Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn one_has_the_turn_and_the_next_one_gets_it_afterwards() {
        let scratch = Scratch::new();
        let path = scratch.path().join("lock");
        let by_file = || Turn::by_file(&path, Duration::ZERO).expect("a lock");
        let by_directory = || Turn::by_directory(scratch.path(), Duration::ZERO).expect("a lock");
        let takes: [&dyn Fn() -> Option<Turn>; 2] = [&by_file, &by_directory];
        for take in takes {
            let first = take().expect("free");
            assert!(take().is_none());
            drop(first);
            assert!(take().is_some());
        }
    }

    #[test]
    fn nobody_else_can_open_the_file_and_it_goes_with_the_turn() {
        let scratch = Scratch::new();
        let path = scratch.path().join("lock");
        let turn = Turn::by_file(&path, Duration::ZERO).expect("a lock");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(turn);
        assert!(!path.exists());
    }

    #[test]
    fn many_at_once_have_it_one_after_the_other() {
        let scratch = Scratch::new();
        let path = scratch.path().join("lock");
        let inside = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let turn = Turn::by_file(&path, Duration::from_secs(60)).expect("a lock");
                        assert!(turn.is_some());
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    }
                });
            }
        });
    }
}
