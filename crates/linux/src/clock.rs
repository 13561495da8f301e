//! Reading the system's clocks, and changing the one that may be changed.
//!
//! A change is one `clock_adjtime` call: a step, the new rate and the new status take effect together,
//! so that nobody reads a stepped clock with a stale status. The signs are those of
//! [`Adjustment`]: a positive step moves the clock forward.
#![allow(unsafe_code, reason = "clock_gettime(2), clock_adjtime(2)")]

mod leap;

use std::{fs, mem};

use hostclock_core::adjust::{Adjustment, Health, KernelRate, KernelState};
use hostclock_core::units::{Duration, RawTime, Timestamp};

use crate::errno::{Errno, check};

/// The largest `maxerror` and `esterror` in µs, where the kernel calls the clock unsynchronised
/// whatever it is told: `NTP_PHASE_LIMIT`, include/linux/timex.h, Linux 6.1.
const LARGEST_ERROR_US: i64 = 16_000_000;

/// The bit of `CAP_SYS_TIME` in a capability set: include/uapi/linux/capability.h.
const CAP_SYS_TIME: u32 = 25;

/// `CLOCK_MONOTONIC_RAW` now.
#[must_use]
pub fn now_raw() -> RawTime {
    RawTime::from_nanos(nanoseconds(libc::CLOCK_MONOTONIC_RAW))
}

/// `CLOCK_REALTIME`, the system clock, now.
#[must_use]
pub fn now_system() -> Timestamp {
    Timestamp::from_nanos(nanoseconds(libc::CLOCK_REALTIME))
}

/// `clock_gettime`, saturated to the range of i64. It can't fail for a clock that every kernel has;
/// if it did, this would be 0.
pub(crate) fn nanoseconds(clock: libc::clockid_t) -> i64 {
    read_clock(clock)
        .map_or(0, |time| wide(time.tv_sec).saturating_mul(1_000_000_000).saturating_add(wide(time.tv_nsec)))
}

/// The kernel's `long` and `time_t` as i64, which they are or fit into.
pub(crate) fn wide(number: impl Into<i64>) -> i64 {
    number.into()
}

/// `clock_gettime` as the kernel gives it.
pub(crate) fn read_clock(clock: libc::clockid_t) -> Result<libc::timespec, Errno> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec through the pointer, and `time` outlives the call.
    check(unsafe { libc::clock_gettime(clock, &raw mut time) })?;
    Ok(time)
}

/// The raw counter and the system clock at one instant, to within some tens of nanoseconds unless the
/// processor is taken away meanwhile.
#[must_use]
pub fn compare() -> (RawTime, Timestamp) {
    crate::ptp::relation::Tie::now().pair()
}

/// Why the clock could not be read or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdjustError {
    /// `EPERM`, or the equivalent of a system-call filter.
    #[error("no permission to set the clock (needs CAP_SYS_TIME)")]
    NotPermitted,
    /// `EINVAL`: the kernel would not take the values, such as a step to before its own start.
    #[error("clock_adjtime: the kernel refuses the values")]
    Refused,
    /// Anything else.
    #[error("clock_adjtime: {0}")]
    Other(Errno),
}

impl AdjustError {
    /// The errno that stands for it.
    #[must_use]
    pub const fn errno(self) -> i32 {
        match self {
            Self::NotPermitted => libc::EPERM,
            Self::Refused => libc::EINVAL,
            Self::Other(errno) => errno.0,
        }
    }
}

impl From<Errno> for AdjustError {
    fn from(error: Errno) -> Self {
        match error.0 {
            libc::EPERM | libc::EACCES => Self::NotPermitted,
            libc::EINVAL => Self::Refused,
            _ => Self::Other(error),
        }
    }
}

/// A change that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The rate that the clock had before, where that was asked.
    pub found: Option<KernelRate>,
    /// The state after it.
    pub state: KernelState,
}

/// The system clock, `CLOCK_REALTIME`, as something that can be changed.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// What the kernel says of the clock. Needs no privilege and changes nothing.
    ///
    /// # Errors
    /// When a system-call filter forbids it; the kernel itself never refuses.
    pub fn state(&self) -> Result<KernelState, AdjustError> {
        let mut timex = empty();
        call(&mut timex)?;
        Ok(state_of(&timex))
    }

    /// Makes one change, in one call, after a look at the rate that the clock has.
    ///
    /// Where the change contains a status, the kernel's own loops are switched off with it, and a leap second that
    /// was announced is not any more: the clock follows its host, which inserts one or doesn't, and a kernel that
    /// inserted one by itself would be off by a second.
    ///
    /// # Errors
    /// When the process may not, or the kernel refuses the values; nothing has changed then.
    pub fn adjust(&self, adjustment: &Adjustment) -> Result<Changed, AdjustError> {
        let mut found = None;
        if adjustment.health.is_some() {
            let mut timex = empty();
            call(&mut timex)?;
            found = Some(rate_of(&timex));
        }
        Ok(Changed { found, state: change(adjustment)? })
    }

    /// As [`SystemClock::adjust`] without the look: a system call less.
    ///
    /// # Errors
    /// As there.
    pub fn adjust_at_once(&self, adjustment: &Adjustment) -> Result<Changed, AdjustError> {
        Ok(Changed { found: None, state: change(adjustment)? })
    }

    /// Takes away what others have left for the kernel to slew by itself: the rest of an `adjtime(3)`,
    /// and the rest of a phase-locked loop's offset, which the kernel goes on with even when the loop
    /// is switched off (`second_overflow`, kernel/time/ntp.c, Linux 6.1). A step does so too. To be
    /// done once before steering; the rate and the time stay as they are.
    ///
    /// # Errors
    /// When the process may not.
    pub fn cancel_slew(&self) -> Result<(), AdjustError> {
        let mut timex = empty();
        timex.modes = libc::ADJ_OFFSET_SINGLESHOT;
        call(&mut timex)?;
        let mut timex = empty();
        call(&mut timex)?;
        let status = status_word(timex.status & libc::STA_UNSYNC == 0);
        let mut timex = empty();
        timex.modes = libc::ADJ_STATUS | libc::ADJ_OFFSET | libc::ADJ_NANO;
        // The kernel takes an offset only while its loop is on, and the loop leaves the frequency
        // alone while it is held.
        timex.status = status | libc::STA_PLL | libc::STA_FREQHOLD;
        timex.offset = 0;
        call(&mut timex)?;
        let mut timex = empty();
        timex.modes = libc::ADJ_STATUS;
        timex.status = status;
        call(&mut timex)
    }
}

fn change(adjustment: &Adjustment) -> Result<KernelState, AdjustError> {
    let mut timex = request(adjustment);
    call(&mut timex)?;
    Ok(state_of(&timex))
}

/// Whether this process has `CAP_SYS_TIME`, asked without changing anything. In a user namespace that
/// isn't the initial one the kernel may refuse nevertheless; when /proc can't be read, the answer is
/// yes, and the kernel says no in time.
#[must_use]
pub fn may_adjust() -> bool {
    fs::read_to_string("/proc/self/status").map_or(true, |status| has_capability(&status, CAP_SYS_TIME))
}

fn has_capability(status: &str, capability: u32) -> bool {
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = set.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    bits.checked_shr(capability).unwrap_or(0) & 1 == 1
}

fn empty() -> libc::timex {
    // SAFETY: timex consists of integers, for which all bits zero is a value; libc keeps its padding
    // private, so it can't be written out. Modes of zero ask for no change.
    unsafe { mem::zeroed() }
}

/// One `clock_adjtime`. The return value is the clock's leap second state, or `TIME_ERROR` for a clock
/// that isn't synchronised: no failure, either.
fn call(timex: &mut libc::timex) -> Result<(), AdjustError> {
    // SAFETY: the kernel reads and writes one timex through the pointer, which is exclusively ours
    // for the length of the call.
    check(unsafe { libc::clock_adjtime(libc::CLOCK_REALTIME, std::ptr::from_mut(timex)) })?;
    Ok(())
}

/// What the kernel is asked for.
fn request(adjustment: &Adjustment) -> libc::timex {
    let mut timex = empty();
    if let Some(step) = adjustment.step {
        timex.modes |= libc::ADJ_SETOFFSET | libc::ADJ_NANO;
        // The seconds carry the sign; the nanoseconds are 0 ..= 999,999,999 and always add. (`_`, for
        // libc calls the names of these types deprecated on musl.)
        timex.time.tv_sec = step.as_nanos().div_euclid(1_000_000_000) as _;
        timex.time.tv_usec = step.as_nanos().rem_euclid(1_000_000_000) as _;
    }
    if let Some(KernelRate { tick, freq }) = adjustment.rate {
        timex.modes |= libc::ADJ_TICK | libc::ADJ_FREQUENCY;
        // `KernelRate` holds a few million at most.
        timex.tick = tick as libc::c_long;
        timex.freq = freq as libc::c_long;
    }
    if let Some(health) = adjustment.health {
        timex.modes |= libc::ADJ_STATUS | libc::ADJ_MAXERROR | libc::ADJ_ESTERROR;
        timex.status = status_word(health.synchronised);
        timex.maxerror = error_in_us(health.max_error);
        timex.esterror = error_in_us(health.est_error);
    }
    if let Some(seconds) = adjustment.tai_offset {
        timex.modes |= libc::ADJ_TAI;
        timex.constant = libc::c_long::from(seconds);
    }
    timex
}

/// The status word of a clock that this program steers: none of the kernel's own loops has a part in it
/// (`STA_PLL`, `STA_FLL`, `STA_PPSFREQ`, `STA_PPSTIME`, `STA_FREQHOLD`), and no leap second is announced (`STA_INS`,
/// `STA_DEL`). All other bits are the kernel's to set (`STA_RONLY`, include/uapi/linux/timex.h, Linux 6.1).
const fn status_word(synchronised: bool) -> libc::c_int {
    if synchronised { 0 } else { libc::STA_UNSYNC }
}

/// An error in whole µs, rounded up; never zero, because that would claim a perfect clock.
fn error_in_us(error: Duration) -> libc::c_long {
    let ns = error.as_nanos().max(0);
    let us = ns / 1_000 + i64::from(ns % 1_000 != 0);
    us.clamp(1, LARGEST_ERROR_US) as libc::c_long
}

fn rate_of(timex: &libc::timex) -> KernelRate {
    KernelRate { tick: wide(timex.tick), freq: wide(timex.freq) }
}

fn state_of(timex: &libc::timex) -> KernelState {
    KernelState {
        rate: rate_of(timex),
        health: Health {
            synchronised: timex.status & libc::STA_UNSYNC == 0,
            max_error: Duration::from_micros(wide(timex.maxerror)),
            est_error: Duration::from_micros(wide(timex.esterror)),
        },
        tai_offset: timex.tai,
        status: timex.status as u32, // flags, never negative
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
