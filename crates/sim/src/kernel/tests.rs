//! The kernel's clock by itself.

use super::*;

const SECOND: i64 = 1_000_000_000_000;

fn kernel(rounding: Option<Rounding>) -> Kernel {
    Kernel::new(0, Timestamp::from_nanos(1_800_000_000_000_000_000), rounding, Random::new(1))
}

#[test]
fn a_step_makes_the_clock_unsynchronised_unless_the_same_call_says_otherwise() {
    let mut kernel = kernel(None);
    let health = Health { synchronised: true, max_error: Duration::from_nanos(1), est_error: Duration::ZERO };
    let step = Some(Duration::from_secs(-5));
    let whole = Adjustment { step, rate: None, health: Some(health), tai_offset: None };
    assert_eq!(kernel.adjust(SECOND, &whole), Ok(()));
    let state = kernel.state(SECOND);
    assert!(state.health.synchronised && state.status & STA_UNSYNC == 0);
    assert_eq!(state.health.max_error, Duration::from_micros(1));
    assert_eq!(kernel.set_by(SECOND, Duration::from_nanos(1)), Ok(()));
    assert_eq!(kernel.state(SECOND).status & STA_UNSYNC, STA_UNSYNC);
}

#[test]
fn the_maximum_error_grows_until_the_clock_counts_as_unsynchronised() {
    let mut kernel = kernel(None);
    let health = Health { synchronised: true, max_error: Duration::from_secs(15), est_error: Duration::ZERO };
    let told = Adjustment { step: None, rate: None, health: Some(health), tai_offset: None };
    assert_eq!(kernel.adjust(0, &told), Ok(()));
    assert_eq!(kernel.state(2 * SECOND).health.max_error, Duration::from_millis(15_001));
    assert!(kernel.state(1_999 * SECOND).health.synchronised);
    assert!(!kernel.state(2_000 * SECOND).health.synchronised);
}

#[test]
fn rounding_never_builds_up() {
    let mut kernel = kernel(Some(Rounding::default()));
    let start = kernel.picos(0);
    kernel.set_rate(0, KernelRate::nearest(Frequency::from_ppb(20_050.0)));
    let mut worst = 0;
    for step in 1..200_000_i64 {
        let raw = step * SECOND / 100;
        kernel.advance(raw);
        let ideal = i128::from(raw) + i128::from(nearest(raw as f64 * 20_050e-9));
        worst = worst.max((kernel.picos(raw) - start - ideal).abs());
    }
    assert!((5_000..70_000).contains(&worst), "off by {worst} ps at most");
}

#[test]
fn dates_outside_of_what_linux_takes_are_refused() {
    let mut kernel = kernel(None);
    let years = |n: i64| Duration::from_secs(n * 31_557_600);
    assert_eq!(kernel.set_by(0, years(-58)), Err(EINVAL));
    assert_eq!(kernel.set_by(0, years(206)), Err(EINVAL));
    assert_eq!(kernel.set_by(0, years(173)), Ok(()));
}

#[test]
fn a_leap_second_is_inserted_at_midnight_and_counted() {
    // A Friday, 10 s before the end of the UTC day.
    let date = Timestamp::from_nanos((20_000 * 86_400 - 10) * 1_000_000_000);
    let mut kernel = Kernel::new(0, date, None, Random::new(1));
    kernel.set_status(0, STA_INS | 0x0001);
    assert_eq!(kernel.state(0).status & 0x0071, STA_INS | 0x0001);
    assert!(!kernel.advance(9 * SECOND) && kernel.advance(11 * SECOND));
    assert_eq!(kernel.date(11 * SECOND), date + Duration::from_secs(10));
    assert_eq!(kernel.state(11 * SECOND).tai_offset, 1);
    assert!(!kernel.advance(200_000 * SECOND), "once");
}

#[test]
fn what_adjtime_is_asked_for_is_slewed_at_500_ppm_and_ended_by_a_step() {
    let slewed = |span_us, step| {
        let mut kernel = kernel(None);
        let start = kernel.picos(0);
        kernel.adjtime(0, Duration::from_micros(span_us));
        kernel.advance(SECOND);
        if step {
            kernel.set_by(SECOND, Duration::from_nanos(0)).expect("set");
        }
        kernel.advance(10 * SECOND);
        (kernel.picos(10 * SECOND) - start - i128::from(10 * SECOND)) / 1_000_000
    };
    assert_eq!([slewed(2_000, false), slewed(-200, false), slewed(2_000, true)], [2_000, -200, 500]);
}

#[test]
fn a_kernel_that_refuses_changes_nothing() {
    let mut kernel = kernel(None);
    kernel.refuses(Some(1));
    let step = Some(Duration::from_secs(1));
    let adjustment = Adjustment { step, rate: None, health: None, tai_offset: Some(37) };
    let before = (kernel.picos(SECOND), kernel.state(SECOND));
    assert_eq!(kernel.adjust(SECOND, &adjustment), Err(1));
    assert_eq!((kernel.picos(SECOND), kernel.state(SECOND)), before);
}
