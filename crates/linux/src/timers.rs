//! Timers as descriptors: one that wakes the daemon after a delay, and one that hears when anybody
//! sets the system clock.
//!
//! Both are made with no flags and configured with `fcntl(2)`, which is what a preloaded clock
//! simulator understands.
#![allow(unsafe_code, reason = "timerfd(2), fcntl(2), read(2)")]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use hostclock_core::units::Duration;

use crate::errno::{Errno, check};

/// An absolute time on `CLOCK_REALTIME` that never comes: the year 2255. The kernel refuses to set
/// its clock later than 2232 (`TIME_SETTOD_SEC_MAX`, include/linux/time64.h, Linux 6.1) and its own
/// arithmetic ends in 2262.
const NEVER: i64 = 9_000_000_000;

/// A one-shot timer on `CLOCK_MONOTONIC`, which nothing that sets or steers the clock disturbs by
/// more than the steering itself.
#[derive(Debug)]
pub struct Timer {
    fd: OwnedFd,
}

impl Timer {
    /// A timer that isn't armed.
    ///
    /// # Errors
    /// When the process or the system has no descriptors left, or the kernel has no timerfd.
    pub fn new() -> Result<Self, Errno> {
        create(libc::CLOCK_MONOTONIC).map(|fd| Self { fd })
    }

    /// Makes the timer readable once, `delay` from now, whatever it was armed for before. A `delay`
    /// of zero or less makes it readable at once.
    ///
    /// # Errors
    /// None that Linux documents for such a timer.
    pub fn arm(&mut self, delay: Duration) -> Result<(), Errno> {
        // A value of zero would disarm the timer.
        let ns = delay.as_nanos().max(1);
        set(&self.fd, 0, ns / 1_000_000_000, ns % 1_000_000_000)
    }

    /// Makes the timer unreadable again, and says whether it had expired.
    pub fn drain(&mut self) -> bool {
        matches!(expirations(&self.fd), Ok(1..))
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

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
        let fd = create(libc::CLOCK_REALTIME)?;
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

fn create(clock: libc::clockid_t) -> Result<OwnedFd, Errno> {
    // SAFETY: timerfd_create(2) takes two numbers and touches no memory of ours.
    let fd = check(unsafe { libc::timerfd_create(clock, 0) })?;
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
    use super::*;
    use crate::wait::PollSet;

    #[test]
    fn a_timer_wakes_a_waiter_after_its_delay_and_not_again() {
        let mut timer = Timer::new().expect("a timer");
        let mut set = PollSet::<1>::new();
        set.watch(0, Some(timer.as_fd()));
        let start = std::time::Instant::now();
        timer.arm(Duration::from_millis(5)).expect("armed");
        assert!(!timer.drain());
        assert_eq!(set.wait(None), Ok(1));
        assert!(start.elapsed().as_micros() >= 5_000);
        assert!(timer.drain());
        assert!(!timer.drain());
        assert_eq!(set.wait(Some(Duration::from_millis(10))), Ok(0));
    }

    #[test]
    fn a_delay_of_zero_or_less_is_now() {
        let mut timer = Timer::new().expect("a timer");
        let mut set = PollSet::<1>::new();
        set.watch(0, Some(timer.as_fd()));
        for delay in [Duration::ZERO, Duration::from_secs(-5)] {
            timer.arm(delay).expect("armed");
            assert_eq!(set.wait(Some(Duration::from_secs(1))), Ok(1));
            assert!(timer.drain());
        }
    }

    #[test]
    fn the_longest_delay_is_accepted() {
        let mut timer = Timer::new().expect("a timer");
        timer.arm(Duration::MAX).expect("armed");
        let mut set = PollSet::<1>::new();
        set.watch(0, Some(timer.as_fd()));
        assert_eq!(set.wait(Some(Duration::from_millis(5))), Ok(0));
    }

    #[test]
    fn nothing_is_heard_from_a_clock_that_nobody_sets() {
        let mut watch = ClockSetWatch::new().expect("a watch");
        let mut set = PollSet::<1>::new();
        set.watch(0, Some(watch.as_fd()));
        assert_eq!(set.wait(Some(Duration::from_millis(10))), Ok(0), "it neither expires nor is cancelled");
        assert!(!watch.heard());
    }
}
