//! The steady state: how close a clock stays to its host while nothing happens but noise, and how close it could.
//!
//! The counter's frequency does a random walk, readings jitter, and the host's clock is true: the set-up in which
//! chrony's own clock simulator compares daemons. Beside the engine a **reference** steers a clock of its own in the
//! same world: a Kalman filter that is told both noises, which nobody knows in life, and whose clock is corrected
//! without any delay. With noises that are Gaussian and constant no other filter has a smaller error at the readings
//! (R. E. Kalman, "A New Approach to Linear Filtering and Prediction Problems", 1960); between them both clocks go in a
//! straight line to where the host's is expected at the next reading.

use hostclock_core::policy::Policy;
use hostclock_core::units::{Duration, Frequency};

use crate::kernel::Rounding;
use crate::noisy::{self, Noisy, ROUNDING_VARIANCE};
use crate::oscillator::OscillatorModel;
use crate::simulation::Simulation;
use crate::truth::TrueTime;
use crate::world::{World, WorldModel};

/// How noisy the world is for a while.
#[derive(Clone, Copy, Debug)]
pub struct Regime {
    /// Random walk of the counter's frequency, per square root of a second.
    pub wander: Frequency,
    /// Standard deviation of a reading, ns.
    pub jitter_ns: f64,
    /// How long it lasts before it is watched, in seconds.
    pub settling_s: f64,
    /// How long it is watched, in seconds.
    pub watched_s: f64,
}

/// The world, and how it is watched.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// One after the other; there is at least one.
    pub regimes: &'a [Regime],
    /// The time between readings.
    pub poll: Duration,
    /// How the engine's kernel rounds; that of the reference runs its clock at any rate.
    pub rounding: Option<Rounding>,
}

/// How far a clock was off.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Root mean square, ns.
    pub rms_ns: f64,
    /// The most, ns.
    pub max_ns: f64,
}

/// A hundred samples a second.
const SAMPLE_S: f64 = 0.01;

impl Regime {
    fn seconds(&self) -> f64 {
        self.settling_s + self.watched_s
    }

    /// It begins in `world`.
    fn begin(&self, world: &mut World) {
        world.oscillator.walks(self.wander);
        world.device.model.precise_noise_ns = self.jitter_ns;
    }

    /// The moments at which the clocks are compared, in seconds, if it begins at `start`.
    fn moments(&self, start: f64) -> impl Iterator<Item = f64> + use<> {
        let (from, until) = (start + self.settling_s, start + self.seconds());
        (0_u32..).map(move |n| from + f64::from(n) * SAMPLE_S).take_while(move |at| *at < until)
    }
}

impl Setup<'_> {
    fn model() -> WorldModel {
        noisy::model(OscillatorModel { temperature: Frequency::ZERO, ..OscillatorModel::default() })
    }

    /// Each regime, and when it begins, in seconds.
    fn starts(&self) -> impl Iterator<Item = (&Regime, f64)> {
        self.regimes.iter().scan(0.0, |next, regime| {
            let start = *next;
            *next += regime.seconds();
            Some((regime, start))
        })
    }

    /// What the engine does in the world of `seed`, in each regime.
    #[must_use]
    pub fn engine(&self, seed: u64) -> Vec<Figures> {
        let policy = Policy { poll: self.poll, ..Policy::default() };
        let model = WorldModel { rounding: self.rounding, ..Self::model() };
        let mut simulation = Simulation::new(&model, policy, seed);
        let mut figures = Vec::new();
        for (regime, start) in self.starts() {
            let mut seen = Watch::default();
            simulation.run_until(TrueTime::from_secs_f64(start), &mut ());
            regime.begin(&mut simulation.world);
            for at in regime.moments(start) {
                simulation.run_until(TrueTime::from_secs_f64(at), &mut ());
                seen.take(simulation.world.offset_ns());
            }
            figures.push(seen.figures());
        }
        figures
    }

    /// What the reference does there.
    #[must_use]
    pub fn reference(&self, seed: u64) -> Vec<Figures> {
        let mut noisy = Noisy::new(&Self::model(), seed);
        let mut filter = Reference::default();
        let poll_s = self.poll.as_secs_f64();
        let (mut reading_s, mut figures) = (0.0, Vec::new());
        for (regime, start) in self.starts() {
            let mut seen = Watch::default();
            let mut moments = regime.moments(start).peekable();
            noisy.world.pass(TrueTime::from_secs_f64(start));
            regime.begin(&mut noisy.world);
            while reading_s < start + regime.seconds() {
                filter.read(noisy.reading(reading_s, regime.jitter_ns), poll_s, regime);
                while let Some(at) = moments.next_if(|at| *at < reading_s + poll_s) {
                    seen.take(filter.clock(at - reading_s, poll_s) - noisy.gap_ns(at));
                }
                reading_s += poll_s;
            }
            figures.push(seen.figures());
        }
        figures
    }
}

/// Samples of how far a clock is off, while they are taken.
#[derive(Default)]
pub(crate) struct Watch {
    squares: f64,
    /// How many there are.
    pub(crate) count: f64,
    max_ns: f64,
}

impl Watch {
    pub(crate) fn take(&mut self, offset_ns: f64) {
        self.squares += offset_ns * offset_ns;
        self.count += 1.0;
        self.max_ns = self.max_ns.max(offset_ns.abs());
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures { rms_ns: (self.squares / self.count).sqrt(), max_ns: self.max_ns }
    }
}

/// Phase (ns) and frequency (ppb) of the host's clock against the counter, with their covariance; and the clock that is
/// steered by it.
struct Reference {
    phase: f64,
    frequency: f64,
    covariance: [f64; 3],
    /// Where the clock is at the reading, and where it will be at the next.
    from: f64,
    to: f64,
}

impl Default for Reference {
    fn default() -> Self {
        Self { phase: 0.0, frequency: 0.0, covariance: [1e6, 0.0, 1e9], from: 0.0, to: 0.0 }
    }
}

impl Reference {
    /// Takes in the reading `dt` after the last, in a world as noisy as `regime` says, and aims at the next.
    fn read(&mut self, measured: f64, dt: f64, regime: &Regime) {
        let [pp, pf, ff] = self.covariance;
        let q = regime.wander.as_ppb().powi(2);
        let noise = regime.jitter_ns.powi(2) + ROUNDING_VARIANCE;
        self.phase += self.frequency * dt;
        let pp = pp + 2.0 * dt * pf + dt * dt * ff + q * dt.powi(3) / 3.0;
        let pf = pf + dt * ff + q * dt * dt / 2.0;
        let ff = ff + q * dt;
        let innovation = measured - self.phase;
        let (kp, kf) = (pp / (pp + noise), pf / (pp + noise));
        self.phase += kp * innovation;
        self.frequency += kf * innovation;
        self.covariance = [pp - kp * pp, pf - kp * pf, ff - kf * pf];
        self.from = self.to;
        self.to = self.phase + self.frequency * dt;
    }

    /// The clock so long after the reading, of the time between two.
    fn clock(&self, after: f64, poll: f64) -> f64 {
        self.from + (self.to - self.from) * after / poll
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough for a ratio that is good to some per cent.
    fn regime(wander_ppb: f64, jitter_ns: f64) -> Regime {
        Regime { wander: Frequency::from_ppb(wander_ppb), jitter_ns, settling_s: 300.0, watched_s: 1_500.0 }
    }

    fn setup(regimes: &[Regime]) -> Setup<'_> {
        Setup { regimes, poll: Duration::from_secs(1), rounding: None }
    }

    /// Where there is no wander, the reference's error goes to nothing; with it, to what the algebraic Riccati
    /// equation says for a walk of 1 ppb per root second and a noise of 1 ns at 1 Hz, about 2 ns.
    #[test]
    fn the_reference_is_as_good_as_theory_says() {
        let still = setup(&[regime(0.0, 10.0)]).reference(1)[0].rms_ns;
        let rms = setup(&[regime(1.0, 1.0)]).reference(1)[0].rms_ns;
        assert!(still < 2.0 && (1.0..2.5).contains(&rms), "{still} {rms}");
    }

    #[test]
    fn the_engine_is_nearly_as_good_as_the_reference_though_it_is_told_nothing() {
        for (wander_ppb, jitter_ns) in [(1.0, 1.0), (1.0, 50.0), (10.0, 1.0), (10.0, 50.0)] {
            let regimes = [regime(wander_ppb, jitter_ns)];
            let (engine, reference) =
                (setup(&regimes).engine(1)[0].rms_ns, setup(&regimes).reference(1)[0].rms_ns);
            assert!(
                engine < 1.4 * reference,
                "{wander_ppb} ppb, {jitter_ns} ns: {engine} and {reference} ns"
            );
        }
    }

    /// No limit cycle and nothing that grows, also with a kernel that runs its clock only at some rates.
    #[test]
    fn at_long_polls_the_engine_is_as_good_as_the_reference() {
        for (poll, jitter_ns) in [(16, 1.0), (64, 50.0)] {
            let regimes = [Regime { settling_s: 4_000.0, watched_s: 14_400.0, ..regime(1.0, jitter_ns) }];
            let poll = Duration::from_secs(poll);
            let setup = Setup { regimes: &regimes, poll, rounding: Some(Rounding::default()) };
            let (mut engine, mut reference) = (0.0, 0.0);
            for seed in 0..4 {
                engine += setup.engine(seed)[0].rms_ns;
                reference += setup.reference(seed)[0].rms_ns;
            }
            assert!(
                engine < 1.2 * reference,
                "every {poll}: {engine} and {reference} ns, summed over the seeds"
            );
        }
    }

    /// A minute after each change, on average over some minutes and seeds.
    #[test]
    fn the_engine_follows_when_the_noises_change() {
        let quiet = Regime { settling_s: 60.0, watched_s: 300.0, ..regime(1.0, 1.0) };
        let noisy = Regime { wander: Frequency::from_ppb(10.0), jitter_ns: 50.0, ..quiet };
        let regimes = [quiet, noisy, quiet];
        let setup = setup(&regimes);
        let mut sums = [(0.0, 0.0); 3];
        for seed in 0..6 {
            for (sum, (engine, reference)) in
                sums.iter_mut().zip(setup.engine(seed).iter().zip(setup.reference(seed)))
            {
                *sum = (sum.0 + engine.rms_ns, sum.1 + reference.rms_ns);
            }
        }
        for (engine, reference) in sums {
            assert!(engine < 1.3 * reference, "{engine} and {reference} ns, summed over the seeds");
        }
    }
}
