//! Whether the host's clock can be believed at all. A clock that goes backwards again and again, stands still,
//! or runs at a rate that no clock has, is not followed: the system clock goes back to where it would be
//! without the first of these jumps, and runs on by itself until the host's has been steady for a while.
//!
//! One jump, in either direction, is a host that was set or a guest that was stopped, and is followed. Jumps
//! that a slew explains (an eighth of the time since the reading before, which is more than any kernel
//! slews) don't count. Jumps forward may be a guest that is stopped again and again, so more of them are
//! needed, and what was followed of them is not taken back. The weak point is a host that is set backwards
//! three times in ten seconds by somebody who means it: it is followed a second after the last time.

use super::course::StepUnderWay;
use super::decide::KERNEL_TICK;
use super::{Action, Engine};
use crate::bound::{Bound, Known};
use crate::estimator::Estimator;
use crate::notice::{Loss, Notice};
use crate::policy::{Circumstance, Mode, Verdict};
use crate::reading::Reading;
use crate::status::{State, StepCause};
use crate::units::{Duration, Frequency, RawTime};

/// How many jumps are remembered, and for how long.
const REMEMBERED: usize = 16;
const BACKWARD_WINDOW: Duration = Duration::from_secs(10);
const SHORT_WINDOW: Duration = Duration::from_secs(2);
/// So many backward ones within the long time are too many, so many of which one is backward within the short
/// time, and so many forward ones.
const BACKWARD_JUMPS: usize = 3;
const MIXED_JUMPS: usize = 4;
const FORWARD_JUMPS: usize = 6;
/// A jump by less than this part of the time since the reading before may be a slew.
const SLEW: i64 = 8;
/// How far a clock that is believed again may change its frequency between two readings, as a part.
const STEADY: i64 = 2_000;
/// For how long, and in how many readings, it has to be steady, and the time between these.
const TRIAL: (Duration, u32) = (Duration::from_secs(1), 8);
pub(super) const TRIAL_INTERVAL: Duration = Duration::from_millis(100);

/// A jump of the host's clock against the raw counter.
#[derive(Clone, Copy, Debug)]
struct Jump {
    at: RawTime,
    by: Duration,
}

/// What speaks for and against the host's clock.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    jumps: [Option<Jump>; REMEMBERED],
    /// When it was last where it was expected.
    well: RawTime,
    /// The estimator as it was before the first of the jumps.
    before: Option<Estimator>,
    /// While the clock isn't believed: how long it has been steady.
    trial: Option<Trial>,
}

/// How long a clock has been steady: since the first of so many readings.
#[derive(Clone, Copy, Debug, Default)]
struct Trial {
    since: RawTime,
    last: Option<Reading>,
    readings: u32,
}

impl Trust {
    /// All is well, at `now`.
    pub(super) fn is_well(&mut self, now: RawTime) {
        self.well = now;
    }

    /// Takes in a jump that a second reading confirmed; `estimator` has not followed it yet. Gives why the
    /// clock isn't believed any more, if that is so.
    pub(super) fn on_jump(&mut self, reading: &Reading, estimator: &Estimator) -> Option<Loss> {
        let by = estimator.departure(reading);
        let since_last = reading.raw - self.well.max(estimator.last());
        if by.abs() <= Duration::from_nanos(since_last.as_nanos() / SLEW) {
            return None;
        }
        if self.since(reading.raw, BACKWARD_WINDOW).next().is_none() {
            *self = Self { before: Some(estimator.clone()), well: self.well, ..Self::default() };
        }
        self.jumps.rotate_right(1);
        if let Some(first) = self.jumps.first_mut() {
            *first = Some(Jump { at: reading.raw, by });
        }
        let backward = self.since(reading.raw, BACKWARD_WINDOW).filter(|jump| jump.by.is_negative()).count();
        let lately = self.since(reading.raw, SHORT_WINDOW).count();
        let back_lately = self.since(reading.raw, SHORT_WINDOW).any(|jump| jump.by.is_negative());
        if backward >= BACKWARD_JUMPS || (back_lately && lately >= MIXED_JUMPS) {
            Some(Loss::Backwards)
        } else if lately >= FORWARD_JUMPS {
            Some(Loss::Racing)
        } else {
            None
        }
    }

    fn since(&self, now: RawTime, window: Duration) -> impl Iterator<Item = &Jump> {
        self.jumps.iter().flatten().filter(move |jump| now - jump.at <= window)
    }

    /// The estimator to go back to, when what it followed since was no stop of this machine.
    fn take_before(&mut self, now: RawTime) -> Option<Estimator> {
        let went_back = self.since(now, BACKWARD_WINDOW).any(|jump| jump.by.is_negative());
        self.before.take().filter(|_| went_back)
    }

    /// Begins to watch a clock that isn't believed.
    pub(super) fn doubt(&mut self) {
        *self = Self { trial: Some(Trial::default()), ..Self::default() };
    }

    /// Ends that: there is nothing to watch, or no reason to.
    pub(super) fn end_trial(&mut self) {
        self.trial = None;
    }

    /// Whether the clock isn't believed.
    pub(super) const fn is_on_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// Takes in a reading of a clock that isn't believed; whether it is again.
    fn try_again(&mut self, reading: &Reading) -> bool {
        let Some(trial) = &mut self.trial else { return true };
        if !trial.last.is_some_and(|last| is_steady(&last, reading)) {
            *trial = Trial { since: reading.raw, ..Trial::default() };
        }
        trial.last = Some(*reading);
        trial.readings += 1;
        reading.raw - trial.since >= TRIAL.0 && trial.readings >= TRIAL.1
    }
}

/// Whether the host's clock went on from one reading to the next as a clock does.
fn is_steady(first: &Reading, second: &Reading) -> bool {
    let dt = second.raw - first.raw;
    let moved = (second.reference - first.reference) - dt;
    let allowed = first.uncertainty + second.uncertainty + Duration::from_micros(1);
    dt > Duration::ZERO && moved.abs() <= allowed + Duration::from_nanos(dt.as_nanos() / STEADY)
}

impl Engine {
    /// The host's clock isn't believed any more: back to where the clock would be without it.
    pub(super) fn distrust(&mut self, now: RawTime, reading: Option<&Reading>, loss: Loss) -> Action {
        let before = self.source.trust.take_before(now);
        self.source.trust.doubt();
        self.source.surprised = None;
        self.course.disturbance = None;
        self.source.failures = 0;
        self.run_on_alone(now, State::HostUnreliable, Notice::HostUnreliable { loss }, loss);
        let (Some(before), Some(reading)) = (before, reading) else {
            return self.look_without_reading(now);
        };
        self.source.estimator = Some(before);
        self.source.last = Some(*reading);
        self.take_back(now, reading)
    }

    /// Undoes what was followed of a clock that isn't believed.
    fn take_back(&mut self, now: RawTime, reading: &Reading) -> Action {
        let (Some(estimator), Some(line), Mode::Control) =
            (&self.source.estimator, &self.clock.line, self.policy.mode)
        else {
            return self.look_without_reading(now);
        };
        let host = estimator.at(reading.raw);
        let offset = line.system_at(reading.raw).0 - host.reference;
        let later = Circumstance::Later { steps: self.course.steps_after_start };
        let may_step = self.policy.verdict(offset, later) == Verdict::Step;
        let (frequency, spread) = self.holdover_frequency(now);
        let left = if may_step { Duration::ZERO } else { offset };
        let known = Known {
            offset_ns: left.as_nanos_f64(),
            sigma_ns: host.sigma_ns,
            bias: estimator.bias(),
            skew: spread,
            unseen: Frequency::ZERO,
            slew: Frequency::ZERO,
            interval: TRIAL_INTERVAL,
        };
        let bound = Bound::tracking(&known).holding_over(spread);
        self.bound = Some(bound);
        if !may_step {
            return self.look_without_reading(now);
        }
        self.clock.slew = Frequency::ZERO;
        self.clock.effect_expected = reading.raw + self.clock.lag;
        self.timing.wake_at = now + TRIAL_INTERVAL;
        let noticed = now;
        self.course.step =
            Some(StepUnderWay { cause: StepCause::HostUnreliable, before: offset, noticed, done: None });
        let health = self.holding_health(bound.after(now - reading.raw + KERNEL_TICK));
        self.ask(Some(-offset), Some(frequency), health)
    }

    /// A reading of a clock that isn't believed; `None` when it is again.
    pub(super) fn reconsider(&mut self, now: RawTime, reading: &Reading) -> Option<Action> {
        if !self.source.trust.is_on_trial() {
            return None;
        }
        if self.source.trust.try_again(reading) {
            self.source.trust.end_trial();
            return None;
        }
        self.source.failures = 0;
        Some(self.look_without_reading(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Method;
    use crate::units::Timestamp;

    const SECOND: i64 = 1_000_000_000;

    fn reading(raw_ns: i64, ahead_ns: i64) -> Reading {
        Reading {
            reference: Timestamp::from_nanos(1_800_000_000 * SECOND + raw_ns + ahead_ns),
            system: Timestamp::from_nanos(0),
            raw: RawTime::from_nanos(raw_ns),
            uncertainty: Duration::from_nanos(1),
            tied_within: Duration::ZERO,
            method: Method::Precise,
        }
    }

    /// Follows jumps as the engine does, and tells after which the clock isn't believed.
    fn follow(jumps: &[(i64, i64)]) -> (Trust, Option<(usize, Loss)>) {
        let (mut trust, mut ahead) = (Trust::default(), 0);
        let mut estimator = Estimator::new(&reading(0, 0), None);
        for (index, (at_ms, by_ns)) in jumps.iter().enumerate() {
            ahead += by_ns;
            let seen = reading(at_ms * 1_000_000, ahead);
            if let Some(loss) = trust.on_jump(&seen, &estimator) {
                return (trust, Some((index, loss)));
            }
            estimator.rephase(&seen);
        }
        (trust, None)
    }

    #[test]
    fn a_clock_that_goes_backwards_three_times_is_not_believed_and_was_right_before() {
        let hour = 3_600 * SECOND;
        let (mut trust, lost) =
            follow(&[(100, hour), (150, -hour), (200, -hour), (250, 2 * hour), (300, -hour)]);
        assert_eq!(lost, Some((3, Loss::Backwards)));
        let before = trust.take_before(RawTime::from_nanos(300_000_000)).expect("taken back");
        assert_eq!(before.last(), RawTime::from_nanos(0));
    }

    #[test]
    fn a_machine_that_is_stopped_five_times_in_two_seconds_is_believed() {
        let stops: Vec<(i64, i64)> = (1..=30).map(|n| (n * 450, SECOND)).collect();
        assert_eq!(follow(&stops).1, None);
        let race: Vec<(i64, i64)> = (1..=30).map(|n| (n * 20, 10_000_000)).collect();
        let (mut trust, lost) = follow(&race);
        assert_eq!(lost, Some((FORWARD_JUMPS - 1, Loss::Racing)));
        assert!(trust.take_before(RawTime::from_nanos(0)).is_none(), "it may have been stopped");
    }

    #[test]
    fn a_clock_that_is_set_backwards_now_and_then_or_slewed_is_believed() {
        let set: Vec<(i64, i64)> = (1..=30).map(|n| (n * 6_000, -3_600 * SECOND)).collect();
        assert_eq!(follow(&set).1, None);
        let slewed: Vec<(i64, i64)> = (1..=300).map(|n| (n * 10, -1_000_000)).collect();
        assert_eq!(follow(&slewed).1, None);
    }

    #[test]
    fn a_clock_is_believed_again_when_it_has_been_steady_for_a_second() {
        let mut trust = Trust::default();
        trust.doubt();
        let mut believed = None;
        for n in 0..40 {
            // It jumps until 1.5 s.
            let ahead = if n <= 15 { n * n * 1_000_000 } else { 0 };
            if trust.try_again(&reading(n * 100_000_000, ahead)) {
                believed.get_or_insert(n);
            }
        }
        assert_eq!(believed, Some(26));
    }
}
