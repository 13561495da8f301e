//! How far the clock is off when it has run alone for a long time, and how little it could be.
//!
//! The **reference** is a Kalman filter that is told how noisy the counter's frequency and the readings are, sees the
//! same world for the same time, and says where the host's clock will be. With Gaussian noises nothing that is made of
//! the readings is nearer on average (R. E. Kalman, "A New Approach to Linear Filtering and Prediction Problems",
//! 1960). Its state is the phase and every part of the frequency by itself: the constant, the walk, and the parts that
//! flicker (`scatter`).

use hostclock_core::policy::Policy;
use hostclock_core::units::{Duration, Frequency};

use crate::device::DeviceModel;
use crate::disturbance::Disturbance;
use crate::noisy::{self, Noisy, ROUNDING_VARIANCE};
use crate::oscillator::{OscillatorModel, SEGMENT_S};
use crate::scatter::FLICKER;
use crate::simulation::Simulation;
use crate::truth::TrueTime;
use crate::world::WorldModel;

/// A counter whose frequency is noisy, a host that is true, and a device that goes.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// White noise of the frequency, times the square root of a second.
    pub white: Frequency,
    /// The floor of the Allan deviation of its flicker noise.
    pub flicker: Frequency,
    /// Its random walk, per square root of a second.
    pub wander: Frequency,
    /// Standard deviation of a reading, ns.
    pub jitter_ns: f64,
    /// How long the clock has its host, in seconds.
    pub with_s: u32,
    /// How long it is without, in seconds.
    pub without_s: u32,
}

impl Setup {
    fn model(&self) -> WorldModel {
        let oscillator = OscillatorModel {
            white: self.white,
            flicker: self.flicker,
            wander: self.wander,
            temperature: Frequency::ZERO,
            ..OscillatorModel::default()
        };
        let device = DeviceModel { precise_noise_ns: self.jitter_ns, ..DeviceModel::default() };
        WorldModel { device, ..noisy::model(oscillator) }
    }

    fn end_s(&self) -> f64 {
        f64::from(self.with_s + self.without_s)
    }

    /// How far the engine's clock is off at the end, in ns.
    #[must_use]
    pub fn engine(&self, seed: u64) -> f64 {
        let policy = Policy { holdover_limit: Duration::from_secs(1), ..Policy::default() };
        let mut simulation = Simulation::new(&self.model(), policy, seed);
        let gone = Disturbance::DeviceGone(Duration::from_secs(i64::from(self.without_s) + 60));
        simulation.world.plan(TrueTime::from_secs_f64(f64::from(self.with_s)), gone);
        simulation.run_until(TrueTime::from_secs_f64(self.end_s()), &mut ());
        simulation.world.offset_ns()
    }

    /// How far the reference's prediction is off then, in ns.
    #[must_use]
    pub fn reference(&self, seed: u64) -> f64 {
        let mut seen = Noisy::new(&self.model(), seed);
        let mut filter = Reference::new(self);
        for second in 0..=self.with_s {
            if second > 0 {
                filter.pass();
                filter.pass();
            }
            filter.read(seen.reading(f64::from(second), self.jitter_ns));
        }
        filter.after(f64::from(self.without_s)) - seen.gap_ns(self.end_s())
    }
}

/// Phase, walk and flicker.
const STATES: usize = 2 + FLICKER.len();

struct Reference {
    /// Phase (ns) and the parts of the frequency (ppb).
    state: [f64; STATES],
    covariance: [[f64; STATES]; STATES],
    /// What is left of each after a step, and the variance that comes new.
    kept: [f64; STATES],
    new: [f64; STATES],
    reading_variance: f64,
}

#[expect(clippy::indexing_slicing, reason = "every place is below STATES, which is at least 2")]
impl Reference {
    fn new(setup: &Setup) -> Self {
        let flicker = setup.flicker.as_ppb().powi(2);
        let (mut kept, mut new) = ([1.0; STATES], [flicker; STATES]);
        for ((kept, new), constant_s) in kept.iter_mut().zip(&mut new).skip(2).zip(FLICKER) {
            *kept = (-SEGMENT_S / constant_s).exp();
            *new *= 1.0 - *kept * *kept;
        }
        new[0] = setup.white.as_ppb().powi(2) * SEGMENT_S;
        new[1] = setup.wander.as_ppb().powi(2) * SEGMENT_S;
        let mut covariance = [[0.0; STATES]; STATES];
        for (place, row) in covariance.iter_mut().enumerate() {
            row[place] = [1e6, 1e9].get(place).copied().unwrap_or(flicker);
        }
        let reading_variance = setup.jitter_ns.powi(2) + ROUNDING_VARIANCE;
        Self { state: [0.0; STATES], covariance, kept, new, reading_variance }
    }

    /// One step of the counter's.
    fn pass(&mut self) {
        // The frequency of a step is that at its beginning, and goes into the phase.
        self.state[0] += SEGMENT_S * self.state.iter().skip(1).sum::<f64>();
        let sums: [f64; STATES] = self.covariance.map(|row| row.iter().skip(1).sum());
        let all: f64 = sums.iter().skip(1).sum();
        self.covariance[0][0] += 2.0 * SEGMENT_S * sums[0] + SEGMENT_S * SEGMENT_S * all;
        for (place, sum) in sums.iter().enumerate().skip(1) {
            let cross = (self.covariance[0][place] + SEGMENT_S * sum) * self.kept[place];
            self.covariance[0][place] = cross;
            self.covariance[place][0] = cross;
            self.state[place] *= self.kept[place];
            for other in 1..STATES {
                self.covariance[place][other] *= self.kept[place] * self.kept[other];
            }
        }
        for place in 0..STATES {
            self.covariance[place][place] += self.new[place];
        }
    }

    fn read(&mut self, measured: f64) {
        let column: [f64; STATES] = self.covariance.map(|row| row[0]);
        let variance = column[0] + self.reading_variance;
        let innovation = measured - self.state[0];
        for place in 0..STATES {
            self.state[place] += column[place] / variance * innovation;
            for other in 0..STATES {
                self.covariance[place][other] -= column[place] * column[other] / variance;
            }
        }
    }

    /// The phase so long after the last reading.
    fn after(&self, seconds: f64) -> f64 {
        let parts = self.state.iter().skip(2).zip(FLICKER);
        let flicker: f64 =
            parts.map(|(part, constant_s)| part * constant_s * (1.0 - (-seconds / constant_s).exp())).sum();
        self.state[0] + self.state[1] * seconds + flicker
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn median(mut errors: Vec<f64>) -> f64 {
        errors.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        errors[errors.len() / 2].abs()
    }

    fn setup(white_ppb: f64, flicker_ppb: f64, wander_ppb: f64) -> Setup {
        Setup {
            white: Frequency::from_ppb(white_ppb),
            flicker: Frequency::from_ppb(flicker_ppb),
            wander: Frequency::from_ppb(wander_ppb),
            jitter_ns: 1.0,
            with_s: 3_600,
            without_s: 5_400,
        }
    }

    /// Of a walk the error is that of the walk itself, √(q² t³ / 3), and 0.674 of it in the median.
    #[test]
    fn the_reference_is_as_good_as_theory_says() {
        let errors = (0..200).map(|seed| setup(0.0, 0.0, 1.0).reference(seed)).collect();
        let theory = 0.674 * (5_400.0_f64.powi(3) / 3.0).sqrt();
        assert!((0.8..1.2).contains(&(median(errors) / theory)));
    }

    #[test]
    fn a_holdover_is_nearly_as_good_as_the_reference_whatever_the_noise() {
        for setup in [setup(0.0, 0.0, 1.0), setup(1.0, 0.3, 0.0)] {
            let engine = median((0..60).map(|seed| setup.engine(seed)).collect());
            let reference = median((0..60).map(|seed| setup.reference(seed)).collect());
            assert!(engine < 1.4 * reference, "{setup:?}: {engine} and {reference} ns");
        }
    }
}
