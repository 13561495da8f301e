//! Reading seldom: how close a clock stays at long intervals, and how seldom the host has to be asked for one that is as
//! near to it as was asked for.
//!
//! There are no probes here, so that a reading is a poll and nothing but polls finds out that the host has changed.

use hostclock_core::engine::Engine;
use hostclock_core::policy::{PROBE_RANGE, Policy};
use hostclock_core::units::{Duration, Frequency};

use crate::device::{DeviceModel, Driver};
use crate::host::HostModel;
use crate::oscillator::OscillatorModel;
use crate::simulation::Simulation;
use crate::steady::{Figures as Offset, Watch};
use crate::truth::TrueTime;
use crate::world::WorldModel;

/// What is asked of the clock, and for how long it is watched.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The least time between readings.
    pub poll: Duration,
    /// What is asked for; `None`: a reading at each `poll`.
    pub accuracy: Option<Duration>,
    /// How long the clock settles, and then is watched, in seconds.
    pub settling_s: f64,
    /// See above.
    pub watched_s: f64,
}

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// The mean time between readings, in seconds.
    pub interval_s: f64,
    /// How far off the clock was.
    pub offset: Offset,
    /// In which part of the time it was off by more than was asked for.
    pub beyond: f64,
}

/// Ten samples a second.
const SAMPLE_S: f64 = 0.1;

/// Worlds from a quiet one to one in which much happens, by name.
#[must_use]
pub fn worlds() -> [(&'static str, WorldModel); 6] {
    let free = WorldModel { host: HostModel::free(), ..WorldModel::default() };
    let walk = |wander_ppb, jitter_ns| WorldModel {
        oscillator: OscillatorModel {
            wander: Frequency::from_ppb(wander_ppb),
            temperature: Frequency::ZERO,
            ..OscillatorModel::default()
        },
        device: DeviceModel { precise_noise_ns: jitter_ns, ..DeviceModel::default() },
        ..free
    };
    // As the lab's brackets scatter.
    let noisy = DeviceModel { precise_noise_ns: 100.0, ..DeviceModel::default() };
    let bracketed = DeviceModel { driver: Driver::HyperV, place: (0.33, 0.37), ..DeviceModel::default() };
    [
        ("host left alone", free),
        ("walk 1e-9, 1 ns", walk(1.0, 1.0)),
        ("walk 1e-8, 50 ns", walk(10.0, 50.0)),
        ("host under NTP", WorldModel::default()),
        ("alone, brackets", WorldModel { device: bracketed, ..free }),
        ("NTP, 100 ns", WorldModel { device: noisy, ..WorldModel::default() }),
    ]
}

impl Setup {
    /// What is seen of a daemon in `model`.
    #[must_use]
    pub fn keep(&self, model: &WorldModel, seed: u64) -> Figures {
        let policy =
            Policy { poll: self.poll, accuracy: self.accuracy, probe: PROBE_RANGE.1, ..Policy::default() };
        let mut simulation = Simulation::new(model, policy, seed);
        let readings = |simulation: &Simulation| {
            simulation.engine().map(Engine::counters).map_or(0, |counters| counters.readings)
        };
        simulation.run_until(TrueTime::from_secs_f64(self.settling_s), &mut ());
        let before = readings(&simulation);
        let limit_ns = self.accuracy.map_or(f64::INFINITY, Duration::as_nanos_f64);
        let (mut seen, mut beyond) = (Watch::default(), 0.0);
        let samples = (1_u32..).map(|n| f64::from(n) * SAMPLE_S).take_while(|at| *at <= self.watched_s);
        for at in samples {
            simulation.run_until(TrueTime::from_secs_f64(self.settling_s + at), &mut ());
            let offset_ns = simulation.world.offset_ns();
            seen.take(offset_ns);
            beyond += f64::from(offset_ns.abs() > limit_ns);
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53")]
        let taken = (readings(&simulation) - before).max(1) as f64;
        Figures { interval_s: self.watched_s / taken, offset: seen.figures(), beyond: beyond / seen.count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(world: usize, accuracy: Duration, seed: u64) -> Figures {
        let setup = Setup {
            poll: Duration::from_secs(1),
            accuracy: Some(accuracy),
            settling_s: 300.0,
            watched_s: 1_200.0,
        };
        setup.keep(&worlds()[world].1, seed)
    }

    #[test]
    fn a_quiet_host_is_asked_twice_a_minute_and_a_restless_one_more_often() {
        let micro = Duration::from_micros(1);
        for seed in 0..3 {
            let (quiet, restless) = (kept(0, micro, seed), kept(3, micro, seed));
            assert!(quiet.interval_s > 30.0 && quiet.beyond < 0.01, "seed {seed}: {quiet:?}");
            assert!((1.0..10.0).contains(&restless.interval_s), "seed {seed}: {restless:?}");
            assert!(restless.beyond < 0.03, "seed {seed}: {restless:?}");
        }
    }

    #[test]
    fn less_is_asked_for_less_often() {
        let intervals = [100, 1_000, 10_000].map(|ns| kept(2, Duration::from_nanos(ns), 7).interval_s);
        assert!(intervals.is_sorted() && intervals[0] < 3.0 && intervals[2] > 10.0, "{intervals:?}");
    }

    #[test]
    fn brackets_will_do_for_what_they_can_tell() {
        let figures = kept(4, Duration::from_micros(10), 3);
        assert!(figures.interval_s > 30.0 && figures.beyond == 0.0, "{figures:?}");
    }
}
