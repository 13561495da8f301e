//! How long until the next reading, where the user asked for an accuracy instead of an interval.
//!
//! Each reading tells how far the clock may have strayed at the next: the estimator predicts that from how restless
//! the host was lately and how noisy the readings are. The interval is the longest at whose end that stays below
//! the target, so a quiet host is asked once a minute and a restless one at every poll.

use crate::policy::POLL_RANGE;
use crate::units::Duration;

/// An interval becomes longer only if the error expected then is below this part of the target: one that changes all
/// the time teaches the estimator little.
const TO_SPARE: f64 = 0.7;
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

/// The longest interval, `shortest` or twice, four times and so on as long, at whose end the error that `expected_ns`
/// gives is within the target; `now` is the interval in force.
pub(crate) fn interval(
    target: Target,
    shortest: Duration,
    now: Duration,
    expected_ns: impl Fn(Duration) -> f64,
) -> Duration {
    let unavoidable_ns = target.unavoidable.as_nanos_f64();
    let most_ns = (target.accuracy.as_nanos_f64() - unavoidable_ns).max(LEAST_SHARE * unavoidable_ns);
    let mut interval = shortest;
    loop {
        let longer = interval.times(2);
        let part = if longer > now { TO_SPARE } else { 1.0 };
        if longer > POLL_RANGE.1 || expected_ns(longer) > part * most_ns {
            return interval;
        }
        interval = longer;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The interval for a clock that strays by so many ns a second, chosen with `now` in force.
    fn chosen(accuracy: Duration, unavoidable: Duration, now: Duration, ns_per_s: f64) -> i64 {
        let target = Target { accuracy, unavoidable };
        interval(target, SECOND, now, |span| ns_per_s * span.as_secs_f64()).as_nanos() / SECOND.as_nanos()
    }

    #[test]
    fn the_quieter_the_host_the_longer_the_interval() {
        let at = |ns_per_s| chosen(Duration::from_micros(1), Duration::ZERO, SECOND, ns_per_s);
        assert_eq!([0.0, 1.0, 20.0, 90.0, 400.0, 1e9].map(at), [64, 64, 32, 4, 1, 1]);
    }

    #[test]
    fn what_was_long_enough_stays_until_it_is_not_and_then_shrinks_at_once() {
        let at = |now, ns_per_s| {
            chosen(Duration::from_micros(1), Duration::ZERO, Duration::from_secs(now), ns_per_s)
        };
        assert_eq!((at(16, 60.0), at(8, 60.0)), (16, 8));
        assert_eq!(at(64, 300.0), 2);
    }

    #[test]
    fn below_what_brackets_can_tell_an_interval_adds_little_to_it() {
        let bracket = Duration::from_micros(10);
        assert_eq!(chosen(Duration::from_micros(1), bracket, SECOND, 100.0), 16);
        assert_eq!(chosen(Duration::from_micros(20), bracket, SECOND, 100.0), 64);
    }
}
