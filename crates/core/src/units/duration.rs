//! Spans of time.

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
                let s = ns.saturating_add(500_000_000) / 1_000_000_000;
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
