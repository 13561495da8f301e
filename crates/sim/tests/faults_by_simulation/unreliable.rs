//! Faults 18 and 19: what is said of the clock while the host's can't be believed, what is taken back, and a host that
//! stands still.

use hostclock_core::policy::Policy;
use hostclock_core::units::Duration;
use hostclock_sim::random::Random;

use crate::device::Bracket;
use crate::guest::Guest;
use crate::scene::Scene;
use crate::script::{Change, s, us};

const HOUR_S: f64 = 3_600.0;

#[test]
#[should_panic(expected = "fault 18")]
fn while_nothing_can_be_believed_the_bound_covers_all_that_may_be_true() {
    let pause = |at, seconds| (at, Change::Pause(s(seconds)));
    let script = [
        pause(20.0, 0.05),
        pause(20.25, 0.05),
        pause(20.5, 0.05),
        pause(20.75, 0.05),
        pause(21.0, 0.05),
        pause(21.25, HOUR_S),
    ];
    let scene = Scene::of(Policy::default(), Guest::new(Duration::ZERO, &script), 40.0);
    assert!(scene.largest_ns(38.0, 40.0) < 1e6, "{} ns", scene.largest_ns(38.0, 40.0));
    let beyond = scene.beyond_bound(20.0);
    let lasted = beyond.last().map_or(0.0, |last| last.at) - beyond.first().map_or(0.0, |first| first.at);
    let worst = scene.most_beyond_bound(20.0);
    assert!(
        beyond.is_empty(),
        "fault 18: for {lasted:.1} s beyond what is said of it, furthest at {worst:?}"
    );
}

#[test]
#[should_panic(expected = "fault 18")]
fn a_pause_is_not_taken_back_with_the_jumps_of_an_unreliable_host() {
    let back = Change::HostStep(s(-1.0));
    let script = [(60.0, back), (63.0, Change::Pause(s(HOUR_S))), (66.0, back), (69.0, back)];
    let scene = Scene::of(Policy::default(), Guest::new(Duration::ZERO, &script), 75.0);
    let (worst, taken_back) = (scene.most_beyond_bound(69.0), scene.steps(69.0).first().copied());
    // All that can be doubted are three jumps of a second each.
    assert!(
        scene.largest_ns(69.0, 75.0) < 10e9 && worst.is_none(),
        "fault 18: {taken_back:?}, though the pause was one; beyond the bound at {worst:?}"
    );
}

/// Of nine brackets of 10 us the narrowest counts: now and then that is the last of one reading and the first of the
/// next.
#[test]
#[should_panic(expected = "fault 19")]
fn a_host_that_stands_still_does_not_move_the_clock() {
    let mut moved = Vec::new();
    for seed in 0..30 {
        let mut guest = Guest::new(Duration::ZERO, &[(20.06, Change::Frozen(true))]);
        guest.device.bracket = Some(Bracket { scatter_ns: 200.0, ..Bracket::of(us(10.0)) });
        guest.device.random = Random::new(seed);
        let scene = Scene::of(Policy::default(), guest, 24.0);
        let recognised = scene.between(23.9, 24.0).all(|sample| sample.state.is_holding());
        assert!(recognised, "seed {seed}: not recognised");
        let (most_ms, left_ms) = (scene.largest_ns(20.0, 24.0) / 1e6, scene.largest_ns(23.9, 24.0) / 1e6);
        if most_ms > 1.0 {
            moved.push((seed, most_ms.round(), left_ms.round()));
        }
    }
    assert!(
        moved.is_empty(),
        "fault 19: the clock followed a host that stands still in {} lives of 30; seed, ms at most, ms after 4 s: \
         {moved:?}",
        moved.len()
    );
}
