#![allow(
    unsafe_code,
    reason = "libc's structures have private padding, so tests zero them as the program does"
)]

use super::*;

const NOW: i64 = 1_800_000_000;
const START: RawTime = RawTime::from_nanos(5_000_000_000);

fn at(sec: i64, nsec: u32) -> libc::ptp_clock_time {
    libc::ptp_clock_time { sec, nsec, reserved: 0 }
}

fn a_precise(device: libc::ptp_clock_time) -> libc::ptp_sys_offset_precise {
    // SAFETY: integers only.
    let mut answer: libc::ptp_sys_offset_precise = unsafe { std::mem::zeroed() };
    answer.device = device;
    answer.sys_realtime = at(NOW, 500);
    answer.sys_monoraw = at(5, 10_000);
    answer
}

fn read_precise(answer: &libc::ptp_sys_offset_precise) -> Result<Reading, Failure> {
    precise(answer, START, START + Duration::from_micros(20))
}

fn an_extended(samples: &[[libc::ptp_clock_time; 3]]) -> libc::ptp_sys_offset_extended {
    // SAFETY: integers only.
    let mut answer: libc::ptp_sys_offset_extended = unsafe { std::mem::zeroed() };
    answer.n_samples = samples.len().try_into().expect("few");
    answer.ts[..samples.len()].copy_from_slice(samples);
    answer
}

fn a_sys_offset(samples: u32, times: &[libc::ptp_clock_time]) -> libc::ptp_sys_offset {
    // SAFETY: integers only.
    let mut answer: libc::ptp_sys_offset = unsafe { std::mem::zeroed() };
    answer.n_samples = samples;
    answer.ts[..times.len()].copy_from_slice(times);
    answer
}

#[test]
fn a_precise_answer_ties_three_clocks_together() {
    let reading = read_precise(&a_precise(at(NOW, 400))).expect("plausible");
    assert_eq!(reading.offset(), Duration::from_nanos(100));
    assert_eq!(reading.raw, RawTime::from_nanos(5_000_010_000));
    assert_eq!(reading.uncertainty, PRECISE_UNCERTAINTY);
    assert_eq!(reading.method, Method::Precise);
}

#[test]
fn a_host_in_1970_is_a_time_but_zero_and_earlier_are_not() {
    assert!(read_precise(&a_precise(at(12, 0))).is_ok());
    for nonsense in [at(0, 0), at(-1, 0), at(i64::MIN, 0)] {
        assert_eq!(read_precise(&a_precise(nonsense)), Err(Failure::Nonsense));
    }
}

#[test]
fn the_years_2600_and_beyond_and_four_seconds_of_nanoseconds_are_nonsense() {
    for nonsense in [at(19_880_899_200, 0), at(i64::MAX, 0), at(NOW, 1_000_000_000), at(NOW, 4_000_000_000)] {
        assert_eq!(read_precise(&a_precise(nonsense)), Err(Failure::Nonsense));
        let bracket = an_extended(&[[at(NOW, 0), nonsense, at(NOW, 9)]]);
        assert_eq!(extended(&bracket), Err(Failure::Nonsense));
        let bracket = a_sys_offset(1, &[at(NOW, 0), nonsense, at(NOW, 9)]);
        assert_eq!(sys_offset(&bracket), Err(Failure::Nonsense));
    }
}

#[test]
fn a_raw_time_far_from_the_moment_of_the_call_is_nonsense() {
    for (sec, nsec) in [(-1, 0), (0, 0), (3, 999_999_999), (5, 2_000_000), (1 << 40, 0)] {
        let mut answer = a_precise(at(NOW, 0));
        answer.sys_monoraw = at(sec, nsec);
        assert_eq!(read_precise(&answer), Err(Failure::Nonsense), "{sec}.{nsec:09}");
    }
}

#[test]
fn the_tightest_bracket_counts_with_half_its_width_rounded_up() {
    let answer = an_extended(&[
        [at(NOW, 0), at(NOW, 1_400), at(NOW, 3_000)],
        [at(NOW, 5_000), at(NOW, 5_500), at(NOW, 6_001)],
        [at(NOW, 8_000), at(NOW, 9_999), at(NOW, 9_001)],
    ]);
    let best = extended(&answer).expect("plausible");
    assert_eq!(best.reference.parts(), (NOW, 5_500));
    assert_eq!(best.system.parts(), (NOW, 5_500));
    assert_eq!(best.uncertainty, Duration::from_nanos(501));
}

/// They are off the middle by 100, 300 and 200 ns, and their halves 500, 520 and 540 ns wide; the first found nothing
/// in the caches.
#[test]
fn brackets_nearly_as_tight_as_the_tightest_count_together() {
    let answer = an_extended(&[
        [at(NOW, 0), at(NOW, 9_000), at(NOW, 10_000)],
        [at(NOW, 20_000), at(NOW, 20_600), at(NOW, 21_000)],
        [at(NOW, 30_000), at(NOW, 30_820), at(NOW, 31_040)],
        [at(NOW, 40_000), at(NOW, 40_740), at(NOW, 41_080)],
    ]);
    let mean = extended(&answer).expect("plausible");
    assert_eq!(mean.reference - mean.system, Duration::from_nanos(200));
    assert_eq!(mean.reference.parts(), (NOW, 20_600));
    assert_eq!(mean.uncertainty, Duration::from_nanos(520));
}

/// Whoever sets the clock between two samples mixes two clocks: those that agree with the tightest count.
#[test]
fn brackets_around_another_clock_do_not_count() {
    let answer = an_extended(&[
        [at(NOW, 0), at(NOW, 500), at(NOW, 1_000)],
        [at(NOW + 7, 20_000), at(NOW, 20_600), at(NOW + 7, 21_050)],
        [at(NOW, 30_000), at(NOW, 30_520), at(NOW, 31_000)],
    ]);
    let mean = extended(&answer).expect("plausible");
    assert_eq!((mean.reference - mean.system).as_nanos(), 10);
    let widest = [at(1, 0), at(NOW, 0), at(9_000_000_000, 0)];
    assert!(extended(&an_extended(&[widest; 9])).is_ok(), "no sum is too long");
}

#[test]
fn neighbouring_samples_of_sys_offset_share_a_system_time() {
    let times =
        [at(NOW, 0), at(NOW, 2_000), at(NOW, 4_000), at(NOW, 4_600), at(NOW, 5_000), at(1, 1), at(1, 2)];
    let best = sys_offset(&a_sys_offset(2, &times)).expect("plausible");
    assert_eq!(best.reference.parts(), (NOW, 4_600));
    assert_eq!(best.system.parts(), (NOW, 4_500));
    assert_eq!(best.uncertainty, Duration::from_nanos(500));
}

#[test]
fn a_bracket_that_runs_backwards_is_passed_over_and_nonsense_when_it_is_the_only_one() {
    let backwards = [at(NOW, 900), at(NOW, 500), at(NOW, 100)];
    assert_eq!(extended(&an_extended(&[backwards])), Err(Failure::Nonsense));
    let forwards = [at(NOW, 1_000), at(NOW, 1_500), at(NOW, 2_000)];
    let best = extended(&an_extended(&[backwards, forwards])).expect("plausible");
    assert_eq!(best.reference.parts(), (NOW, 1_500));
}

#[test]
fn an_answer_with_no_samples_or_too_many_does_no_harm() {
    assert_eq!(extended(&an_extended(&[])), Err(Failure::Nonsense));
    let mut answer = a_sys_offset(0, &[at(NOW, 0); 51]);
    assert_eq!(sys_offset(&answer), Err(Failure::Nonsense));
    answer.n_samples = u32::MAX;
    assert!(sys_offset(&answer).is_ok());
}

#[test]
fn a_bracket_of_no_width_is_still_not_exact() {
    let answer = an_extended(&[[at(NOW, 7), at(NOW, 7), at(NOW, 7)]]);
    assert_eq!(extended(&answer).expect("plausible").uncertainty, Duration::from_nanos(1));
}
