//! The real machine, as the engine's driver wants it.

use hostclock_core::adjust::{Adjustment, KernelState};
use hostclock_core::driver::Machine;
use hostclock_core::engine::Applied;
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::units::{Duration, RawTime, Timestamp};
use hostclock_linux::clock::{self, AdjustError, Changed, SystemClock};
use hostclock_linux::clock_set::ClockSetWatch;

use crate::source::Source;

/// Nobody has announced a leap second since.
const A_MOMENT: Duration = Duration::from_millis(1);

/// What the driver acts on.
#[derive(Debug)]
pub(crate) struct Linux {
    pub(crate) source: Option<Source>,
    pub(crate) clock: SystemClock,
    /// Hears that somebody set the clock, where the kernel offers it.
    pub(crate) watch: Option<ClockSetWatch>,
    /// The kernel's status word after the last adjustment, and when that was.
    pub(crate) status: Option<(u32, RawTime)>,
}

impl Machine for Linux {
    fn now(&mut self) -> RawTime {
        clock::now_raw()
    }

    fn read(&mut self, method: Method) -> Result<Reading, Failure> {
        self.source.as_ref().map_or(Err(Failure::NoDevice), |source| source.read(method))
    }

    fn probe(&mut self, method: Method) -> Result<Reading, Failure> {
        self.source.as_ref().map_or(Err(Failure::NoDevice), |source| source.probe(method))
    }

    fn kernel(&mut self) -> Option<KernelState> {
        self.clock.state().ok()
    }

    fn compare(&mut self) -> (RawTime, Timestamp) {
        clock::compare()
    }

    fn adjust(&mut self, adjustment: &Adjustment) -> Result<Applied, i32> {
        let before = clock::now_raw();
        let adjusted = match known_status(adjustment, self.status, before) {
            Some(status) => self.clock.adjust_knowing(adjustment, status),
            None => self.clock.adjust(adjustment),
        };
        let Changed { found, state: kernel } = adjusted.map_err(AdjustError::errno)?;
        let after = clock::now_raw();
        self.status = Some((kernel.status, after));
        if adjustment.step.is_some() {
            if let Some(watch) = &mut self.watch {
                // Our own step: not news. A foreign one in between shows in the reading that follows.
                watch.heard();
            }
        }
        Ok(Applied { before, after, found, kernel })
    }
}

/// The kernel's status word at `now`, where it need not be asked for: `last` is what it was, and when.
fn known_status(adjustment: &Adjustment, last: Option<(u32, RawTime)>, now: RawTime) -> Option<u32> {
    // While the clock is wrong every system call counts.
    let (status, _) = last.filter(|(_, then)| adjustment.step.is_some() || now - *then < A_MOMENT)?;
    Some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in the simulator: crates/sim/tests/faults_by_reading/leap.rs.
    #[test]
    #[should_panic(expected = "fault 11: ")]
    fn a_step_does_not_write_an_old_status_word_back() {
        let last = Some((0x2010, RawTime::from_nanos(1_000_000_000)));
        let nothing = Adjustment { step: None, rate: None, health: None, tai_offset: None };
        let step = Adjustment { step: Some(Duration::from_secs(1)), ..nothing };
        let in_a_second = RawTime::from_nanos(2_000_000_000);
        assert_eq!(known_status(&nothing, last, in_a_second), None);
        let written = known_status(&step, last, in_a_second);
        assert!(written.is_none(), "fault 11: a step writes the status word of a second ago: {written:x?}");
    }
}
