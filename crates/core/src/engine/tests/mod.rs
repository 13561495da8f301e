//! The engine against a small scripted machine. Whole lives are in the simulator.

mod bench;
mod holdover;
mod policy;
mod probe;
mod trust;

use super::*;
use crate::adjust::Adjustment;
use crate::driver::{Machine, drive};
use crate::ladder::Ladder;
use bench::{Bench, Machine1, SECOND, settled};

#[test]
fn a_clock_that_is_wrong_at_the_start_is_right_before_the_first_wait() {
    for offset in
        [SECOND.times(-94_608_000), SECOND.times(3_600), Duration::from_micros(50), Duration::from_millis(-1)]
    {
        let mut bench = Bench::start(offset, Policy::default());
        assert_eq!(bench.machine.steps.len(), 1, "{offset}");
        assert!(bench.machine.offset().abs() < 1_000, "{offset}: {} ns", bench.machine.offset());
        bench.run(Duration::from_millis(2));
        assert_eq!(bench.engine.state(), State::Synchronised);
        assert!(bench.machine.health.synchronised);
        bench.run(SECOND.times(5));
        assert_eq!(bench.machine.steps.len(), 1);
        assert!(bench.machine.offset().abs() < 20, "{offset}: {} ns", bench.machine.offset());
    }
}

#[test]
fn a_foreign_step_of_any_size_is_undone_when_it_is_heard_of() {
    for by in [1_000, -1_000, 20_000_000, -20_000_000, 3_600_000_000_000, -94_608_000_000_000_000] {
        let mut bench = settled();
        bench.machine.foreign_step(Duration::from_nanos(by));
        bench.event(Event::ClockSet);
        assert_eq!(bench.machine.steps.len(), 1, "{by}");
        assert!(bench.machine.offset().abs() < 50, "{by}: {} ns", bench.machine.offset());
        bench.run(SECOND.times(3));
        assert_eq!(bench.machine.steps.len(), 1, "{by}");
        assert!(matches!(
            bench.machine.notices.as_slice(),
            [Notice::Stepped { cause: StepCause::ForeignStep, .. }]
        ));
    }
}

#[test]
fn a_foreign_step_that_nobody_told_of_is_found_at_the_next_poll() {
    let mut bench = settled();
    bench.machine.foreign_step(Duration::from_millis(-20));
    bench.run(SECOND.times(2));
    assert_eq!(bench.machine.steps.len(), 1);
    assert!(bench.machine.offset().abs() < 50);
}

#[test]
fn a_single_bad_reading_is_thrown_away() {
    let mut bench = settled();
    bench.machine.spoil_next = Some(Duration::from_secs(7));
    bench.run(SECOND.times(3));
    assert_eq!(bench.machine.steps, []);
    assert_eq!(bench.engine.counters().outliers, 1);
    assert!(bench.machine.offset().abs() < 20);
}

#[test]
fn a_bracket_that_is_further_off_than_the_others_is_taken_again_at_once_though_it_may_be_right() {
    let mut bench = settled();
    bench.machine.works = vec![Method::SysOffset];
    bench.machine.half = Duration::from_micros(15);
    bench.run(SECOND.times(120));
    let before = bench.engine.counters().readings;
    bench.machine.spoil_next = Some(Duration::from_micros(3));
    bench.run(SECOND.times(3));
    assert!(bench.machine.offset().abs() < 50, "{} ns", bench.machine.offset());
    assert!(bench.engine.counters().readings <= before + 5);
    assert_eq!(bench.machine.notices.iter().filter(|n| matches!(n, Notice::Outlier { .. })).count(), 0);
}

#[test]
fn a_host_that_moved_is_followed_once_by_step_or_by_slew() {
    for (by, steps) in [(5_000_000_000, 1), (-500_000_000, 1), (900_000, 0), (-99_000_000, 0), (50_000, 0)] {
        let mut bench = settled();
        bench.machine.host_offset += by;
        bench.run(SECOND.times(4));
        assert_eq!(bench.machine.steps.len(), steps, "{by}");
        assert!(bench.machine.offset().abs() < 30, "{by}: {} ns", bench.machine.offset());
        assert_eq!(bench.engine.state(), State::Synchronised);
        assert_eq!(bench.engine.counters().breaks, 1, "{by}");
    }
}

#[test]
fn a_kernel_that_refuses_is_a_state_and_one_line() {
    let mut bench = settled();
    bench.machine.refuse = Some(1);
    bench.run(SECOND.times(10));
    assert_eq!(bench.engine.state(), State::Unsynchronised);
    assert_eq!(bench.machine.notices, [Notice::AdjustRefused { errno: 1 }]);
    bench.machine.refuse = None;
    bench.run(SECOND.times(3));
    assert_eq!(bench.engine.state(), State::Synchronised);
}

#[test]
fn a_kernel_that_takes_steps_and_does_not_make_them_does_not_keep_the_engine_busy() {
    let mut machine = Machine1::new(SECOND);
    machine.deaf = true;
    let mut engine = Engine::new(Policy::default(), machine.now(), machine.state());
    let wake_at = drive(&mut engine, &mut Ladder::default(), &mut machine, Event::SourceFound);
    assert!(machine.steps.len() <= 3, "{:?}", machine.steps);
    assert!(wake_at > machine.now());
}

#[test]
fn a_reading_whose_counter_is_not_of_this_moment_does_not_put_the_engine_to_sleep() {
    for off in [SECOND.times(3_600), SECOND.times(-3_600), Duration::MAX, -Duration::MAX] {
        let mut bench = settled();
        bench.machine.raw_off = off;
        bench.run(SECOND.times(10));
        assert!(bench.wake_at - bench.machine.now() <= SECOND, "off by {off}");
        bench.machine.raw_off = Duration::ZERO;
        bench.run(SECOND.times(10));
        assert_eq!(bench.engine.state(), State::Synchronised, "off by {off}");
    }
}

#[test]
fn a_clock_that_is_being_slewed_after_a_break_is_not_called_synchronised() {
    let mut bench = settled();
    bench.machine.host_offset -= 50_000_000;
    while bench.machine.rate.as_frequency().abs() < Frequency::from_ppm(10_000.0) {
        bench.run(Duration::from_millis(10));
    }
    assert_eq!(bench.engine.state(), State::Recovering);
    assert!(!bench.machine.health.synchronised);
    bench.run(SECOND.times(3));
    assert!(bench.machine.health.synchronised);
}

#[test]
fn a_process_that_was_pre_empted_once_does_not_reckon_with_it_the_next_time() {
    let mut bench = settled();
    let usual = bench.engine.clock.lag;
    for late in [100_000, 1_000_000, 9_000_000, 9_000_000] {
        let now = RawTime::from_nanos(bench.machine.raw);
        let after = now + Duration::from_nanos(late);
        bench.engine.clock.effect_expected = now;
        let applied = Applied { before: after, after, found: None, kernel: bench.machine.state() };
        bench.engine.source.last = bench.engine.source.last.map(|last| Reading { raw: now, ..last });
        bench.engine.clock.asked = Adjustment { step: None, rate: None, health: None, tai_offset: None };
        let _ = bench.engine.handle(after, Event::Adjusted(applied));
    }
    assert!(bench.engine.clock.lag <= usual.times(4), "{} from {usual}", bench.engine.clock.lag);
}
