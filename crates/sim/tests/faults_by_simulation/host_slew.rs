//! Fault 24: a host that is slewed as fast as any kernel slews.

use hostclock_core::policy::Policy;
use hostclock_core::units::Duration;

use crate::guest::Guest;
use crate::scene::Scene;
use crate::script::{Change, percent};

#[test]
#[should_panic(expected = "fault 24")]
fn a_fast_slew_of_the_hosts_causes_no_step_away_from_its_time() {
    let script = [
        (20.0, Change::HostRate(percent(9.5))),
        (21.0, Change::HostRate(percent(-9.5))),
        (22.0, Change::HostRate(percent(0.002))),
    ];
    let scene = Scene::of(Policy::default(), Guest::new(Duration::ZERO, &script), 30.0);
    assert!(scene.largest_ns(28.0, 30.0) < 1_000.0, "{} ns", scene.largest_ns(28.0, 30.0));
    let away = scene
        .steps(20.0)
        .into_iter()
        .find(|step| (step.before_ns + step.by.as_nanos_f64()).abs() > step.before_ns.abs() + 3_000.0);
    assert!(away.is_none(), "fault 24: a step away from the host's time: {away:?}");
}
