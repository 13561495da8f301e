//! How well a clock is kept while nothing happens, and in holdover; and what is said of its error.

mod support;

use hostclock_core::policy::Policy;
use hostclock_core::reading::Failure;
use hostclock_core::status::State;
use hostclock_core::units::{Duration, Frequency};
use hostclock_sim::disturbance::Disturbance;
use hostclock_sim::host::HostModel;
use hostclock_sim::kernel::Rounding;
use hostclock_sim::oscillator::OscillatorModel;
use hostclock_sim::record::Record;
use hostclock_sim::world::WorldModel;
use support::{at, seen};

fn polls(ms: i64) -> Policy {
    Policy { poll: Duration::from_millis(ms), ..Policy::default() }
}

/// Root mean square and worst of the offset over `seconds` after a minute of settling, ns.
fn kept(model: &WorldModel, policy: Policy, seed: u64, seconds: f64) -> (f64, f64) {
    let record = seen(model, policy, seed, &[], 60.0 + seconds);
    assert_eq!(
        record.beyond_bound(at(0.0)).len(),
        0,
        "seed {seed}: {:?}",
        record.beyond_bound(at(0.0)).first()
    );
    (record.rms_ns(at(60.0)), record.worst_ns(at(60.0)))
}

#[test]
fn under_ntp_at_a_poll_of_a_second_the_clock_is_kept_within_15_ns_rms_and_60_ns() {
    for seed in 0..10 {
        let (rms, worst) = kept(&WorldModel::default(), polls(1_000), seed, 600.0);
        println!("seed {seed}: {rms:.1} ns rms, {worst:.0} ns at most");
        assert!(rms <= 15.0 && worst <= 60.0, "seed {seed}: {rms:.1} ns rms, {worst:.0} ns at most");
    }
}

#[test]
fn under_ntp_at_a_poll_of_a_tenth_of_a_second_the_clock_is_kept_within_3_ns_rms() {
    for seed in 10..16 {
        let (rms, worst) = kept(&WorldModel::default(), polls(100), seed, 120.0);
        println!("seed {seed}: {rms:.2} ns rms, {worst:.0} ns at most");
        assert!(rms <= 3.0, "seed {seed}: {rms:.2} ns rms, {worst:.0} ns at most");
    }
}

#[test]
fn a_quiet_host_is_followed_to_a_few_nanoseconds() {
    let model = WorldModel { host: HostModel::free(), ..WorldModel::default() };
    for seed in 20..25 {
        let (rms, worst) = kept(&model, polls(1_000), seed, 600.0);
        println!("seed {seed}: {rms:.2} ns rms, {worst:.0} ns at most");
        assert!(rms <= 3.0 && worst <= 15.0, "seed {seed}: {rms:.2} ns rms, {worst:.0} ns at most");
    }
}

#[test]
fn a_kernel_that_rounds_costs_no_more_than_its_rounding() {
    let model = WorldModel { rounding: Some(Rounding::default()), ..WorldModel::default() };
    for seed in 30..36 {
        let (rms, worst) = kept(&model, polls(1_000), seed, 600.0);
        println!("seed {seed}: {rms:.1} ns rms, {worst:.0} ns at most");
        assert!(rms <= 25.0 && worst <= 120.0, "seed {seed}: {rms:.1} ns rms, {worst:.0} ns at most");
    }
}

#[test]
fn every_poll_interval_keeps_the_clock_within_its_bound() {
    for (seed, ms) in (40..).zip([63, 250, 1_000, 4_000, 16_000, 64_000]) {
        let (rms, worst) = kept(&WorldModel::default(), polls(ms), seed, 900.0);
        println!("poll {ms} ms: {rms:.1} ns rms, {worst:.0} ns at most");
    }
}

fn away(seed: u64, disturbance: Disturbance, oscillator: OscillatorModel, host: HostModel) -> (Record, f64) {
    let model = WorldModel { oscillator, host, ..WorldModel::default() };
    let record = seen(
        &model,
        Policy::default(),
        seed,
        &[(600.0, disturbance)],
        610.0 + disturbance.lasts().as_secs_f64(),
    );
    (record, 600.0 + disturbance.lasts().as_secs_f64())
}

#[test]
fn a_holdover_runs_on_with_the_long_term_frequency_and_ends_by_itself() {
    let hour = Duration::from_secs(3_600);
    for seed in 50..60 {
        for gone in [Disturbance::DeviceGone(hour), Disturbance::Fault(Failure::Unsupported, hour)] {
            let (record, back) = away(seed, gone, OscillatorModel::default(), HostModel::ntp());
            let drift = record.since(at(back - 1.0)).next().map_or(f64::NAN, |s| s.offset_ns);
            println!("seed {seed}: {drift:.0} ns after an hour");
            // 300 ppb would be an hour of the last second's frequency.
            assert!(drift.abs() < 600_000.0, "seed {seed}: {drift} ns after an hour");
            let last = record.samples.last().expect("samples");
            assert_eq!(last.state, Some(State::Synchronised), "seed {seed}");
            assert!(last.offset_ns.abs() < 1_000.0, "seed {seed}: {last:?}");
            assert!(record.steps(at(600.0)).len() <= 1, "seed {seed}: {:?}", record.steps(at(600.0)));
            assert_eq!(
                record.beyond_bound(at(0.0)).len(),
                0,
                "seed {seed}: {:?}",
                record.beyond_bound(at(0.0)).first()
            );
        }
    }
}

#[test]
fn a_restarted_daemon_does_not_disturb_a_good_clock() {
    for seed in 70..100 {
        let kill = Disturbance::Kill(Duration::from_millis(1 + 37 * (seed as i64 % 70)));
        let record = seen(
            &WorldModel::default(),
            Policy::default(),
            seed,
            &[(100.0 + seed as f64 * 0.013, kill)],
            120.0,
        );
        let worst = record.worst_ns(at(90.0));
        println!("seed {seed}: {worst:.0} ns");
        assert!(worst <= 1_000.0 + 600.0 * kill.lasts().as_secs_f64(), "seed {seed}: {worst} ns");
        assert_eq!(record.steps(at(90.0)), [], "seed {seed}");
    }
}

#[test]
fn a_bad_oscillator_is_kept_too() {
    let oscillator = OscillatorModel {
        frequency: Frequency::from_ppm(250.0),
        wander: Frequency::from_ppb(5.0),
        temperature: Frequency::from_ppm(3.0),
        temperature_period_s: 300.0,
        ..OscillatorModel::default()
    };
    let model = WorldModel { oscillator, ..WorldModel::default() };
    for seed in 110..115 {
        let (rms, worst) = kept(&model, polls(1_000), seed, 600.0);
        println!("seed {seed}: {rms:.1} ns rms, {worst:.0} ns at most");
        assert!(rms <= 40.0 && worst <= 200.0, "seed {seed}: {rms:.1} ns rms, {worst:.0} ns at most");
    }
}
