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
//! the same place in all of them (`place`), and readings are corrected by that. So the noise of those as narrow as the
//! narrowest is learnt. What a bracket is wider than that counts as far as the place isn't known; and whole, where it is
//! more than twice as wide: then something came between.
//!
//! A filter that takes readings for a hundred times noisier than they are learns nothing from them, so the first
//! brackets count at once, whatever their intervals: a second difference over milliseconds has nothing in it but noise.
//!
//! Weak points: a drift of the frequency makes R too small, by an eleventh of its square; a frequency that jumps more
//! often than twice in 32 readings makes it too large. After the first, readings at unequal intervals teach nothing
//! unless they are short. At long intervals the walk hides the noise: what can't be told apart stays as it was.
//! Never is the noise of precise readings taken for less than they promise: a filter that trusts them more than that is
//! wrong by more than it says, as soon as they have an error in common.

use super::place::{Place, is_alike};
use super::recent::{RECENT, Recent};
use crate::reading::{Method, Reading};
use crate::units::Duration;

/// What the trimmed mean of the recent readings' variances is, of the mean of all, if the noise is normally distributed.
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
/// As so many readings counts, at first, the noise that a bracket's width suggests.
const NOMINAL_COUNTS: f64 = 1.0;
/// How far brackets are thought to scatter before it is seen, as a part of that variance: by a tenth of their width.
const SCATTERED: f64 = 0.01;
/// Over less than this second differences have nothing but noise in them, equal intervals or not.
const SHORT_S: f64 = 0.1;
/// So many of these by precise readings, one after the other, that are quieter than the noise by so much, as a variance:
/// it was none. A host that swings once a minute looks like noise to readings as far apart.
const SHORT_QUIET: (u32, f64) = (3, 100.0);
/// The standard deviation of what 32 readings say of the noise, where the frequency's walk is all that is to be seen in
/// them, as a part of how far they scatter: below that noise can't be told from none.
const TOLD: f64 = 0.3;
/// How much of each second difference the scatter takes over, and how many times larger than it one counts at most.
const SCATTER_SHARE: f64 = 0.1;
const MOST_SCATTERED: f64 = 9.0;
/// Intervals are equal within this part of them.
const EQUAL: f64 = 0.02;

/// The noise of one method's readings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    method: Method,
    /// Half the narrowest bracket of late, ns.
    narrowest: f64,
    place: Place,
    /// How far readings scatter, for whatever reason, as a variance, ns²: noise, and what the frequency does meanwhile.
    scatter: f64,
    /// Half the last bracket, ns, and the part by which it was corrected; and the last interval, once there is one.
    last_half: f64,
    last_part: f64,
    last: Option<Interval>,
    /// The last second difference, over the nominal standard deviation.
    difference: Option<f64>,
    /// How many times the nominal variance the true one is.
    factor: f64,
    /// What each of the recent readings says it is. They are enough to see that the noise has changed.
    apparent: Recent,
    /// How many readings the factor is the mean of.
    unchanged: f64,
    /// How many short second differences one after the other were far quieter than that.
    quiet: u32,
}

/// From one reading to the next.
#[derive(Clone, Copy, Debug)]
struct Interval {
    dt: f64,
    /// By how much the phase changed, and how much wider half the bracket was than those that are alike, ns.
    change: f64,
    wider_by: f64,
    /// Half the wider bracket of the two.
    half: f64,
}

impl Noise {
    pub(super) fn new(first: &Reading) -> Self {
        let is_precise = first.method == Method::Precise;
        Self {
            method: first.method,
            narrowest: half(first),
            place: Place::unknown(half(first)),
            scatter: if is_precise { 1.0 } else { SCATTERED } * nominal(half(first)),
            last_half: half(first),
            last_part: 0.0,
            last: None,
            difference: None,
            factor: 1.0,
            // What precise readings promise is believed until the contrary is seen.
            apparent: if is_precise { Recent::all(TRIMMED_MEAN) } else { Recent::none() },
            unchanged: 0.0,
            quiet: 0,
        }
    }

    /// What follows on the readings of a better method.
    pub(super) fn after_better(first: &Reading) -> Self {
        Self { place: Place::following(half(first)), ..Self::new(first) }
    }

    /// Whether it does, and how far the next reading is off tells something.
    pub(super) const fn follows_better(&self) -> bool {
        self.place.is_following()
    }

    /// `reading` was off by so many ns, of that variance, from what was expected.
    pub(super) fn take_off(&mut self, reading: &Reading, off: f64, variance: f64) {
        self.place.take_off(off, variance, half(reading));
    }

    /// What `reading` says when it is known where in its bracket the host's time lies.
    pub(super) fn corrected(&self, reading: &Reading) -> Reading {
        if reading.method != self.method || reading.method == Method::Precise {
            return *reading;
        }
        let late = Duration::from_nanos_f64(self.place.correction(half(reading)));
        Reading { reference: reading.reference - late, ..*reading }
    }

    /// The variance of `reading`'s phase, ns².
    pub(super) fn variance(&self, reading: &Reading) -> f64 {
        if reading.method != self.method {
            return Self::new(reading).variance(reading);
        }
        if reading.method == Method::Precise {
            return self.factor * nominal(half(reading));
        }
        let narrowest = self.narrowest.min(half(reading));
        let wider = half(reading) - narrowest;
        let ordinary = wider.min(narrowest);
        self.factor * nominal(narrowest)
            + if is_alike(half(reading), narrowest) { 0.0 } else { self.place.variance(ordinary) }
            + nominal(wider - ordinary)
            + QUIETEST
    }

    /// The phases from `first` on have nothing to do with the last ones.
    pub(super) fn begin_anew(&mut self, first: &Reading) {
        self.last_half = half(first);
        self.last_part = self.place.part();
        self.last = None;
        self.difference = None;
    }

    /// Learns from a corrected reading `dt` seconds after the last, `change` ns further than the raw counter. Gives by
    /// how much that reading, and those before it, are to be corrected further, in ns.
    pub(super) fn learn(&mut self, reading: &Reading, dt: f64, change: f64) -> f64 {
        if reading.method != self.method {
            *self = Self::new(reading);
            return 0.0;
        }
        let now_half = half(reading);
        self.narrowest = now_half.min(self.narrowest * WIDENING);
        self.scatter = self.scatter.min(nominal(self.narrowest));
        let further = self.place.take_width(now_half);
        // What was corrected by another part is brought to this one.
        let (last_wider, part) = (self.place.wider(self.last_half), self.place.part());
        let more = part - self.last_part;
        let now = Interval {
            dt,
            change: change + more * last_wider,
            wider_by: self.place.wider(now_half) - last_wider,
            half: now_half.max(self.last_half),
        };
        (self.last_half, self.last_part) = (now_half, part);
        let Some(mut last) = self.last.replace(now) else { return further };
        last.change -= more * last.wider_by;
        let change = now.change;
        // By rates, so that an oscillator that is off, and a wake-up that is late, are no noise together.
        let ratio = dt / last.dt;
        let second = change - last.change * ratio;
        let squares = 1.0 + (1.0 + ratio) * (1.0 + ratio) + ratio * ratio;
        let equal = (dt - last.dt).abs() <= EQUAL * dt;
        let is_short = dt.max(last.dt) <= SHORT_S;
        if self.method == Method::Precise {
            self.learn_factor(second, squares, equal, is_short);
            return 0.0;
        }
        let half_second = now.wider_by - last.wider_by * ratio;
        // What may have come from the width is no noise.
        if self.place.variance(half_second) <= squares * self.scatter {
            self.learn_factor(second, squares, equal, is_short);
        } else {
            self.difference = None;
        }
        let widest = now.half.max(last.half);
        if widest > 2.0 * self.narrowest {
            return further;
        }
        // Second differences of neighbours are correlated: each tells half of what it seems to. Wide ones scatter more.
        let noise = self.scatter + self.place.scatter(widest);
        further + self.place.learn(second, half_second, 2.0 * squares * noise)
    }

    /// Learns how noisy readings are from a second difference; from one of unequal intervals
    /// if they are short, or it is one of the first.
    fn learn_factor(&mut self, second: f64, squares: f64, equal: bool, is_short: bool) {
        let counts_anyway = is_short || self.apparent.count() < RECENT;
        if !(equal || counts_anyway) {
            self.difference = None;
            return;
        }
        // Equal intervals are no second look but the ordinary ones, where this comes by chance once a minute.
        if is_short && !equal && self.method == Method::Precise {
            self.notice_quiet(second * second / squares / nominal(self.narrowest));
        }
        let scattered = (second * second / squares).min(MOST_SCATTERED * self.scatter);
        self.scatter += SCATTER_SHARE * (scattered - self.scatter);
        let unit = nominal(self.narrowest);
        if !equal {
            self.difference = None;
            self.take_apparent(second * second / squares / unit);
            return;
        }
        let second = second / unit.sqrt();
        if let Some(before) = self.difference.replace(second) {
            self.take_apparent(((second * second + before * before) / 2.0 - 4.0 * second * before) / 22.0);
        }
    }

    /// Over a short time precise readings had so much noise, and nothing else.
    fn notice_quiet(&mut self, apparent: f64) {
        let (often, quieter) = SHORT_QUIET;
        self.quiet = if apparent * quieter < self.factor { self.quiet + 1 } else { 0 };
        if self.quiet >= often {
            self.factor = (self.factor / quieter).max(PRECISE.0);
            self.apparent = Recent::all(self.factor * TRIMMED_MEAN);
            self.unchanged = 0.0;
            self.quiet = 0;
        }
    }

    /// Takes in how many times the nominal variance the last reading's seems to be.
    #[expect(clippy::cast_precision_loss, reason = "32 at most")]
    fn take_apparent(&mut self, apparent: f64) {
        let before = self.apparent.count();
        self.apparent.take(apparent);
        let (least, most) = match self.method {
            Method::Precise => PRECISE,
            _ => (BRACKETS.0.max(TOLD * self.scatter / nominal(self.narrowest)).min(BRACKETS.1), BRACKETS.1),
        };
        let recent = (self.apparent.trimmed_mean() / TRIMMED_MEAN).clamp(least, most);
        if before < RECENT {
            // In logarithms, or what the width suggests would weigh more than all that was seen.
            let seen = self.apparent.count() as f64;
            self.factor = recent.powf(seen / (seen + NOMINAL_COUNTS));
            return;
        }
        let uncertain = 2.0 * TOLD * self.scatter / nominal(self.narrowest);
        if recent - uncertain > LOUDER * self.factor || (recent + uncertain) * QUIETER < self.factor {
            self.factor = recent;
            self.unchanged = 0.0;
        } else if uncertain < recent.max(self.factor) {
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
            tied_within: Duration::ZERO,
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

    /// Corrected differences tell what is left to correct: mixed with those from before, they would tell it twice.
    #[test]
    fn a_place_is_learnt_from_wide_brackets_without_overshooting() {
        let mut state = 7;
        let mut bracket = |second: i64| {
            let half = if second % 9 == 0 { 24_000.0 } else { 15_000.0 } + normal(300.0, &mut state);
            let off = 0.3 * half + normal(50.0, &mut state);
            Reading {
                reference: Timestamp::default() + Duration::from_nanos_f64(1e9 * second as f64 - off),
                raw: RawTime::from_nanos(second * 1_000_000_000),
                uncertainty: Duration::from_nanos_f64(half),
                ..reading(Method::SysOffset)
            }
        };
        let mut last = bracket(1);
        let mut noise = Noise::new(&last);
        for second in 2..100 {
            let now = noise.corrected(&bracket(second));
            let change = ((now.reference - last.reference) - (now.raw - last.raw)).as_nanos_f64();
            let further = noise.learn(&now, 1.0, change);
            last = Reading { reference: now.reference - Duration::from_nanos_f64(further), ..now };
            let part = -noise.place.part();
            assert!(part < 0.36 && (second < 20 || part > 0.24), "{part} after {second}");
        }
    }

    #[test]
    fn a_slew_of_the_hosts_is_soon_forgotten_and_a_bracket_is_as_wide_as_it_says() {
        assert!(learnt(Method::Precise, 5.0, 0.0, 500_000.0) < 10.0);
        let bracketed = learnt(Method::SysOffset, 50.0, 0.0, 0.0);
        assert!(bracketed < 10.0, "no noisier than its width of 2 ns lets it be: {bracketed}");
    }
}
