//! Notices, events and the status.

use hostclock_core::engine::Event;
use hostclock_core::notice::Notice;
use hostclock_core::policy::Policy;
use hostclock_core::reading::Failure;
use hostclock_core::status::EventKind;
use hostclock_core::units::{Duration, Timestamp};
use hostclock_sim::device::{Clocksource, Lie};
use hostclock_sim::disturbance::Disturbance;
use hostclock_sim::record::Record;
use hostclock_sim::simulation::Simulation;
use hostclock_sim::world::WorldModel;

use crate::bench::{Bench, EPERM, SECOND, Script};
use crate::support::{at, seen};

/// How many notices there are of a method that changed.
fn method_changes(record: &Record, from: f64) -> usize {
    let told = record.told(at(from));
    told.iter().filter(|notice| matches!(notice, Notice::MethodChanged { .. })).count()
}

#[test]
#[should_panic(expected = "fault 10: ")]
fn a_host_before_2020_is_not_a_line_of_the_log_a_second() {
    let in_2019 = Timestamp::from_nanos(1_560_000_000_000_000_000);
    let model = WorldModel { date: in_2019, ..WorldModel::default() };
    let record = seen(&model, Policy::default(), 8, &[], 60.0);
    let lines = method_changes(&record, 0.0);
    assert!(lines <= 3, "fault 10: {lines} notices of the method in 60 s");
}

#[test]
#[should_panic(expected = "fault 10: ")]
fn a_method_that_changes_during_a_trial_is_not_a_line_of_the_log_a_reading() {
    let lie = Disturbance::Lie(Lie::Backwards(Duration::from_millis(100)), Duration::from_secs(60));
    let plan = [(30.2, lie), (40.0, Disturbance::Clocksource(Clocksource::Tsc))];
    let record = seen(&WorldModel::default(), Policy::default(), 9, &plan, 80.0);
    let lines = method_changes(&record, 40.0);
    assert!(lines <= 5, "fault 10: {lines} notices of the method in 40 s");
}

#[test]
#[should_panic(expected = "fault 10: ")]
fn a_start_that_is_refused_is_one_event() {
    let events = |refuses, largest_step| {
        let mut machine = Script::new(Duration::from_secs(7_200));
        machine.refuses = refuses;
        let mut bench = Bench::start(machine, Policy { largest_step, ..Policy::default() });
        bench.run(SECOND.times(60));
        bench.status().events.iter().filter(|event| event.kind == EventKind::Start).count()
    };
    let by_kernel = events(Some(EPERM), None);
    let by_policy = events(None, Some(Duration::from_secs(600)));
    assert!(
        by_kernel <= 1 && by_policy <= 1,
        "fault 10: events of one start: {by_policy} where the policy refuses it, {by_kernel} where the kernel does"
    );
}

#[test]
#[should_panic(expected = "fault 10: ")]
fn readings_that_fail_for_milliseconds_run_no_hook() {
    let mut bench = Bench::start(Script::new(Duration::ZERO), Policy::default());
    bench.run(SECOND.times(30));
    bench.notices.clear();
    bench.machine.fails = Some(Failure::Busy);
    bench.event(Event::Wake);
    bench.run(Duration::from_millis(16));
    bench.machine.fails = None;
    bench.run(SECOND);
    let is_for_hook =
        |notice: &&Notice| matches!(notice, Notice::Holdover { .. } | Notice::HoldoverEnded { .. });
    let hooks: Vec<_> = bench.notices.iter().filter(is_for_hook).collect();
    assert!(hooks.is_empty(), "fault 10: readings failed for 16 ms, and the hook is run for {hooks:?}");
}

#[test]
#[should_panic(expected = "fault 10: ")]
fn the_last_step_is_remembered_when_the_configuration_is_read_again() {
    let mut bench = Bench::start(Script::new(Duration::from_secs(5)), Policy::default());
    bench.run(SECOND.times(10));
    let before = bench.status().last_step.expect("it was stepped at the start");
    bench.engine.set_policy(Policy { poll: Duration::from_secs(2), ..Policy::default() });
    bench.run(SECOND.times(10));
    let after = bench.status().last_step;
    assert!(
        after.as_ref().is_some_and(|step| step.before_ns == before.before_ns),
        "fault 10: the last step was one of {} ns, and after another policy it is {after:?}",
        before.before_ns
    );
}

/// A guest without a device that sleeps from 60 s on for an hour, 10 s after.
fn slept() -> Simulation {
    let mut simulation = Simulation::new(&WorldModel::default(), Policy::default(), 31);
    simulation.world.plan(at(30.2), Disturbance::DeviceGone(Duration::from_secs(7_200)));
    simulation.world.plan(at(60.0), Disturbance::Suspend(Duration::from_secs(3_600), Duration::ZERO));
    simulation.run_until(at(3_670.0), &mut Record::default());
    simulation
}

#[test]
#[should_panic(expected = "fault 14: ")]
fn the_offset_in_the_status_is_right_after_a_sleep_in_a_holdover() {
    let simulation = slept();
    let status = simulation.engine().expect("it runs").status(simulation.world.raw());
    let (clock, truth) = (status.clock, simulation.world.offset_ns());
    let max_error = clock.max_error_ns.expect("known");
    assert!(truth.abs() <= max_error && max_error < 10e9, "{truth} ns, at most {max_error} ns");
    assert!(
        clock.offset_ns.is_none_or(|offset| (offset - truth).abs() <= 2.0 * max_error),
        "fault 14: the status says {:?} ns, where it is {truth} ns and said to be at most {max_error} ns",
        clock.offset_ns
    );
}

#[test]
#[should_panic(expected = "fault 14: ")]
fn the_time_of_an_event_is_right_after_a_sleep_in_a_holdover() {
    let simulation = slept();
    let status = simulation.engine().expect("it runs").status(simulation.world.raw());
    let woke = status.events.iter().find(|event| event.kind == EventKind::Resumed).expect("an event");
    let age = Duration::from_nanos_f64(woke.age_s * 1e9);
    assert!((woke.age_s - 10.0).abs() < 2.0, "{} s ago", woke.age_s);
    let when = simulation.world.host().date(simulation.world.now()) - age;
    let (earliest, latest) = (when - Duration::from_secs(5), when + Duration::from_secs(5));
    assert!(
        earliest.to_string() <= woke.time && woke.time <= latest.to_string(),
        "fault 14: it woke at {when} by the host's clock, and the event says {}",
        woke.time
    );
}
