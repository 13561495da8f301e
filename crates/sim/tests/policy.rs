//! What the user forbids is not done, whatever happens.

mod support;

use hostclock_core::policy::{Mode, Policy};
use hostclock_core::status::State;
use hostclock_core::units::Duration;
use hostclock_sim::device::{Clocksource, Lie};
use hostclock_sim::disturbance::Disturbance;
use hostclock_sim::record::Record;
use hostclock_sim::world::WorldModel;
use support::{at, seen};

fn ms(ms: i64) -> Duration {
    Duration::from_millis(ms)
}

/// A guest under `policy` that starts right, and to which all kinds of things happen.
fn tried(policy: Policy, seed: u64) -> Record {
    let model = WorldModel { wrong_by: Duration::ZERO, ..WorldModel::default() };
    let disturbances = [
        (10.3, Disturbance::HostStep(ms(-1_500))),
        (20.1, Disturbance::Pause(ms(700))),
        (30.7, Disturbance::HostStep(ms(40))),
        (40.2, Disturbance::Clocksource(Clocksource::Tsc)),
        (45.5, Disturbance::HostStep(ms(-300))),
        (50.9, Disturbance::DeviceGone(ms(4_000))),
        (60.4, Disturbance::Lie(Lie::Outliers(ms(5_000)), ms(10_000))),
        (75.2, Disturbance::Migration(ms(90), hostclock_core::units::Frequency::from_ppm(30.0), ms(3))),
    ];
    seen(&model, policy, seed, &disturbances, 90.0)
}

#[test]
fn with_step_forward_never_the_clock_is_never_stepped_forward() {
    for seed in 0..10 {
        let record = tried(Policy { step_forward: None, ..Policy::default() }, seed);
        let steps = record.steps(at(1.0));
        assert!(steps.iter().all(|step| step.by.is_negative()), "seed {seed}: {steps:?}");
    }
}

#[test]
fn with_step_backward_never_the_clock_never_goes_back() {
    for seed in 10..20 {
        let record = tried(Policy { step_backward: None, ..Policy::default() }, seed);
        let steps = record.steps(at(1.0));
        assert!(steps.iter().all(|step| !step.by.is_negative()), "seed {seed}: {steps:?}");
    }
}

#[test]
fn nothing_larger_than_largest_step_is_corrected_by_a_step() {
    for seed in 20..30 {
        let record = tried(Policy { largest_step: Some(ms(500)), ..Policy::default() }, seed);
        let steps = record.steps(at(0.0));
        assert!(steps.iter().all(|step| step.by.abs() <= ms(500)), "seed {seed}: {steps:?}");
    }
}

#[test]
fn no_more_steps_are_made_than_allowed_after_the_start() {
    for seed in 30..40 {
        for allowed in [0, 1, 2] {
            let policy = Policy { steps_after_start: Some(allowed), ..Policy::default() };
            let steps = tried(policy, seed).steps(at(1.0));
            assert!(steps.len() <= allowed as usize, "seed {seed}: {allowed} allowed, {steps:?}");
        }
    }
}

#[test]
fn an_observer_and_a_dry_run_touch_nothing_and_keep_their_bound() {
    for (seed, mode) in (40..).zip([Mode::Observe, Mode::DryRun]) {
        let policy = Policy { mode, ..Policy::default() };
        let record = tried(policy, seed);
        assert_eq!(record.steps(at(0.0)), [], "seed {seed}");
        // Nobody steers: 32 ppm between the host and the guest's nominal rate add up.
        let last = record.samples.last().expect("samples");
        assert!(last.kernel_bound.is_none(), "seed {seed}: {last:?}");
        assert!(last.offset_ns.abs() > 1e6, "seed {seed}: {last:?}");
    }
}

#[test]
fn a_foreign_step_is_left_alone_where_it_is_not_to_be_undone() {
    let policy = Policy { undo_foreign_steps: false, ..Policy::default() };
    for seed in 50..55 {
        let foreign = Disturbance::ForeignStep(Duration::from_micros(700));
        let record = seen(&WorldModel::default(), policy, seed, &[(30.4, foreign)], 50.0);
        assert_eq!(record.steps(at(30.0)), [], "seed {seed}");
        let last = record.samples.last().expect("samples");
        // It is an offset like any other, and slewed.
        assert!(
            last.state == Some(State::Synchronised) && last.offset_ns.abs() < 1_000.0,
            "seed {seed}: {last:?}"
        );
    }
}
