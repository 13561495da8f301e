//! Fault 21, and a part of 24: what other programs do to the clock without setting it is no step, and isn't undone by
//! one.

use hostclock_core::policy::Policy;
use hostclock_core::units::Duration;

use crate::guest::Guest;
use crate::scene::Scene;
use crate::script::{Change, percent, us};

#[test]
#[should_panic(expected = "fault 21")]
fn what_a_foreign_rate_did_while_readings_fail_is_corrected_as_the_policy_allows() {
    let script = [
        (20.0, Change::ForeignRate(percent(7.0))),
        (20.0, Change::Fails(true)),
        (25.0, Change::Fails(false)),
    ];
    let policy = Policy { step_backward: None, ..Policy::default() };
    let scene = Scene::of(policy, Guest::new(Duration::ZERO, &script), 40.0);
    let last = scene.largest_ns(39.0, 40.0);
    assert!(last < 1_000.0, "{last} ns off at the end");
    let backward = scene.steps(1.0).into_iter().find(|step| step.by.is_negative());
    assert!(
        backward.is_none(),
        "fault 21: step-backward is never, and the clock, which a foreign rate moved, is set back: {backward:?}"
    );
}

#[test]
#[should_panic(expected = "fault 24")]
fn a_slew_by_others_is_not_undone_by_steps() {
    // Ahead by no more than 100 ms, behind by no more than 1 ms: nothing that is stepped by default.
    for span_us in [5_000.0, -900.0] {
        let script = [(60.0, Change::ForeignSlew(us(span_us)))];
        let scene = Scene::of(Policy::default(), Guest::new(Duration::ZERO, &script), 80.0);
        assert!(scene.largest_ns(60.0, 80.0) < 5.1e6, "{} ns", scene.largest_ns(60.0, 80.0));
        let steps = scene.steps(60.0);
        assert!(steps.is_empty(), "fault 24: adjtime(3) by {span_us} us is undone by {steps:?}");
    }
}
