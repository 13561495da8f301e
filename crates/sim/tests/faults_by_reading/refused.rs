//! Adjustments that the kernel refuses, and offsets that the policy doesn't let be corrected at once.

use hostclock_core::notice::Notice;
use hostclock_core::policy::Policy;
use hostclock_core::reading::Method;
use hostclock_core::status::State;
use hostclock_core::units::Duration;
use hostclock_sim::disturbance::Disturbance;
use hostclock_sim::record::Record;
use hostclock_sim::simulation::Sample;
use hostclock_sim::world::WorldModel;

use crate::bench::{Bench, EPERM, SECOND, Script};
use crate::support::{at, seen};

fn ms(ms: i64) -> Duration {
    Duration::from_millis(ms)
}

/// A guest without a device from 30.2 s on, for `away`, whose kernel refuses adjustments from 40.1 s to 42.1 s.
fn refused_in_holdover(policy: Policy, away: Duration, plan: &[(f64, Disturbance)], end: f64) -> Record {
    let refused = (40.1, Disturbance::Refused(EPERM, ms(2_000)));
    let plan = [&[(30.2, Disturbance::DeviceGone(away)), refused], plan].concat();
    let record = seen(&WorldModel::default(), policy, 4, &plan, end);
    let before = record.since(at(40.0)).next();
    let holds = |sample: &Sample| sample.state == Some(State::Holdover) && sample.kernel_bound.is_some();
    assert!(before.is_some_and(holds), "{before:?}");
    record
}

#[test]
#[should_panic(expected = "fault 3: ")]
fn an_external_step_is_undone_in_a_holdover_in_which_an_adjustment_was_refused() {
    let foreign = [(50.3, Disturbance::ForeignStep(Duration::from_secs(1)))];
    let record = refused_in_holdover(Policy::default(), Duration::from_secs(600), &foreign, 60.0);
    let last = record.samples.last().expect("samples");
    assert!(
        last.offset_ns.abs() < 1e6,
        "fault 3: 10 s after an external step of 1 s the clock is {} ns off, in {:?}",
        last.offset_ns,
        last.state
    );
}

#[test]
#[should_panic(expected = "fault 3: ")]
fn a_holdover_in_which_an_adjustment_was_refused_ends_synchronisation_at_its_limit() {
    let policy = Policy { holdover_limit: Duration::from_micros(200), ..Policy::default() };
    let usual = seen(
        &WorldModel::default(),
        policy,
        4,
        &[(30.2, Disturbance::DeviceGone(Duration::from_secs(600)))],
        300.0,
    );
    let last = usual.samples.last().expect("samples");
    assert!(last.kernel_bound.is_none(), "without a refusal the limit is passed: {last:?}");
    let record = refused_in_holdover(policy, Duration::from_secs(600), &[], 300.0);
    let last = record.samples.last().expect("samples");
    assert!(
        last.kernel_bound.is_none(),
        "fault 3: after 270 s without a reading and a limit of 200 us the kernel is still synchronised, within {:?}",
        last.kernel_bound
    );
}

#[test]
#[should_panic(expected = "fault 3: ")]
fn the_end_of_a_holdover_in_which_an_adjustment_was_refused_is_reported() {
    let record = refused_in_holdover(Policy::default(), Duration::from_secs(30), &[], 80.0);
    let told = record.told(at(30.0));
    assert!(told.iter().any(|notice| matches!(notice, Notice::Holdover { .. })), "{told:?}");
    assert!(
        told.iter().any(|notice| matches!(notice, Notice::HoldoverEnded { .. })),
        "fault 3: readings came again after 30 s, and the notices are {told:?}"
    );
}

/// The rates of readings and adjustments, per second, of a clock that is `wrong_by` off for a minute, and the part of a
/// processor that they take.
fn rates(machine: Script, policy: Policy, wrong_by: Duration) -> (f64, f64, f64) {
    let mut bench = Bench::start(machine, policy);
    bench.run(SECOND.times(30));
    bench.machine.host_offset -= wrong_by.as_nanos();
    bench.run(SECOND.times(10));
    let (readings, adjustments) = (bench.machine.readings, bench.machine.adjustments);
    let busy = bench.machine.busy;
    bench.run(SECOND.times(60));
    let offset = bench.machine.offset().abs();
    assert!(offset > wrong_by.as_nanos() / 2, "it is corrected too soon: {offset} ns left of {wrong_by}");
    (
        f64::from(bench.machine.readings - readings) / 60.0,
        f64::from(bench.machine.adjustments - adjustments) / 60.0,
        (bench.machine.busy.as_secs_f64() - busy.as_secs_f64()) / 60.0,
    )
}

/// Both are to be about as many as polls, one a second.
const ABOUT_A_POLL: f64 = 3.0;

#[test]
#[should_panic(expected = "fault 4: ")]
fn an_offset_that_is_refused_makes_no_more_readings_and_adjustments_than_polls() {
    let policy = Policy { largest_step: Some(Duration::from_secs(600)), ..Policy::default() };
    let (readings, adjustments, _) = rates(Script::new(Duration::ZERO), policy, Duration::from_secs(7_200));
    assert!(
        readings <= ABOUT_A_POLL && adjustments <= ABOUT_A_POLL,
        "fault 4: {readings:.1} readings and {adjustments:.1} adjustments a second"
    );
}

#[test]
#[should_panic(expected = "fault 4: ")]
fn an_offset_that_is_slewed_for_hours_makes_no_more_adjustments_than_polls() {
    let policy = Policy { step_backward: None, ..Policy::default() };
    let (readings, adjustments, _) = rates(Script::new(Duration::ZERO), policy, Duration::from_secs(3_600));
    assert!(
        readings <= ABOUT_A_POLL && adjustments <= ABOUT_A_POLL,
        "fault 4: {readings:.1} readings and {adjustments:.1} adjustments a second"
    );
}

#[test]
#[should_panic(expected = "fault 4: ")]
fn expensive_readings_of_an_offset_that_is_refused_take_no_more_of_a_processor() {
    let policy = Policy { largest_step: Some(Duration::from_secs(600)), ..Policy::default() };
    let mut machine = Script::new(Duration::ZERO);
    machine.works = vec![Method::SysOffset];
    machine.reading_takes = Duration::from_micros(1_500);
    machine.probe_takes = Duration::from_micros(300);
    let (_, _, share) = rates(machine, policy, Duration::from_secs(7_200));
    assert!(share <= 1.0 / 128.0, "fault 4: {:.2} % of a processor, where 1/256 is the limit", 100.0 * share);
}

#[test]
#[should_panic(expected = "fault 5: ")]
fn a_step_at_the_start_that_was_refused_once_is_made_as_soon_as_it_can_be() {
    let policy = Policy { steps_after_start: Some(0), ..Policy::default() };
    let model = WorldModel { wrong_by: Duration::from_secs(-3_600), ..WorldModel::default() };
    let record = seen(&model, policy, 5, &[(0.0, Disturbance::Refused(EPERM, ms(500)))], 10.0);
    let last = record.samples.last().expect("samples");
    assert!(record.told(at(0.0)).iter().any(|notice| matches!(notice, Notice::AdjustRefused { .. })));
    assert!(
        last.offset_ns.abs() < 1e6,
        "fault 5: 9.5 s after the kernel takes adjustments again the clock is {} ns off, after the steps {:?}",
        last.offset_ns,
        record.steps(at(0.0))
    );
}

#[test]
#[should_panic(expected = "fault 5: ")]
fn an_external_step_is_still_one_after_its_undoing_was_refused() {
    let policy = Policy { steps_after_start: Some(0), ..Policy::default() };
    let plan = [
        (30.3, Disturbance::Refused(EPERM, ms(1_500))),
        (30.4, Disturbance::ForeignStep(Duration::from_secs(5))),
    ];
    let record = seen(&WorldModel::default(), policy, 6, &plan, 40.0);
    let last = record.samples.last().expect("samples");
    assert!(
        last.offset_ns.abs() < 1e6,
        "fault 5: 8 s after the kernel takes adjustments again the clock is {} ns off, after the steps {:?}",
        last.offset_ns,
        record.steps(at(30.0))
    );
}
