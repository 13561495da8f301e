//! Points in time, on the UTC scale and on the raw counter's.

use core::fmt;
use core::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

use super::Duration;

const NANOS_PER_SEC: i64 = 1_000_000_000;

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
        Self(self.0.saturating_add(span.as_nanos()))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span.as_nanos()))
    }
}

impl Sub for Timestamp {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
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
        Self(self.0.saturating_add(span.as_nanos()))
    }
}

impl Sub for RawTime {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}
