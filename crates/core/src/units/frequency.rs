//! Frequencies.

use core::fmt;
use core::ops::{Add, Neg, Sub};

use serde::{Deserialize, Serialize};

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
