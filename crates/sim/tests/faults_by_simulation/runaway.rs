//! Fault 16: a frequency in doubt that is applied for a whole poll.

use hostclock_core::policy::Policy;
use hostclock_core::units::Duration;

use crate::guest::Guest;
use crate::scene::Scene;
use crate::script::{Change, s, us};

/// The engine steps for each of these pauses, and hears of the next one before it has verified the last step.
fn paused_again_and_again(poll_s: f64) -> Scene {
    let pause = Change::Pause(us(50_000.0));
    let guest =
        Guest::new(Duration::ZERO, &[(300.0, pause), (300.8, Change::Pause(us(6_100.0))), (302.0, pause)]);
    let mut scene = Scene::of(Policy { poll: s(poll_s), ..Policy::default() }, guest, 300.0);
    for _ in 0..2 {
        if let Some(at) = scene.run_until_step(300.5) {
            scene.guest.plan(at + 0.000_5, pause);
        }
    }
    scene.run_until(304.0 + poll_s);
    scene
}

#[test]
#[should_panic(expected = "fault 16")]
fn a_frequency_in_doubt_is_not_applied_for_a_whole_poll() {
    for poll_s in [16.0, 64.0] {
        let scene = paused_again_and_again(poll_s);
        let off_ms = scene.largest_ns(303.0, 304.0 + poll_s) / 1e6;
        let claimed = scene
            .between(303.0, 304.0 + poll_s)
            .filter(|sample| sample.exceeds_kernel_bound())
            .filter_map(|sample| sample.kernel_bound_ns)
            .fold(0.0, f64::max);
        assert!(
            off_ms < 1.0 && claimed == 0.0,
            "fault 16: poll {poll_s} s: {off_ms:.0} ms off after a pause that was found, while the kernel says \
             {:.0} ms at most",
            claimed / 1e6
        );
    }
}
