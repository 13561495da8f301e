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
    Ok(Reading { reference, system, raw, uncertainty: PRECISE_UNCERTAINTY, method: Method::Precise })
}

/// The tightest sample of an answer to `PTP_SYS_OFFSET_EXTENDED`.
pub(super) fn extended(answer: &libc::ptp_sys_offset_extended) -> Result<Comparison, Failure> {
    tightest(answer.ts.iter().take(count(answer.n_samples)))
}

/// The tightest sample of an answer to `PTP_SYS_OFFSET`: system, device, system, device, …, system.
pub(super) fn sys_offset(answer: &libc::ptp_sys_offset) -> Result<Comparison, Failure> {
    tightest(answer.ts.windows(3).step_by(2).take(count(answer.n_samples)).filter_map(<[_]>::first_chunk))
}

fn count(samples: libc::c_uint) -> usize {
    samples.min(libc::PTP_MAX_SAMPLES) as usize
}

/// Chooses among (system before, device, system after). One field that can't be a time makes the whole
/// answer worthless; a bracket that runs backwards only its sample, because somebody may have set the
/// clock just then.
fn tightest<'a>(samples: impl Iterator<Item = &'a [libc::ptp_clock_time; 3]>) -> Result<Comparison, Failure> {
    let mut best = None;
    for &[before, device, after] in samples {
        let device = plausible(timestamp(device)?)?;
        best = tighter(best, timestamp(before)?, device, timestamp(after)?);
    }
    best.ok_or(Failure::Nonsense)
}

/// The better of `best` and a new sample.
pub(super) fn tighter(
    best: Option<Comparison>,
    before: Timestamp,
    reference: Timestamp,
    after: Timestamp,
) -> Option<Comparison> {
    let width = after - before;
    if width.is_negative() {
        return best;
    }
    let half = width.half();
    // Rounded up; and two readings of a clock that counts whole ns are never closer than that.
    let uncertainty = (width - half).max(Duration::from_nanos(1));
    match best {
        Some(best) if best.uncertainty <= uncertainty => Some(best),
        _ => Some(Comparison { reference, system: before + half, uncertainty }),
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
