//! How wrong the clock can be against the host's, now and later.
//!
//! The bound is a sum of what can be wrong at once, never a root of squares: it has to hold for every
//! sample, not for most. What it leaves out is the host's own error against UTC, which a guest can't
//! see; and a disturbance that nobody has noticed yet.

use crate::units::{Duration, Frequency};

/// Standard deviations that count as certain: a clock is looked at more than 10,000 times a day.
const SIGMAS: f64 = 6.0;
/// How much an oscillator or a steered host may change its frequency without anything else telling:
/// in the first second, and for each second more, ppb; up to 1 ppm. NTP on the host does that.
const RESTLESS_PPB: f64 = 50.0;
/// Seconds after which that is all.
const RESTLESS_FOR_S: f64 = 20.0;
/// What kernels round, in ns.
const ROUNDING_NS: f64 = 150.0;
/// In holdover: how much a frequency may depart from what was ever seen, ppb. Temperature, mostly.
const HOLDOVER_PPB: f64 = 300.0;

/// What is known when a correction is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// System minus reference that remains after the correction's step, if any.
    pub offset_ns: f64,
    /// One standard deviation of it.
    pub sigma_ns: f64,
    /// How far the readings may all be off on the same side: half the widest bracket among them.
    pub bias: Duration,
    /// One standard deviation of the host's frequency.
    pub skew: Frequency,
    /// How fast the host's clock may run away without a reading that shows it.
    pub unseen: Frequency,
    /// How much faster than the host the clock runs meanwhile, so that the offset goes.
    pub slew: Frequency,
    /// Until the next reading, and the end of the slew.
    pub interval: Duration,
}

/// A bound that grows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bound {
    at_reading_ns: f64,
    growth_ppb: f64,
    restless_ppb: f64,
    slew_ppb: f64,
    span_s: f64,
}

impl Bound {
    /// The bound while readings come.
    #[must_use]
    pub fn tracking(known: &Known) -> Self {
        Self {
            at_reading_ns: known.offset_ns.abs()
                + SIGMAS * known.sigma_ns
                + known.bias.as_nanos_f64()
                + ROUNDING_NS,
            growth_ppb: SIGMAS * known.skew.as_ppb() + known.unseen.as_ppb(),
            restless_ppb: RESTLESS_PPB,
            slew_ppb: known.slew.abs().as_ppb(),
            span_s: known.interval.as_secs_f64(),
        }
    }

    /// The bound when the slew ends, `age` after the reading: late, perhaps.
    #[must_use]
    pub fn slew_ended(self, age: Duration) -> Self {
        let overshoot = self.slew_ppb * (age.as_secs_f64() - self.span_s).max(0.0);
        Self { at_reading_ns: self.at_reading_ns + overshoot, slew_ppb: 0.0, ..self }
    }

    /// The bound when the clock is found to be further off by `ns`.
    #[must_use]
    pub fn missed_by(self, ns: f64) -> Self {
        Self { at_reading_ns: self.at_reading_ns + ns.abs(), ..self }
    }

    /// The bound from now on, with no slew and no readings: `spread` is how much the frequency was seen
    /// to vary.
    #[must_use]
    pub fn holding_over(self, spread: Frequency) -> Self {
        let so_far = self.growth_at(self.span_s);
        let growth_ppb = so_far.max(SIGMAS * spread.as_ppb()) + HOLDOVER_PPB;
        Self { growth_ppb, restless_ppb: 0.0, span_s: 0.0, ..self }
    }

    /// The bound `age` after the reading; with an age of zero, what holds until the next reading.
    #[must_use]
    pub fn after(self, age: Duration) -> Duration {
        let span = age.as_secs_f64().max(self.span_s);
        // Whoever should end the slew may be late, and the clock then runs past its target.
        let overshoot = self.slew_ppb * (span - self.span_s);
        Duration::from_nanos_f64((self.at_reading_ns + self.growth_at(span) * span + overshoot).ceil())
    }

    /// ppb, on average over `span` seconds.
    fn growth_at(&self, span: f64) -> f64 {
        self.growth_ppb + self.restless_ppb * span.clamp(1.0, RESTLESS_FOR_S)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        Known {
            offset_ns: -12.0,
            sigma_ns: 2.0,
            bias: Duration::from_nanos(1),
            skew: Frequency::from_ppb(5.0),
            unseen: Frequency::ZERO,
            slew: Frequency::ZERO,
            interval: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_clock_that_is_read_precisely_is_bounded_below_a_microsecond() {
        let bound = Bound::tracking(&known());
        assert_eq!(bound.after(Duration::ZERO), Duration::from_nanos(12 + 12 + 1 + 150 + 80));
    }

    #[test]
    fn the_longer_the_interval_the_further_a_frequency_may_have_gone() {
        let poll =
            |s| Bound::tracking(&Known { interval: Duration::from_secs(s), ..known() }).after(Duration::ZERO);
        // A host under NTP goes 0.5 ppm up and down in a minute.
        assert!(poll(30) > Duration::from_micros(15), "{}", poll(30));
        assert!(poll(64) < Duration::from_micros(70), "{}", poll(64));
    }

    #[test]
    fn a_slew_that_nobody_ends_in_time_runs_past_its_target() {
        let slew = Frequency::from_ppm(80_000.0);
        let bound = Bound::tracking(&Known { slew, ..known() });
        assert_eq!(bound.after(Duration::ZERO), Bound::tracking(&known()).after(Duration::ZERO));
        assert!(bound.after(Duration::from_millis(1_010)) > Duration::from_micros(800));
        let ended = bound.slew_ended(Duration::from_millis(1_010));
        let (soon, late) = (Duration::from_millis(1_011), Duration::from_secs(9));
        assert!(
            ended.after(soon) > Duration::from_micros(800) && ended.after(late) < Duration::from_micros(900)
        );
    }

    #[test]
    fn a_holdover_only_ever_grows() {
        let bound = Bound::tracking(&known()).holding_over(Frequency::from_ppb(300.0));
        let hour = bound.after(Duration::from_secs(3_600));
        assert!(hour > bound.after(Duration::from_secs(60)));
        assert!(hour >= Duration::from_millis(5), "{hour}");
    }
}
