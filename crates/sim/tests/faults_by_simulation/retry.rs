//! Two of fault 24: a refused adjustment that waits for the next poll, and a probe that takes a jump for none.

use hostclock_core::policy::Policy;
use hostclock_core::units::Duration;

use crate::device::Bracket;
use crate::guest::Guest;
use crate::scene::Scene;
use crate::script::{Change, s, us};

const EPERM: i32 = 1;

#[test]
#[should_panic(expected = "fault 24")]
fn a_refused_adjustment_is_tried_again_before_the_next_poll() {
    let policy = Policy { poll: s(16.0), probe: s(16.0), ..Policy::default() };
    let mut scene = Scene::of(policy, Guest::new(Duration::ZERO, &[]), 200.0);
    let turn = scene.next_turn();
    scene.guest.plan(turn - 0.5, Change::HostStep(us(10_900.0)));
    scene.guest.plan(turn - 0.5, Change::Refused(Some(EPERM)));
    scene.guest.plan(turn + 0.5, Change::Refused(None));
    scene.run_until(turn + 20.0);
    let (from, to) = (turn + 5.0, turn + 20.0);
    let took = scene.steps(turn).first().map(|step| step.at - turn);
    let claimed = scene
        .between(from, to)
        .filter(|sample| sample.exceeds_kernel_bound())
        .find_map(|sample| sample.kernel_bound_ns)
        .map(|ns| ns / 1e6);
    assert!(
        scene.largest_ns(from, to) < 1e6,
        "fault 24: {:.1} ms off for {took:?} s, though the kernel takes adjustments again after 0.5 s; it claims \
         {claimed:?} ms",
        scene.largest_ns(from, to) / 1e6
    );
}

#[test]
#[should_panic(expected = "fault 24")]
fn a_probe_takes_no_jump_that_is_beyond_the_bound_for_none() {
    // The host's clock is read first thing in a bracket of 10 us, so that the clock is 5 us behind it.
    let mut guest = Guest::new(Duration::ZERO, &[(60.55, Change::HostStep(us(12.0)))]);
    guest.device.bracket = Some(Bracket { place: 0.0, ..Bracket::of(us(10.0)) });
    let scene = Scene::of(Policy::default(), guest, 65.0);
    assert!(scene.beyond_bound(0.0).iter().all(|sample| sample.at > 60.55), "it is beyond before the jump");
    let beyond = scene.beyond_bound(60.55);
    let lasted = beyond.last().map_or(0.0, |last| last.at) - beyond.first().map_or(0.0, |first| first.at);
    assert!(
        beyond.is_empty(),
        "fault 24: beyond the bound for {lasted:.2} s of probes: {:?}",
        beyond.first()
    );
}
