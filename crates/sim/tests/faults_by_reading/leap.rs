//! Leap seconds that other programs announce to the kernel, on a host that has none.
//!
//! The simulator's `World::adjust` writes the status word as the daemon does: none but ours.

use hostclock_core::notice::Notice;
use hostclock_core::policy::Policy;
use hostclock_core::status::StepCause;
use hostclock_core::units::{Duration, Timestamp};
use hostclock_sim::disturbance::Disturbance;
use hostclock_sim::kernel::STA_INS;
use hostclock_sim::record::Record;
use hostclock_sim::simulation::Simulation;
use hostclock_sim::world::{World, WorldModel};

use crate::support::at;

/// Midnight is this many seconds after the start.
const MIDNIGHT: f64 = 60.0;
const MIDNIGHT_UTC: Timestamp = Timestamp::from_nanos(1_793_750_400_000_000_000);

/// A guest that starts right, a minute before midnight.
fn before_midnight(seed: u64, plan: &[(f64, Disturbance)]) -> Simulation {
    let date = MIDNIGHT_UTC - Duration::from_secs(60);
    let model = WorldModel { date, wrong_by: Duration::ZERO, ..WorldModel::default() };
    let mut simulation = Simulation::new(&model, Policy::default(), seed);
    for (second, disturbance) in plan {
        simulation.world.plan(at(*second), *disturbance);
    }
    simulation
}

/// Whether the kernel is to insert a second.
fn is_announced(world: &World) -> bool {
    world.kernel().state(world.raw().as_nanos() * 1_000).status & STA_INS != 0
}

fn announced() -> Disturbance {
    Disturbance::ForeignStatus(STA_INS)
}

fn withdrawn() -> Disturbance {
    Disturbance::ForeignStatus(0)
}

/// A step of the host's that the clock follows with a step.
fn disturbed() -> Disturbance {
    Disturbance::HostStep(Duration::from_millis(50))
}

#[test]
fn a_leap_second_that_was_withdrawn_is_not_announced_again_by_a_step() {
    for seed in 0..5 {
        let when = 20.0 + seed as f64 / 5.0;
        let plan = [(10.0, announced()), (when, withdrawn()), (when + 0.000_1, disturbed())];
        let mut simulation = before_midnight(seed, &plan);
        let mut record = Record::default();
        simulation.run_until(at(30.0), &mut record);
        assert!(!record.steps(at(when)).is_empty(), "seed {seed}: no step");
        let again = is_announced(&simulation.world);
        simulation.run_until(at(MIDNIGHT + 5.0), &mut record);
        let worst = record.worst_ns(at(MIDNIGHT - 1.0));
        assert!(
            !again && worst < 1e6,
            "fault 11: withdrawn before a step and announced after it: {again}; at midnight {worst} ns off (seed {seed})"
        );
    }
}

#[test]
fn a_leap_second_that_is_announced_lasts_through_a_step_as_through_any_adjustment() {
    for seed in 0..5 {
        let when = 20.0 + seed as f64 / 5.0;
        let with_step = [(when, announced()), (when + 0.000_1, disturbed())];
        let after = |plan: &[(f64, Disturbance)]| {
            let mut simulation = before_midnight(seed, plan);
            simulation.run_until(at(30.0), &mut Record::default());
            is_announced(&simulation.world)
        };
        let (stepped, adjusted) = (after(&with_step), after(&with_step[..1]));
        assert!(
            stepped == adjusted,
            "fault 11: after ordinary adjustments it is announced: {adjusted}; after a step: {stepped} (seed {seed})"
        );
    }
}

#[test]
fn an_announcement_that_a_stopped_daemon_left_inserts_no_second_that_the_host_does_not() {
    // Ours starts at 18 s, on a clock that another one has left with its announcement.
    let plan = [(10.0, Disturbance::Kill(Duration::from_secs(8))), (14.0, announced())];
    let mut simulation = before_midnight(21, &plan);
    let mut record = Record::default();
    simulation.run_until(at(MIDNIGHT + 5.0), &mut record);
    let before = record.since(at(30.0)).take_while(|sample| sample.at < at(MIDNIGHT - 1.0));
    assert!(before.map(|sample| sample.offset_ns.abs()).fold(0.0, f64::max) < 1e3);
    let worst = record.worst_ns(at(MIDNIGHT - 1.0));
    assert!(
        worst < 1e6,
        "fault 11: 42 s after our start the kernel inserts a second, and the clock is {worst} ns off"
    );
}

#[test]
fn a_second_that_the_kernel_inserts_is_not_blamed_on_another_program() {
    let mut simulation = before_midnight(22, &[(30.0, announced())]);
    let mut record = Record::default();
    simulation.run_until(at(MIDNIGHT + 5.0), &mut record);
    let blamed: Vec<_> = record
        .told(at(MIDNIGHT - 1.0))
        .into_iter()
        .filter(|notice| matches!(notice, Notice::Stepped { cause: StepCause::ForeignStep, .. }))
        .collect();
    assert!(blamed.is_empty(), "fault 11: the kernel inserted a second, and the log says {blamed:?}");
}
