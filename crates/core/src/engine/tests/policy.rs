//! What the user allows, and what he forbids.

use super::bench::{Bench, SECOND};
use crate::driver::Machine as _;
use crate::engine::*;
use crate::policy::Mode;

#[test]
fn what_the_policy_forbids_is_withheld_and_said() {
    let policy = Policy { largest_step: Some(SECOND), ..Policy::default() };
    let mut bench = Bench::start(SECOND.times(10), policy);
    bench.run(SECOND.times(5));
    assert_eq!(bench.machine.steps, []);
    assert_eq!(bench.engine.state(), State::Unsynchronised);
    assert!(!bench.machine.health.synchronised);
    assert!((bench.machine.offset() - 10_000_000_000).abs() < 10_000);
    let withheld = bench.machine.notices.iter().filter(|notice| matches!(notice, Notice::Withheld { .. }));
    assert_eq!(withheld.count(), 1);
}

#[test]
fn an_observer_and_a_dry_run_touch_nothing() {
    for mode in [Mode::Observe, Mode::DryRun] {
        let mut bench = Bench::start(SECOND, Policy { mode, ..Policy::default() });
        bench.run(SECOND.times(10));
        bench.machine.foreign_step(SECOND.times(-1));
        bench.event(Event::ClockSet);
        bench.run(SECOND.times(10));
        assert_eq!(bench.machine.adjustments, 0);
        let told =
            bench.machine.notices.iter().filter(|notice| matches!(notice, Notice::WouldStep { .. })).count();
        assert_eq!(told, usize::from(mode == Mode::DryRun));
    }
}

#[test]
fn whoever_sets_a_clock_right_that_policy_kept_wrong_is_not_undone() {
    let policy = Policy { step_forward: None, ..Policy::default() };
    let mut bench = Bench::start(Duration::ZERO, policy);
    bench.run(SECOND.times(30));
    bench.machine.host_offset += 5_000_000_000;
    bench.run(SECOND.times(3));
    bench.machine.foreign_step(SECOND.times(5));
    bench.event(Event::ClockSet);
    bench.run(Duration::from_millis(20));
    assert!(bench.machine.offset().abs() < 10_000_000, "{} ns", bench.machine.offset());
}

#[test]
fn an_observers_bound_holds_for_a_clock_that_runs_away() {
    let mut bench = Bench::start(SECOND, Policy { mode: Mode::Observe, ..Policy::default() });
    for _ in 0..100 {
        bench.run(Duration::from_millis(90));
        let now = bench.machine.now();
        let bound = bench.engine.max_error(now).expect("a bound");
        assert!(bound.as_nanos() >= bench.machine.offset().abs(), "{bound}: {} ns", bench.machine.offset());
        assert!(bound < SECOND + Duration::from_millis(2), "{bound}");
    }
}

#[test]
fn what_may_not_be_stepped_is_slewed_fast() {
    let policy = Policy { step_backward: None, ..Policy::default() };
    let mut bench = Bench::start(Duration::ZERO, policy);
    bench.run(SECOND.times(30));
    bench.machine.host_offset -= 300_000_000;
    bench.run(SECOND.times(6));
    assert_eq!(bench.machine.steps.iter().filter(|step| step.is_negative()).count(), 0);
    assert!(bench.machine.offset().abs() < 1_000, "{} ns", bench.machine.offset());
    assert!(bench.engine.status(bench.machine.now()).withheld.is_none());
}

#[test]
fn steps_used_up_are_used_up_for_a_foreign_step_that_is_not_to_be_undone() {
    let policy = Policy { undo_foreign_steps: false, steps_after_start: Some(0), ..Policy::default() };
    let mut bench = Bench::start(SECOND, policy);
    bench.run(SECOND.times(30));
    let before = bench.machine.steps.len();
    bench.machine.foreign_step(SECOND);
    bench.event(Event::ClockSet);
    bench.run(SECOND.times(5));
    assert_eq!(bench.machine.steps.len(), before);
    assert!(bench.engine.status(bench.machine.now()).withheld.is_some());
}
