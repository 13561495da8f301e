//! A rehearsal: the way from hearing of a step to undoing it is gone once, at the start, in a world made
//! of numbers. The program's pages are then in memory (and, in an emulator, translated) when it
//! matters, instead of being brought in from a disk while the clock is wrong. It takes some tens of
//! microseconds and touches nothing.

use hostclock_core::adjust::{Adjustment, Health, KernelRate, KernelState};
use hostclock_core::driver::{Machine, drive};
use hostclock_core::engine::{Applied, Engine, Event};
use hostclock_core::ladder::Ladder;
use hostclock_core::policy::{Mode, Policy};
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::units::{Duration, RawTime, Timestamp};

/// A clock that is moved, and a host that isn't.
struct Stage {
    raw: RawTime,
    offset: Duration,
}

const HOST: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);
const CALL: Duration = Duration::from_micros(1);
const STATE: KernelState = KernelState {
    rate: KernelRate::NOMINAL,
    health: Health { synchronised: true, max_error: CALL, est_error: CALL },
    tai_offset: 0,
    status: 0,
};

impl Machine for Stage {
    fn now(&mut self) -> RawTime {
        self.raw = self.raw + CALL;
        self.raw
    }

    fn read(&mut self, method: Method) -> Result<Reading, Failure> {
        let raw = self.now();
        let reference = HOST + (raw - RawTime::default());
        Ok(Reading {
            reference,
            system: reference + self.offset,
            raw,
            uncertainty: Duration::ZERO,
            tied_within: Duration::ZERO,
            method,
        })
    }

    fn kernel(&mut self) -> Option<KernelState> {
        Some(STATE)
    }

    fn compare(&mut self) -> (RawTime, Timestamp) {
        let raw = self.now();
        (raw, HOST + (raw - RawTime::default()) + self.offset)
    }

    fn adjust(&mut self, adjustment: &Adjustment) -> Result<Applied, i32> {
        let before = self.now();
        self.offset += adjustment.step.unwrap_or_default();
        let kernel = KernelState { rate: adjustment.rate.unwrap_or(KernelRate::NOMINAL), ..STATE };
        Ok(Applied { before, after: self.now(), found: None, kernel })
    }
}

/// Starts, undoes three steps, and says how much it would have logged.
pub(super) fn rehearse(policy: Policy) -> usize {
    let mut stage = Stage { raw: RawTime::from_nanos(1_000_000_000), offset: Duration::from_secs(1) };
    let mut lines = 0;
    let mut engine = Engine::new(Policy { mode: Mode::Control, ..policy }, stage.raw, STATE);
    let mut ladder = Ladder::default();
    let mut wake_at = drive(&mut engine, &mut ladder, &mut stage, Event::SourceFound);
    for step in [3_600_000_000_000, -20_000_000, 1_000] {
        stage.raw = stage.raw.max(wake_at);
        drive(&mut engine, &mut ladder, &mut stage, Event::Wake);
        stage.offset += Duration::from_nanos(step);
        stage.raw = drive(&mut engine, &mut ladder, &mut stage, Event::ClockSet);
        wake_at = drive(&mut engine, &mut ladder, &mut stage, Event::Wake);
        while let Some(notice) = engine.take_notice() {
            lines += notice.to_string().len();
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rehearsal_goes_the_whole_way() {
        // Four steps, each with a line of its own.
        assert!(rehearse(Policy::default()) > 4 * 60);
    }
}
