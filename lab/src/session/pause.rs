//! Pauses of the guest, and when it goes on.
//!
//! The nested host writes down its time just before it lets the guest go on, and each of the observer's
//! samples carries the host's time: so the raw time at which the guest goes on is known to the time that
//! letting go takes. Nor can it be before the last sample from before the pause. The later of the two is
//! where a recovery begins; neither makes it shorter than it was.

use std::thread;
use std::time::{Duration, Instant};

use hostclock_lab_guest::trace::Sample;

use super::Session;
use crate::error::{Context, Error, Result};

/// How the guest is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// `stop` and `cont` in QEMU's monitor.
    Monitor,
    /// SIGSTOP and SIGCONT to the process of QEMU.
    Signal,
}

impl Session {
    /// Stops the guest for `length`, and notes under `label` when it went on.
    pub(crate) fn pause(&mut self, label: &str, length: Duration, how: Halt) -> Result<GoingOn> {
        let known = self.update()?.samples.len();
        let work = match how {
            Halt::Monitor => "pause /run/monitor.sock",
            Halt::Signal => "freeze /run/qemu.pid",
        };
        let command = format!("lab {work} {}", length.as_millis());
        let released = self.lab.host.run_within(length + Duration::from_secs(20), &command)?;
        self.note_going_on(label, known, moment(&released)?, length)
    }

    /// Waits until the observer's samples beyond the first `known` show that the guest goes on, let go on at
    /// the host's time `released` after it had been away for at least `length`; notes that under `label`.
    pub(super) fn note_going_on(
        &mut self,
        label: &str,
        known: usize,
        released: i64,
        length: Duration,
    ) -> Result<GoingOn> {
        let found = self.await_going_on(known, released, length)?;
        self.write_down(label, found.before, found.after)?;
        Ok(found)
    }

    /// The same without a note.
    pub(super) fn await_going_on(
        &mut self,
        known: usize,
        released: i64,
        length: Duration,
    ) -> Result<GoingOn> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let samples = self.update()?.samples.get(known.saturating_sub(1)..).unwrap_or_default();
            if let Some(found) = going_on(samples, released, length) {
                return Ok(found);
            }
            if Instant::now() > deadline {
                return Err(Error::new("the observer didn't see how the guest went on"));
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

/// The host's time that one of its programs printed, in ns since 1970.
pub(super) fn moment(said: &str) -> Result<i64> {
    said.trim().parse().context(|| format!("no time: {said:?}"))
}

/// How a guest went on that was stopped, in ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GoingOn {
    /// The raw time before which it did not.
    pub(crate) before: i64,
    /// The raw time of the first sample afterwards.
    pub(super) after: i64,
    /// By how much its counter has fallen behind the host's clock.
    pub(crate) lost: i64,
}

/// Where in `samples` the guest was let go on at the host's time `released`. `None` while that isn't seen.
fn going_on(samples: &[Sample], released: i64, length: Duration) -> Option<GoingOn> {
    let after = samples.iter().position(|sample| sample.reference >= released)?;
    let (last, first) = (samples.get(after.checked_sub(1)?)?, samples.get(after)?);
    let between = first.reference - last.reference;
    // Nothing is sampled while the guest is stopped.
    if u128::try_from(between).ok()? < length.as_nanos() {
        return None;
    }
    let before = last.raw.max(first.raw - (first.reference - released));
    Some(GoingOn { before, after: first.raw, lost: between - (first.raw - last.raw) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_millis(200);

    fn sample(raw: i64, reference: i64) -> Sample {
        Sample { raw, reference, ..Sample::default() }
    }

    #[test]
    fn a_pause_ends_between_the_release_and_the_first_sample() {
        let samples = [sample(1_000, 5_000), sample(2_000, 6_000), sample(4_000, 200_008_000)];
        let found = going_on(&samples, 200_007_000, PAUSE);
        assert_eq!(found, Some(GoingOn { before: 3_000, after: 4_000, lost: 200_000_000 }));
    }

    #[test]
    fn it_does_not_end_before_the_last_sample_that_precedes_it() {
        let samples = [sample(2_000, 6_000), sample(4_000, 200_008_000)];
        let found = going_on(&samples, 200_001_000, PAUSE);
        assert_eq!(found.map(|found| found.before), Some(2_000));
    }

    #[test]
    fn a_counter_that_goes_on_meanwhile_loses_nothing() {
        let samples = [sample(2_000, 6_000), sample(200_004_000, 200_008_000)];
        let found = going_on(&samples, 200_007_000, PAUSE);
        assert_eq!(found, Some(GoingOn { before: 200_003_000, after: 200_004_000, lost: 0 }));
    }

    #[test]
    fn nothing_is_found_before_it_is_sampled() {
        assert_eq!(going_on(&[sample(1_000, 5_000)], 200_007_000, PAUSE), None);
        assert_eq!(going_on(&[], 200_007_000, PAUSE), None);
    }
}
