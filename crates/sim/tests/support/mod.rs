//! What the tests share: a guest that has settled, and spans.
#![allow(dead_code, reason = "not every test file needs everything")]

use hostclock_core::policy::Policy;
use hostclock_core::units::Duration;
use hostclock_sim::disturbance::Disturbance;
use hostclock_sim::record::Record;
use hostclock_sim::simulation::Simulation;
use hostclock_sim::truth::TrueTime;
use hostclock_sim::world::WorldModel;

pub(crate) const MICROSECOND: Duration = Duration::from_micros(1);

pub(crate) fn at(s: f64) -> TrueTime {
    TrueTime::from_secs_f64(s)
}

/// A world in which `disturbances` happen at their seconds, and what is seen of it until `end`.
pub(crate) fn seen(
    model: &WorldModel,
    policy: Policy,
    seed: u64,
    disturbances: &[(f64, Disturbance)],
    end: f64,
) -> Record {
    let mut simulation = Simulation::new(model, policy, seed);
    for (second, disturbance) in disturbances {
        simulation.world.plan(at(*second), *disturbance);
    }
    let mut record = Record::default();
    simulation.run_until(at(end), &mut record);
    record
}

/// What is seen after `disturbance` strikes the default guest, half a minute after its start.
pub(crate) fn struck(seed: u64, disturbance: Disturbance, seconds: f64) -> (Record, TrueTime) {
    let when = 30.0 + (seed % 97) as f64 / 97.0;
    let record =
        seen(&WorldModel::default(), Policy::default(), seed, &[(when, disturbance)], when + seconds);
    (record, at(when))
}
