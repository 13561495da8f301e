//! The units that everything else is written in. A quantity is a type, never a bare number.
//!
//! * [`Timestamp`]: a point in time on the UTC scale, as `CLOCK_REALTIME` counts it.
//! * [`RawTime`]: a point in time on the machine's free-running counter, `CLOCK_MONOTONIC_RAW`,
//!   the only scale on which hostclock measures intervals.
//! * [`Duration`]: a signed span of time. An offset is a `Duration`, and it is always
//!   **system minus reference**: positive means that the system clock is ahead.
//! * [`Frequency`]: how much faster than nominal a clock runs, in parts per billion.
//!
//! All integer arithmetic saturates: a device may answer anything, and an absurd number must stay
//! absurd instead of wrapping into a plausible one.

mod duration;
mod frequency;
mod point;

pub use duration::Duration;
pub use frequency::Frequency;
pub use point::{RawTime, Timestamp};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_in_the_unit_a_person_would_choose() {
        let shown = |ns| format!("{:+}", Duration::from_nanos(ns));
        assert_eq!(shown(0), "0 ns");
        assert_eq!(shown(12), "+12 ns");
        assert_eq!(shown(-3_420), "-3.420 us");
        assert_eq!(shown(123_400_000), "+123.4 ms");
        assert_eq!(shown(-20_000_000), "-20.00 ms");
        assert_eq!(shown(1_500_000_000), "+1.500 s");
        assert_eq!(shown(3_600_000_000_000), "+1 h 0 min 0 s");
        assert_eq!(shown(i64::MIN), "-106751 d 23 h 47 min");
    }

    #[test]
    fn a_timestamp_is_shown_as_a_date() {
        assert_eq!(Timestamp::from_nanos(0).to_string(), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(Timestamp::from_nanos(-1).to_string(), "1969-12-31T23:59:59.999999999Z");
        let leap_day = Timestamp::from_parts(1_709_210_096, 5).expect("in range");
        assert_eq!(leap_day.to_string(), "2024-02-29T12:34:56.000000005Z");
        let late = Timestamp::from_parts(7_258_118_400, 0).expect("in range");
        assert_eq!(late.to_string(), "2200-01-01T00:00:00.000000000Z");
    }

    #[test]
    fn absurd_numbers_saturate_or_are_refused() {
        assert_eq!(Duration::MAX + Duration::from_nanos(1), Duration::MAX);
        assert_eq!(Duration::from_nanos(i64::MIN).abs(), Duration::MAX);
        assert_eq!(Timestamp::from_parts(i64::MAX, 0), None);
        assert_eq!(Timestamp::from_parts(0, 1_000_000_000), None);
        assert_eq!(Timestamp::from_parts(0, -1), None);
        assert_eq!(Duration::from_nanos_f64(f64::NAN), Duration::ZERO);
        assert_eq!(Frequency::from_ppb(f64::NAN), Frequency::ZERO);
    }
}
