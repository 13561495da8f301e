use super::*;
use crate::reading::Method;

/// A host whose clock has run off by `phase_ns` at raw time `ns`.
fn reading(ns: i64, phase_ns: f64) -> Reading {
    let reference = 1_700_000_000_000_000_000 + ns + Duration::from_nanos_f64(phase_ns).as_nanos();
    Reading {
        reference: Timestamp::from_nanos(reference),
        system: Timestamp::from_nanos(reference),
        raw: RawTime::from_nanos(ns),
        uncertainty: Duration::from_nanos(1),
        tied_within: Duration::ZERO,
        method: Method::Precise,
    }
}

/// A repeatable number in -1 ..= 1.
fn noise(n: i64) -> f64 {
    let x = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    f64::from((x >> 33) as i32) / f64::from(1 << 30)
}

fn settled(seconds: i64, phase: impl Fn(f64) -> f64) -> Estimator {
    let mut estimator = Estimator::new(&reading(0, phase(0.0)), None);
    for second in 1..=seconds {
        estimator.update(&reading(second * 1_000_000_000, phase(second as f64) + noise(second)));
    }
    estimator
}

#[test]
fn a_steady_host_is_known_to_a_fraction_of_a_ppb() {
    let estimator = settled(120, |t| 20_117.0 * t);
    let (frequency, sigma) = estimator.frequency();
    assert!((frequency.as_ppb() - 20_117.0).abs() < 0.5, "{frequency:?}");
    assert!(sigma.as_ppb() < 1.0, "{sigma:?}");
}

#[test]
fn a_wandering_host_is_followed_without_lag() {
    // 0.5 ppm of a 60 s sinusoid: the frequency changes by up to 52 ppb each second.
    let omega = core::f64::consts::TAU / 60.0;
    let phase = |t: f64| 20_000.0 * t + 500.0 / omega * (1.0 - (omega * t).cos());
    let mut worst: f64 = 0.0;
    let mut estimator = settled(60, phase);
    for second in 61..=300 {
        let next = reading(second * 1_000_000_000, phase(second as f64) + noise(second));
        let predicted = estimator.at(next.raw);
        worst = worst.max((predicted.reference - next.reference).as_nanos_f64().abs());
        estimator.update(&next);
    }
    assert!(worst < 25.0, "one second ahead it was wrong by {worst} ns");
}

#[test]
fn a_break_is_told_from_a_restless_host() {
    let estimator = settled(60, |t| 20_000.0 * t);
    let at = |extra: f64| estimator.surprise(&reading(61_000_000_000, 20_000.0 * 61.0 + extra));
    assert_eq!(at(3.0), Surprise::None);
    assert_eq!(at(500.0), Surprise::Restless);
    assert_eq!(at(-10_000.0), Surprise::Break);
    assert_eq!(at(5e9), Surprise::Break);
}

#[test]
fn a_break_drops_the_phase_and_keeps_the_frequency() {
    let mut estimator = settled(60, |t| 20_000.0 * t);
    let paused = reading(61_000_000_000, 20_000.0 * 61.0 + 5e9);
    estimator.rephase(&paused);
    assert_eq!(estimator.at(paused.raw).reference, paused.reference);
    let (frequency, _) = estimator.frequency();
    assert!((frequency.as_ppb() - 20_000.0).abs() < 1.0);
}

#[test]
fn a_host_that_changed_its_frequency_is_learnt_again_at_once() {
    let mut estimator = settled(60, |t| 20_000.0 * t);
    // 500 ppm from here on, found out after a second.
    let phase = |t: f64| 20_000.0 * t + 500_000.0 * (t - 60.0);
    estimator.rephase(&reading(61_000_000_000, phase(61.0)));
    for ms in [5_i64, 15, 35, 75, 155, 315] {
        let t = 61.0 + ms as f64 / 1e3;
        estimator.update(&reading(61_000_000_000 + ms * 1_000_000, phase(t)));
    }
    assert!((estimator.frequency().0.as_ppb() - 520_000.0).abs() < 100.0);
}

#[test]
fn the_long_term_frequency_outlives_a_wander() {
    let omega = core::f64::consts::TAU / 60.0;
    let estimator = settled(615, |t| 20_000.0 * t + 500.0 / omega * (1.0 - (omega * t).cos()));
    let (frequency, spread) = estimator.long_term_frequency().expect("ten minutes of readings");
    assert!((frequency.as_ppb() - 20_000.0).abs() < 30.0, "{frequency:?}");
    assert!((200.0..600.0).contains(&spread.as_ppb()), "{spread:?}");
}

#[test]
fn readings_that_do_not_advance_change_nothing() {
    let mut estimator = settled(10, |t| 20_000.0 * t);
    let before = estimator.at(RawTime::from_nanos(10_500_000_000));
    estimator.update(&reading(10_000_000_000, 0.0));
    estimator.update(&reading(9_000_000_000, 1e9));
    assert_eq!(estimator.at(RawTime::from_nanos(10_500_000_000)), before);
}

#[test]
fn a_bracket_that_is_off_as_none_before_it_is_unlikely_and_beyond_its_ends_it_is_more() {
    let mut estimator = Estimator::new(&bracketed(0, 0.0), None);
    for second in 1..=120 {
        estimator.update(&bracketed(second, 20_000.0 * second as f64 + 100.0 * noise(second)));
    }
    let at = |extra: f64| estimator.surprise(&bracketed(121, 20_000.0 * 121.0 + extra));
    assert_eq!(
        [at(100.0), at(-3_000.0), at(3_000.0)],
        [Surprise::None, Surprise::Unlikely, Surprise::Unlikely]
    );
    assert_eq!(at(26_000.0), Surprise::Restless);
}

fn bracketed(second: i64, phase_ns: f64) -> Reading {
    Reading {
        uncertainty: Duration::from_micros(25),
        method: Method::SysOffset,
        ..reading(second * 1_000_000_000, phase_ns)
    }
}

#[test]
fn a_better_method_takes_over_the_phase_at_once_and_keeps_the_frequency() {
    let phase = |t: f64| 20_000.0 * t;
    let mut estimator = settled(60, phase);
    for second in 61..=200 {
        estimator.update(&bracketed(second, phase(second as f64) - 20_000.0));
    }
    assert_eq!(estimator.bias(), Duration::from_micros(25));
    let back = reading(201_000_000_000, phase(201.0));
    assert_ne!(estimator.surprise(&back), Surprise::Break);
    estimator.update(&back);
    assert_eq!(estimator.at(back.raw).reference, back.reference);
    assert!((estimator.frequency().0.as_ppb() - 20_000.0).abs() < 200.0);
}

#[test]
fn a_worse_method_hardly_moves_the_phase_at_first() {
    let phase = |t: f64| 20_000.0 * t;
    let mut estimator = settled(60, phase);
    let worse = bracketed(61, phase(61.0) - 20_000.0);
    assert_ne!(estimator.surprise(&worse), Surprise::Break);
    estimator.update(&worse);
    let moved = estimator.at(worse.raw).reference - reading(61_000_000_000, phase(61.0)).reference;
    assert!(moved.abs() < Duration::from_micros(1), "{moved}");
}

#[test]
fn a_holdover_goes_from_the_last_frequency_to_the_mean() {
    let omega = core::f64::consts::TAU / 60.0;
    let estimator = settled(615, |t| 20_000.0 * t + 500.0 / omega * (1.0 - (omega * t).cos()));
    let now = estimator.frequency().0;
    assert!((now.as_ppb() - 20_500.0).abs() < 60.0, "{now}");
    let (soon, _) = estimator.holdover_frequency(Duration::from_secs(1));
    let (late, _) = estimator.holdover_frequency(Duration::from_secs(300));
    assert!((soon - now).abs().as_ppb() < 30.0, "{soon}");
    assert!((late.as_ppb() - 20_000.0).abs() < 30.0, "{late}");
}

/// Readings that a lying device might give: a jump that could be a frequency of 10 %, then noise of a
/// microsecond within a few.
fn lied_to() -> Estimator {
    let mut estimator = settled(60, |t| 20_000.0 * t);
    estimator.rephase(&reading(60_005_000_000, 1_200_100.0 - 500_000.0));
    for n in 1..=3_i64 {
        let phase = 700_100.0 - 2_400.0 * n as f64;
        estimator.update(&reading(60_005_000_000 + 2_000 * n, phase));
        estimator.update_restless(&reading(60_005_001_000 + 2_000 * n, phase - 1_500.0));
    }
    estimator
}

#[test]
fn noise_over_microseconds_is_not_taken_for_a_frequency() {
    let (frequency, _) = lied_to().frequency();
    assert!(frequency.abs().as_ppb() <= 1.1e8, "{frequency:?}");
}

#[test]
fn a_host_is_learnt_again_after_a_device_has_lied() {
    let mut estimator = lied_to();
    let mut breaks = 0;
    for ms in [10_i64, 20, 40, 80, 160, 320, 640, 1_280] {
        let next = reading(60_005_000_000 + ms * 1_000_000, 20_000.0 * (60.005 + ms as f64 / 1e3));
        if estimator.surprise(&next) == Surprise::Break {
            estimator.rephase(&next);
            breaks += 1;
        } else {
            estimator.update(&next);
        }
    }
    assert!(breaks <= 2, "{breaks} breaks");
    assert!((estimator.frequency().0.as_ppb() - 20_000.0).abs() < 1_000.0, "{:?}", estimator.frequency());
}

#[test]
fn a_holdover_just_after_a_jump_does_not_run_on_with_the_noise_of_a_bracket() {
    let mut estimator = settled(60, |t| 20_000.0 * t);
    let bracket = |ns: i64, phase: f64| Reading {
        uncertainty: Duration::from_nanos(700),
        method: Method::SysOffset,
        ..reading(ns, phase)
    };
    // 306 ms in 4 s: it could be 7.6 % of frequency, and is none.
    estimator.rephase(&bracket(64_000_000_000, 20_000.0 * 64.0 + 306e6));
    estimator.update(&bracket(64_000_010_000, 20_000.0 * 64.0 + 306e6 + 500.0));
    assert!((estimator.frequency().0.as_ppm() - 20.0).abs() < 500.0, "{:?}", estimator.frequency());
    let (held, _) = estimator.holdover_frequency(Duration::from_millis(10));
    assert!((held.as_ppm() - 20.0).abs() < 0.1, "{held:?}");
}
