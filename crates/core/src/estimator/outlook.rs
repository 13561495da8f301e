//! What the host's frequency will be after a long time without readings.
//!
//! For a frequency that walks at random the last one is the best guess, for one that only scatters its mean, for one
//! that flickers something in between, for a crystal that warms up a straight line; and a temperature that goes up and
//! down for hours looks like a walk at first. Instead of a model of the noise there are a handful of simple
//! predictors, and each is asked what it would have predicted at every moment of the last hour, for a time as far
//! ahead as the one that is asked for now. How wrong it would have been is its weight (J. M. Bates and C. W. J.
//! Granger, "The Combination of Forecasts", 1969).
//!
//! Assumed is that the next hour is like the last, which is all that can be assumed. Weak points: how good a predictor
//! is at a distance of more than half of what was seen isn't known, and is taken from there; the weights
//! are soft, because an hour has only a few quarters of an hour that could be predicted. Of the first quarter of an
//! hour nothing is told.

use crate::units::Frequency;

/// A frequency is the mean over so many seconds, or over one interval between readings.
const BLOCK_S: f64 = 32.0;
/// So many are remembered: over an hour.
const BLOCKS: usize = 120;
/// So many must be there before anything is predicted from them: of a few minutes no predictor can show what it is good
/// for at a distance of hours.
const LEAST: usize = 32;
/// A predictor that has seen fewer isn't judged.
const SOME: usize = 4;
/// No two of them that follow each other are further apart on one machine, unless the host is slewed, ppb.
const FAR: f64 = 50_000.0;
/// Nobody gets all of the weight for a few good predictions.
const BOLDEST: f64 = 3.0;
/// A predictor isn't better than that, ppb: nobody gets all of the weight by luck.
const FINEST: f64 = 0.01;

/// The mean frequencies of the last hour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlook {
    /// In ppb, the oldest first.
    blocks: [f64; BLOCKS],
    count: usize,
    /// How long a block is.
    block_s: f64,
    /// The block that isn't complete.
    ns: f64,
    seconds: f64,
    /// The last block, if it was far from the one before it.
    stray: Option<f64>,
}

impl Default for Outlook {
    fn default() -> Self {
        Self { blocks: [0.0; BLOCKS], count: 0, block_s: BLOCK_S, ns: 0.0, seconds: 0.0, stray: None }
    }
}

impl Outlook {
    /// The host's clock went so many ns further than the raw counter in `dt` seconds.
    pub(super) fn take(&mut self, ns: f64, dt: f64) {
        self.ns += ns;
        self.seconds += dt;
        if self.seconds >= BLOCK_S {
            self.block_s += (self.seconds - self.block_s) / 8.0;
            self.add(self.ns / self.seconds);
            self.begin_anew();
        }
    }

    /// The next phases have nothing to do with the last ones.
    pub(super) const fn begin_anew(&mut self) {
        self.ns = 0.0;
        self.seconds = 0.0;
    }

    fn add(&mut self, frequency: f64) {
        let near = |other: f64| (frequency - other).abs() < FAR;
        if !self.seen().last().is_none_or(|last| near(*last)) {
            // A host that is slewed is back soon; another machine isn't.
            if self.stray.replace(frequency).is_none_or(|stray| !near(stray)) {
                return;
            }
            self.count = 0;
        }
        self.stray = None;
        if self.count == BLOCKS {
            self.blocks.rotate_left(1);
            self.count -= 1;
        }
        if let Some(next) = self.blocks.get_mut(self.count) {
            *next = frequency;
            self.count += 1;
        }
    }

    fn seen(&self) -> &[f64] {
        self.blocks.get(..self.count).unwrap_or_default()
    }

    /// The frequency that is expected `after_s` seconds from now; `None` where too little was seen.
    pub(super) fn frequency(&self, after_s: f64) -> Option<Frequency> {
        let seen = self.seen();
        if seen.len() < LEAST {
            return None;
        }
        let ahead = (after_s / self.block_s).max(1.0);
        let judged = judged_at(ahead, seen.len());
        let errors = errors(seen, judged);
        let independent = float(seen.len() - judged) / float(judged);
        let (mut sum, mut weights) = (0.0, 0.0);
        let predictors = Predictors::of(seen);
        let all = predictors.0.iter().zip(errors).zip(PREDICTORS);
        for ((predictor, error), Prior { doubted, weight, .. }) in all {
            let weight = weight * (doubted * error + FINEST).powf(-(2.0 * independent).min(BOLDEST));
            sum += weight * predictor.at(0.5 + after_s / self.block_s);
            weights += weight;
        }
        Some(Frequency::from_ppb(sum / weights))
    }
}

/// So many blocks ahead the predictors are judged, if they are asked about `ahead` and have seen so many.
fn judged_at(ahead: f64, seen: usize) -> usize {
    let mut judged = 1;
    while float(2 * judged) <= ahead && 4 * judged <= seen {
        judged *= 2;
    }
    judged
}

/// How far each predictor would have been off, in the mean, `ahead` blocks on.
fn errors(seen: &[f64], ahead: usize) -> [f64; COUNT] {
    let (mut sums, mut count) = ([0.0; COUNT], 0.0);
    let mut predictors = Predictors::default();
    for (number, frequency) in seen.iter().enumerate() {
        predictors.take(*frequency);
        let Some(future) = seen.get(number + 1..number + 1 + ahead) else { break };
        if number + 1 < SOME {
            continue;
        }
        let came = future.iter().sum::<f64>() / float(ahead);
        for (sum, predictor) in sums.iter_mut().zip(&predictors.0) {
            *sum += (predictor.at(float(ahead + 1) / 2.0) - came).abs();
        }
        count += 1.0;
    }
    sums.map(|sum| sum / f64::max(count, 1.0))
}

/// A predictor, and what is thought of it beforehand.
struct Prior {
    /// So many blocks back the weight of a block is 1/e.
    memory: f64,
    sloping: bool,
    /// It must have been so many times better than the others to weigh as much.
    doubted: f64,
    /// What NTP does to a host's frequency it undoes later: a long memory is the better one where nothing tells.
    weight: f64,
}

const fn level(memory: f64, weight: f64) -> Prior {
    Prior { memory, sloping: false, doubted: 1.0, weight }
}

/// The line is followed where a crystal ages or warms up, and not where chance made one.
const PREDICTORS: [Prior; 6] = [
    level(1.0, 0.3),
    level(4.0, 0.6),
    level(16.0, 1.0),
    level(48.0, 1.5),
    level(FOREVER, 2.0),
    Prior { memory: FOREVER, sloping: true, doubted: 2.0, weight: 1.0 },
];
const COUNT: usize = PREDICTORS.len();
const FOREVER: f64 = 1e9;

/// All predictors.
#[derive(Clone, Copy)]
struct Predictors([Predictor; COUNT]);

impl Default for Predictors {
    fn default() -> Self {
        Self(PREDICTORS.map(|Prior { memory, sloping, .. }| Predictor {
            memory,
            sloping,
            ..Predictor::default()
        }))
    }
}

impl Predictors {
    fn of(seen: &[f64]) -> Self {
        let mut predictors = Self::default();
        seen.iter().for_each(|frequency| predictors.take(*frequency));
        predictors
    }

    fn take(&mut self, frequency: f64) {
        self.0.iter_mut().for_each(|predictor| predictor.take(frequency));
    }
}

/// A line through the frequencies of some time, level or not: weighted least squares, in which a block weighs the less
/// the older it is. Times are in blocks, and count from the last block.
#[derive(Clone, Copy, Default)]
struct Predictor {
    /// So many blocks back the weight is 1/e.
    memory: f64,
    sloping: bool,
    weight: f64,
    time: f64,
    time_square: f64,
    frequency: f64,
    product: f64,
}

impl Predictor {
    fn take(&mut self, frequency: f64) {
        let kept = (-1.0 / self.memory).exp();
        // Everything is one block older.
        self.product = kept * (self.product - self.frequency);
        self.time_square = kept * (self.time_square - 2.0 * self.time + self.weight);
        self.time = kept * (self.time - self.weight);
        self.frequency *= kept;
        self.weight *= kept;
        self.weight += 1.0;
        self.frequency += frequency;
    }

    /// The frequency so many blocks after the last.
    fn at(&self, ahead: f64) -> f64 {
        let (time, frequency) = (self.time / self.weight, self.frequency / self.weight);
        if !self.sloping {
            return frequency;
        }
        let spread = self.time_square / self.weight - time * time;
        let slope = (self.product / self.weight - time * frequency) / spread.max(1e-9);
        frequency + slope * (ahead - time)
    }
}

#[expect(clippy::cast_precision_loss, reason = "some hundred at most")]
const fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is expected after 90 minutes, when an hour was seen.
    fn expected(frequency_at: impl Fn(f64) -> f64) -> f64 {
        let mut outlook = Outlook::default();
        for second in 0..3_600 {
            outlook.take(frequency_at(f64::from(second)), 1.0);
        }
        outlook.frequency(5_400.0).expect("an hour is enough").as_ppb()
    }

    #[test]
    fn a_crystal_that_ages_goes_on_ageing() {
        let found = expected(|t| 20_000.0 + 0.01 * t);
        assert!((found - 20_090.0).abs() < 1.0, "{found}");
    }

    #[test]
    fn a_frequency_that_goes_up_and_down_is_taken_for_its_mean() {
        for period_s in [60.0, 300.0, 1_200.0] {
            let found =
                expected(|t| 20_000.0 + 500.0 * (core::f64::consts::TAU * (t / period_s + 0.2)).sin());
            assert!((found - 20_000.0).abs() < 60.0, "{found} at {period_s} s");
        }
    }

    #[test]
    fn after_a_change_of_the_frequency_the_last_one_counts() {
        let found = expected(|t| if t < 1_800.0 { 20_000.0 } else { 20_300.0 });
        assert!((found - 20_300.0).abs() < 60.0, "{found}");
    }

    #[test]
    fn a_slewed_host_is_passed_over_and_another_machine_is_not() {
        let slewed = expected(|t| if (1_000.0..1_030.0).contains(&t) { 520_000.0 } else { 20_000.0 });
        assert!((slewed - 20_000.0).abs() < 1.0, "{slewed}");
        let moved = expected(|t| if t < 1_800.0 { 20_000.0 } else { -60_000.0 });
        assert!((moved + 60_000.0).abs() < 1.0, "{moved}");
    }

    #[test]
    fn a_quarter_of_an_hour_must_have_been_seen() {
        let mut outlook = Outlook::default();
        for _ in 0..900 {
            outlook.take(20_000.0, 1.0);
        }
        assert_eq!(outlook.frequency(10.0), None);
    }
}
