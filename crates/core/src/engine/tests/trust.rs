//! A host whose clock can't be believed.

use super::bench::*;
use crate::driver::Machine;
use crate::engine::*;

const HOUR: i64 = 3_600_000_000_000;

/// How far the clock is from where the host's would be without its lies.
fn truth(bench: &Bench, lie: i64) -> i64 {
    (bench.machine.offset() + lie).abs()
}

fn lie_by_jumps(bench: &mut Bench, jumps: &[i64], every: Duration) -> i64 {
    let mut lie = 0;
    for jump in jumps {
        bench.machine.host_offset += jump - lie;
        lie = *jump;
        bench.run(every);
    }
    lie
}

#[test]
fn a_host_that_jumps_about_is_not_followed_for_long_and_what_was_is_taken_back() {
    let mut bench = settled();
    let jumps: Vec<i64> = (0..60).map(|n| (n * 7_919 % 13 - 6) * HOUR).collect();
    let lie = lie_by_jumps(&mut bench, &jumps, Duration::from_millis(50));
    assert_eq!(bench.engine.state(), State::HostUnreliable);
    assert!(truth(&bench, lie) < 20_000, "{} ns off", truth(&bench, lie));
    bench.machine.host_offset -= lie;
    bench.run(SECOND.times(4));
    assert_eq!(bench.engine.state(), State::Synchronised);
    assert!(bench.machine.offset().abs() < 1_000, "{} ns off", bench.machine.offset());
}

#[test]
fn a_host_that_goes_backwards_is_held_against() {
    let mut bench = settled();
    let mut lie = 0;
    for _ in 0..500 {
        lie -= 5_000_000;
        bench.machine.host_offset -= 5_000_000;
        bench.run(Duration::from_millis(4));
    }
    assert_eq!(bench.engine.state(), State::HostUnreliable);
    // It was slewed after the first jumps, if at all.
    assert!(truth(&bench, lie) < 5_000_000, "{} ns off", truth(&bench, lie));
    bench.machine.host_offset -= lie;
    bench.run(SECOND.times(4));
    assert_eq!(bench.engine.state(), State::Synchronised);
    assert!(bench.machine.offset().abs() < 1_000, "{} ns off", bench.machine.offset());
}

#[test]
fn a_host_that_stands_still_is_a_state_with_a_reason() {
    let mut bench = settled();
    let from = bench.machine.raw;
    while bench.machine.raw - from < 3_000_000_000 {
        // At each wake-up it is where it was.
        bench.machine.frozen = Some(HOST_START + from + from / 50_000);
        bench.run(Duration::from_millis(50));
    }
    assert_eq!(bench.engine.state(), State::HostUnreliable);
    let reason = bench.engine.status(bench.machine.now()).reason.expect("a reason");
    assert!(reason.contains("stands still"), "{reason}");
    bench.machine.frozen = None;
    bench.run(SECOND.times(4));
    assert_eq!(bench.engine.state(), State::Synchronised);
    assert_eq!(bench.machine.steps.len(), 0, "{:?}", bench.machine.steps);
}

#[test]
fn a_host_that_is_set_now_and_then_is_followed() {
    let mut bench = settled();
    for by in [HOUR, -HOUR, -HOUR, 2 * HOUR, -HOUR, HOUR] {
        bench.machine.host_offset += by;
        bench.run(SECOND.times(6));
        assert_eq!(bench.engine.state(), State::Synchronised);
        assert!(bench.machine.offset().abs() < 1_000, "{} ns off", bench.machine.offset());
    }
    assert_eq!(bench.machine.steps.len(), 6);
}

#[test]
fn an_unreliable_host_whose_device_goes_away_is_a_holdover() {
    let mut bench = settled();
    let jumps: Vec<i64> = (0..20).map(|n| (n * 7_919 % 13 - 6) * HOUR).collect();
    lie_by_jumps(&mut bench, &jumps, Duration::from_millis(50));
    assert_eq!(bench.engine.state(), State::HostUnreliable);
    bench.event(Event::SourceLost(Loss::DeviceGone));
    assert_eq!(bench.engine.state(), State::Holdover);
}
