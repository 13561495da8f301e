//! What other programs do to the clock, and what is done about it.

use hostclock_core::policy::Policy;
use hostclock_core::status::EventKind;
use hostclock_core::units::Duration;
use hostclock_sim::disturbance::Disturbance;
use hostclock_sim::record::{Record, Step};
use hostclock_sim::simulation::Simulation;
use hostclock_sim::world::WorldModel;

use crate::bench::{Bench, SECOND, Script};
use crate::support::{at, seen};

fn ms(ms: i64) -> Duration {
    Duration::from_millis(ms)
}

/// The steps after an external step of `by`, on a guest whose host was set by `wrong_by` ten seconds before, under a
/// policy that doesn't let the clock follow it with a step.
fn steps_after_nudge(wrong_by: Duration, by: Duration, policy: Policy) -> Vec<Step> {
    let model = WorldModel { wrong_by: Duration::ZERO, ..WorldModel::default() };
    let plan = [(20.3, Disturbance::HostStep(wrong_by)), (30.4, Disturbance::ForeignStep(by))];
    let record = seen(&model, policy, 1, &plan, 40.0);
    let steps = record.steps(at(20.0));
    assert!(steps.iter().all(|step| step.at >= at(30.4)), "stepped before: {steps:?}");
    steps
}

#[test]
#[should_panic(expected = "fault 1: ")]
fn an_offset_that_is_refused_is_not_stepped_after_an_external_step_towards_the_host() {
    let largest = Duration::from_secs(600);
    let policy = Policy { largest_step: Some(largest), ..Policy::default() };
    let steps = steps_after_nudge(Duration::from_secs(7_200), ms(1), policy);
    assert!(
        steps.iter().all(|step| step.by.abs() <= largest),
        "fault 1: largest-step is {largest}, and after a nudge of 1 ms the clock was stepped: {steps:?}"
    );
}

#[test]
#[should_panic(expected = "fault 1: ")]
fn with_step_backward_never_an_external_step_back_is_not_completed_by_another() {
    let policy = Policy { step_backward: None, ..Policy::default() };
    let steps = steps_after_nudge(Duration::from_secs(-3_600), ms(-1), policy);
    assert!(
        steps.iter().all(|step| !step.by.is_negative()),
        "fault 1: step-backward is never, and after a nudge of -1 ms the clock was stepped: {steps:?}"
    );
}

#[test]
#[should_panic(expected = "fault 1: ")]
fn with_no_steps_left_an_external_step_is_undone_and_no_more() {
    let policy = Policy { steps_after_start: Some(0), ..Policy::default() };
    let steps = steps_after_nudge(Duration::from_secs(3_600), ms(1), policy);
    assert!(
        steps.iter().all(|step| step.by.abs() <= ms(2)),
        "fault 1: steps-after-start is 0, and after a nudge of 1 ms the clock was stepped: {steps:?}"
    );
}

/// What happened, as the status tells it at `end` seconds.
fn kinds(simulation: &mut Simulation, end: f64) -> Vec<(EventKind, Option<f64>)> {
    simulation.run_until(at(end), &mut Record::default());
    let status = simulation.engine().map(|engine| engine.status(simulation.world.raw()));
    status.iter().flat_map(|status| &status.events).map(|event| (event.kind, event.offset_ns)).collect()
}

#[test]
#[should_panic(expected = "fault 6: ")]
fn a_host_that_was_set_is_an_event_although_another_program_moved_the_clock_too() {
    let model = WorldModel { tells_of_steps: false, wrong_by: Duration::ZERO, ..WorldModel::default() };
    let mut simulation = Simulation::new(&model, Policy::default(), 3);
    simulation.world.plan(at(30.4), Disturbance::HostStep(ms(50)));
    simulation.world.plan(at(30.4), Disturbance::ForeignStep(Duration::from_micros(20)));
    let kinds = kinds(&mut simulation, 40.0);
    let breaks = simulation.engine().expect("it runs").counters().breaks;
    assert!(breaks > 0, "the host's clock was not seen to move");
    assert!(
        kinds.iter().any(|(kind, _)| *kind == EventKind::HostMoved),
        "fault 6: the host's clock moved by 50 ms, and the events are {kinds:?}"
    );
}

#[test]
#[should_panic(expected = "fault 6: ")]
fn a_host_that_was_set_is_an_event_of_its_own_where_the_kernel_was_asked_in_between() {
    let mut bench = Bench::start(Script::new(Duration::ZERO), Policy::default());
    bench.run(SECOND.times(30));
    // An event that is over: the host's clock was set by 5 ms.
    bench.machine.host_offset += 5_000_000;
    bench.run(SECOND.times(30));
    let before = moves(&bench);
    assert!(matches!(before[..], [(Some(-5.0), Some(_))]), "{before:?}");
    // It is set by 50 ms, while another program takes the system clock 20 us away and back again.
    bench.machine.host_offset += 50_000_000;
    bench.machine.step(Duration::from_micros(20));
    bench.machine.step_at_inspection = -20_000;
    bench.run(SECOND.times(30));
    assert_eq!(bench.machine.step_at_inspection, 0, "the kernel was asked");
    assert_eq!(bench.machine.steps.len(), 2, "{:?}", bench.machine.steps);
    let after = moves(&bench);
    assert!(
        after.len() == 2 && after[0] == before[0] && after[1].0 == Some(-50.0),
        "fault 6: the host's clock was set by 5 ms, which made the events (offset in ms, us taken) {before:?}, and by \
         50 ms, which made {after:?} of them"
    );
}

/// The offset in ms of each event in which the host's clock moved, and how long it took to correct, us.
fn moves(bench: &Bench) -> Vec<(Option<f64>, Option<f64>)> {
    let events = bench.status().events.into_iter().filter(|event| event.kind == EventKind::HostMoved);
    events.map(|event| (event.offset_ns.map(|ns| (ns / 1e6).round()), event.took_us)).collect()
}
