//! One at a time: the turn to change a tree of files, held by a lock on a directory of it (flock(2)), so that nothing is
//! left behind, and which ends with the process.
#![allow(unsafe_code, reason = "flock(2)")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::errno::{Errno, check};

/// The turn, for as long as this lives.
#[derive(Debug)]
pub struct Turn {
    _directory: File,
}

impl Turn {
    /// Waits for the turn at `directory` for at most `patience`; `None` where another process still has it then.
    ///
    /// # Errors
    /// Where the directory can't be opened, or its file system knows no locks.
    pub fn take(directory: &Path, patience: Duration) -> io::Result<Option<Self>> {
        const AGAIN: Duration = Duration::from_millis(50);
        let file = File::open(directory)?;
        let began = Instant::now();
        loop {
            // SAFETY: flock(2) takes two numbers, and `file` keeps the descriptor open during the call.
            match check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }) {
                Ok(_) => return Ok(Some(Self { _directory: file })),
                Err(Errno(libc::EWOULDBLOCK)) if began.elapsed() < patience => std::thread::sleep(AGAIN),
                Err(Errno(libc::EWOULDBLOCK)) => return Ok(None),
                Err(Errno(libc::EINTR)) => {}
                Err(Errno(errno)) => return Err(io::Error::from_raw_os_error(errno)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn one_has_the_turn_and_the_next_one_gets_it_afterwards() {
        let scratch = Scratch::new();
        let take = || Turn::take(scratch.path(), Duration::ZERO).expect("a directory");
        let first = take().expect("free");
        assert!(take().is_none());
        drop(first);
        assert!(take().is_some());
    }
}
