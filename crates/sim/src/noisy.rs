//! A world with nothing in it but noise, for whoever keeps a clock beside the engine: the counter's frequency is noisy,
//! readings jitter, and the host is true.

use hostclock_core::units::{Duration, Frequency};

use crate::host::HostModel;
use crate::oscillator::OscillatorModel;
use crate::random::Random;
use crate::truth::TrueTime;
use crate::world::{World, WorldModel};

/// What the kernel counts in is part of a reading's noise, ns²: both of its clocks are rounded to nanoseconds.
pub(crate) const ROUNDING_VARIANCE: f64 = 1.0 / 6.0;

/// The world in which `oscillator` is all that is wrong.
pub(crate) fn model(oscillator: OscillatorModel) -> WorldModel {
    WorldModel {
        oscillator,
        host: HostModel { frequency: Frequency::ZERO, ..HostModel::free() },
        wrong_by: Duration::ZERO,
        ..WorldModel::default()
    }
}

/// Such a world, as it is seen without a daemon.
pub(crate) struct Noisy {
    /// The world.
    pub(crate) world: World,
    noise: Random,
    start: i128,
}

impl Noisy {
    /// The same world that the engine meets with this seed; readings have a jitter of their own.
    pub(crate) fn new(model: &WorldModel, seed: u64) -> Self {
        let world = World::new(model, seed);
        let start = world.gap_picos();
        Self { world, noise: Random::new(seed).part("reference"), start }
    }

    /// How much further the host's clock has gone than the counter, `at` so many seconds, in ns.
    #[expect(clippy::cast_precision_loss, reason = "exact to a nanosecond up to 100 days")]
    pub(crate) fn gap_ns(&mut self, at: f64) -> f64 {
        self.world.pass(TrueTime::from_secs_f64(at));
        (self.world.gap_picos() - self.start) as f64 / 1e3
    }

    /// The same as a reading with this jitter says it.
    pub(crate) fn reading(&mut self, at: f64, jitter_ns: f64) -> f64 {
        (self.gap_ns(at) + self.noise.normal(jitter_ns)).round()
    }
}
