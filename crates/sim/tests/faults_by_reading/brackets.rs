//! Where in a bracket the host's clock is read.

use hostclock_core::engine::Event;
use hostclock_core::policy::Policy;
use hostclock_core::reading::Method;
use hostclock_core::units::Duration;

use crate::bench::{Bench, Bracket, SECOND, Script};

const HALF: Duration = Duration::from_micros(15);

/// A machine that has read precisely, and reads with brackets of that asymmetry now, which it has learnt.
fn learnt(asymmetry: f64) -> Bench {
    let mut machine = Script::new(Duration::ZERO);
    machine.works = vec![Method::Precise, Method::SysOffset];
    machine.bracket = Bracket { half: HALF, asymmetry };
    let mut bench = Bench::start(machine, Policy::default());
    bench.run(SECOND.times(30));
    bench.machine.works = vec![Method::SysOffset];
    bench.run(SECOND.times(60));
    assert!(bench.machine.offset().abs() < 1_000, "not learnt: {} ns", bench.machine.offset());
    bench.seen.clear();
    bench
}

/// The mean of the true offsets that were seen, ns.
fn mean(bench: &Bench) -> f64 {
    bench.seen.iter().map(|offset| *offset as f64).sum::<f64>() / bench.seen.len() as f64
}

#[test]
#[should_panic(expected = "fault 8: ")]
fn a_device_does_not_inherit_the_asymmetry_of_the_one_that_it_replaces() {
    let mut bench = learnt(-0.9);
    bench.replace_device(SECOND.times(5));
    bench.machine.bracket.asymmetry = 0.9;
    bench.event(Event::SourceFound);
    bench.run(SECOND.times(60));
    bench.seen.clear();
    bench.run(SECOND.times(60));
    let off = mean(&bench).abs();
    assert!(
        off <= 0.9 * HALF.as_nanos_f64() + 500.0,
        "fault 8: the clock is {off:.0} ns off, with brackets of +-{HALF} whose middles are 13500 ns off"
    );
}

#[test]
#[should_panic(expected = "fault 15: ")]
fn a_reading_is_not_corrected_to_outside_its_bracket() {
    let mut bench = learnt(-0.98);
    // A little narrower, with the host's clock read at the very begin.
    let narrower = Duration::from_nanos(13_400);
    bench.machine.bracket = Bracket { half: narrower, asymmetry: -1.0 };
    let mut worst = f64::MIN;
    let mut off = 0;
    for _ in 0..30 {
        bench.run(SECOND);
        let reading = bench.engine.last_reading().expect("read");
        assert_eq!(reading.uncertainty, narrower);
        let found = bench.status().clock.last_offset_ns.expect("known");
        let outside = (found - reading.offset().as_nanos_f64()).abs() - narrower.as_nanos_f64();
        worst = worst.max(outside);
        off = off.max(bench.machine.offset().abs());
    }
    assert!(
        worst <= 100.0,
        "fault 15: the offset that was found is {worst:.0} ns outside of a bracket of +-{narrower}, and the clock goes \
         {off} ns off"
    );
}
