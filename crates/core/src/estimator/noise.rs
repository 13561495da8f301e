//! How noisy readings are, learnt from the readings themselves.
//!
//! A second difference of three phases at equal intervals `t` has no phase and no frequency in it. Where readings have
//! white noise of variance R and the frequency does a random walk of intensity q, the second differences have the
//! autocovariances γ₀ = 6R + ⅔qt³ and γ₁ = -4R + ⅙qt³, so that (γ₀ - 4γ₁) / 22 is R, whatever the walk: the
//! covariance method of R. K. Mehra, "On the Identification of Variances and Adaptive Kalman Filtering" (1970), on
//! differences instead of innovations.
//!
//! What the last 32 readings say is averaged without the largest and the smallest: a jump of the frequency spoils the
//! two second differences that it is part of, and mustn't pass for noise. That mean is right to half of the noise's
//! variance, which is soon enough for a device that changes its habits; while it doesn't contradict it, the noise is
//! that of the last 200.
//!
//! A bracket's width says how much it may be off, and mostly that is far more than it is: the host's time is at about
//! the same place in all narrow brackets. So the noise of those as narrow as the narrowest is learnt, and what a
//! bracket is wider than that counts whole. (That they are all off on the same side isn't noise, and is kept apart.)
//!
//! Weak points: a drift of the frequency makes R too small, by an eleventh of its square; a frequency that jumps more
//! often than twice in 32 readings makes it too large. Readings at unequal intervals teach nothing. Where brackets widen
//! on one side only, width and place are correlated, and a line through both would tell more.
//! Never is the noise of precise readings taken for less than they promise: a filter that trusts them more than that is
//! wrong by more than it says, as soon as they have an error in common.

use crate::reading::{Method, Reading};

/// So many readings are enough to see that the noise has changed.
const RECENT: usize = 32;
/// So many of the largest and of the smallest of them don't count.
const TRIMMED: usize = 4;
/// What the mean of the others is, of the mean of all, if the noise is normally distributed.
const TRIMMED_MEAN: f64 = 0.69;
/// The noise has changed when the recent readings' variance is so many times larger, or smaller: a mean of 32 is a
/// tenth by chance less often than a fourth.
const LOUDER: f64 = 4.0;
const QUIETER: f64 = 10.0;
/// Memory while it hasn't: so many readings.
const MEMORY: f64 = 200.0;
/// The noise of precise readings is between this and that many times the nominal variance.
const PRECISE: (f64, f64) = (1.0, 1e4);
/// That of brackets as wide as the narrowest.
const BRACKETS: (f64, f64) = (1e-5, 1.0);
/// No bracket's noise is less than that variance, ns².
const QUIETEST: f64 = 25.0;
/// By so much the narrowest bracket widens with each reading that is no narrower.
const WIDENING: f64 = 1.02;
/// Intervals are equal within this part of them.
const EQUAL: f64 = 0.02;

/// The noise of one method's readings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    method: Method,
    /// Half the narrowest bracket of late, ns.
    narrowest: f64,
    /// The last interval and by how much the phase changed in it, once there is one.
    last: Option<(f64, f64)>,
    /// The last second difference, over the nominal standard deviation.
    difference: Option<f64>,
    /// How many times the nominal variance the true one is.
    factor: f64,
    /// What each of the recent readings says it is, and where the oldest is.
    apparent: [f64; RECENT],
    oldest: usize,
    /// How many readings the factor is the mean of.
    unchanged: f64,
}

impl Noise {
    pub(super) fn new(first: &Reading) -> Self {
        Self {
            method: first.method,
            narrowest: half(first),
            last: None,
            difference: None,
            factor: 1.0,
            apparent: [TRIMMED_MEAN; RECENT],
            oldest: 0,
            unchanged: 0.0,
        }
    }

    /// The variance of `reading`'s phase, ns².
    pub(super) fn variance(&self, reading: &Reading) -> f64 {
        if reading.method != self.method {
            return Self::new(reading).variance(reading);
        }
        if reading.method == Method::Precise {
            return self.factor * nominal(half(reading));
        }
        // What a bracket is wider than the narrowest may lie on either side of the host's time.
        let narrowest = self.narrowest.min(half(reading));
        self.factor * nominal(narrowest) + nominal(half(reading) - narrowest) + QUIETEST
    }

    /// The next phases have nothing to do with the last ones.
    pub(super) fn begin_anew(&mut self) {
        self.last = None;
        self.difference = None;
    }

    /// Learns from a reading `dt` seconds after the last, `change` ns further than the raw counter.
    pub(super) fn learn(&mut self, reading: &Reading, dt: f64, change: f64) {
        if reading.method != self.method {
            *self = Self::new(reading);
            return;
        }
        self.narrowest = half(reading).min(self.narrowest * WIDENING);
        let Some((last_dt, last_change)) = self.last.replace((dt, change)) else { return };
        if (dt - last_dt).abs() > EQUAL * dt {
            self.difference = None;
            return;
        }
        // By rates, so that an oscillator that is off, and a wake-up that is late, are no noise together.
        let second = (change / dt - last_change / last_dt) * dt / nominal(self.narrowest).sqrt();
        let Some(before) = self.difference.replace(second) else { return };
        let apparent = ((second * second + before * before) / 2.0 - 4.0 * second * before) / 22.0;
        if let Some(oldest) = self.apparent.get_mut(self.oldest) {
            *oldest = apparent;
        }
        self.oldest = (self.oldest + 1) % RECENT;
        let mut sorted = self.apparent;
        sorted.sort_unstable_by(f64::total_cmp);
        let kept = sorted.get(TRIMMED..RECENT - TRIMMED).unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "32 at most")]
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        let (least, most) = if self.method == Method::Precise { PRECISE } else { BRACKETS };
        let recent = (mean / TRIMMED_MEAN).clamp(least, most);
        if recent > LOUDER * self.factor || recent * QUIETER < self.factor {
            self.factor = recent;
            self.unchanged = 0.0;
        } else {
            self.unchanged = (self.unchanged + 1.0).min(MEMORY);
            self.factor += (recent - self.factor) / self.unchanged;
        }
    }
}

/// Half the bracket, ns.
fn half(reading: &Reading) -> f64 {
    reading.uncertainty.as_nanos_f64()
}

/// The variance that half a bracket suggests: the host's time is anywhere in it, and no reading is better than the
/// nanosecond in which the kernel counts.
fn nominal(half: f64) -> f64 {
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
    /// a second; it jumps by `jump` ppb ten readings before the end.
    fn learnt(method: Method, jitter: f64, walk: f64, jump: f64) -> f64 {
        let (reading, mut state) = (reading(method), 7);
        let mut noise = Noise::new(&reading);
        let (mut frequency, mut last) = (3_000.0, 0.0);
        for second in 0..400 {
            frequency += normal(walk, &mut state) + if second == 390 { jump } else { 0.0 };
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
    fn a_minute_is_enough_to_see_that_the_noise_has_changed() {
        let (reading, mut state) = (reading(Method::Precise), 7);
        let mut noise = Noise::new(&reading);
        let mut last = 0.0;
        for (jitter, readings) in [(1.0, 1_000), (50.0, 60), (50.0, 1_000), (1.0, 60)] {
            for _ in 0..readings {
                let now = normal(jitter, &mut state);
                noise.learn(&reading, 1.0, now - last);
                last = now;
            }
            let found = noise.variance(&reading).sqrt();
            assert!(
                (jitter * 0.7..jitter * 1.6).contains(&found),
                "{found} ns after {readings} of {jitter} ns"
            );
        }
    }

    #[test]
    fn a_slew_of_the_hosts_is_soon_forgotten_and_a_bracket_is_as_wide_as_it_says() {
        assert!(learnt(Method::Precise, 5.0, 0.0, 500_000.0) < 10.0);
        let bracketed = learnt(Method::SysOffset, 50.0, 0.0, 0.0);
        assert!(bracketed < 10.0, "no noisier than its width of 2 ns lets it be: {bracketed}");
    }
}
