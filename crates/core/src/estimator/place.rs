//! Where in its bracket the host's time lies.
//!
//! A bracket says no more than that the host's clock was read somewhere between its two ends. But a driver always goes
//! the same way, there and back, and what changes is how fast the processor goes it: its frequency, what else runs on
//! its other thread, whether the caches are warm. Then the host's time lies at the same part of every bracket, and the
//! middle is off by that part of its width: when the brackets become wider, all readings move by it. Seen on ptp_kvm, whose
//! brackets of 15 to 28 µs are all off by the same 0.31 of their half (docs/measurements.md).
//!
//! So the part is learnt from readings that move with their width: a scalar Kalman filter on second differences, in
//! which there is no phase and no frequency. It is known at once when brackets follow on a better method, whose phase
//! is certain. Corrected by it the middle has neither the movement nor the constant error, and stays within the bracket
//! in any case: what is promised of the clock still counts from the bracket's ends.
//!
//! Weak points: a delay that is always the same and on one side is taken for a part, too, as far as it goes with the
//! width. While all brackets are equally wide nothing is learnt; and nothing can be.

/// What is thought of a place that nobody knows: anywhere in the bracket, a variance of 1/3.
const UNKNOWN: f64 = 1.0 / 3.0;
/// How far a place may have changed after a reading, as a variance: by a tenth in three hours at 1 Hz.
const CHANGING: f64 = 1e-6;
/// No place is known better than to this, as a variance: the model is no better.
const BEST_KNOWN: f64 = 0.03 * 0.03;
/// How much a phase that was precise may be off a moment later, because the raw counter has changed with the method,
/// as a part of the half bracket.
const CHANGEOVER: f64 = 0.1;
/// A difference so many standard deviations away from what was expected is no matter of the width.
const OUTLYING: f64 = 4.0;

/// The place: -1 is the bracket's begin, 0 its middle, 1 its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    mean: f64,
    variance: f64,
}

impl Default for Place {
    fn default() -> Self {
        Self { mean: 0.0, variance: UNKNOWN }
    }
}

impl Place {
    /// A first bracket of that `half` width (ns) was off by so many ns, of that variance, from what was known before.
    pub(super) fn seen(off: f64, variance: f64, half: f64) -> Self {
        let mut place = Self::default();
        place.observe(off, half, variance + (CHANGEOVER * half).powi(2));
        place
    }

    /// How much later than the middle of a bracket of that half width the host's time is, ns.
    pub(super) fn correction(&self, half: f64) -> f64 {
        self.mean * half
    }

    /// The variance of that, ns².
    pub(super) fn variance(&self, half: f64) -> f64 {
        self.variance * half * half
    }

    /// Between corrected readings there was a difference that should be nothing but noise of that variance, while
    /// half their widths differed by `half`.
    pub(super) fn learn(&mut self, difference: f64, half: f64, noise: f64) {
        self.variance = (self.variance + CHANGING).min(UNKNOWN);
        let expected = self.variance(half) + noise;
        if difference * difference <= OUTLYING * OUTLYING * expected {
            self.observe(difference, half, noise);
        }
    }

    fn observe(&mut self, off: f64, half: f64, noise: f64) {
        let gain = self.variance * half / (self.variance(half) + noise);
        self.mean = (self.mean + gain * off).clamp(-1.0, 1.0);
        self.variance = (self.variance * (1.0 - gain * half)).max(BEST_KNOWN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_known_at_once_after_better_readings() {
        let place = Place::seen(-4_700.0, 100.0, 15_000.0);
        assert!((place.correction(15_000.0) + 4_700.0).abs() < 200.0, "{place:?}");
        assert!(place.variance(15_000.0).sqrt() < 2_000.0);
    }

    #[test]
    fn it_is_learnt_from_what_goes_with_the_width_and_not_from_what_does_not() {
        let (mut known, mut unknown) = (Place::default(), Place::default());
        for n in 0..40 {
            let (half, noise) = ([3_000.0, -5_000.0, 800.0][n % 3], [150.0, -150.0][n % 2]);
            let left = -0.3 * half - known.correction(half);
            known.learn(left + noise, half, 150.0 * 150.0);
            unknown.learn(noise, 0.0, 150.0 * 150.0);
        }
        assert!((known.correction(1.0) + 0.3).abs() < 0.03, "{known:?}");
        assert!(unknown.mean == 0.0 && unknown.variance > 0.3, "{unknown:?}");
    }

    #[test]
    fn the_corrected_middle_stays_within_the_bracket() {
        let mut place = Place::default();
        for _ in 0..100 {
            place.learn(9_000.0, 5_000.0, 1e9);
        }
        assert!(place.correction(1.0) <= 1.0 && Place::seen(-1e12, 1.0, 500.0).correction(1.0) >= -1.0);
    }
}
