//! Where in its bracket the host's time lies.
//!
//! A bracket says no more than that the host's clock was read somewhere between its two ends. But a driver always goes
//! the same way, there and back, and what changes is how fast the processor goes it: its frequency, what else runs on
//! its other thread, whether the caches are warm. Then the host's time lies at the same part of every bracket, and the
//! middle is off by that part of its width: when the brackets become wider, all readings move by it. Seen on ptp_kvm in
//! the lab, whose halves of 15 to 28 µs are all off by the same 0.31 of them (docs/measurements.md).
//!
//! So the part is learnt from readings that move with their width: a scalar Kalman filter on second differences, in
//! which there is no phase and no frequency. It is known after some brackets that follow on a better method, whose phase
//! is certain. Corrected by it the middle has neither the movement nor the constant error, and stays within the bracket
//! in any case: what is promised of the clock still counts from the bracket's ends.
//!
//! What is as wide as usual but for an eighth is off by the same: so much comes and goes on both sides of it (measured
//! there, too), and is noise. As usual is the mean of those; the first that is narrower begins a new one.
//!
//! Weak points: a delay that is always the same and on one side is taken for a part, too, as far as it goes with the
//! width. While all brackets are equally wide nothing is learnt; and nothing can be.

/// What is thought of a place that nobody knows: anywhere in the bracket, a variance of 1/3.
const UNKNOWN: f64 = 1.0 / 3.0;
/// Brackets that differ by this part of their width are off by the same.
const ALIKE: f64 = 0.125;
/// How far a place may have changed after a reading, as a variance: by a tenth in three hours at 1 Hz.
const CHANGING: f64 = 1e-6;
/// No place is known better than to this, as a variance: the model is no better.
const BEST_KNOWN: f64 = 0.03 * 0.03;
/// How well a place has to be known before the middle's constant error is corrected, as a variance: from widths that
/// hardly differ it would be guessed at.
const WELL_KNOWN: f64 = 0.05 * 0.05;
/// Then that error follows the place as its mean over so many readings: what moves it, moves the clock.
const MEAN_OVER: f64 = 200.0;
/// So many brackets after a better method tell the place, if they agree to this, as the variance of their mean.
const FOLLOWING: u32 = 4;
const AGREED: f64 = 0.15 * 0.15;
/// How much a phase that was precise may be off a moment later, because the raw counter has changed with the method,
/// as a part of the half bracket.
const CHANGEOVER: f64 = 0.05;
/// Half a bracket is usually as the mean of so many that are alike.
const USUAL_OVER: f64 = 50.0;
/// A difference so many standard deviations away from what was expected is no matter of the width.
const OUTLYING: f64 = 4.0;

/// The place: -1 is the bracket's begin, 0 its middle, 1 its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    mean: f64,
    variance: f64,
    /// By what part of it the middle of the usual bracket is corrected, once that is well known.
    constant: Option<f64>,
    /// The mean of half the brackets that are off by the same, ns, and of how many of them that is.
    usual: f64,
    alike: f64,
    /// How many differences that part is the mean of.
    taken: f64,
    /// The first brackets after a better method, while they are counted.
    following: Option<Following>,
}

/// Of so many brackets, which parts of them they were off.
#[derive(Clone, Copy, Debug)]
struct Following {
    count: u32,
    sum: f64,
    squares: f64,
}

impl Place {
    /// Nothing is known of it yet, except that half a bracket is that wide, ns.
    pub(super) const fn unknown(half: f64) -> Self {
        Self {
            mean: 0.0,
            variance: UNKNOWN,
            constant: None,
            usual: half,
            alike: 0.0,
            taken: 0.0,
            following: None,
        }
    }

    /// As [`Place::unknown`]; but the phase was certain until now, so that the next brackets will tell.
    pub(super) const fn following(half: f64) -> Self {
        Self { following: Some(Following { count: 0, sum: 0.0, squares: 0.0 }), ..Self::unknown(half) }
    }

    /// Whether the next bracket will tell something.
    pub(super) const fn is_following(&self) -> bool {
        self.following.is_some()
    }

    /// A bracket was off by so many ns, of that variance, from what was expected. That tells something while what is
    /// expected still goes back to better readings, which have a thousand times the weight of the first brackets.
    pub(super) fn take_off(&mut self, off: f64, variance: f64, half: f64) {
        let Some(following) = self.following.as_mut().filter(|_| half <= 2.0 * self.usual) else {
            return;
        };
        let part = (off / half).clamp(-1.0, 1.0);
        following.count += 1;
        following.sum += part;
        following.squares += part * part;
        if following.count < FOLLOWING {
            return;
        }
        let count = f64::from(following.count);
        let mean = following.sum / count;
        let spread = (following.squares / count - mean * mean).max(0.0) / (count - 1.0);
        let certain = spread + variance / (half * half) + CHANGEOVER * CHANGEOVER;
        self.following = None;
        if certain <= AGREED {
            (self.mean, self.variance, self.constant) = (mean, certain, Some(mean));
        }
    }

    /// How much later than the middle of a bracket of that half width the host's time is, ns.
    pub(super) fn correction(&self, half: f64) -> f64 {
        self.constant.unwrap_or_default() * self.usual + self.mean * self.wider(half)
    }

    /// How much wider half a bracket is than the usual ones, ns: 0 for these.
    pub(super) fn wider(&self, half: f64) -> f64 {
        if is_alike(half, self.usual) { 0.0 } else { half - self.usual }
    }

    /// By which part of how much wider they are brackets are corrected.
    pub(super) const fn part(&self) -> f64 {
        self.mean
    }

    /// The variance of how far brackets of that half width scatter because their places differ, ns².
    pub(super) fn scatter(&self, half: f64) -> f64 {
        BEST_KNOWN * self.wider(half).powi(2)
    }

    /// The variance of how much more that is for a bracket whose half is wider by `half`, ns².
    pub(super) fn variance(&self, half: f64) -> f64 {
        self.variance * half * half
    }

    /// There was a bracket of that half width. Gives by how much all readings are to be corrected further, ns.
    pub(super) fn take_width(&mut self, half: f64) -> f64 {
        let same = self.usual;
        let before = self.correction(same);
        if is_alike(half, same) {
            self.alike = (self.alike + 1.0).min(USUAL_OVER);
            self.usual += (half - same) / self.alike;
        } else if half < same {
            (self.usual, self.alike) = (half, 1.0);
        }
        self.correction(same) - before
    }

    /// Between corrected readings there was a difference that should be nothing but noise of that variance, while
    /// what [`Place::wider`] says of them differed by `half`. Gives by how much all readings are to be corrected
    /// further, ns.
    pub(super) fn learn(&mut self, difference: f64, half: f64, noise: f64) -> f64 {
        self.variance = (self.variance + CHANGING).min(UNKNOWN);
        let expected = self.variance(half) + noise;
        if difference * difference <= OUTLYING * OUTLYING * expected {
            self.observe(difference, half, noise);
        }
        let before = self.constant;
        if before.is_some() || self.variance <= WELL_KNOWN {
            self.taken = (self.taken + 1.0).min(MEAN_OVER);
            let constant = before.unwrap_or(self.mean);
            self.constant = Some(constant + (self.mean - constant) / self.taken);
        }
        (self.constant.unwrap_or_default() - before.unwrap_or_default()) * self.usual
    }

    fn observe(&mut self, off: f64, half: f64, noise: f64) {
        let gain = self.variance * half / (self.variance(half) + noise);
        self.mean = (self.mean + gain * off).clamp(-1.0, 1.0);
        self.variance = (self.variance * (1.0 - gain * half)).max(BEST_KNOWN);
    }
}

/// Whether brackets of the one half width are off by the same as those of the other.
pub(super) fn is_alike(half: f64, other: f64) -> bool {
    half.max(other) <= (1.0 + ALIKE) * half.min(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known after brackets of 15 us that were off by so much, while the phase was certain to `sigma` ns.
    fn after_better(offs: [f64; 4], sigma: f64) -> Place {
        let mut place = Place::following(15_000.0);
        for off in offs {
            assert_eq!(place.correction(15_000.0), 0.0, "too soon");
            place.take_off(off, sigma * sigma, 15_000.0);
        }
        place
    }

    #[test]
    fn a_place_is_known_soon_after_better_readings_if_brackets_agree() {
        let place = after_better([-4_700.0, -4_600.0, -4_800.0, -4_700.0], 10.0);
        assert!((place.correction(15_000.0) + 4_700.0).abs() < 1.0, "{place:?}");
        assert!((place.correction(24_000.0) / place.correction(15_000.0) - 1.6).abs() < 0.01);
        assert_eq!(after_better([-9_000.0, 7_000.0, 2_000.0, -4_000.0], 10.0).correction(15_000.0), 0.0);
        assert_eq!(
            after_better([-4_700.0; 4], 5_000.0).correction(15_000.0),
            0.0,
            "nothing better was known"
        );
    }

    #[test]
    fn it_is_learnt_from_what_goes_with_the_width_and_not_from_what_does_not() {
        let (mut known, mut unknown) = (Place::unknown(15_000.0), Place::unknown(15_000.0));
        for n in 0..60 {
            let (half, noise) = ([3_000.0, -5_000.0, 800.0][n % 3], [150.0, -150.0][n / 3 % 2]);
            known.learn((-0.3 - known.mean) * half + noise, half, 150.0 * 150.0);
            unknown.learn(noise, 0.0, 150.0 * 150.0);
        }
        assert!((known.mean + 0.3).abs() < 0.03 && (known.correction(15_000.0) + 4_500.0).abs() < 500.0);
        assert!(unknown.correction(20_000.0) == 0.0 && unknown.variance > 0.3, "{unknown:?}");
    }

    #[test]
    fn a_first_bracket_that_was_pre_empted_is_no_measure() {
        let mut place = Place::unknown(1e6);
        place.learn(-1e5, 1e6, 1e11);
        let (before, shift) = (place.correction(600.0), place.take_width(500.0));
        assert!((place.correction(600.0) - before - shift).abs() < 1e-6 && shift.abs() > 1e4);
        assert_eq!(place.take_width(700.0), 0.0);
        assert!(place.correction(600.0).abs() < 100.0);
    }

    #[test]
    fn the_corrected_middle_stays_within_the_bracket() {
        let mut place = Place::unknown(500.0);
        for _ in 0..100 {
            place.learn(9_000.0, 5_000.0, 1e9);
        }
        let mut seen = Place::following(500.0);
        (0..4).for_each(|_| seen.take_off(-1e12, 1.0, 500.0));
        for half in [500.0, 600.0, 5_000.0] {
            assert!(place.correction(half).abs() <= half && seen.correction(half).abs() <= half);
        }
    }
}
