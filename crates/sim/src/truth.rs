//! True time, and clocks as straight lines over it.
//!
//! The world counts true time and every clock in whole picoseconds, so that a clock that changes its
//! rate a million times loses nothing that a nanosecond would show. A clock is a [`Line`]: it runs at
//! one rate until it is turned to another, and may be shifted.

use core::ops::{Add, Sub};

use hostclock_core::units::{Duration, Frequency, Timestamp};

/// Picoseconds in a nanosecond.
pub(crate) const PER_NANO: i64 = 1_000;

/// A point in true time: picoseconds since the world began; the range is 106 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrueTime(i64);

impl TrueTime {
    /// The latest.
    pub const MAX: Self = Self(i64::MAX);

    /// The point `s` seconds after the world began.
    #[must_use]
    pub fn from_secs_f64(s: f64) -> Self {
        Self(nearest(s * 1e12))
    }

    /// The point `ps` picoseconds after the world began.
    #[must_use]
    pub const fn from_picos(ps: i64) -> Self {
        Self(ps)
    }

    /// Picoseconds since the world began.
    #[must_use]
    pub const fn picos(self) -> i64 {
        self.0
    }

    /// Seconds since the world began.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for people and for tests")]
    pub const fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e12
    }
}

impl Add<Duration> for TrueTime {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.as_nanos().saturating_mul(PER_NANO)))
    }
}

impl Sub for TrueTime {
    type Output = Duration;
    #[expect(clippy::suspicious_arithmetic_impl, reason = "a span is in nanoseconds, a time in picoseconds")]
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0) / PER_NANO)
    }
}

/// A clock that runs at one rate: picoseconds over picoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    at: i64,
    value: i128,
    rate: Frequency,
}

impl Line {
    /// A clock that shows `value` at `at` and runs at `rate`.
    #[must_use]
    pub const fn new(at: i64, value: i128, rate: Frequency) -> Self {
        Self { at, value, rate }
    }

    /// What the clock shows at `x`.
    #[must_use]
    pub fn value(&self, x: i64) -> i128 {
        let span = x.saturating_sub(self.at);
        self.value + i128::from(span) + i128::from(gained(span, self.rate))
    }

    /// How fast it runs.
    #[must_use]
    pub const fn rate(&self) -> Frequency {
        self.rate
    }

    /// From `x` on it runs at `rate`.
    pub fn turn(&mut self, x: i64, rate: Frequency) {
        *self = Self { at: x, value: self.value(x), rate };
    }

    /// At `x` it is set by `span`.
    pub fn shift(&mut self, x: i64, span: Duration) {
        self.value = self.value(x) + i128::from(span.as_nanos()) * i128::from(PER_NANO);
        self.at = x;
    }

    /// It stands still from `x` to `until`.
    pub fn stand_still(&mut self, x: i64, until: i64) {
        *self = Self { at: until, value: self.value(x), rate: self.rate };
    }

    /// When the clock shows `value` at its present rate; not before its last change.
    #[must_use]
    pub fn when(&self, value: i128) -> i64 {
        let ahead =
            i64::try_from(value - self.value).unwrap_or(if value > self.value { i64::MAX } else { 0 });
        let ahead = ahead.max(0);
        let ratio = self.rate.as_ratio();
        let back = gained(ahead, Frequency::from_ppb(1e9 * ratio / (1.0 + ratio)));
        self.at.saturating_add(ahead.saturating_sub(back))
    }
}

/// What a clock that runs at `rate` gains in `span`.
#[expect(clippy::cast_precision_loss, reason = "the product is small, and rounded to a picosecond")]
fn gained(span: i64, rate: Frequency) -> i64 {
    nearest(span as f64 * rate.as_ratio())
}

/// The whole number nearest to `x`; saturates.
#[expect(clippy::cast_possible_truncation, reason = "`as` from f64 saturates, and NaN gives zero")]
pub(crate) fn nearest(x: f64) -> i64 {
    x.round() as i64
}

/// Picoseconds as whole nanoseconds, rounded down as clocks do; saturates.
pub(crate) fn floor_nanos(ps: i128) -> i64 {
    let ns = ps.div_euclid(i128::from(PER_NANO));
    i64::try_from(ns).unwrap_or(if ns > 0 { i64::MAX } else { i64::MIN })
}

/// Picoseconds since 1970 as the timestamp that a clock shows.
pub(crate) fn timestamp(ps: i128) -> Timestamp {
    Timestamp::from_nanos(floor_nanos(ps))
}

/// A timestamp in picoseconds since 1970.
pub(crate) fn picos(stamp: Timestamp) -> i128 {
    i128::from(stamp.as_nanos()) * i128::from(PER_NANO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_changes_its_rate_often_loses_nothing() {
        let mut line = Line::new(0, 0, Frequency::from_ppm(20.0));
        for ms in 1..=1_000_000_i64 {
            let rate = Frequency::from_ppm(if ms % 2 == 0 { 20.0 } else { -20.0 });
            line.turn(ms * 1_000_000_000, rate);
        }
        let off = line.value(1_000_000_000_000_000) - 1_000_000_000_000_000;
        assert!((off - 20_000_i128 * 1_000).abs() <= 20_001_000, "{off} ps");
    }

    #[test]
    fn when_is_the_inverse_of_value() {
        let line = Line::new(5, 1_000_000, Frequency::from_ppm(80_000.0));
        for x in [5, 1_000, 2_000_000_000_000] {
            assert!((line.when(line.value(x)) - x).abs() <= 1, "{x}");
        }
    }
}
