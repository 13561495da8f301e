//! How fast the system clock has to run so that its offset is gone at the next reading.
//!
//! Three speeds. An ordinary correction is spread over the interval to the next reading and stays
//! within the slew limit. An offset that this can't remove (a break under the step threshold) is slewed
//! fast, in stages: each stage stops short of zero by what the clock would run in `LATENESS`, because
//! a process may be woken late and an overshoot is worse than a short second stage. And an offset that
//! is mostly noise is corrected over a longer time than one interval, so that a bad measurement after a
//! short interval doesn't become a wild frequency.

use crate::policy::Policy;
use crate::units::{Duration, Frequency};

/// How late the process may be woken without a fast slew running past its target.
const LATENESS: Duration = Duration::from_millis(2);
/// A fast slew takes at least this long, however small the offset.
const FAST_STAGE: Duration = Duration::from_millis(25);
/// The correction that one standard deviation of noise may cause.
const NOISE_LIMIT: Frequency = Frequency::from_ppb_const(10_000.0);

/// What the discipline has to work with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Situation {
    /// System minus reference when the correction takes effect.
    pub offset_ns: f64,
    /// One standard deviation of it.
    pub sigma_ns: f64,
    /// The time to the next reading, if nothing speaks against it.
    pub interval: Duration,
    /// Whether the fast slew may be used: a break that is under the step threshold.
    pub fast: bool,
}

/// A slew: how much faster than the host the system clock is to run, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slew {
    /// Added to the host's frequency.
    pub frequency: Frequency,
    /// When it should have done its work: the time to the next reading.
    pub interval: Duration,
    /// Whether this is a stage of a fast slew.
    pub fast: bool,
}

/// The slew for `situation` within what `policy` allows.
#[must_use]
pub fn slew(situation: &Situation, policy: &Policy) -> Slew {
    let Situation { offset_ns, sigma_ns, interval, fast } = *situation;
    let over = interval.as_secs_f64().max(1e-3);
    let needed = Frequency::from_ppb(-offset_ns / over);
    if fast && needed.abs() > policy.slew_limit {
        return fast_stage(offset_ns, policy);
    }
    let patient = over.max(sigma_ns / NOISE_LIMIT.as_ppb());
    let frequency = Frequency::from_ppb(-offset_ns / patient).clamp_abs(policy.slew_limit);
    Slew { frequency, interval, fast: false }
}

fn fast_stage(offset_ns: f64, policy: &Policy) -> Slew {
    let gentle = offset_ns.abs() / FAST_STAGE.as_secs_f64();
    let ppb = gentle
        .clamp(policy.slew_limit.as_ppb(), policy.fast_slew_limit.as_ppb().max(policy.slew_limit.as_ppb()));
    let whole = Duration::from_nanos_f64(offset_ns.abs() / ppb * 1e9);
    // A slow one is looked at once in a poll interval all the same.
    let interval = (whole - LATENESS).max(LATENESS).min(policy.poll);
    Slew { frequency: Frequency::from_ppb(-ppb.copysign(offset_ns)), interval, fast: true }
}

/// The time between readings: short after the start and after a disturbance, twice as long each time,
/// until it is the poll interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    next: Duration,
}

/// The interval after a disturbance.
const SHORTEST: Duration = Duration::from_millis(5);

impl Default for Schedule {
    fn default() -> Self {
        Self { next: SHORTEST }
    }
}

impl Schedule {
    /// Starts again with short intervals.
    pub fn hurry(&mut self) {
        self.next = SHORTEST;
    }

    /// Something is a little odd: no more than a quarter of `usual` to the next reading.
    pub fn hurry_a_little(&mut self, usual: Duration) {
        self.shorten(Duration::from_nanos(usual.as_nanos() / 4));
    }

    /// No more than `to` to the next reading.
    pub fn shorten(&mut self, to: Duration) {
        self.next = self.next.min(to);
    }

    /// The interval to use now; the next one is twice as long.
    pub fn advance(&mut self, poll: Duration) -> Duration {
        let now = self.next.min(poll);
        self.next = now.times(2).min(poll);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn situation(offset_ns: f64, fast: bool) -> Situation {
        Situation { offset_ns, sigma_ns: 1.0, interval: Duration::from_secs(1), fast }
    }

    #[test]
    fn an_ordinary_offset_is_gone_at_the_next_reading() {
        let slew = slew(&situation(300.0, true), &Policy::default());
        assert_eq!(
            slew,
            Slew { frequency: Frequency::from_ppb(-300.0), interval: Duration::from_secs(1), fast: false }
        );
    }

    #[test]
    fn ordinary_corrections_stay_within_the_slew_limit() {
        let slew = slew(&situation(-5e9, false), &Policy::default());
        assert_eq!(slew.frequency, Frequency::from_ppm(500.0));
    }

    #[test]
    fn noise_is_not_turned_into_a_wild_frequency() {
        let noisy = Situation {
            offset_ns: 2_000.0,
            sigma_ns: 1_000.0,
            interval: Duration::from_millis(5),
            fast: true,
        };
        assert!(slew(&noisy, &Policy::default()).frequency.abs() <= Frequency::from_ppm(20.0));
    }

    #[test]
    fn a_break_under_the_threshold_is_gone_within_two_seconds_without_overshoot() {
        let policy = Policy::default();
        for start in [100e6, 99e6, 20e6, 2e6, 900e3, 501e3, -999e3, -20e3] {
            for lateness in [0.0, 50e-6, 500e-6, 1.9e-3] {
                let (mut offset, mut elapsed): (f64, f64) = (start, 0.0);
                let mut schedule = Schedule::default();
                while offset.abs() > 10.0 {
                    let interval = schedule.advance(policy.poll);
                    let plan = slew(&Situation { interval, ..situation(offset, true) }, &policy);
                    assert!(plan.frequency.abs() <= policy.fast_slew_limit);
                    let span = plan.interval.as_secs_f64() + lateness;
                    offset += plan.frequency.as_ppb() * span;
                    elapsed += span;
                    let overshoot = -offset * start.signum();
                    assert!(
                        overshoot < 1_000.0,
                        "{start} ns, late by {lateness} s: overshot by {overshoot} ns"
                    );
                    assert!(elapsed < 2.0, "{start} ns, late by {lateness} s: {offset} ns left");
                }
            }
        }
    }

    #[test]
    fn intervals_double_up_to_the_poll_interval() {
        let mut schedule = Schedule::default();
        let poll = Duration::from_millis(30);
        let taken: Vec<i64> = (0..5).map(|_| schedule.advance(poll).as_nanos() / 1_000_000).collect();
        assert_eq!(taken, [5, 10, 20, 30, 30]);
        schedule.hurry();
        assert_eq!(schedule.advance(poll), Duration::from_millis(5));
    }
}
