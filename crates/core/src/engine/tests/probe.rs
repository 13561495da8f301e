//! Looking between two polls.

use super::bench::*;
use crate::adjust::KernelRate;
use crate::driver::Machine;
use crate::engine::*;
use crate::hint::Hint;
use crate::policy::{PROBE_INSTANT, PROBE_RANGE};
use crate::status::EventKind;

const PROBE: Duration = Duration::from_millis(100);

/// Stops the machine for `span`: its counter and its clock stand still, the host's doesn't.
fn pause(bench: &mut Bench, span: Duration) {
    bench.machine.host_offset += span.as_nanos();
}

#[test]
fn a_pause_is_found_within_a_probe_and_put_right_by_one_step() {
    for (probe, within) in [(PROBE, PROBE), (PROBE_INSTANT, PROBE_INSTANT), (PROBE_RANGE.1, SECOND)] {
        let mut bench = Bench::start(Duration::ZERO, Policy { probe, ..Policy::default() });
        bench.run(SECOND.times(30));
        bench.machine.steps.clear();
        bench.run(Duration::from_millis(510));
        pause(&mut bench, SECOND.times(5));
        bench.run(within + Duration::from_millis(2));
        assert!(bench.offset() < 1_000, "{} ns off", bench.offset());
        bench.run(SECOND.times(5));
        assert_eq!(bench.machine.steps.len(), 1, "{:?}", bench.machine.steps);
    }
}

#[test]
fn a_probe_that_fits_changes_nothing() {
    let mut bench = settled();
    let (adjustments, probes) = (bench.machine.adjustments, bench.engine.counters().probes);
    let readings = bench.engine.counters().readings;
    bench.run(SECOND.times(10));
    let seconds = u64::from(bench.machine.adjustments - adjustments);
    assert!((9..=11).contains(&seconds), "{seconds} adjustments in 10 s");
    assert_eq!(bench.engine.counters().readings - readings, seconds);
    let probes = bench.engine.counters().probes - probes;
    assert!((85..=95).contains(&probes), "{probes} probes in 10 s");
}

#[test]
fn quiet_means_no_probes() {
    let mut bench = Bench::start(Duration::ZERO, Policy { probe: PROBE_RANGE.1, ..Policy::default() });
    bench.run(SECOND.times(30));
    assert_eq!(bench.engine.counters().probes, 0);
}

#[test]
fn an_expensive_reading_is_not_taken_all_the_time() {
    let mut bench = settled();
    bench.machine.reading_takes = 1_500_000;
    bench.run(SECOND.times(10));
    let before = bench.engine.counters().probes;
    bench.run(SECOND.times(10));
    let probes = bench.engine.counters().probes - before;
    assert!(probes <= 26, "{probes} probes in 10 s, 1.5 ms each");
}

#[test]
fn a_step_of_which_nobody_told_is_found_within_a_probe() {
    let mut bench = settled();
    bench.machine.foreign_step(Duration::from_millis(-20));
    bench.run(PROBE + Duration::from_millis(2));
    assert!(bench.offset() < 1_000, "{} ns off", bench.offset());
    assert_eq!(bench.machine.steps.len(), 1);
}

#[test]
fn a_rate_that_somebody_else_set_is_ours_again_within_a_probe_and_told_as_such() {
    let mut bench = settled();
    bench.machine.rate_now(KernelRate::nearest(Frequency::from_ppm(100.0)));
    bench.run(PROBE + Duration::from_millis(2));
    assert!(bench.offset() < 1_000, "{} ns off", bench.offset());
    let rate = bench.machine.rate.as_frequency();
    assert!((rate - Frequency::from_ppm(20.0)).abs() < Frequency::from_ppm(2.0), "{rate}");
    let kinds = bench.kinds();
    assert_eq!(kinds.last(), Some(&EventKind::ForeignRate), "{kinds:?}");
    assert_eq!(bench.engine.counters().foreign_rates_undone, 1);
    assert_eq!(bench.machine.steps, [], "so little is slewed");
    let notices = &bench.machine.notices;
    assert!(matches!(notices.as_slice(), [Notice::RateRestored { .. }]), "{notices:?}");
}

#[test]
fn a_policy_that_forbids_steps_forbids_them_after_a_foreign_rate_too() {
    let policy = Policy { step_forward: None, step_backward: None, ..Policy::default() };
    let mut bench = Bench::start(Duration::ZERO, policy);
    bench.run(SECOND.times(30));
    for ppm in [-90_000.0, 90_000.0] {
        bench.machine.rate_now(KernelRate::nearest(Frequency::from_ppm(ppm)));
        bench.run(SECOND.times(2));
        assert!(bench.offset() < 1_000, "{} ns off", bench.offset());
    }
    assert_eq!(bench.machine.steps, []);
    assert_eq!(bench.engine.counters().foreign_rates_undone, 2);
}

#[test]
fn a_rate_that_is_hardly_another_is_noticed_at_the_next_poll() {
    let mut bench = settled();
    let rate = KernelRate { freq: bench.machine.rate.freq + 10, ..bench.machine.rate };
    bench.machine.rate_now(rate);
    bench.run(SECOND.times(2));
    assert_eq!(bench.engine.counters().foreign_rates_undone, 1);
    assert_eq!(bench.machine.steps.len(), 0);
}

#[test]
fn a_hint_is_followed_by_a_reading_at_once() {
    let mut bench = settled();
    bench.run(Duration::from_millis(130));
    pause(&mut bench, SECOND.times(20));
    let before = bench.machine.raw;
    bench.event(Event::Hint(Hint::Disrupted));
    assert!(bench.offset() < 1_000, "{} ns off", bench.offset());
    assert!(bench.machine.raw - before < 1_000_000);
    bench.run(SECOND);
    let events = bench.engine.status(bench.machine.now()).events;
    let last = events.last().expect("something happened");
    assert_eq!((last.kind, last.hints.as_slice()), (EventKind::HostMoved, [Hint::Disrupted].as_slice()));
    assert!(last.took_us.expect("it is over") < 1_000.0);
}

#[test]
fn somebody_who_sets_the_clock_again_and_again_is_told_in_few_lines() {
    let mut bench = settled();
    for _ in 0..100 {
        bench.machine.foreign_step(SECOND.times(3_600));
        bench.event(Event::ClockSet);
        bench.run(Duration::from_millis(300));
    }
    assert_eq!(bench.machine.steps.len(), 100);
    assert!(bench.machine.notices.len() <= 5, "{:?}", bench.machine.notices);
    let status = bench.engine.status(bench.machine.now());
    assert_eq!(status.rival.expect("there is one").changes, 100);
    assert_eq!(status.events.last().expect("one").times, 100);
}
