//! From an accepted reading to what is done about it.

use super::applied::LOOK_AGAIN;
use super::conclude::Outcome;
use super::course::{Disturbance, StepUnderWay};
use super::foreign::{Foreign, ForeignRate};
use super::holdover::HOLD_INTERVAL;
use super::{Action, Engine, KERNEL_GUESS};
use crate::adjust::{Adjustment, Health, KernelRate};
use crate::bound::{Bound, Known};
use crate::discipline::{Situation, slew};
use crate::pace::Target;
use crate::policy::{Circumstance, Mode, Verdict, Withheld};
use crate::reading::Reading;
use crate::status::{Correction, State, StepCause};
use crate::units::{Duration, Frequency, RawTime};

/// A clock this close to the host's is called synchronised, beyond what the reading itself may be off.
const CLOSE: Duration = Duration::from_micros(10);
/// The kernel lets its maximum error grow by 500 us, but only once a second: until then what it was told
/// must hold, also when the next reading is late.
pub(super) const KERNEL_TICK: Duration = Duration::from_secs(1);

/// The offset at a reading: system minus reference.
#[derive(Clone, Copy, Debug)]
struct Offset {
    whole: Duration,
    fraction_ns: f64,
    sigma_ns: f64,
}

impl Offset {
    fn nanos(&self) -> f64 {
        self.whole.as_nanos_f64() + self.fraction_ns
    }

    fn rounded(&self) -> Duration {
        self.whole + Duration::from_nanos_f64(self.fraction_ns)
    }
}

fn is_close(reading: &Reading, offset: Offset) -> bool {
    offset.nanos().abs() <= (CLOSE + reading.uncertainty).as_nanos_f64() + 4.0 * offset.sigma_ns
}

impl Engine {
    /// What to do after `reading`, which both the estimator and the system clock's line have taken in.
    pub(super) fn decide(
        &mut self,
        now: RawTime,
        reading: &Reading,
        broke: bool,
        foreign: Foreign,
    ) -> Action {
        let Some(offset) = self.offset_at(reading) else {
            return Action::Read;
        };
        let disturbed = broke || foreign != Foreign::No || !self.course.start_done;
        self.journal.statistics.offset(offset.nanos(), disturbed);
        self.conclude_step(offset.rounded());
        self.note_disturbance(now, offset.rounded(), broke, foreign);
        self.watch_rivalry(now);

        let circumstance = match foreign {
            _ if !self.course.start_done => Circumstance::Start,
            Foreign::Step { cause, .. } if self.takes_back(cause) => Circumstance::ForeignStep,
            _ => self.later(),
        };
        self.clock.running_away = foreign.rate();
        let verdict = self.policy.verdict(offset.rounded(), circumstance);
        if verdict != Verdict::Step {
            self.timing.steps_in_a_row = 0;
        }
        match verdict {
            Verdict::Step => self.step(now, reading, offset, circumstance, foreign),
            Verdict::Slew(withheld) => self.steer(now, reading, offset, withheld),
            Verdict::Refuse => self.refuse(now, reading, offset),
        }
    }

    fn offset_at(&self, reading: &Reading) -> Option<Offset> {
        let host = self.source.estimator.as_ref()?.at(reading.raw);
        let (system, fraction_ns, variance) = match (&self.clock.line, self.policy.mode) {
            (Some(line), Mode::Control) => {
                let (system, fraction_ns) = line.system_at(reading.raw);
                (system, fraction_ns, line.variance())
            }
            _ => (reading.system, 0.0, 0.0),
        };
        Some(Offset {
            whole: system - host.reference,
            fraction_ns: fraction_ns - host.fraction_ns,
            sigma_ns: (variance + host.sigma_ns * host.sigma_ns).sqrt(),
        })
    }

    fn note_disturbance(&mut self, now: RawTime, offset: Duration, broke: bool, foreign: Foreign) {
        let surprised = self.source.surprised.take();
        let disturbance = match foreign {
            _ if !self.course.start_done => Disturbance { cause: StepCause::Start, since: self.started },
            Foreign::Step { cause, since, .. } => Disturbance { cause, since },
            Foreign::No if broke => {
                let cause =
                    if self.course.state.is_holding() { StepCause::Holdover } else { StepCause::HostMoved };
                Disturbance { cause, since: surprised.unwrap_or(now) }
            }
            Foreign::No => return,
        };
        self.course.disturbance = Some(disturbance);
        self.remember(disturbance, offset);
    }

    /// Keeps it for the history, and counts it.
    pub(super) fn remember(&mut self, disturbance: Disturbance, offset: Duration) {
        let Disturbance { cause, since } = disturbance;
        if cause == StepCause::ForeignRate {
            if self.foreign.rate == ForeignRate::Shown {
                // Counted when it was overwritten.
                self.journal.history.foreign_rate_shows(offset);
                return;
            }
            self.journal.counters.foreign_rates_undone += 1;
        }
        self.journal.history.disturbed(cause, since, self.time_at(since), offset);
    }

    fn step(
        &mut self,
        now: RawTime,
        reading: &Reading,
        offset: Offset,
        circumstance: Circumstance,
        foreign: Foreign,
    ) -> Action {
        let cause = self.course.disturbance.map_or(StepCause::HostMoved, |disturbance| disturbance.cause);
        let target = self.step_target(offset, circumstance, foreign);
        self.leave_holdover(now, offset.rounded());
        self.journal.told.nothing_withheld();
        if self.policy.mode != Mode::Control {
            return self.only_observe(now, reading, offset, Some(cause));
        }
        self.timing.schedule.hurry();
        self.course.start_done = true;
        self.journal.history.corrected_by(Correction::Step);
        self.clock.slew = Frequency::ZERO;
        self.clock.effect_expected = reading.raw + self.clock.lag;
        let frequency = self.host_frequency(Duration::ZERO);
        let drifted =
            (self.clock.kernel.rate.as_frequency() - frequency).as_ratio() * self.clock.lag.as_nanos_f64();
        let change = -(target + Duration::from_nanos_f64(offset.fraction_ns + drifted));
        let noticed = self.course.disturbance.map_or(now, |disturbance| disturbance.since);
        self.course.step = Some(StepUnderWay { cause, before: offset.rounded(), noticed, done: None });
        self.course.enter(if cause == StepCause::Start { State::Acquiring } else { State::Recovering }, now);
        self.timing.wake_at = now + self.policy.poll;
        let withheld = (offset.whole - target).abs();
        let interval = self.policy.poll.min(HOLD_INTERVAL);
        let health = self.health(reading, offset, withheld.as_nanos_f64(), interval, withheld <= CLOSE);
        self.ask(Some(change), Some(frequency), health)
    }

    /// What the policy is asked of what is neither a start nor taken back.
    pub(super) fn later(&self) -> Circumstance {
        Circumstance::Later { steps: self.course.steps_after_start }
    }

    /// A foreign step is undone whatever the policy says of steps; what was wrong before it is not, and
    /// stays if the policy wants it slewed or left alone. A foreign step that brought the clock nearer to the
    /// host's time is not taken back, but completed.
    fn step_target(&self, offset: Offset, circumstance: Circumstance, foreign: Foreign) -> Duration {
        let (Circumstance::ForeignStep, Foreign::Step { by, .. }) = (circumstance, foreign) else {
            return offset.whole;
        };
        let before = offset.whole - by;
        let for_the_better = offset.whole.abs() <= before.abs();
        if for_the_better
            || before.abs() <= CLOSE
            || self.policy.verdict(before, self.later()) == Verdict::Step
        {
            offset.whole
        } else {
            by
        }
    }

    fn steer(
        &mut self,
        now: RawTime,
        reading: &Reading,
        offset: Offset,
        withheld: Option<Withheld>,
    ) -> Action {
        match withheld {
            Some(cause) => self.journal.told.withheld(cause, offset.rounded(), &mut self.journal.notices),
            None => self.journal.told.nothing_withheld(),
        }
        self.leave_holdover(now, offset.rounded());
        if self.policy.mode != Mode::Control {
            return self.only_observe(now, reading, offset, None);
        }
        self.course.start_done = true;
        let situation = Situation {
            offset_ns: offset.nanos(),
            sigma_ns: offset.sigma_ns,
            interval: self.next_interval(offset.rounded()),
            fast: offset.nanos().abs() > 4.0 * offset.sigma_ns,
        };
        let mut plan = slew(&situation, &self.policy);
        // With a frequency in doubt there is no telling where the clock will be: read again before it is far.
        let doubt_ppb =
            self.source.estimator.as_ref().map_or(0.0, |estimator| estimator.frequency().1.as_ppb());
        let tolerable_ns = CLOSE.as_nanos_f64() + situation.offset_ns.abs() + 4.0 * situation.sigma_ns;
        let soon = Duration::from_nanos_f64(tolerable_ns / doubt_ppb.max(1.0) * 1e9);
        plan.interval = plan.interval.min(soon.max(LOOK_AGAIN));
        if plan.fast {
            self.timing.schedule.hurry();
        }
        self.timing.interval = plan.interval;
        self.clock.slew = plan.frequency;
        self.clock.effect_expected = reading.raw + self.clock.lag;
        self.timing.wake_at = reading.raw + self.clock.lag + plan.interval;
        // Ordinary corrections don't end synchronisation: at long polls a host under NTP is always a little away.
        let ordinary = self.course.state == State::Synchronised
            && self.course.disturbance.is_none()
            && withheld.is_none()
            && !plan.fast;
        let close = ordinary || is_close(reading, offset);
        self.course.outcome = Some(Outcome { close, offset: offset.rounded() });
        let health = self.health(reading, offset, offset.nanos(), plan.interval, close);
        self.ask(None, Some(self.host_frequency(plan.interval) + plan.frequency), health)
    }

    fn refuse(&mut self, now: RawTime, reading: &Reading, offset: Offset) -> Action {
        self.journal.told.withheld(
            Withheld::LargerThanLargestStep,
            offset.rounded(),
            &mut self.journal.notices,
        );
        self.leave_holdover(now, offset.rounded());
        self.course.enter(State::Unsynchronised, now);
        if self.policy.mode != Mode::Control {
            return self.only_observe(now, reading, offset, None);
        }
        self.timing.interval = self.timing.schedule.advance(self.policy.poll);
        self.clock.slew = Frequency::ZERO;
        self.clock.effect_expected = reading.raw + self.clock.lag;
        self.timing.wake_at = reading.raw + self.timing.interval;
        let health = self.health(reading, offset, offset.nanos(), self.timing.interval, false);
        self.ask(None, Some(self.host_frequency(self.timing.interval)), health)
    }

    fn only_observe(
        &mut self,
        now: RawTime,
        reading: &Reading,
        offset: Offset,
        step: Option<StepCause>,
    ) -> Action {
        self.course.start_done = true;
        if let (Some(cause), Mode::DryRun) = (step, self.policy.mode) {
            self.journal.told.would_step(cause, offset.rounded(), &mut self.journal.notices);
        }
        self.timing.interval = self.next_interval(Duration::ZERO);
        self.timing.wake_at = reading.raw + self.timing.interval;
        self.clock.running_free = (self.clock.rate_seen - self.host_frequency(Duration::ZERO)).abs();
        let _ = self.health(reading, offset, offset.nanos(), self.timing.interval, false);
        if is_close(reading, offset) {
            self.conclude(now, Outcome { close: true, offset: offset.rounded() });
            self.journal.told.nothing_withheld();
        } else {
            self.course.enter(State::Unsynchronised, now);
            self.journal.told.observed(offset.rounded());
        }
        Action::Wait(self.timing.wake_at)
    }

    /// The time to the next reading, if nothing speaks against it, when `offset` was found at this one.
    fn next_interval(&mut self, offset: Duration) -> Duration {
        if let (Some(accuracy), Some(estimator)) = (self.policy.accuracy, &self.source.estimator) {
            let target = Target { accuracy, unavoidable: estimator.bias() };
            if target.is_missed_by(offset) {
                self.timing.schedule.shorten(self.policy.poll);
            }
            self.timing.pace.choose(target, self.policy.poll, |span| estimator.expected_error_ns(span));
        }
        self.timing.schedule.advance(self.timing.pace.interval())
    }

    pub(super) fn host_frequency(&self, span: Duration) -> Frequency {
        match &self.source.estimator {
            Some(estimator) if span > Duration::ZERO => estimator.mean_frequency(span),
            Some(estimator) => estimator.frequency().0,
            None => self.clock.kernel.rate.as_frequency(),
        }
    }

    /// What to tell the kernel after `reading`, when `left_ns` of `offset` is still to be
    /// slewed; and keeps the bound.
    fn health(
        &mut self,
        reading: &Reading,
        offset: Offset,
        left_ns: f64,
        interval: Duration,
        synchronised: bool,
    ) -> Health {
        let (skew, unseen, bias) = match &self.source.estimator {
            Some(estimator) => {
                // What the kernel's rate seemed to be good for has to be seen first.
                let skew = if estimator.knows_frequency() { estimator.frequency().1 } else { KERNEL_GUESS };
                (skew, estimator.unseen(interval), estimator.bias())
            }
            None => (Frequency::ZERO, Frequency::ZERO, reading.uncertainty),
        };
        let unseen = unseen + self.clock.running_free;
        let sigma_ns = offset.sigma_ns;
        // The estimate may be wrong, or the clock off its line; what the reading itself says holds.
        let seen_ns = (reading.offset() - offset.whole).as_nanos_f64() - offset.fraction_ns + left_ns;
        let beyond_bias_ns = (reading.uncertainty - bias).as_nanos_f64();
        // A rate that isn't ours moves the clock until it is ours again.
        let will_run_away_ns = self.clock.running_away.as_ratio() * self.clock.lag.times(2).as_nanos_f64();
        let offset_ns = left_ns.abs().max(seen_ns.abs() + beyond_bias_ns) + will_run_away_ns;
        let slew = self.clock.slew;
        let bound = Bound::tracking(&Known { offset_ns, sigma_ns, bias, skew, unseen, slew, interval });
        self.bound = Some(bound);
        let max_error = bound.after(interval + KERNEL_TICK);
        Health {
            synchronised,
            max_error,
            est_error: Duration::from_nanos_f64((left_ns.abs() + will_run_away_ns + sigma_ns).ceil()),
        }
    }

    pub(super) fn ask(&mut self, step: Option<Duration>, rate: Option<Frequency>, health: Health) -> Action {
        let tai_offset = self.policy.tai_offset.filter(|wanted| *wanted != self.clock.kernel.tai_offset);
        // The kernel runs the clock a little off the rate that it is told: tell it so much less, while
        // readings show how much.
        let learnt = self.clock.line.as_ref().filter(|_| self.source.loss.is_none());
        let error = learnt.map_or(Frequency::ZERO, |line| line.rate_error_over(self.timing.interval));
        let rate = rate.map(|rate| KernelRate::nearest(rate - error));
        self.clock.asked = Adjustment { step, rate, health: Some(health), tai_offset };
        Action::Adjust(self.clock.asked)
    }
}
