//! What decides allocates nothing, ever: neither while all is well nor while a clock is put right. Every allocation of
//! this test's thread is counted (`allocation_counter` stands in for the allocator).

mod support;

use allocation_counter::measure;
use hostclock_core::engine::Event;
use hostclock_core::hint::Hint;
use hostclock_core::notice::Loss;
use hostclock_core::policy::{Mode, Policy};
use hostclock_core::reading::Method;
use hostclock_core::status::State;
use hostclock_core::units::Duration;
use support::Bench;

const LONG: Duration = Duration::from_secs(900);

/// How many allocations a quarter of an hour of a clock takes that is all right, and how many turns it has.
fn steady_time(policy: Policy, best: Method) -> (u64, u32) {
    let mut bench = Bench::steady(policy, best);
    let readings = bench.engine.counters().readings;
    let mut turns = 0;
    let counted = measure(|| turns = bench.run(LONG));
    assert!(bench.engine.counters().readings >= readings + 890, "it read");
    if policy.mode == Mode::Control {
        assert_eq!(bench.engine.state(), State::Synchronised);
        assert!(bench.offset_ns().abs() < 2_000, "{best}: {} ns off", bench.offset_ns());
    }
    (counted.count_total, turns)
}

#[test]
fn a_steady_clock_allocates_nothing_by_any_method() {
    for best in Method::ALL {
        let (allocations, turns) = steady_time(Policy::default(), best);
        assert_eq!(allocations, 0, "{best}, in {turns} turns");
        assert!(turns > 8_900, "ten looks a second, not {turns}");
    }
}

#[test]
fn nor_does_one_that_is_only_observed() {
    for mode in [Mode::Observe, Mode::DryRun] {
        let (allocations, _) = steady_time(Policy { mode, ..Policy::default() }, Method::Precise);
        assert_eq!(allocations, 0);
    }
}

#[test]
fn trouble_allocates_nothing_either() {
    let mut bench = Bench::new(Policy::default(), Method::Precise);
    let second = Duration::from_secs(1);
    let counted = measure(|| {
        bench.event(Event::SourceFound);
        bench.run(second.times(30));
        for (times, step) in [3_600_000_000_000, -20_000_000, 1_000, -7_000].into_iter().enumerate() {
            bench.machine.set_system_clock(Duration::from_nanos(step));
            // Heard of, or found.
            bench.event(if times % 2 == 0 { Event::ClockSet } else { Event::Wake });
            bench.run(second.times(20));
            bench.machine.host_jumps += step;
            bench.run(second.times(20));
        }
        for hint in Hint::ALL {
            bench.event(Event::Hint(hint));
            bench.run(second);
        }
        bench.machine.best = Some(Method::SysOffset);
        bench.run(second.times(30));
        bench.machine.best = None;
        bench.run(second.times(30));
        bench.event(Event::SourceLost(Loss::DeviceGone));
        bench.run(second.times(600));
        bench.machine.best = Some(Method::Precise);
        bench.event(Event::SourceFound);
        bench.run(second.times(60));
        bench.event(Event::Ending);
    });
    assert_eq!(counted.count_total, 0);
    let counters = bench.engine.counters();
    assert!(counters.steps >= 5 && counters.breaks >= 2 && counters.holdovers >= 1, "{counters:?}");
    assert!(counters.hints == 5 && bench.notices > 10, "{counters:?}, {} notices", bench.notices);
    assert!(bench.offset_ns().abs() < 1_000, "{} ns off", bench.offset_ns());
}

/// The status is written for a reader who asks. That it shows here also shows that the others would fail.
#[test]
fn what_allocates_is_counted() {
    let mut bench = Bench::steady(Policy::default(), Method::Precise);
    let now = bench.wake_at;
    let counted = measure(|| {
        bench.turn();
        drop(bench.engine.status(now));
    });
    assert!(counted.count_total > 0);
}
