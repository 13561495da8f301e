//! The units that everything else is written in. A quantity is a type, never a bare number.
//!
//! * [`Timestamp`]: a point in time on the UTC scale, as `CLOCK_REALTIME` counts it.
//! * [`RawTime`]: a point in time on the machine's free-running counter, `CLOCK_MONOTONIC_RAW`,
//!   the only scale on which hostclock measures intervals.
//! * [`Duration`]: a signed span of time. An offset is a `Duration`, and it is always
//!   **system minus reference**: positive means that the system clock is ahead.
//! * [`Frequency`]: how much faster than nominal a clock runs, in parts per billion.
//!
//! All integer arithmetic saturates: a device may answer anything, and an absurd number must stay
//! absurd instead of wrapping into a plausible one.

use core::fmt;
use core::ops::{Add, AddAssign, Neg, Sub};

use serde::{Deserialize, Serialize};

const NANOS_PER_SEC: i64 = 1_000_000_000;

/// A signed span of time in nanoseconds; the range is ±292 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Duration(i64);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span, about 292 years.
    pub const MAX: Self = Self(i64::MAX);

    /// A span of `ns` nanoseconds.
    #[must_use]
    pub const fn from_nanos(ns: i64) -> Self {
        Self(ns)
    }

    /// A span of `us` microseconds; saturates.
    #[must_use]
    pub const fn from_micros(us: i64) -> Self {
        Self(us.saturating_mul(1_000))
    }

    /// A span of `ms` milliseconds; saturates.
    #[must_use]
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// A span of `s` seconds; saturates.
    #[must_use]
    pub const fn from_secs(s: i64) -> Self {
        Self(s.saturating_mul(NANOS_PER_SEC))
    }

    /// A span of `ns` nanoseconds, rounded to the nearest; saturates, and NaN gives zero.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` from f64 saturates, and the rest is rounded first"
    )]
    pub fn from_nanos_f64(ns: f64) -> Self {
        Self(ns.round() as i64)
    }

    /// The span in nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The span in nanoseconds; exact up to 2^53 ns (104 days).
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "documented: exact up to 104 days, relative error 1e-16 beyond"
    )]
    pub const fn as_nanos_f64(self) -> f64 {
        self.0 as f64
    }

    /// The span in seconds.
    #[must_use]
    pub const fn as_secs_f64(self) -> f64 {
        self.as_nanos_f64() / 1e9
    }

    /// The span without its sign; saturates.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// Whether the span is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The span multiplied by `factor`; saturates.
    #[must_use]
    pub const fn times(self, factor: i64) -> Self {
        Self(self.0.saturating_mul(factor))
    }

    /// Half of the span, rounded towards zero.
    #[must_use]
    pub const fn half(self) -> Self {
        Self(self.0 / 2)
    }
}

impl Add for Duration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Duration {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Duration {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Duration {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl fmt::Display for Duration {
    /// Writes the span in the unit a person would choose: `12 ns`, `-3.42 us`, `1.500 s`,
    /// `3 h 25 min`. With `+` in the format a positive span gets its sign.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 {
            "-"
        } else if self.0 > 0 && f.sign_plus() {
            "+"
        } else {
            ""
        };
        let ns = self.0.unsigned_abs();
        let scaled = |unit: u64| Scaled { value: ns, unit };
        match ns {
            0..1_000 => write!(f, "{sign}{ns} ns"),
            1_000..1_000_000 => write!(f, "{sign}{} us", scaled(1_000)),
            1_000_000..1_000_000_000 => write!(f, "{sign}{} ms", scaled(1_000_000)),
            1_000_000_000..600_000_000_000 => write!(f, "{sign}{} s", scaled(1_000_000_000)),
            _ => {
                let s = ns / 1_000_000_000;
                let (days, hours, minutes, seconds) = (s / 86_400, s / 3_600 % 24, s / 60 % 60, s % 60);
                match (days, hours) {
                    (0, 0) => write!(f, "{sign}{minutes} min {seconds} s"),
                    (0, _) => write!(f, "{sign}{hours} h {minutes} min {seconds} s"),
                    (_, _) => write!(f, "{sign}{days} d {hours} h {minutes} min"),
                }
            }
        }
    }
}

/// `value / unit` with four significant digits.
struct Scaled {
    value: u64,
    unit: u64,
}

impl fmt::Display for Scaled {
    #[expect(clippy::cast_precision_loss, reason = "four digits are shown")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let x = self.value as f64 / self.unit as f64;
        let digits = if x < 9.9995 {
            3
        } else if x < 99.995 {
            2
        } else {
            1
        };
        write!(f, "{x:.digits$}")
    }
}

/// A point in time on the UTC scale: nanoseconds since 1970-01-01T00:00:00Z as `CLOCK_REALTIME`
/// counts them (leap seconds are not counted). The range is the years 1677 to 2262.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The point `ns` nanoseconds after the start of 1970.
    #[must_use]
    pub const fn from_nanos(ns: i64) -> Self {
        Self(ns)
    }

    /// The point `sec` seconds and `nsec` nanoseconds after the start of 1970, or `None` where that
    /// is outside of the range or `nsec` is not below one second.
    #[must_use]
    pub fn from_parts(sec: i64, nsec: i64) -> Option<Self> {
        if !(0..NANOS_PER_SEC).contains(&nsec) {
            return None;
        }
        sec.checked_mul(NANOS_PER_SEC)?.checked_add(nsec).map(Self)
    }

    /// Nanoseconds since the start of 1970.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the start of 1970 (rounded down) and the nanoseconds after them.
    #[must_use]
    pub const fn parts(self) -> (i64, i64) {
        (self.0.div_euclid(NANOS_PER_SEC), self.0.rem_euclid(NANOS_PER_SEC))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    /// Writes `2026-11-24T09:30:00.123456789Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sec, nsec) = self.parts();
        let (year, month, day) = civil_from_days(sec.div_euclid(86_400));
        let s = sec.rem_euclid(86_400);
        let (hour, minute, second) = (s / 3_600, s / 60 % 60, s % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nsec:09}Z")
    }
}

/// The Gregorian date `days` days after 1970-01-01: Howard Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms", `civil_from_days`.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// A point in time on `CLOCK_MONOTONIC_RAW`: nanoseconds since an arbitrary start (on Linux about
/// the machine's boot). Nothing that sets or steers a clock moves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawTime(i64);

impl RawTime {
    /// The point `ns` nanoseconds after the start.
    #[must_use]
    pub const fn from_nanos(ns: i64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }
}

impl Add<Duration> for RawTime {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub for RawTime {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        Duration(self.0.saturating_sub(earlier.0))
    }
}

/// How much faster than its reference a clock runs, in parts per billion (1 ppb = 1 ns a second).
/// Positive means fast.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Frequency(f64);

impl Frequency {
    /// Exactly nominal.
    pub const ZERO: Self = Self(0.0);

    /// A frequency of `ppb` parts per billion; NaN gives zero.
    #[must_use]
    pub fn from_ppb(ppb: f64) -> Self {
        if ppb.is_nan() { Self::ZERO } else { Self(ppb) }
    }

    /// As [`Frequency::from_ppb`], for constants: `ppb` must not be NaN.
    #[must_use]
    pub(crate) const fn from_ppb_const(ppb: f64) -> Self {
        Self(ppb)
    }

    /// A frequency of `ppm` parts per million; NaN gives zero.
    #[must_use]
    pub fn from_ppm(ppm: f64) -> Self {
        Self::from_ppb(ppm * 1e3)
    }

    /// Parts per billion.
    #[must_use]
    pub const fn as_ppb(self) -> f64 {
        self.0
    }

    /// Parts per million.
    #[must_use]
    pub const fn as_ppm(self) -> f64 {
        self.0 / 1e3
    }

    /// A plain ratio: 1e-9 for one part per billion.
    #[must_use]
    pub const fn as_ratio(self) -> f64 {
        self.0 / 1e9
    }

    /// The frequency without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// The frequency, moved into `-limit ..= limit`; a negative limit counts as zero.
    #[must_use]
    pub fn clamp_abs(self, limit: Self) -> Self {
        let limit = limit.0.max(0.0);
        Self(self.0.clamp(-limit, limit))
    }
}

impl Add for Frequency {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Frequency {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Frequency {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl fmt::Display for Frequency {
    /// Writes parts per million with a sign where asked for: `+20.117 ppm`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.sign_plus() {
            write!(f, "{:+.3} ppm", self.as_ppm())
        } else {
            write!(f, "{:.3} ppm", self.as_ppm())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_in_the_unit_a_person_would_choose() {
        let shown = |ns| format!("{:+}", Duration::from_nanos(ns));
        assert_eq!(shown(0), "0 ns");
        assert_eq!(shown(12), "+12 ns");
        assert_eq!(shown(-3_420), "-3.420 us");
        assert_eq!(shown(123_400_000), "+123.4 ms");
        assert_eq!(shown(-20_000_000), "-20.00 ms");
        assert_eq!(shown(1_500_000_000), "+1.500 s");
        assert_eq!(shown(3_600_000_000_000), "+1 h 0 min 0 s");
        assert_eq!(shown(i64::MIN), "-106751 d 23 h 47 min");
    }

    #[test]
    fn a_timestamp_is_shown_as_a_date() {
        assert_eq!(Timestamp::from_nanos(0).to_string(), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(Timestamp::from_nanos(-1).to_string(), "1969-12-31T23:59:59.999999999Z");
        let leap_day = Timestamp::from_parts(1_709_210_096, 5).expect("in range");
        assert_eq!(leap_day.to_string(), "2024-02-29T12:34:56.000000005Z");
        let late = Timestamp::from_parts(7_258_118_400, 0).expect("in range");
        assert_eq!(late.to_string(), "2200-01-01T00:00:00.000000000Z");
    }

    #[test]
    fn absurd_numbers_saturate_or_are_refused() {
        assert_eq!(Duration::MAX + Duration::from_nanos(1), Duration::MAX);
        assert_eq!(Duration::from_nanos(i64::MIN).abs(), Duration::MAX);
        assert_eq!(Timestamp::from_parts(i64::MAX, 0), None);
        assert_eq!(Timestamp::from_parts(0, 1_000_000_000), None);
        assert_eq!(Timestamp::from_parts(0, -1), None);
        assert_eq!(Duration::from_nanos_f64(f64::NAN), Duration::ZERO);
        assert_eq!(Frequency::from_ppb(f64::NAN), Frequency::ZERO);
    }
}
