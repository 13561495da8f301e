//! None of these tests changes the machine's clock: requests are built and looked at, not made.

use super::*;

const NOTHING: Adjustment = Adjustment { step: None, rate: None, health: None, tai_offset: None };

fn step(ns: i64) -> libc::timex {
    request(&Adjustment { step: Some(Duration::from_nanos(ns)), ..NOTHING })
}

fn health(synchronised: bool, max_error_ns: i64, est_error_ns: i64) -> Adjustment {
    let health = Health {
        synchronised,
        max_error: Duration::from_nanos(max_error_ns),
        est_error: Duration::from_nanos(est_error_ns),
    };
    Adjustment { health: Some(health), ..NOTHING }
}

#[test]
fn an_empty_adjustment_asks_for_no_change() {
    assert_eq!(request(&NOTHING).modes, 0);
}

#[test]
fn a_step_back_has_negative_seconds_and_nanoseconds_that_add() {
    let timex = step(-1);
    assert_eq!(timex.modes, libc::ADJ_SETOFFSET | libc::ADJ_NANO);
    assert_eq!((timex.time.tv_sec, timex.time.tv_usec), (-1, 999_999_999));
    let timex = step(-2_000_000_000);
    assert_eq!((timex.time.tv_sec, timex.time.tv_usec), (-2, 0));
    let timex = step(1_000_000_001);
    assert_eq!((timex.time.tv_sec, timex.time.tv_usec), (1, 1));
}

#[test]
fn the_largest_steps_are_still_well_formed() {
    for ns in [i64::MIN, i64::MIN + 1, i64::MAX] {
        let timex = step(ns);
        assert!((0..1_000_000_000).contains(&timex.time.tv_usec));
        let total = i128::from(timex.time.tv_sec) * 1_000_000_000 + i128::from(timex.time.tv_usec);
        assert_eq!(total, i128::from(ns));
    }
}

#[test]
fn the_rate_sets_tick_and_frequency_together() {
    let timex = request(&Adjustment { rate: Some(KernelRate { tick: 10_800, freq: -6_553 }), ..NOTHING });
    assert_eq!(timex.modes, libc::ADJ_TICK | libc::ADJ_FREQUENCY);
    assert_eq!((timex.tick, timex.freq), (10_800, -6_553));
}

#[test]
fn errors_are_rounded_up_to_whole_microseconds_never_zero_and_capped() {
    let timex = request(&health(true, 1_001, 0));
    assert_eq!((timex.maxerror, timex.esterror), (2, 1));
    let timex = request(&health(true, 2_000, -5));
    assert_eq!((timex.maxerror, timex.esterror), (2, 1));
    let timex = request(&health(false, i64::MAX, 16_000_000_001));
    assert_eq!((timex.maxerror, timex.esterror), (16_000_000, 16_000_000));
}

#[test]
fn the_status_word_has_no_loop_of_the_kernels_and_announces_no_leap_second() {
    let timex = request(&health(true, 1, 1));
    assert_eq!(timex.modes, libc::ADJ_STATUS | libc::ADJ_MAXERROR | libc::ADJ_ESTERROR);
    assert_eq!(timex.status, 0);
    assert_eq!(request(&health(false, 1, 1)).status, libc::STA_UNSYNC);
}

#[test]
fn everything_goes_into_one_call() {
    let all = Adjustment {
        step: Some(Duration::from_nanos(5)),
        rate: Some(KernelRate::NOMINAL),
        tai_offset: Some(37),
        ..health(true, 5, 5)
    };
    let timex = request(&all);
    let modes = libc::ADJ_SETOFFSET
        | libc::ADJ_NANO
        | libc::ADJ_TICK
        | libc::ADJ_FREQUENCY
        | libc::ADJ_STATUS
        | libc::ADJ_MAXERROR
        | libc::ADJ_ESTERROR
        | libc::ADJ_TAI;
    assert_eq!(timex.modes, modes);
    assert_eq!(timex.constant, 37);
}

#[test]
fn the_kernel_tells_its_state_without_privilege() {
    let state = SystemClock.state().expect("readable");
    assert!((9_000..=11_000).contains(&state.rate.tick), "{state:?}");
    assert_eq!(state.health.synchronised, state.status & libc::STA_UNSYNC as u32 == 0);
}

#[test]
fn clocks_run_forward() {
    let raw = now_raw();
    assert!(now_raw() >= raw && raw.as_nanos() > 0);
    assert!(now_system().as_nanos() > 0);
}

#[test]
fn the_capability_is_found_in_the_effective_set_alone() {
    let status = |set: &str| format!("Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t{set}\nCapBnd:\t0\n");
    assert!(has_capability(&status("000001ffffffffff"), CAP_SYS_TIME));
    assert!(has_capability(&status("0000000002000000"), CAP_SYS_TIME));
    assert!(!has_capability(&status("000001fffdffffff"), CAP_SYS_TIME));
    assert!(!has_capability("", CAP_SYS_TIME));
    assert!(!has_capability("CapEff:\tnonsense\n", CAP_SYS_TIME));
}

#[test]
fn a_refusal_says_what_is_missing() {
    let words = AdjustError::from(Errno(libc::EPERM)).to_string();
    assert_eq!(words, "no permission to set the clock (needs CAP_SYS_TIME)");
    assert_eq!(AdjustError::from(Errno(libc::ENOSYS)).to_string(), "clock_adjtime: Function not implemented");
}
