//! Without readings, and at the end.

use super::bench::{Bench, HOST_START, SECOND, settled};
use crate::driver::Machine as _;
use crate::engine::*;

#[test]
fn without_readings_the_clock_holds_over_and_comes_back() {
    let mut bench = settled();
    bench.machine.works.clear();
    bench.run(SECOND.times(600));
    assert_eq!(bench.engine.state(), State::Holdover);
    assert!(bench.machine.offset().abs() < 1_000, "{} ns", bench.machine.offset());
    let bound = bench.engine.max_error(bench.machine.now()).expect("there is one");
    assert!(bound > Duration::from_micros(100), "{bound}");
    bench.machine.works.push(Method::SysOffset);
    bench.run(SECOND.times(10));
    assert_eq!(bench.engine.state(), State::Synchronised);
    assert_eq!(bench.machine.steps, []);
}

#[test]
fn losing_the_device_and_finding_it_again_is_a_holdover() {
    let mut bench = settled();
    bench.event(Event::SourceLost(Loss::DeviceGone));
    assert_eq!(bench.engine.state(), State::Holdover);
    bench.run(SECOND.times(5));
    bench.event(Event::SourceFound);
    assert_eq!(bench.engine.state(), State::Synchronised);
    assert!(matches!(
        bench.machine.notices.as_slice(),
        [Notice::Holdover { .. }, Notice::HoldoverEnded { .. }]
    ));
}

#[test]
fn an_absurd_answer_is_never_followed() {
    let mut bench = settled();
    bench.machine.host_offset -= HOST_START;
    bench.run(SECOND.times(20));
    assert_eq!(bench.machine.steps, []);
    assert_eq!(bench.engine.state(), State::Holdover);
    bench.machine.host_offset += HOST_START;
    bench.run(SECOND.times(3));
    assert_eq!(bench.engine.state(), State::Synchronised);
}

#[test]
fn ending_leaves_the_hosts_frequency_and_no_slew() {
    let mut bench = settled();
    bench.machine.host_offset -= 50_000_000;
    while bench.machine.rate.as_frequency().abs() < Frequency::from_ppm(10_000.0) {
        bench.run(Duration::from_millis(10));
    }
    bench.event(Event::Ending);
    let left = bench.machine.rate.as_frequency() - Frequency::from_ppm(20.0);
    assert!(left.abs().as_ppb() < 10.0, "{left:+}");
}

#[test]
fn a_foreign_step_is_undone_in_holdover_too() {
    let mut bench = settled();
    bench.event(Event::SourceLost(Loss::DeviceGone));
    bench.run(SECOND.times(3));
    bench.machine.foreign_step(SECOND.times(-3_600));
    bench.event(Event::ClockSet);
    assert_eq!(bench.machine.steps.len(), 1);
    assert!(bench.machine.offset().abs() < 1_000, "{} ns", bench.machine.offset());
    assert!(bench.machine.health.synchronised);
    assert_eq!(bench.engine.state(), State::Holdover);
    bench.run(SECOND.times(3));
    assert_eq!(bench.machine.steps.len(), 1);
}

#[test]
fn a_foreign_step_is_undone_while_every_reading_fails() {
    let mut bench = settled();
    bench.machine.works.clear();
    bench.machine.foreign_step(SECOND.times(3_600));
    bench.event(Event::ClockSet);
    bench.run(Duration::from_millis(50));
    assert_eq!(bench.engine.state(), State::Holdover);
    assert_eq!(bench.machine.steps.len(), 1);
    assert!(bench.machine.offset().abs() < 1_000, "{} ns", bench.machine.offset());
    assert!(bench.machine.health.synchronised);
}

#[test]
fn a_foreign_step_that_nobody_told_of_is_found_in_holdover_too() {
    let mut bench = settled();
    bench.event(Event::SourceLost(Loss::DeviceGone));
    bench.machine.foreign_step(SECOND.times(-3_600));
    bench.run(SECOND.times(3));
    assert_eq!(bench.machine.steps.len(), 1);
    assert!(bench.machine.offset().abs() < 1_000, "{} ns", bench.machine.offset());
}

#[test]
fn a_foreign_step_that_is_not_to_be_undone_is_in_the_bound_of_a_holdover() {
    let policy = Policy { undo_foreign_steps: false, ..Policy::default() };
    let mut bench = Bench::start(SECOND, policy);
    bench.run(SECOND.times(30));
    let before = bench.machine.steps.len();
    bench.event(Event::SourceLost(Loss::DeviceGone));
    bench.machine.foreign_step(SECOND);
    bench.event(Event::ClockSet);
    bench.run(SECOND.times(3));
    assert_eq!(bench.machine.steps.len(), before);
    assert!(!bench.machine.health.synchronised);
    assert!(bench.machine.health.max_error >= SECOND);
}

#[test]
fn a_slew_ends_when_the_reading_that_should_end_it_fails() {
    let mut bench = settled();
    bench.machine.host_offset -= 10_000_000;
    bench.machine.raw = bench.wake_at.as_nanos();
    bench.event(Event::Wake);
    assert_ne!(bench.machine.rate.tick, 10_000, "{:?}", bench.machine.rate);
    bench.machine.works.clear();
    bench.machine.raw = bench.wake_at.as_nanos();
    bench.event(Event::Wake);
    assert!((bench.machine.rate.as_frequency().as_ppm() - 20.0).abs() < 1.0, "{:?}", bench.machine.rate);
}
