//! Fault 24: the host's kernel and the guest's both insert a leap second, a little apart.

use hostclock_core::policy::Policy;
use hostclock_core::units::Duration;
use hostclock_sim::kernel::STA_INS;

use crate::guest::Guest;
use crate::scene::Scene;
use crate::script::{Change, s};

/// When it is midnight: the host runs 20 ppm fast.
const MIDNIGHT: f64 = 99.998;

#[test]
fn a_second_that_both_kernels_insert_is_not_undone() {
    let script = [(50.0, Change::ForeignStatus(STA_INS)), (MIDNIGHT + 0.001_4, Change::HostStep(s(-1.0)))];
    let scene = Scene::of(Policy::default(), Guest::new(Duration::ZERO, &script), 105.0);
    assert!(scene.largest_ns(101.0, 105.0) < 1_000.0, "{} ns", scene.largest_ns(101.0, 105.0));
    let steps = scene.steps(50.0);
    let forward = steps.iter().any(|step| step.by > s(0.5));
    assert!(!forward, "fault 24: the clock is set forward and back by a second at midnight: {steps:?}");
}
