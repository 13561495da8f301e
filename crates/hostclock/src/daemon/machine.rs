//! The real machine, as the engine's driver wants it.

use hostclock_core::adjust::{Adjustment, KernelState};
use hostclock_core::driver::Machine;
use hostclock_core::engine::Applied;
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::units::{Duration, RawTime, Timestamp};
use hostclock_linux::clock::{self, AdjustError, Changed, SystemClock};
use hostclock_linux::clock_set::ClockSetWatch;

use crate::source::Source;

/// Nobody has changed the clock's rate since.
const A_MOMENT: Duration = Duration::from_millis(1);

/// What the driver acts on.
#[derive(Debug)]
pub(crate) struct Linux {
    pub(crate) source: Option<Source>,
    pub(crate) clock: SystemClock,
    /// Hears that somebody set the clock, where the kernel offers it.
    pub(crate) watch: Option<ClockSetWatch>,
    /// When the last adjustment was made.
    pub(crate) adjusted: Option<RawTime>,
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
        // While the clock is wrong every system call counts, and what was seen a moment ago is known.
        let is_known = self.adjusted.is_some_and(|then| before - then < A_MOMENT);
        let adjusted = if adjustment.step.is_some() || is_known {
            self.clock.adjust_at_once(adjustment)
        } else {
            self.clock.adjust(adjustment)
        };
        let Changed { found, state: kernel } = adjusted.map_err(AdjustError::errno)?;
        let after = clock::now_raw();
        self.adjusted = Some(after);
        if adjustment.step.is_some() {
            if let Some(watch) = &mut self.watch {
                // Our own step: not news. A foreign one in between shows in the reading that follows.
                watch.heard();
            }
        }
        Ok(Applied { before, after, found, kernel })
    }
}
