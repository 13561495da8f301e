//! How a disturbed clock comes back: at once, with one step or none, and without overshoot.

mod support;

use hostclock_core::policy::Policy;
use hostclock_core::units::Duration;
use hostclock_sim::disturbance::Disturbance;
use hostclock_sim::world::WorldModel;
use support::{MICROSECOND, at, seen, struck};

const YEAR_S: i64 = 31_556_952;

fn sizes() -> Vec<Duration> {
    let ns = [1_000, 5_000, 50_000, 900_000, 1_100_000, 20_000_000, 200_000_000, 3_600_000_000_000_i64];
    let s = [86_400, YEAR_S, 12 * YEAR_S, 80 * YEAR_S, 100 * YEAR_S, 172 * YEAR_S];
    let forward = ns.into_iter().map(Duration::from_nanos).chain(s.into_iter().map(Duration::from_secs));
    let backward: Vec<Duration> =
        forward.clone().filter(|d| *d < Duration::from_secs(50 * YEAR_S)).map(|d| -d).collect();
    // The last one is into January 1970.
    forward.chain(backward).chain([Duration::from_secs(-1_793_750_000)]).collect()
}

#[test]
fn a_foreign_step_of_any_size_is_undone_within_one_wake_up() {
    for (seed, by) in (100..).zip(sizes()) {
        let (record, when) = struck(seed, Disturbance::ForeignStep(by), 20.0);
        let took = record.settled_within(when, MICROSECOND);
        assert!(took.is_some_and(|took| took < Duration::from_millis(1)), "seed {seed}: {by}: {took:?}");
        assert_eq!(record.steps(when).len(), 1, "seed {seed}: {by}: {:?}", record.steps(when));
    }
}

#[test]
fn a_foreign_step_that_nobody_tells_of_is_undone_at_the_next_reading() {
    for (seed, by) in (200..).zip(sizes()).filter(|(_, by)| by.abs() > Duration::from_micros(3)) {
        let model = WorldModel { tells_of_steps: false, ..WorldModel::default() };
        let record = seen(&model, Policy::default(), seed, &[(30.4, Disturbance::ForeignStep(by))], 50.0);
        let took = record.settled_within(at(30.4), MICROSECOND);
        assert!(took.is_some_and(|took| took < Duration::from_millis(1_010)), "seed {seed}: {by}: {took:?}");
        assert_eq!(record.steps(at(30.4)).len(), 1, "seed {seed}: {by}: {:?}", record.steps(at(30.4)));
    }
}

#[test]
fn a_clock_that_is_wrong_by_any_amount_at_the_start_is_right_at_once() {
    for (seed, wrong_by) in (300..).zip(sizes()) {
        let model = WorldModel { wrong_by, ..WorldModel::default() };
        let record = seen(&model, Policy::default(), seed, &[], 20.0);
        let took = record.settled_within(at(0.0), MICROSECOND);
        assert!(
            took.is_some_and(|took| took < Duration::from_millis(100)),
            "seed {seed}: {wrong_by}: {took:?}"
        );
        assert!(record.steps(at(0.0)).len() <= 1, "seed {seed}: {wrong_by}: {:?}", record.steps(at(0.0)));
    }
}

#[test]
fn a_pause_of_any_length_is_made_good_by_one_step() {
    for (seed, span) in (400..).zip([0.002, 0.02, 0.2, 1.0, 5.0, 60.0, 3_600.0, 86_400.0 * 30.0]) {
        let pause = Disturbance::Pause(Duration::from_nanos_f64(span * 1e9));
        let (record, when) = struck(seed, pause, span + 20.0);
        let runs_again = when + pause.lasts();
        let took = record.settled_within(runs_again, MICROSECOND);
        assert!(
            took.is_some_and(|took| took < Duration::from_millis(1_010)),
            "seed {seed}: {span} s: {took:?}"
        );
        assert_eq!(record.steps(when).len(), 1, "seed {seed}: {span} s: {:?}", record.steps(when));
    }
}

#[test]
fn a_host_that_is_set_is_followed_by_one_step_beyond_the_thresholds() {
    for (seed, ms) in (500..).zip([2, 20, 500, 3_600_000, -150, -500, -3_600_000]) {
        let (record, when) = struck(seed, Disturbance::HostStep(Duration::from_millis(ms)), 20.0);
        let took = record.settled_within(when, MICROSECOND);
        assert!(
            took.is_some_and(|took| took < Duration::from_millis(1_010)),
            "seed {seed}: {ms} ms: {took:?}"
        );
        assert_eq!(record.steps(when).len(), 1, "seed {seed}: {ms} ms: {:?}", record.steps(when));
    }
}

#[test]
fn a_break_under_the_thresholds_is_slewed_away_within_two_seconds_and_without_overshoot() {
    let breaks_us = [-950, -600, -300, -30, -3, 3, 30, 300, 600, 2_000, 10_000, 30_000, 70_000, 99_000];
    for seed in 600..620 {
        for us in breaks_us {
            // A host that is set forward leaves the guest's clock behind: the offset is its negative.
            let (record, when) = struck(seed, Disturbance::HostStep(Duration::from_micros(-us)), 20.0);
            assert_eq!(record.steps(when), [], "seed {seed}: {us} us");
            let noticed = when + Duration::from_millis(1_010);
            let took = record.settled_within(noticed, MICROSECOND);
            assert!(
                took.is_some_and(|took| took <= Duration::from_secs(2)),
                "seed {seed}: {us} us: {took:?}"
            );
            let sign = (us as f64).signum();
            let over = record.since(when).map(|s| -s.offset_ns * sign).fold(0.0, f64::max);
            assert!(over < 1_000.0, "seed {seed}: {us} us: overshot by {over} ns");
        }
    }
}
