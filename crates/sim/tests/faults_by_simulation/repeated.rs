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
    // The host is set right before a probe, and what is read then is all that can be read for 0.3 s.
    scene.guest.plan(turn - 0.000_005, Change::HostStep(s(-6.8)));
    scene.guest.plan(turn + 0.000_05, Change::Repeats(true));
    scene.guest.plan(turn + 0.3, Change::Repeats(false));
    scene.run_until(25.0);
    let steps: Vec<f64> = scene.steps(1.0).iter().map(|step| step.by.as_secs_f64()).collect();
    let off_s = scene.largest_ns(turn, 25.0) / 1e9;
    assert!(
        steps.len() <= 1 && off_s < 6.9,
        "fault 17: {off_s:.1} s off, the host having been set once by -6.8 s; steps by {steps:.1?} s"
    );
    assert!(scene.largest_ns(turn + 2.0, 25.0) < 1e6, "{} ns", scene.largest_ns(turn + 2.0, 25.0));
}

#[test]
#[should_panic(expected = "fault 17")]
fn the_engine_waits_between_turns_whatever_a_device_repeats() {
    let script = [(20.0, Change::Repeats(true)), (20.9, Change::Repeats(false))];
    let policy = Policy { poll: s(0.1), ..Policy::default() };
    let scene = Scene::of(policy, Guest::new(Duration::ZERO, &script), 25.0);
    let turns = scene.most_spins;
    assert!(turns < 50, "fault 17: {turns} turns without a wait, while a reading was repeated for 0.9 s");
}
