//! What can be done to the system clock, as values: one [`Adjustment`] is one `clock_adjtime` call.
//!
//! The kernel steers a clock with two numbers, the tick (µs that the clock advances in 1/100 s,
//! 9,000 to 11,000) and the frequency (ppm · 2^16, within ±500 ppm): `kernel/time/ntp.c`, Linux 6.1.
//! [`KernelRate`] is that pair, [`Frequency`] what it amounts to.

use serde::{Deserialize, Serialize};

use crate::units::{Duration, Frequency};

/// The tick of a clock that isn't steered: 10,000 µs in 1/100 s (`USER_HZ` is 100).
pub const NOMINAL_TICK: i64 = 10_000;
/// One tick unit is a frequency of 100 ppm.
const TICK_PPB: f64 = 100_000.0;
/// One ppb in the kernel's unit, 2^-16 ppm.
const FREQ_PER_PPB: f64 = 65.536;
/// The most that the kernel's frequency alone can do (`MAXFREQ`), in 2^-16 ppm; the kernel clamps
/// anything beyond it without a word.
const FREQ_LIMIT: i64 = 500 << 16;

/// The kernel's pair of numbers that set how fast the system clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelRate {
    /// Microseconds of system time in 1/100 s; 9,000 to 11,000, nominal 10,000.
    pub tick: i64,
    /// Frequency on top of the tick, in 2^-16 ppm; within ±500 ppm.
    pub freq: i64,
}

impl KernelRate {
    /// The rate of a clock that isn't steered.
    pub const NOMINAL: Self = Self { tick: NOMINAL_TICK, freq: 0 };

    /// The largest rate, in either direction: 10 %.
    #[must_use]
    pub fn limit() -> Frequency {
        Frequency::from_ppm(100_000.0)
    }

    /// The pair nearest to `rate`, to within 0.008 ppb. Up to ±500 ppm the tick stays nominal, which
    /// is what other tools expect to see; beyond the limit the limit is taken.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "both values are clamped to a few million first")]
    pub fn nearest(rate: Frequency) -> Self {
        let ppb = rate.clamp_abs(Self::limit()).as_ppb();
        let ticks = if ppb.abs() <= 500_000.0 { 0.0 } else { (ppb / TICK_PPB).round() };
        let freq = ((ppb - ticks * TICK_PPB) * FREQ_PER_PPB).round() as i64;
        Self { tick: NOMINAL_TICK + ticks as i64, freq: freq.clamp(-FREQ_LIMIT, FREQ_LIMIT) }
    }

    /// What the pair amounts to.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "both values are a few million at most")]
    pub fn as_frequency(self) -> Frequency {
        Frequency::from_ppb((self.tick - NOMINAL_TICK) as f64 * TICK_PPB + self.freq as f64 / FREQ_PER_PPB)
    }
}

/// What the kernel is told, and tells others, about how good the system clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether `STA_UNSYNC` is to be clear.
    pub synchronised: bool,
    /// `maxerror`: no true offset may be larger. The kernel counts whole µs and lets it grow by
    /// 500 µs a second; a writer rounds up, and never to zero.
    pub max_error: Duration,
    /// `esterror`: the offset that is to be expected.
    pub est_error: Duration,
}

/// One change to the system clock: everything in it takes effect in the same `clock_adjtime` call,
/// so that no reader sees a stepped clock with a stale status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Adjustment {
    /// Added to the system clock at once (`ADJ_SETOFFSET`); the sign is that of the change, so an
    /// offset (system minus reference) is undone by its negative.
    pub step: Option<Duration>,
    /// The rate from now on (`ADJ_TICK | ADJ_FREQUENCY`).
    pub rate: Option<KernelRate>,
    /// `STA_UNSYNC`, `maxerror`, `esterror`.
    pub health: Option<Health>,
    /// The kernel's TAI − UTC in whole seconds (`ADJ_TAI`).
    pub tai_offset: Option<i32>,
}

/// What the kernel says of the system clock's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelState {
    /// How fast the clock is set to run.
    pub rate: KernelRate,
    /// `STA_UNSYNC`, `maxerror` and `esterror` as they stand now.
    pub health: Health,
    /// TAI − UTC in whole seconds; 0 when nobody has set it.
    pub tai_offset: i32,
    /// The status word, `STA_*` of `<sys/timex.h>`.
    pub status: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_rate_leaves_the_tick_alone() {
        let rate = KernelRate::nearest(Frequency::from_ppm(-499.5));
        assert_eq!(rate.tick, NOMINAL_TICK);
        assert!((rate.as_frequency().as_ppm() + 499.5).abs() < 1e-5);
    }

    #[test]
    fn every_rate_up_to_ten_percent_is_met_within_a_hundredth_of_a_ppb() {
        for step in -2_000..=2_000_i32 {
            let want = Frequency::from_ppm(f64::from(step) * 50.0 + 0.123_4);
            let want = want.clamp_abs(KernelRate::limit());
            let got = KernelRate::nearest(want);
            assert!((got.as_frequency() - want).abs().as_ppb() < 0.01, "{want} gave {got:?}");
            assert!((9_000..=11_000).contains(&got.tick));
        }
    }

    #[test]
    fn a_rate_beyond_the_limit_is_the_limit() {
        assert_eq!(KernelRate::nearest(Frequency::from_ppm(1e9)), KernelRate { tick: 11_000, freq: 0 });
        assert_eq!(KernelRate::nearest(Frequency::from_ppm(-1e9)), KernelRate { tick: 9_000, freq: 0 });
    }
}
