//! A timer as a descriptor that hears when anybody sets the system clock.
//!
//! It is made with no flags and configured with `fcntl(2)`, which is what a preloaded clock
//! simulator understands.
#![allow(unsafe_code, reason = "timerfd(2), fcntl(2), read(2)")]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::errno::{Errno, check};

/// An absolute time on `CLOCK_REALTIME` that never comes: the year 2255. The kernel refuses to set
/// its clock later than 2232 (`TIME_SETTOD_SEC_MAX`, include/linux/time64.h, Linux 6.1) and its own
/// arithmetic ends in 2262.
const NEVER: i64 = 9_000_000_000;

/// Hears that the system clock was set: `clock_settime`, `ADJ_SETOFFSET`, a leap second, a resume of
/// the guest from sleep; this process's own steps too. It does not hear a clock that is slewed, nor a
/// virtual machine that was paused or restored.
///
/// Not every place that looks like Linux has it: failing to make one deserves a warning, and polling
/// is the net below.
#[derive(Debug)]
pub struct ClockSetWatch {
    fd: OwnedFd,
}

impl ClockSetWatch {
    /// Starts to listen.
    ///
    /// # Errors
    /// When no descriptor is left, or timers that are cancelled when the clock is set don't exist.
    pub fn new() -> Result<Self, Errno> {
        let fd = create()?;
        let flags = libc::TFD_TIMER_ABSTIME | libc::TFD_TIMER_CANCEL_ON_SET;
        match set(&fd, flags, NEVER, 0) {
            // The clock was set since the timer was made, and the timer *is* armed nevertheless:
            // do_timerfd_settime() in fs/timerfd.c arms first (Linux 6.1).
            Ok(()) | Err(Errno(libc::ECANCELED)) => Ok(Self { fd }),
            Err(error) => Err(error),
        }
    }

    /// Whether the clock was set since the last call. The timer stays armed, and becomes unreadable
    /// until the next time.
    pub fn heard(&mut self) -> bool {
        // read(2) gives ECANCELED once for any number of changes, and leaves the timer armed:
        // timerfd_read() in fs/timerfd.c takes the mark away and nothing else (Linux 6.1).
        matches!(expirations(&self.fd), Err(Errno(libc::ECANCELED)))
    }
}

impl AsFd for ClockSetWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn create() -> Result<OwnedFd, Errno> {
    // SAFETY: timerfd_create(2) takes two numbers and touches no memory of ours.
    let fd = check(unsafe { libc::timerfd_create(libc::CLOCK_REALTIME, 0) })?;
    // SAFETY: the kernel has just given this descriptor to us, and nobody else knows its number.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: `fd` is open for as long as this call takes, and F_SETFL takes a number.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })?;
    // SAFETY: as above, for F_SETFD.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
    Ok(fd)
}

fn set(fd: &OwnedFd, flags: libc::c_int, sec: i64, nsec: i64) -> Result<(), Errno> {
    let value = libc::itimerspec {
        it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
        // `nsec` is below 1e9 and `sec` below 1e10, which a time_t of 64 bits holds.
        it_value: libc::timespec { tv_sec: sec as _, tv_nsec: nsec as libc::c_long },
    };
    // SAFETY: `value` lives across the call and is only read; the old value isn't asked for.
    let done =
        unsafe { libc::timerfd_settime(fd.as_raw_fd(), flags, &raw const value, std::ptr::null_mut()) };
    check(done).map(drop)
}

/// How often the timer expired since it was last asked. Never blocks.
fn expirations(fd: &OwnedFd) -> Result<u64, Errno> {
    let mut count = [0_u8; 8];
    // SAFETY: the kernel writes at most the 8 bytes that `count` has, and `count` outlives the call.
    let read = unsafe { libc::read(fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    if read < 0 { Err(Errno::last()) } else { Ok(u64::from_ne_bytes(count)) }
}

#[cfg(test)]
mod tests {
    use hostclock_core::units::Duration;

    use super::*;
    use crate::wait::PollSet;

    #[test]
    fn nothing_is_heard_from_a_clock_that_nobody_sets() {
        let mut watch = ClockSetWatch::new().expect("a watch");
        let mut set = PollSet::<1>::new().expect("a set");
        set.watch(0, Some(watch.as_fd())).expect("watched");
        assert_eq!(set.wait(Some(Duration::from_millis(10))), Ok(0), "it neither expires nor is cancelled");
        assert!(!watch.heard());
    }
}
