//! Fault 22: the end of a fast slew, where the old slew goes on for the lag.

use hostclock_core::policy::Policy;
use hostclock_core::units::Duration;

use crate::guest::Guest;
use crate::scene::Scene;
use crate::script::{Change, us};

#[test]
#[should_panic(expected = "fault 22")]
fn a_fast_slew_ends_within_the_bound_and_without_overshoot() {
    let set_back = |at, by_us| (at, Change::HostStep(us(by_us)));
    let script = [set_back(60.0, -5e3), set_back(70.0, -20e3), set_back(80.0, -60e3), set_back(90.0, -400.0)];
    for lag_us in [150.0, 300.0] {
        let mut guest = Guest::new(Duration::ZERO, &script);
        guest.lag = us(lag_us);
        let scene = Scene::of(Policy::default(), guest, 100.0);
        assert!(scene.steps(1.0).is_empty(), "{:?}", scene.steps(1.0));
        let overshoot = scene.between(60.0, 100.0).map(|sample| -sample.offset_ns).fold(0.0, f64::max);
        let worst = scene.most_beyond_bound(60.0);
        assert!(
            worst.is_none() && overshoot < 1_000.0,
            "fault 22: lag {lag_us} us: the clock overshoots by {overshoot:.0} ns, and is beyond the bound at {worst:?}"
        );
    }
}
