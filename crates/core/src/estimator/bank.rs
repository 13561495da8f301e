//! Filters side by side, each with its own assumption of how restless the host is, and how much each of them is
//! believed.
//!
//! Phases count from the last reading, in ns; frequencies are in ppb, drifts in ppb a second.

use super::model::{Model, Restlessness, Rhythm, Span};
use super::{ANY_FREQUENCY_PPB, UNKNOWN_FREQUENCY_VARIANCE};

/// The assumptions, from a rock to a kite.
const ASSUMED: [Restlessness; 8] = [
    Restlessness { frequency: 0.02, drift: 0.0 },
    Restlessness { frequency: 0.2, drift: 0.0 },
    Restlessness { frequency: 1.0, drift: 0.05 },
    Restlessness { frequency: 4.0, drift: 0.4 },
    Restlessness { frequency: 12.0, drift: 2.0 },
    Restlessness { frequency: 12.0, drift: 8.0 },
    Restlessness { frequency: 50.0, drift: 15.0 },
    Restlessness { frequency: 500.0, drift: 100.0 },
];
const COUNT: usize = ASSUMED.len();
/// What a reading takes of the filters' standing if all of it is heeded: a memory of about ten.
const STANDING_LOST: f64 = 0.1;
/// Readings are alike whose intervals and variances differ by less than this part.
const ALIKE: f64 = 0.01;
/// A filter whose likelihood is less than that of the best by this much has no say, as a logarithm.
const NO_SAY: f64 = -30.0;
/// At least so much of a reading is heeded: a memory of a hundred at most.
const LEAST_GAIN: f64 = 0.1;

/// The filters. What they say together is the mean, weighted by how likely each of them made the last readings.
#[derive(Clone, Debug)]
pub(super) struct Bank {
    models: [Model; COUNT],
    /// Logarithms of the likelihoods, fading.
    standing: [f64; COUNT],
    weights: [f64; COUNT],
    /// What the last readings had in common.
    rhythm: Option<Rhythm>,
    /// Which part of the last reading's innovation the phase took over.
    gain: f64,
}

impl Bank {
    /// All begin with the same.
    pub(super) fn new(phase_variance: f64, frequency: f64, frequency_variance: f64) -> Self {
        Self {
            models: ASSUMED.map(|assumed| Model::new(assumed, phase_variance, frequency, frequency_variance)),
            standing: [0.0; COUNT],
            weights: [1.0 / 8.0; COUNT],
            rhythm: None,
            gain: 1.0,
        }
    }

    /// The phase that a reading of variance `noise` is expected to have `dt` seconds on, and the variance around it.
    pub(super) fn expected(&self, dt: f64, noise: f64) -> (f64, f64) {
        let (span, rhythm) = (Span::of(dt), self.rhythm_of(dt, noise));
        self.mixture(self.models.each_ref().map(|model| model.expected(&span, noise, rhythm.as_ref())))
    }

    /// What such a reading has in common with the last ones.
    fn rhythm_of(&self, dt: f64, noise: f64) -> Option<Rhythm> {
        let alike = |one: f64, other: f64| (one - other).abs() <= ALIKE * other;
        self.rhythm.filter(|rhythm| alike(dt, rhythm.span.dt()) && alike(noise, rhythm.noise))
    }

    /// Takes in the phase `measured` by a reading of variance `noise`, `dt` seconds after the last. From then on phases
    /// count from it. A filter whose frequency has become absurd gets the `usual` one. Gives how far the phase was off
    /// what was expected.
    pub(super) fn update(&mut self, measured: f64, dt: f64, noise: f64, usual: f64) -> f64 {
        // The noisier the readings, the less each of them tells which of the filters is right.
        let kept = 1.0 - STANDING_LOST * self.gain.max(LEAST_GAIN);
        let (span, rhythm) = (Span::of(dt), self.rhythm_of(dt, noise));
        let (mut residual, mut gain) = (0.0, 0.0);
        for ((model, standing), weight) in self.models.iter_mut().zip(&mut self.standing).zip(self.weights) {
            let innovation = model.take(measured, &span, noise, rhythm.as_ref());
            residual += weight * innovation.value;
            gain += weight * (1.0 - noise / innovation.variance);
            *standing = kept * *standing + innovation.ln_likelihood;
            model.phase -= measured;
            if model.frequency.abs() > ANY_FREQUENCY_PPB {
                // A device that lied, or noise over microseconds: learnt from, it would never be unlearnt.
                model.forget_frequency(usual, UNKNOWN_FREQUENCY_VARIANCE);
            }
        }
        self.rhythm = rhythm.or(Some(Rhythm { span, noise }));
        self.gain = gain;
        self.reweigh();
        residual
    }

    /// Which part of the last reading's innovation the phase took over.
    pub(super) const fn gain(&self) -> f64 {
        self.gain
    }

    /// The phase is a new one, of that variance; the frequency stays, and may be off by so much more.
    pub(super) fn rephase(&mut self, phase_variance: f64, doubt_ppb: f64) {
        for model in &mut self.models {
            model.rephase(phase_variance, doubt_ppb * doubt_ppb);
        }
    }

    /// The frequency may be so far off what it is thought to be.
    pub(super) fn doubt_frequency(&mut self, by_ppb: f64) {
        for model in &mut self.models {
            model.doubt_frequency(by_ppb * by_ppb);
        }
    }

    /// The phase `dt` seconds after the last reading, or before it, and its variance.
    pub(super) fn phase(&self, dt: f64) -> (f64, f64) {
        let span = Span::of(dt);
        self.mixture(self.models.map(|model| {
            let grown = model.frequency_variance() * dt * dt;
            (model.phase_after(&span), model.phase_variance() + grown)
        }))
    }

    /// The frequency now, and its variance.
    pub(super) fn frequency(&self) -> (f64, f64) {
        self.mixture(self.models.map(|model| (model.frequency, model.frequency_variance())))
    }

    /// The frequency, averaged over the next `dt` seconds.
    pub(super) fn mean_frequency(&self, dt: f64) -> f64 {
        let span = Span::of(dt);
        self.mixture(self.models.map(|model| (model.mean_frequency(&span), 0.0))).0
    }

    /// How fast the frequency changes.
    pub(super) fn drift(&self) -> f64 {
        self.mixture(self.models.map(|model| (model.drift, 0.0))).0
    }

    fn reweigh(&mut self) {
        let best = self.standing.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for (weight, standing) in self.weights.iter_mut().zip(&mut self.standing) {
            // Relative to the best, so that the numbers never run away.
            *standing -= best;
            *weight = if *standing < NO_SAY { 0.0 } else { standing.exp() };
            sum += *weight;
        }
        for weight in &mut self.weights {
            *weight /= sum;
        }
    }

    /// Mean and variance of the mixture of what each filter says, (mean, variance).
    fn mixture(&self, parts: [(f64, f64); COUNT]) -> (f64, f64) {
        let all = || self.weights.iter().zip(parts);
        let mean = all().map(|(weight, (mean, _))| weight * mean).sum::<f64>();
        let variance = all()
            .map(|(weight, (of_one, variance))| weight * (variance + (of_one - mean) * (of_one - mean)))
            .sum();
        (mean, variance)
    }
}
