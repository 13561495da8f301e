//! Slews, and when they take effect.

use hostclock_core::policy::Policy;
use hostclock_core::units::Duration;

use crate::bench::{Bench, SECOND, Script};

#[test]
#[should_panic(expected = "fault 9: ")]
fn a_slew_is_planned_for_the_moment_at_which_it_takes_effect() {
    let mut machine = Script::new(Duration::ZERO);
    machine.delay = Duration::from_micros(150);
    let mut bench = Bench::start(machine, Policy::default());
    bench.run(SECOND.times(30));
    assert!(bench.machine.offset().abs() < 100, "{}", bench.machine.offset());
    bench.seen.clear();
    // The clock is 50 ms ahead: too little for a step.
    bench.machine.host_offset -= 50_000_000;
    bench.run(SECOND.times(5));
    assert_eq!(bench.machine.steps, []);
    assert!(bench.machine.offset().abs() < 1_000, "{}", bench.machine.offset());
    let overshoot = bench.seen.iter().map(|offset| -offset).max().expect("seen");
    assert!(
        overshoot < 1_000,
        "fault 9: with 150 us from a call to its effect the clock overshoots by {overshoot} ns"
    );
}
