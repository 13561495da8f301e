//! Which raw time belongs to a system time in the middle of a reading.
//!
//! `CLOCK_REALTIME` and `CLOCK_MONOTONIC_RAW` are computed from the same counter, so between two close
//! moments one is a straight line over the other, however fast the first is steered: it is enough to
//! tie them together before and after, and to draw the line. Only somebody who sets the clock between
//! the two breaks it, and that shows.

use hostclock_core::reading::Failure;
use hostclock_core::units::{Duration, RawTime, Timestamp};

use crate::clock::{now_raw, now_system};

/// How often the two clocks are read for one tie. One undisturbed pass takes about 0.1 µs; all of them
/// are disturbed together only when the processor is taken away.
const PASSES: u32 = 3;
/// The system clock may run this many percent faster or slower than the raw one: 10 by its tick, 0.05
/// by its frequency, and the rest to spare.
const MOST_PERCENT: i64 = 11;
/// What the difference may change by on top of that before it looks set.
const SLACK: Duration = Duration::from_micros(1);

/// A raw time and a system time that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tie {
    raw: RawTime,
    system: Timestamp,
    /// The most by which the two are apart.
    within: Duration,
}

impl Tie {
    /// The two clocks now.
    pub(crate) fn now() -> Self {
        let mut best = Self::once();
        for _ in 1..PASSES {
            let tie = Self::once();
            if tie.within < best.within {
                best = tie;
            }
        }
        best
    }

    /// The two times.
    pub(crate) const fn pair(self) -> (RawTime, Timestamp) {
        (self.raw, self.system)
    }

    fn once() -> Self {
        let before = now_raw();
        let system = now_system();
        let width = now_raw() - before;
        let half = width.half();
        Self { raw: before + half, system, within: width - half }
    }
}

/// The raw time at which the system clock said `system`, and the most by which that may be wrong;
/// `before` and `after` were taken before and after it.
///
/// # Errors
/// [`Failure::Busy`] when the system clock was set in between.
pub(super) fn raw_at(system: Timestamp, before: Tie, after: Tie) -> Result<(RawTime, Duration), Failure> {
    let raw_span = after.raw - before.raw;
    let system_span = after.system - before.system;
    let allowed = percent(raw_span, MOST_PERCENT) + before.within + after.within + SLACK;
    let outside = system - before.system < -SLACK || system - after.system > SLACK;
    if raw_span.is_negative() || (system_span - raw_span).abs() > allowed || outside {
        return Err(Failure::Busy);
    }
    let since = proportion(system - before.system, raw_span, system_span);
    Ok((before.raw + since, before.within.max(after.within)))
}

fn percent(span: Duration, percent: i64) -> Duration {
    Duration::from_nanos(span.as_nanos() / 100).times(percent)
}

/// `span · numerator / denominator`, or `span` where the denominator isn't positive.
fn proportion(span: Duration, numerator: Duration, denominator: Duration) -> Duration {
    if denominator <= Duration::ZERO {
        return span;
    }
    // Two factors of 64 bits fit into 128.
    let product = i128::from(span.as_nanos()) * i128::from(numerator.as_nanos());
    let quotient = product / i128::from(denominator.as_nanos());
    i64::try_from(quotient).map_or(span, Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tie(raw: i64, system: i64) -> Tie {
        let within = Duration::from_nanos(30);
        Tie { raw: RawTime::from_nanos(raw), system: Timestamp::from_nanos(system), within }
    }

    fn at(system: i64, before: Tie, after: Tie) -> Result<i64, Failure> {
        raw_at(Timestamp::from_nanos(system), before, after).map(|(raw, _)| raw.as_nanos())
    }

    const T: i64 = 1_800_000_000_000_000_000;

    #[test]
    fn a_system_time_in_between_lies_on_the_line() {
        assert_eq!(at(T + 4_000, tie(1_000, T), tie(11_000, T + 10_000)), Ok(5_000));
        assert_eq!(at(T, tie(1_000, T), tie(11_000, T + 10_000)), Ok(1_000));
    }

    #[test]
    fn a_clock_that_is_slewed_by_ten_percent_is_followed_exactly() {
        assert_eq!(at(T + 550_000, tie(0, T), tie(1_000_000, T + 1_100_000)), Ok(500_000));
        assert_eq!(at(T + 450_000, tie(0, T), tie(1_000_000, T + 900_000)), Ok(500_000));
    }

    #[test]
    fn a_clock_that_was_set_meanwhile_means_try_again() {
        for step in [-3_600_000_000_000, -20_000_000, -10_000, 10_000, 200_000_000, i64::MAX / 4] {
            let after = tie(21_000, T + 20_000 + step);
            assert_eq!(at(T + 9_000, tie(1_000, T), after), Err(Failure::Busy), "{step}");
        }
    }

    #[test]
    fn a_sample_from_outside_of_the_two_ties_means_try_again() {
        let (before, after) = (tie(0, T), tie(20_000, T + 20_000));
        assert_eq!(at(T - 5_000, before, after), Err(Failure::Busy));
        assert_eq!(at(T + 25_000, before, after), Err(Failure::Busy));
    }

    #[test]
    fn absurd_spans_do_no_harm() {
        assert_eq!(at(T, tie(0, T), tie(0, T)), Ok(0));
        assert_eq!(at(T, tie(5_000, T), tie(0, T)), Err(Failure::Busy));
        let last = Tie { within: Duration::MAX, ..tie(i64::MAX, i64::MAX) };
        assert!(at(0, tie(0, i64::MIN), last).is_ok());
    }

    #[test]
    fn the_clocks_of_this_machine_are_tied_tightly() {
        let before = Tie::now();
        let system = now_system();
        let after = Tie::now();
        match raw_at(system, before, after) {
            Ok((raw, within)) => {
                assert!(raw >= before.raw && raw - after.raw <= Duration::ZERO, "{before:?} {after:?}");
                assert!(within >= Duration::ZERO);
            }
            // Somebody set this machine's clock within these nanoseconds.
            Err(failure) => assert_eq!(failure, Failure::Busy),
        }
    }
}
