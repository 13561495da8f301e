//! Fault 23: what hasn't been learnt of a device isn't assumed to be small.

use hostclock_core::policy::Policy;
use hostclock_core::units::{Duration, Frequency};
use hostclock_sim::random::Random;

use crate::guest::Guest;
use crate::scene::{Sample, Scene};
use crate::script::{Change, us};

const SEEDS: u64 = 60;

/// A guest that starts with a device that claims 2 ns and jitters by 50.
fn jittery(seed: u64) -> Guest {
    let mut guest = Guest::new(Duration::from_millis(300), &[]);
    guest.device.claim = Duration::from_nanos(2);
    guest.device.jitter_ns = 50.0;
    guest.device.random = Random::new(seed);
    guest
}

/// How many times the bound the clock is off, there.
fn excess(sample: &Sample) -> f64 {
    sample.offset_ns.abs() / sample.bound_ns.unwrap_or(f64::INFINITY)
}

#[test]
#[should_panic(expected = "fault 23")]
fn a_device_that_jitters_more_than_it_claims_is_bounded_from_its_first_reading() {
    let worst: Vec<Sample> = (0..SEEDS)
        .filter_map(|seed| Scene::of(Policy::default(), jittery(seed), 5.0).most_beyond_bound(0.0))
        .collect();
    assert!(
        worst.is_empty(),
        "fault 23: {} of {SEEDS} starts are beyond the bound, up to {:.2} times",
        worst.len(),
        worst.iter().map(excess).fold(0.0, f64::max)
    );
}

#[test]
#[should_panic(expected = "fault 23")]
fn a_holdover_right_after_the_start_is_bounded_by_what_had_been_learnt() {
    let held = |seed| {
        let mut scene = Scene::of(Policy::default(), jittery(seed), 0.05);
        scene.lose_device();
        scene.run_until(10.0);
        scene.most_beyond_bound(0.05)
    };
    let worst: Vec<Sample> = (0..SEEDS).filter_map(held).collect();
    assert!(
        worst.is_empty(),
        "fault 23: {} of {SEEDS} holdovers that begin 50 ms after the start are beyond the bound, up to {:.2} times",
        worst.len(),
        worst.iter().map(excess).fold(0.0, f64::max)
    );
}

/// On a device that counts whole microseconds and claims 2 ns, and a host that runs so much faster than the counter.
fn whole_microseconds_are_bounded(rate_ppm: f64) {
    let script = [(0.0, Change::HostRate(Frequency::from_ppm(rate_ppm)))];
    let mut guest = Guest::new(Duration::ZERO, &script);
    guest.device.claim = Duration::from_nanos(2);
    guest.device.quantum = us(1.0);
    let scene = Scene::of(Policy::default(), guest, 30.0);
    let (beyond, all) = (scene.beyond_bound(0.0).len(), scene.between(0.0, 30.0).count());
    let worst = scene.most_beyond_bound(0.0);
    assert!(
        beyond == 0,
        "fault 23: {rate_ppm} ppm: {beyond} of {all} samples are beyond the bound: {worst:?}"
    );
}

#[test]
#[should_panic(expected = "fault 23")]
fn quantisation_is_in_the_bound_where_it_shows_no_scatter() {
    whole_microseconds_are_bounded(0.0);
}

#[test]
#[should_panic(expected = "fault 23")]
fn quantisation_is_in_the_bound_before_it_shows() {
    whole_microseconds_are_bounded(20.0);
}
