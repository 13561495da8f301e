//! How noisy precise readings are, learnt from the readings themselves. What a bracket's noise is, its width says.
//!
//! A second difference of three phases at equal intervals `t` has no phase and no frequency in it. Where readings have
//! white noise of variance R and the frequency does a random walk of intensity q, the second differences have the
//! autocovariances γ₀ = 6R + ⅔qt³ and γ₁ = -4R + ⅙qt³, so that (γ₀ - 4γ₁) / 22 is R, whatever the walk: the
//! covariance method of R. K. Mehra, "On the Identification of Variances and Adaptive Kalman Filtering" (1970), on
//! differences instead of innovations.
//!
//! Weak points: a drift of the frequency makes R too small, by an eleventh of its square; a jump of the frequency makes
//! it too large or too small by as much as the jump, and so counts only a few times what the noise was thought to be;
//! for that, noise far beyond what readings promise takes minutes to be learnt.
//! Never is the noise taken for less than the readings themselves promise: a filter that trusts them more than that is
//! wrong by more than it says, as soon as they have an error in common.

use crate::reading::{Method, Reading};

/// Memory: so many readings.
const MEMORY: f64 = 40.0;
/// No single pair of differences counts more than this many times what is known.
const LOUDEST: f64 = 6.0;
/// Noise is between this and that many times the nominal variance.
const RANGE: (f64, f64) = (1.0, 1e4);
/// Intervals are equal within this part of them.
const EQUAL: f64 = 0.02;

/// The noise of one method's readings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    method: Method,
    /// The last interval and by how much the phase changed in it, once there is one.
    last: Option<(f64, f64)>,
    /// The last second difference, over the nominal standard deviation.
    difference: Option<f64>,
    /// How many times the nominal variance the true one is.
    factor: f64,
    seen: f64,
}

impl Noise {
    pub(super) const fn new(method: Method) -> Self {
        Self { method, last: None, difference: None, factor: 1.0, seen: 0.0 }
    }

    /// The variance of `reading`'s phase, ns².
    pub(super) fn variance(&self, reading: &Reading) -> f64 {
        nominal(reading) * if reading.method == self.method { self.factor } else { 1.0 }
    }

    /// The next phases have nothing to do with the last ones.
    pub(super) fn begin_anew(&mut self) {
        self.last = None;
        self.difference = None;
    }

    /// Learns from a reading `dt` seconds after the last, `change` ns further than the raw counter.
    pub(super) fn learn(&mut self, reading: &Reading, dt: f64, change: f64) {
        if reading.method != self.method {
            *self = Self::new(reading.method);
            return;
        }
        if reading.method != Method::Precise {
            return;
        }
        let Some((last_dt, last_change)) = self.last.replace((dt, change)) else { return };
        if (dt - last_dt).abs() > EQUAL * dt {
            self.difference = None;
            return;
        }
        // By rates, so that an oscillator that is off, and a wake-up that is late, are no noise together.
        let second = (change / dt - last_change / last_dt) * dt / nominal(reading).sqrt();
        let Some(before) = self.difference.replace(second) else { return };
        let apparent = ((second * second + before * before) / 2.0 - 4.0 * second * before) / 22.0;
        self.seen = (self.seen + 1.0).min(MEMORY);
        // What was assumed at first counts for ten.
        let share = 1.0 / (self.seen + 10.0).min(MEMORY);
        let most = LOUDEST * self.factor;
        self.factor =
            (self.factor + share * (apparent.clamp(-most, most) - self.factor)).clamp(RANGE.0, RANGE.1);
    }
}

/// The variance that a reading's own uncertainty suggests: its place in the bracket is uniformly distributed, and no
/// reading is better than the nanosecond in which the kernel counts.
pub(super) fn nominal(reading: &Reading) -> f64 {
    let half = reading.uncertainty.as_nanos_f64();
    half * half / 3.0 + 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Duration, RawTime, Timestamp};

    fn reading(method: Method) -> Reading {
        Reading {
            reference: Timestamp::from_nanos(0),
            system: Timestamp::from_nanos(0),
            raw: RawTime::from_nanos(0),
            uncertainty: Duration::from_nanos(1),
            method,
        }
    }

    /// Noise of one standard deviation of `sigma` ns, made of twelve uniform numbers; the same each time.
    fn normal(sigma: f64, state: &mut u64) -> f64 {
        let mut sum = -6.0;
        for _ in 0..12 {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sum += f64::from(u32::try_from(*state >> 32).expect("32 bits")) / f64::from(u32::MAX);
        }
        sigma * sum
    }

    /// What is learnt from readings a second apart, jittering by `jitter` ns, while the frequency walks by `walk` ppb
    /// a second, jumping by `jump` ppb half way.
    fn learnt(method: Method, jitter: f64, walk: f64, jump: f64) -> f64 {
        let (reading, mut state) = (reading(method), 7);
        let mut noise = Noise::new(method);
        let (mut frequency, mut last) = (3_000.0, 0.0);
        for second in 0..400 {
            frequency += normal(walk, &mut state) + if second == 200 { jump } else { 0.0 };
            let now = normal(jitter, &mut state);
            noise.learn(&reading, 1.0, frequency + now - last);
            last = now;
        }
        noise.variance(&reading).sqrt()
    }

    #[test]
    fn noise_is_told_from_a_walk_of_the_frequency() {
        let (quiet, walking) =
            (learnt(Method::Precise, 50.0, 0.0, 0.0), learnt(Method::Precise, 50.0, 20.0, 0.0));
        assert!((35.0..70.0).contains(&quiet) && (35.0..70.0).contains(&walking), "{quiet} {walking}");
        assert!(learnt(Method::Precise, 0.0, 20.0, 0.0) < 6.0, "a walk alone is no noise");
    }

    #[test]
    fn a_slew_of_the_hosts_is_soon_forgotten_and_a_bracket_is_as_wide_as_it_says() {
        assert!(learnt(Method::Precise, 5.0, 0.0, 500_000.0) < 10.0);
        assert!(learnt(Method::SysOffset, 50.0, 0.0, 0.0) < 2.0);
    }
}
