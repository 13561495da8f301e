//! A second process of this program, which runs one function and ends.
//!
//! Of a process with several threads the child has only the one that called: locks that others held stay held in
//! it. So the function either makes system calls only, or the caller knows that there is one thread.
#![allow(unsafe_code, reason = "fork(2), waitpid(2), _exit(2)")]

use crate::errno::{Errno, check};

/// A child. It is waited for, or asked whether it has ended, or left to itself.
#[derive(Debug)]
pub(crate) struct Forked {
    pid: libc::pid_t,
}

/// Runs `child` in a process of its own, which ends with what it gives (the lowest 8 bits). Nothing of ours is run
/// at its end: no destructors, no handlers of `atexit(3)`, no flushing of what is buffered.
///
/// # Errors
/// `EAGAIN`, `ENOMEM`: the kernel makes no more processes.
pub(crate) fn fork(child: impl FnOnce() -> i32) -> Result<Forked, Errno> {
    // SAFETY: fork(2) takes nothing. The child runs `child`, whose caller knows of the threads (above), and leaves
    // by _exit(2), so that it never returns into what it shares with the parent.
    let pid = check(unsafe { libc::fork() })?;
    if pid != 0 {
        return Ok(Forked { pid });
    }
    // A panic would unwind into the parent's code.
    let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(70); // EX_SOFTWARE
    // SAFETY: _exit(2) takes a number and doesn't come back.
    unsafe { libc::_exit(code) }
}

impl Forked {
    /// Its process number.
    pub(crate) const fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits for its end: with which number it ended.
    ///
    /// # Errors
    /// `EINTR` where a signal ended it; `ECHILD` where somebody else waits for children.
    pub(crate) fn wait(self) -> Result<i32, Errno> {
        let status = self.wait_for(0)?.unwrap_or_default();
        if libc::WIFEXITED(status) { Ok(libc::WEXITSTATUS(status)) } else { Err(Errno(libc::EINTR)) }
    }

    /// Whether it has ended; then its number is nobody's any more. Never waits.
    pub(crate) fn has_ended(&self) -> bool {
        self.wait_for(libc::WNOHANG).is_ok_and(|status| status.is_some())
    }

    fn wait_for(&self, options: libc::c_int) -> Result<Option<libc::c_int>, Errno> {
        let mut status = 0;
        loop {
            // SAFETY: the kernel writes one int through the pointer, and `status` outlives the call.
            match check(unsafe { libc::waitpid(self.pid, &raw mut status, options) }) {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(Some(status)),
                Err(Errno(libc::EINTR)) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_says_by_its_number_how_it_ended() {
        assert_eq!(fork(|| 42).and_then(Forked::wait), Ok(42));
        assert_eq!(fork(|| panic!("in the child")).and_then(Forked::wait), Ok(70));
    }

    #[test]
    fn one_that_was_killed_has_ended_and_has_no_number() {
        let sleeper = fork(|| {
            std::thread::sleep(std::time::Duration::from_secs(60));
            0
        })
        .expect("forked");
        assert!(!sleeper.has_ended());
        // SAFETY: kill(2) takes two numbers, the first one that of our child.
        unsafe { libc::kill(sleeper.pid, libc::SIGKILL) };
        assert_eq!(sleeper.wait(), Err(Errno(libc::EINTR)));
    }
}
