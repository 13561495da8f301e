//! What the kernel made of an adjustment: whether it came in time, and what has to be looked at again.

use super::foreign::ForeignRate;
use super::{Action, Applied, Engine};
use crate::adjust::Adjustment;
use crate::notice::Notice;
use crate::status::{State, StepCause};
use crate::units::{Duration, Frequency, RawTime};

/// Steps in a row, each after a look at the last, before the engine waits for the next poll: a kernel that
/// takes a step and doesn't make it (sandboxes do that) must not keep the process busy.
const STEPS_IN_A_ROW: u32 = 3;
/// After a step, how long until a reading shows whether the clock is right now. Whoever waited for it to be
/// right goes first: on a machine with one processor he would wait for our reading too.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// From a reading to the effect of its answer: some microseconds, more under emulation. What is longer
/// was a pre-emption.
const LONGEST_LAG: Duration = Duration::from_millis(10);

impl Engine {
    pub(super) fn on_adjusted(&mut self, applied: Applied) -> Action {
        let rate_before = self.clock.kernel.rate.as_frequency();
        let Adjustment { step, rate, .. } = self.clock.asked;
        match self.foreign.rate {
            ForeignRate::Found(by) => {
                // It did so until now, a little longer than was seen.
                self.foreign.rate = ForeignRate::Restored;
                // A step is told of when it is seen what it did.
                if step.is_none() {
                    self.changed_by_somebody(applied.after, Some(Notice::RateRestored { by }));
                }
            }
            ForeignRate::Shown => self.foreign.rate = ForeignRate::No,
            ForeignRate::Restored | ForeignRate::No => self.find_foreign_rate(&applied),
        }
        self.clock.kernel = applied.kernel;
        if let Some(line) = &mut self.clock.line {
            line.adjusted(applied.before, applied.after, step, rate.unwrap_or(applied.kernel.rate));
        }
        let effect = applied.before + (applied.after - applied.before).half();
        let missed = self.ran_on(&applied, applied.kernel.rate.as_frequency() - rate_before);
        self.miss(missed);
        if let Some(last) = self.source.last {
            self.learn_lag(effect - last.raw);
        }
        self.journal.told.accepted();
        if let Some(outcome) = self.course.outcome.take() {
            self.conclude(applied.after, outcome);
        }
        if step.is_some() {
            self.count_step();
            if let Some(step) = &mut self.course.step {
                step.done = Some(applied.after);
            }
            self.timing.steps_in_a_row += 1;
        }
        // So late that the kernel was told of less than may be wrong: once more, and in time.
        let untrue = self.max_error(applied.after) > Some(applied.kernel.health.max_error);
        if untrue && self.source.present && !self.timing.retold {
            self.timing.retold = true;
            return Action::Read;
        }
        if step.is_none() || self.timing.steps_in_a_row >= STEPS_IN_A_ROW {
            return Action::Wait(self.timing.wake_at);
        }
        // Look whether it is right: somebody may have set the clock again in between.
        if self.source.present {
            self.timing.wake_at = applied.after + LOOK_AGAIN;
            return Action::Wait(self.timing.wake_at);
        }
        Action::Compare
    }

    /// How far, in ns, the clock went wrong because the adjustment came sooner or later than was reckoned with:
    /// the process was pre-empted before the call, or in it.
    fn ran_on(&mut self, applied: &Applied, change: Frequency) -> f64 {
        let late = |than: RawTime| (applied.after - than).as_nanos_f64().max(0.0);
        let early = (self.clock.effect_expected - applied.before).as_nanos_f64();
        let at_our_rate = change.as_ratio() * late(self.clock.effect_expected).max(early);
        // A lag more than usual was reckoned with.
        let at_a_foreign_rate =
            self.clock.running_away.as_ratio() * late(self.clock.effect_expected + self.clock.lag);
        self.clock.running_away = Frequency::ZERO;
        at_our_rate.abs() + at_a_foreign_rate
    }

    /// Takes in how long it took from a reading to the effect of its answer. A process that was
    /// pre-empted in between says nothing of the next time.
    fn learn_lag(&mut self, lag: Duration) {
        if lag.is_negative() || lag > LONGEST_LAG {
            return;
        }
        self.clock.lag = if self.clock.lag == Duration::ZERO {
            lag
        } else {
            (self.clock.lag.times(3) + lag.min(self.clock.lag.times(2))).half().half()
        };
    }

    pub(super) fn on_refused(&mut self, now: RawTime, errno: i32) -> Action {
        self.journal.counters.failed_adjustments += 1;
        self.course.step = None;
        self.course.outcome = None;
        // What it said was meant for a clock that is adjusted.
        self.bound = None;
        self.journal.told.refused(errno, &mut self.journal.notices);
        self.course.enter(State::Unsynchronised, now);
        self.timing.wake_at = now + self.policy.poll;
        Action::Wait(self.timing.wake_at)
    }

    fn count_step(&mut self) {
        self.journal.counters.steps += 1;
        match self.course.step.map(|step| step.cause) {
            Some(cause @ StepCause::ForeignStep) if self.takes_back(cause) => {
                self.journal.counters.foreign_steps_undone += 1
            }
            // What the kernel did when it woke is no step of ours to be counted, nor of a rival's.
            Some(cause @ StepCause::Resumed) if self.takes_back(cause) => {}
            Some(StepCause::Start) | None => {}
            Some(_) => self.course.steps_after_start += 1,
        }
    }
}
