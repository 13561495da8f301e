//! Waiting for any of a few descriptors, or for a moment, with `ppoll(2)`: without allocating, and to the
//! nanosecond.
#![allow(unsafe_code, reason = "ppoll(2), poll(2)")]

use std::os::fd::{AsRawFd, BorrowedFd};

use hostclock_core::units::Duration;

use crate::errno::{Errno, check};

const IDLE: libc::pollfd = libc::pollfd { fd: -1, events: libc::POLLIN, revents: 0 };

/// `N` places for descriptors that are waited for together.
///
/// A place keeps the descriptor's number only: the caller takes it out before the descriptor is
/// closed.
#[derive(Debug)]
pub struct PollSet<const N: usize> {
    places: [libc::pollfd; N],
}

impl<const N: usize> Default for PollSet<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> PollSet<N> {
    /// A set in which every place is empty.
    #[must_use]
    pub const fn new() -> Self {
        Self { places: [IDLE; N] }
    }

    /// Waits for `fd` to be readable at `place` from now on, or for nothing with `None`. A `place`
    /// that the set doesn't have is ignored.
    pub fn watch(&mut self, place: usize, fd: Option<BorrowedFd<'_>>) {
        if let Some(entry) = self.places.get_mut(place) {
            *entry = libc::pollfd { fd: fd.map_or(-1, |fd| fd.as_raw_fd()), ..IDLE };
        }
    }

    /// Waits until a place is ready or the time is up, and gives the number of places that are. Without
    /// a `timeout` it waits for as long as it takes. A signal ends the wait with 0.
    ///
    /// The kernel counts the timeout on `CLOCK_MONOTONIC`, which nothing that sets the clock disturbs, and ends
    /// the wait late by up to the thread's timer slack ([`crate::process::precise_timers`]).
    ///
    /// # Errors
    /// `ENOMEM`; `EINVAL` when the set has more places than the process may have descriptors.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<usize, Errno> {
        for entry in &mut self.places {
            entry.revents = 0;
        }
        let span = timeout.map(|span| {
            let ns = span.as_nanos().max(0);
            libc::timespec { tv_sec: ns / 1_000_000_000, tv_nsec: ns % 1_000_000_000 }
        });
        let timeout = span.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
        // SAFETY: `places` is an array of N pollfd, borrowed mutably for the length of the call, and ppoll(2)
        // writes to nothing but the `revents` of its first N entries; `span` outlives the call, which reads it;
        // no signal mask is given.
        let ready =
            unsafe { libc::ppoll(self.places.as_mut_ptr(), N as libc::nfds_t, timeout, core::ptr::null()) };
        match check(ready) {
            // Not negative, so the conversion cannot fail.
            Ok(ready) => Ok(usize::try_from(ready).unwrap_or(0)),
            Err(Errno(libc::EINTR)) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Whether the descriptor at `place` had something to read, or an error to report, at the last
    /// [`wait`](Self::wait).
    #[must_use]
    pub fn ready(&self, place: usize) -> bool {
        self.places.get(place).is_some_and(|entry| entry.revents != 0)
    }
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

    #[test]
    fn only_the_descriptor_with_something_to_read_is_ready() {
        let (quiet, _quiet_peer) = UnixStream::pair().expect("a pair");
        let (loud, mut loud_peer) = UnixStream::pair().expect("a pair");
        loud_peer.write_all(b"x").expect("written");
        let mut set = PollSet::<3>::new();
        set.watch(0, Some(quiet.as_fd()));
        set.watch(2, Some(loud.as_fd()));
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
        let mut set = PollSet::<1>::new();
        set.watch(0, Some(quiet.as_fd()));
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
        let mut set = PollSet::<1>::new();
        set.watch(0, Some(loud.as_fd()));
        assert_eq!(set.wait(Some(Duration::MAX)), Ok(1));
    }

    #[test]
    fn a_place_that_is_taken_back_is_not_waited_for() {
        let (loud, mut peer) = UnixStream::pair().expect("a pair");
        peer.write_all(b"x").expect("written");
        let mut set = PollSet::<1>::new();
        set.watch(0, Some(loud.as_fd()));
        set.watch(0, None);
        assert_eq!(set.wait(Some(Duration::ZERO)), Ok(0));
        set.watch(7, Some(loud.as_fd()));
        assert_eq!(set.wait(Some(Duration::ZERO)), Ok(0));
    }
}
