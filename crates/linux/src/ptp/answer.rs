//! What a device's answers say, if they can be true at all. Nothing here talks to the kernel.

use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::units::{Duration, RawTime, Timestamp};

/// What a precise cross timestamp may be off by: the host and the guest each convert the same counter
/// value to whole nanoseconds, so each is off by up to one.
pub const PRECISE_UNCERTAINTY: Duration = Duration::from_nanos(2);

/// A counter value that comes from the host is converted with the guest's idea of that counter. If the
/// two disagree on the counter, the result lies far from the moment of the call: earlier than this
/// before it (a driver may give a value from before the call), or later than [`LATEST`] after it.
const OLDEST: Duration = Duration::from_secs(1);
/// See [`OLDEST`].
const LATEST: Duration = Duration::from_millis(1);

/// Samples count that are wider than the tightest by no more than this part of it.
const NEARLY: i64 = 10;

/// A device's clock and the system clock at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) reference: Timestamp,
    pub(super) system: Timestamp,
    /// Half of the bracket.
    pub(super) uncertainty: Duration,
}

/// The answer to `PTP_SYS_OFFSET_PRECISE`, which was asked between the raw times `before` and `after`.
pub(super) fn precise(
    answer: &libc::ptp_sys_offset_precise,
    before: RawTime,
    after: RawTime,
) -> Result<Reading, Failure> {
    let reference = plausible(timestamp(answer.device)?)?;
    let system = timestamp(answer.sys_realtime)?;
    let raw = RawTime::from_nanos(timestamp(answer.sys_monoraw)?.as_nanos());
    if raw.as_nanos() < 0 || raw - before < -OLDEST || raw - after > LATEST {
        return Err(Failure::Nonsense);
    }
    Ok(Reading {
        reference,
        system,
        raw,
        uncertainty: PRECISE_UNCERTAINTY,
        tied_within: PRECISE_UNCERTAINTY,
        method: Method::Precise,
    })
}

/// What the samples of an answer to `PTP_SYS_OFFSET_EXTENDED` say together.
pub(super) fn extended(answer: &libc::ptp_sys_offset_extended) -> Result<Comparison, Failure> {
    together(answer.ts.iter().take(count(answer.n_samples)).map(Sample::of))
}

/// What those of an answer to `PTP_SYS_OFFSET` say: system, device, system, device, …, system.
pub(super) fn sys_offset(answer: &libc::ptp_sys_offset) -> Result<Comparison, Failure> {
    let brackets = answer.ts.windows(3).step_by(2).take(count(answer.n_samples));
    together(brackets.filter_map(<[_]>::first_chunk).map(Sample::of))
}

fn count(samples: libc::c_uint) -> usize {
    samples.min(libc::PTP_MAX_SAMPLES) as usize
}

/// A reading of the device between two of the system clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) before: Timestamp,
    pub(super) device: Timestamp,
    pub(super) after: Timestamp,
}

impl Sample {
    fn of(&[before, device, after]: &[libc::ptp_clock_time; 3]) -> Result<Self, Failure> {
        Ok(Self { before: timestamp(before)?, device: timestamp(device)?, after: timestamp(after)? })
    }

    fn width(&self) -> Duration {
        self.after - self.before
    }

    /// The device's clock minus the system clock in the bracket's middle.
    fn offset(&self) -> Duration {
        self.device - (self.before + self.width().half())
    }
}

/// What several samples say together: the mean of those that are nearly as tight as the tightest, as the tightest's.
/// The first of all is the widest most of the time, because it finds nothing in the caches.
///
/// One field that can't be a time makes all of them worthless; a bracket that runs backwards only itself, because
/// somebody may have set the clock just then.
pub(super) fn together(
    samples: impl Iterator<Item = Result<Sample, Failure>> + Clone,
) -> Result<Comparison, Failure> {
    let mut tightest: Option<Sample> = None;
    for sample in samples.clone() {
        let sample = sample?;
        plausible(sample.device)?;
        let is_tighter = tightest.is_none_or(|tightest| sample.width() < tightest.width());
        if is_tighter && !sample.width().is_negative() {
            tightest = Some(sample);
        }
    }
    let tightest = tightest.ok_or(Failure::Nonsense)?;
    let widest = tightest.width() + Duration::from_nanos(tightest.width().as_nanos() / NEARLY);
    let mut mean = Mean::default();
    for sample in samples.flatten() {
        let (by, width) = (sample.offset() - tightest.offset(), sample.width());
        let near = !width.is_negative() && width <= widest;
        // No two brackets around the same clock are further apart than they are wide; if they are, it was set.
        if near && by.abs() <= width {
            mean.take(by, width);
        }
    }
    let (by, uncertainty) = mean.value();
    let reference = tightest.device;
    Ok(Comparison { reference, system: reference - tightest.offset() - by, uncertainty })
}

/// The mean of brackets: of how far their offsets are from the tightest's, and of their widths.
#[derive(Default)]
struct Mean {
    by: i128,
    widths: i128,
    taken: i128,
}

impl Mean {
    fn take(&mut self, by: Duration, width: Duration) {
        self.by += i128::from(by.as_nanos());
        self.widths += i128::from(width.as_nanos());
        self.taken += 1;
    }

    /// The offset; and half the width, which holds it, rounded up. Two readings of a clock that counts whole ns are
    /// never closer than one.
    fn value(&self) -> (Duration, Duration) {
        let taken = self.taken.max(1);
        let half = (self.widths + 2 * taken - 1) / (2 * taken) + i128::from(self.by % taken != 0);
        let whole = |ns: i128| Duration::from_nanos(i64::try_from(ns).unwrap_or(i64::MAX));
        (whole(self.by / taken), whole(half.max(1)))
    }
}

/// A host's clock is never set to before 1970 (the kernel refuses), and zero to the nanosecond is what
/// a driver leaves behind that wrote nothing.
pub(super) fn plausible(device: Timestamp) -> Result<Timestamp, Failure> {
    if device.as_nanos() > 0 { Ok(device) } else { Err(Failure::Nonsense) }
}

fn timestamp(time: libc::ptp_clock_time) -> Result<Timestamp, Failure> {
    Timestamp::from_parts(time.sec, i64::from(time.nsec)).ok_or(Failure::Nonsense)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
