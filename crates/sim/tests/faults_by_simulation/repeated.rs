//! Fault 17: a device that gives its last reading again, as a sample that somebody keeps for a while.

use hostclock_core::policy::Policy;
use hostclock_core::units::Duration;

use crate::guest::Guest;
use crate::scene::Scene;
use crate::script::{Change, s};

#[test]
#[should_panic(expected = "fault 17")]
fn a_reading_from_before_a_step_does_not_cause_the_step_again() {
    let mut scene = Scene::of(Policy::default(), Guest::new(Duration::ZERO, &[]), 19.95);
    let turn = scene.next_turn();
    // The host is set right before a probe. For 1.2 s a sample is kept until it is 0.3 s old, that one first.
    scene.guest.plan(turn - 0.000_005, Change::HostStep(s(-6.8)));
    scene.guest.plan(turn + 0.000_05, Change::Repeats(s(0.3)));
    scene.guest.plan(turn + 1.2, Change::Repeats(Duration::ZERO));
    scene.run_until(25.0);
    let steps = scene.steps(1.0).len();
    let off_s = scene.largest_ns(turn, 25.0) / 1e9;
    assert!(
        steps <= 1 && off_s < 6.9,
        "fault 17: {off_s:.0} s off after {steps} steps, the host having been set once by -6.8 s"
    );
    assert!(scene.largest_ns(turn + 3.0, 25.0) < 1e6, "{} ns", scene.largest_ns(turn + 3.0, 25.0));
}

#[test]
#[should_panic(expected = "fault 17")]
fn a_sample_that_is_kept_for_long_does_not_move_a_clock_that_is_right() {
    let script = [(20.013, Change::Repeats(s(0.9))), (32.0, Change::Repeats(Duration::ZERO))];
    let mut guest = Guest::new(Duration::ZERO, &script);
    guest.device.jitter_ns = 1.0;
    let scene = Scene::of(Policy { poll: s(0.1), ..Policy::default() }, guest, 34.0);
    let (steps, off_s) = (scene.steps(1.0).len(), scene.largest_ns(20.0, 34.0) / 1e9);
    assert!(
        off_s < 0.001,
        "fault 17: {off_s:.3} s off after {steps} steps, though nothing happened to any clock"
    );
}

#[test]
#[should_panic(expected = "fault 17")]
fn the_engine_waits_between_turns_whatever_a_device_repeats() {
    let script = [(20.0, Change::Repeats(s(2.0))), (20.9, Change::Repeats(Duration::ZERO))];
    let policy = Policy { poll: s(0.1), ..Policy::default() };
    let scene = Scene::of(policy, Guest::new(Duration::ZERO, &script), 25.0);
    let turns = scene.most_spins;
    assert!(turns < 50, "fault 17: {turns} turns without a wait, while a reading was repeated for 0.9 s");
}
