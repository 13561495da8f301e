//! Waiting for any of a few descriptors, or for a moment, with `epoll(7)`: without allocating, and to the
//! nanosecond. A wait in vain costs one system call, however many descriptors there are.
#![allow(unsafe_code, reason = "epoll(7), poll(2)")]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use hostclock_core::units::Duration;

use crate::errno::{Errno, check};

/// A place without a descriptor.
const NONE: RawFd = -1;

/// `N` places for descriptors that are waited for together.
///
/// A place keeps the descriptor's number only: the caller takes it out when the descriptor is closed, before
/// another one is put in.
#[derive(Debug)]
pub struct PollSet<const N: usize> {
    epoll: OwnedFd,
    places: [RawFd; N],
    ready: [bool; N],
    /// `epoll_pwait2` was refused, and isn't tried any more.
    refused: bool,
}

/// The kernel's `struct __kernel_timespec`, which has 64 bits on every machine.
#[repr(C)]
struct KernelTimespec {
    seconds: i64,
    nanoseconds: i64,
}

impl<const N: usize> PollSet<N> {
    /// As many events as there are places: a handful.
    const MOST: libc::c_int = N as libc::c_int;

    /// A set in which every place is empty.
    ///
    /// # Errors
    /// When the process or the system has no descriptors left.
    pub fn new() -> Result<Self, Errno> {
        // SAFETY: epoll_create1(2) takes flags only.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel has just given this descriptor to us, and nobody else knows its number.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { epoll, places: [NONE; N], ready: [false; N], refused: false })
    }

    /// Waits for `fd` to be readable at `place` from now on, or for nothing with `None`. What is waited for
    /// already costs nothing. A `place` that the set doesn't have is ignored.
    ///
    /// # Errors
    /// `EPERM` for what can't be waited for, such as a regular file; `ENOSPC`, `ENOMEM`.
    pub fn watch(&mut self, place: usize, fd: Option<BorrowedFd<'_>>) -> Result<(), Errno> {
        let wanted = fd.map_or(NONE, |fd| fd.as_raw_fd());
        let Some(held) = self.places.get_mut(place).filter(|held| **held != wanted) else { return Ok(()) };
        let before = core::mem::replace(held, wanted);
        if before != NONE {
            // One that was closed is gone already.
            let _ = control(&self.epoll, libc::EPOLL_CTL_DEL, before, place);
        }
        if wanted == NONE {
            return Ok(());
        }
        let added = control(&self.epoll, libc::EPOLL_CTL_ADD, wanted, place);
        if added.is_err() {
            *held = NONE;
        }
        added
    }

    /// Waits until a place is ready or the time is up, and gives the number of places that are. Without
    /// a `timeout` it waits for as long as it takes. A signal ends the wait with 0.
    ///
    /// The kernel counts the timeout on `CLOCK_MONOTONIC`, which nothing that sets the clock disturbs, and ends
    /// the wait late by up to the thread's timer slack ([`crate::process::set_timer_slack`]).
    ///
    /// # Errors
    /// None that Linux documents for such a set.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<usize, Errno> {
        self.ready = [false; N];
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; N];
        let mut ready = Err(Errno(libc::ENOSYS));
        if !self.refused {
            ready = self.wait_precisely(&mut events, timeout);
            // EPERM: from a filter of system calls that doesn't know this one, as systemd's before 248.
            self.refused = matches!(ready, Err(Errno(libc::ENOSYS | libc::EPERM)));
        }
        if self.refused {
            ready = self.wait_as_of_old(&mut events, timeout);
        }
        let count = match ready {
            Ok(count) => count,
            Err(Errno(libc::EINTR)) => 0,
            Err(error) => return Err(error),
        };
        for event in events.iter().take(count) {
            let place = usize::try_from(event.u64).ok();
            if let Some(ready) = place.and_then(|place| self.ready.get_mut(place)) {
                *ready = true;
            }
        }
        Ok(count)
    }

    /// `epoll_pwait2(2)`, Linux 5.11.
    fn wait_precisely(
        &self,
        events: &mut [libc::epoll_event; N],
        timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        let span = timeout.map(parts).map(|(seconds, nanoseconds)| KernelTimespec { seconds, nanoseconds });
        let span = span.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
        let no_mask = core::ptr::null::<libc::sigset_t>();
        // SAFETY: the kernel writes at most N events into `events`, which is borrowed mutably for the length of the
        // call, and reads the timeout, which outlives it; without a mask the mask's size is ignored.
        let ready = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                events.as_mut_ptr(),
                Self::MOST,
                span,
                no_mask,
                size_of::<libc::sigset_t>(),
            )
        };
        // Not negative once it is no error, so the conversion cannot fail.
        if ready < 0 { Err(Errno::last()) } else { Ok(usize::try_from(ready).unwrap_or(0)) }
    }

    /// `ppoll(2)` for the set itself, and then a look at what is ready in it.
    fn wait_as_of_old(
        &self,
        events: &mut [libc::epoll_event; N],
        timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        // Both fit: a second has few nanoseconds, and no timeout is longer than 292 years.
        let span = timeout
            .map(parts)
            .map(|(seconds, nanoseconds)| libc::timespec { tv_sec: seconds as _, tv_nsec: nanoseconds as _ });
        let span = span.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
        let mut set = libc::pollfd { fd: self.epoll.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd, borrowed mutably for the length of the call; `span` outlives it; no mask is given.
        check(unsafe { libc::ppoll(&raw mut set, 1, span, core::ptr::null()) })?;
        // SAFETY: the kernel writes at most N events into `events`, which is borrowed mutably, and doesn't wait.
        let ready =
            check(unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), Self::MOST, 0) })?;
        Ok(usize::try_from(ready).unwrap_or(0))
    }

    /// Whether the descriptor at `place` had something to read, or an error to report, at the last
    /// [`wait`](Self::wait).
    #[must_use]
    pub fn ready(&self, place: usize) -> bool {
        self.ready.get(place).copied().unwrap_or(false)
    }
}

/// Whole seconds and the nanoseconds that are left, of a span that isn't negative.
fn parts(span: Duration) -> (i64, i64) {
    let ns = span.as_nanos().max(0);
    (ns / 1_000_000_000, ns % 1_000_000_000)
}

fn control(epoll: &OwnedFd, how: libc::c_int, fd: RawFd, place: usize) -> Result<(), Errno> {
    // A place is a small number.
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: place as u64 };
    // SAFETY: the kernel reads one event through the pointer, and `event` outlives the call.
    check(unsafe { libc::epoll_ctl(epoll.as_raw_fd(), how, fd, &raw mut event) }).map(drop)
}

/// Whether a few kilobytes can be written to `fd` at once, without waiting; also where writing would fail at
/// once.
#[must_use]
pub fn takes_more(fd: BorrowedFd<'_>) -> bool {
    let mut entry = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd, borrowed mutably for the length of the call, which doesn't wait.
    let ready = unsafe { libc::poll(&raw mut entry, 1, 0) };
    ready != 0
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::filter::filter;
    use crate::fork::{Forked, fork};

    #[test]
    fn only_the_descriptor_with_something_to_read_is_ready() {
        let (quiet, _quiet_peer) = UnixStream::pair().expect("a pair");
        let (loud, mut loud_peer) = UnixStream::pair().expect("a pair");
        loud_peer.write_all(b"x").expect("written");
        let mut set = PollSet::<3>::new().expect("a set");
        set.watch(0, Some(quiet.as_fd())).expect("watched");
        set.watch(2, Some(loud.as_fd())).expect("watched");
        assert_eq!(set.wait(None), Ok(1));
        assert!(!set.ready(0) && !set.ready(1) && set.ready(2));
        assert!(!set.ready(3));
    }

    #[test]
    fn what_is_full_takes_no_more_until_somebody_reads() {
        let (mut reader, mut writer) = UnixStream::pair().expect("a pair");
        for end in [&reader, &writer] {
            end.set_nonblocking(true).expect("set");
        }
        assert!(takes_more(writer.as_fd()));
        while writer.write(&[0; 4_096]).is_ok() {}
        assert!(!takes_more(writer.as_fd()));
        while reader.read(&mut [0; 65_536]).is_ok() {}
        assert!(takes_more(writer.as_fd()));
        drop(reader);
        assert!(takes_more(writer.as_fd()), "to fail at once");
    }

    #[test]
    fn the_time_runs_out_when_nothing_happens() {
        let (quiet, _peer) = UnixStream::pair().expect("a pair");
        let mut set = PollSet::<1>::new().expect("a set");
        set.watch(0, Some(quiet.as_fd())).expect("watched");
        let start = std::time::Instant::now();
        assert_eq!(set.wait(Some(Duration::from_micros(1_500))), Ok(0));
        assert!(start.elapsed().as_micros() >= 1_500);
        assert_eq!(set.wait(Some(Duration::from_secs(-3))), Ok(0));
        assert!(!set.ready(0));
    }

    #[test]
    fn the_longest_wait_is_accepted() {
        let (loud, mut peer) = UnixStream::pair().expect("a pair");
        peer.write_all(b"x").expect("written");
        let mut set = PollSet::<1>::new().expect("a set");
        set.watch(0, Some(loud.as_fd())).expect("watched");
        assert_eq!(set.wait(Some(Duration::MAX)), Ok(1));
    }

    #[test]
    fn an_old_kernel_is_waited_with_as_well() {
        let (quiet, _quiet_peer) = UnixStream::pair().expect("a pair");
        let (loud, mut loud_peer) = UnixStream::pair().expect("a pair");
        let mut set = PollSet::<2>::new().expect("a set");
        set.watch(0, Some(quiet.as_fd())).expect("watched");
        set.watch(1, Some(loud.as_fd())).expect("watched");
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 2];
        let start = std::time::Instant::now();
        assert_eq!(set.wait_as_of_old(&mut events, Some(Duration::from_micros(1_500))), Ok(0));
        assert!(start.elapsed().as_micros() >= 1_500);
        loud_peer.write_all(b"x").expect("written");
        assert_eq!(set.wait_as_of_old(&mut events, None), Ok(1));
        assert_eq!({ events[0].u64 }, 1);
    }

    #[test]
    fn a_call_that_a_filter_refuses_is_done_without_and_not_made_again() {
        let (quiet, mut peer) = UnixStream::pair().expect("a pair");
        let mut set = PollSet::<1>::new().expect("a set");
        set.watch(0, Some(quiet.as_fd())).expect("watched");
        let eperm = u32::try_from(libc::EPERM).expect("small");
        let child = fork(|| {
            if !filter(libc::SYS_epoll_pwait2, libc::SECCOMP_RET_ERRNO | eperm) {
                return 1;
            }
            let start = std::time::Instant::now();
            if set.wait(Some(Duration::from_micros(1_500))) != Ok(0) || start.elapsed().as_micros() < 1_500 {
                return 2;
            }
            // Who makes that call now is killed.
            if !filter(libc::SYS_epoll_pwait2, libc::SECCOMP_RET_KILL_PROCESS)
                || peer.write_all(b"x").is_err()
            {
                return 3;
            }
            if set.wait(None) == Ok(1) && set.ready(0) { 0 } else { 4 }
        });
        assert_eq!(child.and_then(Forked::wait), Ok(0));
    }

    #[test]
    fn what_cannot_be_waited_for_is_refused() {
        let file = std::fs::File::open("/proc/self/exe").expect("opened");
        let mut set = PollSet::<1>::new().expect("a set");
        assert_eq!(set.watch(0, Some(file.as_fd())), Err(Errno(libc::EPERM)));
    }

    #[test]
    fn a_place_that_is_taken_back_is_not_waited_for() {
        let (loud, mut peer) = UnixStream::pair().expect("a pair");
        peer.write_all(b"x").expect("written");
        let mut set = PollSet::<1>::new().expect("a set");
        set.watch(0, Some(loud.as_fd())).expect("watched");
        set.watch(0, None).expect("watched");
        assert_eq!(set.wait(Some(Duration::ZERO)), Ok(0));
        set.watch(7, Some(loud.as_fd())).expect("watched");
        assert_eq!(set.wait(Some(Duration::ZERO)), Ok(0));
    }
}
