//! The lab's scenarios, each over many seeds, with what hostclock promises for it. `hostclock-sim replay SEED
//! --scenario NAME` tells one again.

mod support;

use hostclock_core::notice::Notice;
use hostclock_core::policy::Policy;
use hostclock_core::status::{EventKind, StepCause};
use hostclock_core::units::{Duration, Frequency};
use hostclock_sim::campaign::{campaign, play};
use hostclock_sim::disturbance::Disturbance;
use hostclock_sim::record::Record;
use hostclock_sim::scenario::Scenario;
use hostclock_sim::simulation::Simulation;
use hostclock_sim::world::WorldModel;
use support::{MICROSECOND, at, seen};

const SEEDS: core::ops::Range<u64> = 2_000_000..2_000_040;

/// One test for each scenario, so that a failure says which.
macro_rules! scenarios {
    ($($test:ident: $scenario:ident)* ; not yet: $($later:ident: $broken:ident)*) => {
        $(#[test]
        fn $test() {
            let broken = broken(Scenario::$scenario);
            assert!(broken.is_empty(), "{}", broken.join("\n"));
        })*

        $(#[test]
        fn $later() {
            assert!(!broken(Scenario::$broken).is_empty(), "it is kept now");
        })*

        #[test]
        fn every_scenario_has_a_test() {
            let named = [$(Scenario::$scenario,)* $(Scenario::$broken),*];
            assert!(Scenario::ALL.iter().all(|scenario| named.contains(scenario)));
        }
    };
}

scenarios! {
    pause: Pause
    starve: Starve
    restore: Restore
    fork: Fork
    host_step: HostStep
    host_slew: HostSlew
    host_lies: HostLies
    rival_date: RivalDate
    rival_rate: RivalRate
    module: Module
    failing: Failing
    clocksource: Clocksource
    kill: Kill
    suspend: Suspend
    refused: Refused
    counters: Counters
    leap: Leap
    ; not yet:
    repeats: Repeats
    quantised: Quantised
    jitters: Jitters
}

/// The rules and promises that are broken in it.
fn broken(scenario: Scenario) -> Vec<String> {
    let (mut broken, mut lives) = (Vec::new(), 0);
    campaign(
        SEEDS,
        |seed| play(scenario, seed).0,
        |outcome| {
            lives += 1;
            for violation in outcome.violations {
                broken.push(format!("seed {}: after {:?} {}", outcome.seed, violation.at, violation.what));
            }
        },
    );
    assert_eq!(lives, SEEDS.end - SEEDS.start);
    broken
}

/// What is seen of a guest after `disturbance`, and of the engine's history.
fn history_after(disturbance: Disturbance) -> (Record, Vec<EventKind>) {
    let mut simulation = Simulation::new(&WorldModel::default(), Policy::default(), 5);
    simulation.world.plan(at(30.0), disturbance);
    let mut record = Record::default();
    simulation.run_until(at(30.0) + disturbance.lasts() + Duration::from_secs(10), &mut record);
    let raw = simulation.world.raw();
    let events = simulation.engine().map(|engine| engine.status(raw).events).unwrap_or_default();
    (record, events.iter().map(|event| event.kind).collect())
}

#[test]
fn a_guest_that_slept_is_told_apart_from_one_whose_clock_somebody_set() {
    let sleep = Disturbance::Suspend(Duration::from_secs(600), Duration::from_millis(400));
    let (record, kinds) = history_after(sleep);
    assert_eq!(kinds.last(), Some(&EventKind::Resumed), "{kinds:?}");
    let stepped = |notice: &Notice| matches!(notice, Notice::Stepped { cause: StepCause::Resumed, .. });
    assert!(record.told(at(30.0)).iter().any(stepped), "{:?}", record.told(at(30.0)));
    let (_, kinds) = history_after(Disturbance::ForeignStep(Duration::from_millis(400)));
    assert_eq!(kinds.last(), Some(&EventKind::ForeignStep), "{kinds:?}");
}

#[test]
fn a_guest_that_slept_without_a_device_keeps_what_its_kernel_made_of_it() {
    let away = Disturbance::DeviceGone(Duration::from_secs(1_200));
    let sleep = Disturbance::Suspend(Duration::from_secs(600), Duration::from_millis(400));
    let record = seen(&WorldModel::default(), Policy::default(), 5, &[(30.0, away), (40.0, sleep)], 700.0);
    assert_eq!(record.steps(at(35.0)), [], "the raw counter didn't count the sleep");
    let wrong = record.samples.last().map_or(0.0, |sample| sample.offset_ns.abs());
    assert!((3.8e8..4.2e8).contains(&wrong), "{wrong} ns");
    assert_eq!(record.beyond_bound(at(641.0)).len(), 0, "and says how wrong it may be");
}

#[test]
fn two_guests_of_one_state_are_both_right_at_once() {
    let mut first = Simulation::new(&WorldModel::default(), Policy::default(), 9);
    first.run_until(at(60.0), &mut ());
    let mut second = first.clone();
    let moved = |span_s, ppm, by_ms| {
        let frequency = Frequency::from_ppm(ppm);
        Disturbance::Migration(Duration::from_secs(span_s), frequency, Duration::from_millis(by_ms))
    };
    for (guest, disturbance) in [(&mut first, moved(5, 3.0, -2)), (&mut second, moved(300, -15.0, 40))] {
        guest.world.plan(at(60.5), disturbance);
        let mut record = Record::default();
        let runs_again = at(60.5) + disturbance.lasts();
        guest.run_until(runs_again + Duration::from_secs(10), &mut record);
        let took = record.settled_within(runs_again, MICROSECOND);
        assert!(took.is_some_and(|took| took < Duration::from_millis(150)), "{disturbance}: {took:?}");
        assert_eq!(record.steps(at(60.0)).len(), 1, "{disturbance}");
    }
}
