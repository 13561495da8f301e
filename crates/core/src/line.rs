//! The system clock as a straight line over the raw counter.
//!
//! Both clocks count the same oscillator, and the kernel runs the system clock at exactly the rate
//! that it was told, so between two adjustments the system clock is predictable to nanoseconds. What
//! departs from the line by more was somebody else. What departs by less is the kernel's own rounding
//! (it steers by whole units of a multiplier and pays the difference back later: `timekeeping_adjust`,
//! Linux 6.1), and answering that would be correcting the same error twice; so the line is a filter: a
//! Kalman filter of the departure and of the rate's error. How much the kernel's rounding is worth it
//! learns: a nanosecond in a guest with ticks, a tenth of a microsecond in an idle one. The rate's error
//! is a nanosecond a second or so, because the multiplier is always rounded down first.

use crate::adjust::KernelRate;
use crate::reading::{Method, Reading};
use crate::units::{Duration, Frequency, RawTime, Timestamp};

/// Variance of how a reading pairs the system clock with the raw counter, ns²: for a precise cross
/// timestamp (the same counter value), and for any other (two clocks read one after the other).
const PAIRING: (f64, f64) = (4.0, 250_000.0);
/// What the line itself may lose, ns² per second, and its rate's error, ppb² per second.
const WANDER: (f64, f64) = (0.3, 0.01);
/// The rate's error can't be more than a unit of a multiplier, ppb.
const MOST_RATE_ERROR: f64 = 240.0;
/// The kernel's rounding before any was seen, ns².
const FIRST_ROUNDING: f64 = 100.0;
/// The most that a kernel's rounding moves a clock about, ns: two units of a multiplier for a second.
const ROUNDING_NS: f64 = 240.0;
/// How far from the line nobody is suspected, without a hint and with one (the kernel said that the
/// clock was set), in ns.
const UNSUSPICIOUS: (f64, f64) = (2_000.0, 150.0);

/// The line.
#[derive(Clone, Copy, Debug)]
pub struct SystemLine {
    raw: RawTime,
    system: Timestamp,
    fraction_ns: f64,
    rate: KernelRate,
    /// How much faster than that the clock runs, ppb.
    rate_error: f64,
    /// Covariance of the departure (ns) and the rate's error (ppb).
    variance: f64,
    covariance: f64,
    rate_variance: f64,
    /// Mean square of the last departures, ns²: the kernel's rounding.
    rounding: f64,
}

/// How a reading lies to the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Departure {
    /// On it, as far as can be told.
    None,
    /// Off it by this much (system clock minus line): somebody else moved the clock.
    Foreign(Duration),
}

impl SystemLine {
    /// The line through `reading` of a clock that runs at `rate`.
    #[must_use]
    pub fn through(reading: &Reading, rate: KernelRate) -> Self {
        Self {
            raw: reading.raw,
            system: reading.system,
            fraction_ns: 0.0,
            rate,
            rate_error: 0.0,
            variance: pairing(reading.method),
            covariance: 0.0,
            rate_variance: 1.0,
            rounding: FIRST_ROUNDING,
        }
    }

    /// How fast the clock runs.
    #[must_use]
    pub const fn rate(&self) -> KernelRate {
        self.rate
    }

    /// How `reading` lies to the line; `hinted` if the kernel said that somebody set the clock.
    #[must_use]
    pub fn departure(&self, reading: &Reading, hinted: bool) -> Departure {
        let off = self.off(reading);
        let allowed = if hinted { UNSUSPICIOUS.1 } else { UNSUSPICIOUS.0 };
        // 0.2 ppm: a kernel without ticks is a multiplier's unit wrong until the next one.
        let rounding = 200.0 * (reading.raw - self.raw).as_secs_f64().clamp(0.0, 10.0);
        let noise = 6.0 * (self.variance + pairing(reading.method)).sqrt();
        if off.abs() > allowed.max(noise) + rounding {
            Departure::Foreign(Duration::from_nanos_f64(off))
        } else {
            Departure::None
        }
    }

    /// Moves the line to a reading that lies on it. What is too far for rounding, though nobody is
    /// accused of it, has happened: the line then goes on from the reading.
    pub fn follow(&mut self, reading: &Reading) {
        let off = self.off(reading);
        let dt = (reading.raw - self.raw).as_secs_f64().max(0.0);
        if off.abs() > ROUNDING_NS + 6.0 * (self.variance + pairing(reading.method)).sqrt() {
            self.restart(reading);
            return;
        }
        self.predict(dt);
        let mut noise = pairing(reading.method);
        if reading.method == Method::Precise {
            self.rounding += (off * off - self.rounding) / 16.0;
            noise = noise.max(self.rounding);
        }
        let s = self.variance + noise;
        let (gain, rate_gain) = (self.variance / s, self.covariance / s);
        self.rate_error = (self.rate_error + rate_gain * off).clamp(-MOST_RATE_ERROR, MOST_RATE_ERROR);
        self.rate_variance = (self.rate_variance - rate_gain * self.covariance).max(0.0);
        self.covariance *= 1.0 - gain;
        self.variance *= 1.0 - gain;
        // From the reading, the line lies (1 - gain) of the departure back.
        self.anchor(reading.raw, reading.system, -(1.0 - gain) * off);
    }

    fn predict(&mut self, dt: f64) {
        self.variance += 2.0 * dt * self.covariance + dt * dt * self.rate_variance + WANDER.0 * dt;
        self.covariance += dt * self.rate_variance;
        self.rate_variance += WANDER.1 * dt;
    }

    /// Starts a new line at `reading`, at the same rate.
    pub fn restart(&mut self, reading: &Reading) {
        *self = Self {
            rate_error: self.rate_error,
            rate_variance: self.rate_variance,
            rounding: self.rounding,
            ..Self::through(reading, self.rate)
        };
    }

    /// An adjustment took effect between `before` and `after`.
    pub fn adjusted(&mut self, before: RawTime, after: RawTime, step: Option<Duration>, rate: KernelRate) {
        let middle = before + (after - before).half();
        self.predict((middle - self.raw).as_secs_f64().max(0.0));
        let (system, fraction_ns) = self.system_at(middle);
        self.anchor(middle, system + step.unwrap_or_default(), fraction_ns);
        // Anywhere in the call: uniformly distributed.
        let change = (rate.as_frequency() - self.rate.as_frequency()).as_ratio();
        let width = change * (after - before).as_nanos_f64();
        self.variance += width * width / 12.0;
        self.rate = rate;
    }

    /// What the system clock says at `raw`: whole nanoseconds, and what is to be added to them.
    #[must_use]
    pub fn system_at(&self, raw: RawTime) -> (Timestamp, f64) {
        let span = raw - self.raw;
        let gained = span.as_nanos_f64() * self.frequency().as_ratio() + self.fraction_ns;
        let whole = Duration::from_nanos_f64(gained);
        (self.system + span + whole, gained - whole.as_nanos_f64())
    }

    /// Variance of the line, ns².
    #[must_use]
    pub const fn variance(&self) -> f64 {
        self.variance
    }

    /// How fast the clock runs against the raw counter: as it was told, and what was learnt beside.
    #[must_use]
    pub fn frequency(&self) -> Frequency {
        self.rate.as_frequency() + self.rate_error()
    }

    /// How much faster than told the clock runs.
    #[must_use]
    pub fn rate_error(&self) -> Frequency {
        Frequency::from_ppb(self.rate_error)
    }

    fn off(&self, reading: &Reading) -> f64 {
        let (system, fraction_ns) = self.system_at(reading.raw);
        (reading.system - system).as_nanos_f64() - fraction_ns
    }

    fn anchor(&mut self, raw: RawTime, system: Timestamp, fraction_ns: f64) {
        let whole = Duration::from_nanos_f64(fraction_ns);
        self.raw = raw;
        self.system = system + whole;
        self.fraction_ns = fraction_ns - whole.as_nanos_f64();
    }
}

const fn pairing(method: Method) -> f64 {
    match method {
        Method::Precise => PAIRING.0,
        Method::Extended | Method::SysOffset | Method::Bracket => PAIRING.1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(raw_ns: i64, system_ns: i64) -> Reading {
        Reading {
            reference: Timestamp::from_nanos(0),
            system: Timestamp::from_nanos(system_ns),
            raw: RawTime::from_nanos(raw_ns),
            uncertainty: Duration::from_nanos(1),
            method: Method::Precise,
        }
    }

    #[test]
    fn a_clock_left_alone_stays_on_its_line() {
        let rate = KernelRate::nearest(Frequency::from_ppm(-20.0));
        let line = SystemLine::through(&reading(0, 0), rate);
        assert_eq!(
            line.departure(&reading(1_000_000_000, 1_000_000_000 - 20_000 + 40), false),
            Departure::None
        );
    }

    #[test]
    fn a_microsecond_is_noticed_with_a_hint_and_ten_without() {
        let line = SystemLine::through(&reading(0, 0), KernelRate::NOMINAL);
        let moved = reading(100_000_000, 100_001_000);
        assert_eq!(line.departure(&moved, true), Departure::Foreign(Duration::from_nanos(1_000)));
        assert_eq!(line.departure(&moved, false), Departure::None);
        let moved = reading(100_000_000, 100_010_000);
        assert_eq!(line.departure(&moved, false), Departure::Foreign(Duration::from_nanos(10_000)));
    }

    #[test]
    fn a_kernel_that_always_rounds_down_is_followed_without_a_lag() {
        let mut line = SystemLine::through(&reading(0, 0), KernelRate::NOMINAL);
        for second in 1..=60 {
            line.follow(&reading(second * 1_000_000_000, second * 999_999_999));
        }
        let (system, fraction) = line.system_at(RawTime::from_nanos(61_000_000_000));
        let off = (system.as_nanos() - 61 * 999_999_999) as f64 + fraction;
        assert!(off.abs() < 1.0, "{off} ns");
        assert!((line.rate_error().as_ppb() + 1.0).abs() < 0.2, "{:?}", line.rate_error());
    }

    #[test]
    fn a_step_and_a_new_rate_move_the_line() {
        let mut line = SystemLine::through(&reading(0, 0), KernelRate::NOMINAL);
        let fast = KernelRate::nearest(Frequency::from_ppm(80_000.0));
        line.adjusted(RawTime::from_nanos(90), RawTime::from_nanos(110), Some(Duration::from_secs(-3)), fast);
        let (system, fraction) = line.system_at(RawTime::from_nanos(1_000_100));
        assert_eq!(system.as_nanos(), 1_000_100 - 3_000_000_000 + 80_000);
        assert!(fraction.abs() < 0.5);
    }

    #[test]
    fn what_is_more_than_rounding_is_followed_at_once_though_nobody_is_accused() {
        let mut line = SystemLine::through(&reading(0, 0), KernelRate::NOMINAL);
        for second in 1..=50 {
            line.follow(&reading(second * 1_000_000_000, second * 1_000_000_000));
        }
        let moved = reading(51_000_000_000, 51_000_001_500);
        assert_eq!(line.departure(&moved, false), Departure::None);
        line.follow(&moved);
        assert_eq!(line.system_at(moved.raw), (moved.system, 0.0));
    }

    #[test]
    fn rounding_by_the_kernel_is_mostly_ignored_and_a_lasting_departure_is_followed() {
        let mut line = SystemLine::through(&reading(0, 0), KernelRate::NOMINAL);
        for second in 1..=50 {
            line.follow(&reading(second * 1_000_000_000, second * 1_000_000_000));
        }
        line.follow(&reading(51_000_000_000, 51_000_000_060));
        let (system, fraction) = line.system_at(RawTime::from_nanos(51_000_000_000));
        let moved = (system.as_nanos() - 51_000_000_000) as f64 + fraction;
        assert!((0.0..10.0).contains(&moved), "moved by {moved} ns");
        for second in 52..=200 {
            line.follow(&reading(second * 1_000_000_000, second * 1_000_000_000 + 60));
        }
        let (system, fraction) = line.system_at(RawTime::from_nanos(200_000_000_000));
        let moved = (system.as_nanos() - 200_000_000_000) as f64 + fraction;
        assert!((30.0..61.0).contains(&moved), "moved by {moved} ns");
    }
}
