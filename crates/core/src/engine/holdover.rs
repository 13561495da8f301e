//! What is done while there are no readings: the clock runs on with the frequency that is known best, its
//! error grows and is told, and a step that somebody else makes is undone all the same.

use super::course::{Disturbance, StepUnderWay};
use super::decide::KERNEL_TICK;
use super::foreign::{ForeignRate, LineDoubt};
use super::trust::TRIAL_INTERVAL;
use super::{Action, Engine, KERNEL_GUESS};
use crate::adjust::{Adjustment, Health, KernelRate};
use crate::bound::Bound;
use crate::line::Departure;
use crate::notice::{Loss, Notice};
use crate::policy::{Mode, Verdict};
use crate::reading::{Method, Reading};
use crate::status::{Correction, State, StepCause};
use crate::units::{Duration, Frequency, RawTime, Timestamp};

/// The longest time between two looks at a source that is lost.
pub(super) const HOLD_INTERVAL: Duration = Duration::from_secs(1);
/// How far the kernel may be off about the length of a sleep: by what the battery-backed clock can't tell, and a
/// part of the sleep, one in so many. (Crystals of such clocks are 20 to 200 ppm off.)
const RTC: (Duration, i64) = (Duration::from_secs(1), 5_000);

impl Engine {
    /// The source is lost: run on with the long-term frequency.
    pub(super) fn lose(&mut self, now: RawTime, loss: Loss) -> Action {
        self.source.trust.end_trial();
        if self.source.estimator.is_some() && !self.course.state.is_holding() {
            self.run_on_alone(now, State::Holdover, Notice::Holdover { loss }, loss);
        } else {
            self.leave_alone(loss);
            if self.course.state.is_holding() {
                self.course.enter(State::Holdover, now);
            }
        }
        self.look_without_reading(now)
    }

    /// From now on the clock runs on without the host's, in `state`.
    pub(super) fn run_on_alone(&mut self, now: RawTime, state: State, notice: Notice, loss: Loss) {
        self.leave_alone(loss);
        self.journal.counters.holdovers += 1;
        self.journal.notices.push(notice);
        self.journal.history.lost(now, self.time_at(now), loss);
        self.course.enter(state, now);
        let spread = self.holdover_frequency(now).1;
        self.bound = self.bound_without_slew(now).map(|bound| bound.holding_over(spread));
    }

    /// There is no host's clock any more that a reading could be compared with.
    fn leave_alone(&mut self, loss: Loss) {
        self.source.loss = Some(loss);
        self.source.doubt = None;
        self.foreign.line_doubt = None;
    }

    /// There is nothing to read: at least see whether somebody set the clock. The kernel doesn't always tell,
    /// and the host can't.
    pub(super) fn look_without_reading(&mut self, now: RawTime) -> Action {
        if self.policy.mode == Mode::Control && self.clock.line.is_some() {
            return Action::Compare;
        }
        self.hold(now)
    }

    /// There is no reading at the moment: the clock goes on without the slew that the last one asked
    /// for, which would run past its target.
    pub(super) fn wait_without_slew(&mut self, now: RawTime) -> Action {
        if self.clock.slew == Frequency::ZERO || self.policy.mode != Mode::Control {
            return Action::Wait(self.timing.wake_at);
        }
        self.bound = self.bound_without_slew(now);
        self.clock.slew = Frequency::ZERO;
        self.clock.effect_expected = now;
        let rate = Some(KernelRate::nearest(self.host_frequency(Duration::ZERO)));
        self.clock.asked = Adjustment { step: None, rate, health: None, tai_offset: None };
        Action::Adjust(self.clock.asked)
    }

    pub(super) fn bound_without_slew(&self, now: RawTime) -> Option<Bound> {
        Some(self.bound?.slew_ended(now - self.source.last?.raw))
    }

    /// One tick without a source; also what is left behind at the end: the frequency without the slew
    /// that was meant to end at the next reading.
    pub(super) fn hold(&mut self, now: RawTime) -> Action {
        let interval = if self.source.trust.is_on_trial() { TRIAL_INTERVAL } else { HOLD_INTERVAL };
        self.timing.wake_at = now + self.policy.poll.min(interval);
        self.clock.slew = Frequency::ZERO;
        self.clock.effect_expected = now;
        let (Some(bound), Some(last), Mode::Control) = (self.bound, self.source.last, self.policy.mode)
        else {
            return Action::Wait(self.timing.wake_at);
        };
        let max_error = bound.after(now - last.raw + KERNEL_TICK);
        let health = self.holding_health(max_error);
        self.ask(None, Some(self.holdover_frequency(now).0), health)
    }

    /// What the kernel is told of a clock that runs on by itself.
    pub(super) fn holding_health(&self, max_error: Duration) -> Health {
        let synchronised = (self.course.state == State::Synchronised || self.course.state.is_holding())
            && max_error <= self.policy.holdover_limit;
        Health { synchronised, max_error, est_error: max_error.half() }
    }

    /// Without a source a foreign step is still one: the clock is put back on the line that it ran on.
    pub(super) fn on_comparison(&mut self, now: RawTime, raw: RawTime, system: Timestamp) -> Action {
        let comparison = Reading {
            reference: system,
            system,
            raw,
            uncertainty: Duration::ZERO,
            tied_within: Duration::ZERO,
            method: Method::Bracket,
        };
        let departure = match &self.clock.line {
            Some(line) if self.policy.mode == Mode::Control => {
                line.departure(&comparison, self.foreign.heard.is_some())
            }
            _ => Departure::None,
        };
        let doubted = self.foreign.line_doubt.replace(LineDoubt::Comparison);
        if departure != Departure::None && self.foreign.heard.is_none() && doubted != self.foreign.line_doubt
        {
            // The process may have been pre-empted between the two clocks: nobody is accused yet.
            return Action::Inspect;
        }
        self.foreign.line_doubt = None;
        let unheard = Disturbance { cause: self.foreign.rate.cause(), since: now };
        let disturbance = self.foreign.heard.take().unwrap_or(unheard);
        self.conclude_step(Duration::ZERO);
        let Departure::Foreign(by) = departure else {
            self.timing.steps_in_a_row = 0;
            if let (Some(line), ForeignRate::Restored) = (&mut self.clock.line, self.foreign.rate) {
                line.restart(&comparison);
            }
            self.foreign.rate = ForeignRate::No;
            return self.hold(now);
        };
        if let Some(line) = &mut self.clock.line {
            line.restart(&comparison);
        }
        self.foreign.rate.shows();
        self.remember(disturbance, by);
        let Disturbance { cause, since: noticed } = disturbance;
        if let ForeignRate::Found(rate) = self.foreign.rate {
            self.clock.running_away = rate.abs();
            self.miss(rate.as_ratio() * self.clock.lag.as_nanos_f64());
        }
        if cause == StepCause::Resumed {
            // The raw counter stood still while the machine slept, and the kernel knows better than it.
            self.miss((RTC.0 + Duration::from_nanos(by.as_nanos().abs() / RTC.1)).as_nanos_f64());
            return self.hold(now);
        }
        let by_policy =
            cause == StepCause::ForeignRate && self.policy.verdict(by, self.later()) == Verdict::Step;
        if !(by_policy || self.takes_back(cause)) {
            // The clock is wrong by that much, and stays so until there are readings.
            self.miss(by.as_nanos_f64());
            return self.hold(now);
        }
        match self.hold(now) {
            Action::Adjust(adjustment) => {
                self.journal.history.corrected_by(Correction::Step);
                self.course.step = Some(StepUnderWay { cause, before: by, noticed, done: None });
                self.clock.asked = Adjustment { step: Some(-by), ..adjustment };
                Action::Adjust(self.clock.asked)
            }
            action => action,
        }
    }

    /// The clock may be wrong by so many ns more.
    pub(super) fn miss(&mut self, by_ns: f64) {
        self.bound = self.bound.map(|bound| bound.missed_by(by_ns));
    }

    /// The frequency to run with without readings, and by how much it may be off.
    pub(super) fn holdover_frequency(&self, now: RawTime) -> (Frequency, Frequency) {
        match &self.source.estimator {
            Some(estimator) if estimator.knows_frequency() => {
                estimator.holdover_frequency(now - estimator.last())
            }
            Some(estimator) => (estimator.frequency().0, KERNEL_GUESS),
            None => (self.clock.kernel.rate.as_frequency(), KERNEL_GUESS),
        }
    }

    pub(super) fn leave_holdover(&mut self, now: RawTime, offset: Duration) {
        if self.course.state.is_holding() {
            let lasted_ns = now - self.course.since;
            self.journal.notices.push(Notice::HoldoverEnded { lasted_ns, offset_ns: offset });
            self.journal.history.found_again(lasted_ns, offset);
            self.timing.schedule.hurry();
            self.course.enter(State::Recovering, now);
        }
    }
}
