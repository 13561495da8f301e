//! How long until the next reading, where the user asked for an accuracy instead of an interval.
//!
//! Each reading tells how far the clock may have strayed at the next: the estimator predicts that from how restless
//! the host was lately and how noisy the readings are. The interval is the longest at whose end that stays below
//! the target, so a quiet host is asked once a minute and a restless one at every poll.

use crate::policy::POLL_RANGE;
use crate::units::Duration;

/// An interval becomes longer only if the error expected then is below this part of the target, and not before it was
/// long enough for so many readings: one that changes all the time teaches the estimator little.
const TO_SPARE: f64 = 0.7;
const PATIENCE: u32 = 4;
/// What can't be avoided may make up all of the target; then intervals are so short that they add no more than this part
/// of it.
const LEAST_SHARE: f64 = 0.25;

/// What an interval is chosen by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// How far off the clock may be.
    pub(crate) accuracy: Duration,
    /// How far off it may be however often it is looked at: half the bracket of its readings.
    pub(crate) unavoidable: Duration,
}

impl Target {
    /// What the error that grows from reading to reading may be, in ns.
    fn budget_ns(&self) -> f64 {
        let unavoidable_ns = self.unavoidable.as_nanos_f64();
        (self.accuracy.as_nanos_f64() - unavoidable_ns).max(LEAST_SHARE * unavoidable_ns)
    }

    /// Whether a clock that was found to be off by `offset` shows that the interval was too long.
    pub(crate) fn is_missed_by(&self, offset: Duration) -> bool {
        offset.abs().as_nanos_f64() > self.unavoidable.as_nanos_f64() + self.budget_ns()
    }
}

/// The interval in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    interval: Duration,
    /// For how many readings it could have been longer.
    to_spare: u32,
}

impl Pace {
    pub(crate) const fn new(interval: Duration) -> Self {
        Self { interval, to_spare: 0 }
    }

    pub(crate) const fn interval(&self) -> Duration {
        self.interval
    }

    /// After a reading: the interval is `shortest`, or twice, four times and so on as long, while the error that
    /// `expected_ns` gives for its end is within the target.
    pub(crate) fn choose(
        &mut self,
        target: Target,
        shortest: Duration,
        expected_ns: impl Fn(Duration) -> f64,
    ) {
        let most_ns = target.budget_ns();
        while self.interval > shortest && expected_ns(self.interval) > most_ns {
            self.interval = Duration::from_nanos(self.interval.as_nanos() / 2).max(shortest);
            self.to_spare = 0;
        }
        let longer = self.interval.times(2);
        if longer > POLL_RANGE.1 || expected_ns(longer) > TO_SPARE * most_ns {
            self.to_spare = 0;
            return;
        }
        self.to_spare += 1;
        if self.to_spare >= PATIENCE {
            *self = Self::new(longer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The interval of seconds, after `readings` since it was `now` seconds, for a clock that strays by so many ns a
    /// second.
    fn chosen(accuracy: Duration, unavoidable: Duration, now: i64, ns_per_s: f64, readings: u32) -> i64 {
        let mut pace = Pace::new(Duration::from_secs(now));
        for _ in 0..readings {
            pace.choose(Target { accuracy, unavoidable }, SECOND, |span| ns_per_s * span.as_secs_f64());
        }
        pace.interval().as_nanos() / SECOND.as_nanos()
    }

    #[test]
    fn the_quieter_the_host_the_longer_the_interval() {
        let at = |ns_per_s| chosen(Duration::from_micros(1), Duration::ZERO, 1, ns_per_s, 100);
        assert_eq!([0.0, 1.0, 20.0, 90.0, 400.0, 1e9].map(at), [64, 64, 32, 4, 1, 1]);
    }

    #[test]
    fn it_lengthens_with_patience_and_shrinks_at_once() {
        let after = |now, ns_per_s, readings| {
            chosen(Duration::from_micros(1), Duration::ZERO, now, ns_per_s, readings)
        };
        assert_eq!([3, 4, 7, 8].map(|readings| after(1, 1.0, readings)), [1, 2, 2, 4]);
        assert_eq!((after(16, 60.0, 9), after(8, 60.0, 9)), (16, 8), "what was long enough stays");
        assert_eq!(after(64, 300.0, 1), 2);
    }

    #[test]
    fn a_target_is_missed_by_what_could_be_avoided() {
        let target = |unavoidable| Target { accuracy: Duration::from_micros(1), unavoidable };
        let micros = Duration::from_micros;
        assert!(
            target(Duration::ZERO).is_missed_by(-micros(2)) && !target(micros(10)).is_missed_by(micros(12))
        );
    }

    #[test]
    fn below_what_brackets_can_tell_an_interval_adds_little_to_it() {
        let bracket = Duration::from_micros(10);
        assert_eq!(chosen(Duration::from_micros(1), bracket, 1, 100.0, 100), 16);
        assert_eq!(chosen(Duration::from_micros(20), bracket, 1, 100.0, 100), 64);
    }
}
