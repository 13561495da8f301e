//! When a host's clock that was not believed is believed again.

use hostclock_core::policy::Policy;
use hostclock_core::status::State;
use hostclock_core::units::{Duration, Frequency};
use hostclock_sim::device::Lie;
use hostclock_sim::disturbance::Disturbance;
use hostclock_sim::host::HostModel;
use hostclock_sim::record::Record;
use hostclock_sim::world::WorldModel;

use crate::support::{at, seen};

/// A guest whose host runs at `ppm`, and goes backwards from 30.2 s to 33.2 s; and what else happens.
fn after_a_lie(ppm: f64, plan: &[(f64, Disturbance)]) -> Record {
    let model = WorldModel {
        host: HostModel { frequency: Frequency::from_ppm(ppm), ..HostModel::free() },
        ..WorldModel::default()
    };
    let lie = Disturbance::Lie(Lie::Backwards(Duration::from_millis(100)), Duration::from_secs(3));
    let plan = [&[(30.2, lie)], plan].concat();
    let record = seen(&model, Policy::default(), 7, &plan, 60.0);
    let lost = record.since(at(30.2)).any(|sample| sample.state == Some(State::HostUnreliable));
    assert!(lost, "at {ppm} ppm it was believed all the time");
    record
}

/// The state at the end, and the true offset, ns.
fn at_the_end(record: &Record) -> (Option<State>, f64) {
    record.samples.last().map_or((None, f64::NAN), |last| (last.state, last.offset_ns))
}

#[test]
#[should_panic(expected = "fault 2: ")]
fn a_host_that_runs_fast_but_steadily_is_believed_again() {
    let (state, offset_ns) = at_the_end(&after_a_lie(300.0, &[]));
    assert!(state == Some(State::Synchronised) && offset_ns.abs() < 1_000.0, "{state:?} {offset_ns}");
    let (state, offset_ns) = at_the_end(&after_a_lie(700.0, &[]));
    assert!(
        state == Some(State::Synchronised) && offset_ns.abs() < 1_000.0,
        "fault 2: 27 s after the host's clock is steady again, at 700 ppm, it is {state:?} and {offset_ns} ns off"
    );
}

#[test]
#[should_panic(expected = "fault 2: ")]
fn a_host_that_is_slewed_steadily_is_believed_again() {
    let slew = Disturbance::HostSlew(Frequency::from_ppm(2_000.0), Duration::from_secs(100));
    let (state, offset_ns) = at_the_end(&after_a_lie(3.0, &[(33.0, slew)]));
    assert!(
        state == Some(State::Synchronised) && offset_ns.abs() < 1e6,
        "fault 2: 27 s into a slew of the host's by 2000 ppm it is {state:?} and {offset_ns} ns off"
    );
}
