//! The system clock as a straight line over the raw counter.
//!
//! Both clocks count the same oscillator, and the kernel runs the system clock at exactly the rate
//! that it was told, so between two adjustments the system clock is predictable to nanoseconds. What
//! departs from the line by more was somebody else.
//!
//! What departs by less is the kernel's own rounding: it steers by whole units of a multiplier, a tenth
//! of a ppm each, and pays the difference back later, in the next tick or over seconds
//! (`timekeeping_adjust`, Linux 6.1). A reading pairs the two clocks to nanoseconds, so the
//! line simply goes on from it; the part of the rounding that comes back at each reading is learnt as
//! an error of the rate. That goes for brackets, too, although the two clocks are read one after the other there: read
//! the same way each time they are off by the same, which makes no difference to a line (measured: by a constant and
//! 4 ns, docs/measurements.md). When something came between, it shows in how long that took.

use crate::adjust::KernelRate;
use crate::reading::{Method, Reading};
use crate::units::{Duration, Frequency, RawTime, Timestamp};

/// Variance of how a reading pairs the system clock with the raw counter, ns²: for a precise cross
/// timestamp (the same counter value), and for any other (two clocks read one after the other) that took no longer than
/// it usually takes.
const PAIRING: (f64, f64) = (4.0, 100.0);
/// By so much what it usually takes grows with each reading that took no less.
const SLOWING: f64 = 1.02;
/// What the line itself may lose, ns² per second: the kernel's rounding.
const WANDER: f64 = 100.0;
/// How much of a departure in a second or more is taken for an error of the rate that will be there the next
/// time too: at least, when they come out on either side, and at most, when they agree.
const LASTING: (f64, f64) = (0.05, 0.6);
/// The share of the newest departure in what is remembered of them.
const REMEMBERED: f64 = 0.25;
/// For how long after a reading: what the kernel has to pay back is paid back soon.
const RATE_ERROR_LASTS: Duration = Duration::from_secs(2);
/// Over less than this, in seconds, a departure says nothing of the rate.
const SHORT_S: f64 = 0.05;
/// The rate's error can't be more than a unit of a multiplier, ppb.
const MOST_RATE_ERROR: f64 = 240.0;
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
    rate_error_until: RawTime,
    /// Means of the last departures and of their magnitudes, ppb.
    departures: (f64, f64),
    /// Variance of the departure, ns².
    variance: f64,
    /// The two clocks were tied within so many ns at least, of late, by a reading that isn't precise.
    tied: f64,
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
        Self::after(reading, rate, f64::INFINITY)
    }

    /// The same, if the two clocks were tied within `tied` ns at least before.
    fn after(reading: &Reading, rate: KernelRate, tied: f64) -> Self {
        let tied = match reading.method {
            Method::Precise => tied,
            _ => reading.tied_within.as_nanos_f64().min(tied),
        };
        Self {
            raw: reading.raw,
            system: reading.system,
            fraction_ns: 0.0,
            rate,
            rate_error: 0.0,
            rate_error_until: reading.raw + RATE_ERROR_LASTS,
            departures: (0.0, 0.0),
            variance: pairing(reading, tied),
            tied,
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
        let noise = 6.0 * (self.variance + pairing(reading, self.tied)).sqrt();
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
        let pairing = pairing(reading, self.tied);
        if reading.method != Method::Precise {
            self.tied = reading.tied_within.as_nanos_f64().min(self.tied * SLOWING);
        }
        if off.abs() > ROUNDING_NS + 6.0 * (self.variance + pairing).sqrt() {
            self.restart(reading);
            return;
        }
        let predicted = self.variance + WANDER * dt;
        let gain = predicted / (predicted + pairing);
        self.variance = predicted * (1.0 - gain);
        if dt > SHORT_S {
            // As rates, departures are about as noisy at any interval; so it is learnt as soon at any.
            let weight = dt.min(1.0).sqrt();
            let learnt = self.rate_error + self.lasting(off / dt, weight) * gain * off / dt;
            self.rate_error = learnt.clamp(-MOST_RATE_ERROR, MOST_RATE_ERROR);
        }
        self.rate_error_until = reading.raw + RATE_ERROR_LASTS;
        // From the reading, the line lies (1 - gain) of the departure back.
        self.anchor(reading.raw, reading.system, -(1.0 - gain) * off);
    }

    /// How much of a departure of `rate` ppb will last: the more, the more the last ones agree (the adaptive
    /// smoothing of Trigg and Leach, 1967).
    fn lasting(&mut self, rate: f64, weight: f64) -> f64 {
        let share = REMEMBERED * weight;
        self.departures.0 += share * (rate - self.departures.0);
        self.departures.1 += share * (rate.abs() - self.departures.1);
        let agreement = self.departures.0.abs() / self.departures.1.max(1.0);
        weight * (LASTING.1 * agreement.powi(2)).clamp(LASTING.0, LASTING.1)
    }

    /// Starts a new line at `reading`, at the same rate.
    pub fn restart(&mut self, reading: &Reading) {
        *self = Self { rate_error: self.rate_error, ..Self::after(reading, self.rate, self.tied) };
    }

    /// An adjustment took effect between `before` and `after`.
    pub fn adjusted(&mut self, before: RawTime, after: RawTime, step: Option<Duration>, rate: KernelRate) {
        let middle = before + (after - before).half();
        self.variance += WANDER * (middle - self.raw).as_secs_f64().max(0.0);
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
        let lasts = span.min((self.rate_error_until - self.raw).max(Duration::ZERO));
        let gained = span.as_nanos_f64() * self.rate.as_frequency().as_ratio()
            + lasts.as_nanos_f64() * Frequency::from_ppb(self.rate_error).as_ratio()
            + self.fraction_ns;
        let whole = Duration::from_nanos_f64(gained);
        (self.system + span + whole, gained - whole.as_nanos_f64())
    }

    /// How fast the clock ran against the raw counter from the line's last reading to `reading`; `None` where no
    /// time lies between them.
    #[must_use]
    pub fn rate_to(&self, reading: &Reading) -> Option<Frequency> {
        let span = reading.raw - self.raw;
        let gained = (reading.system - self.system) - span;
        (span > Duration::ZERO)
            .then(|| Frequency::from_ppb(gained.as_nanos_f64() / span.as_nanos_f64() * 1e9))
    }

    /// Variance of the line, ns².
    #[must_use]
    pub const fn variance(&self) -> f64 {
        self.variance
    }

    /// How much faster than told the clock runs on average over `span`: after a while it doesn't any more.
    #[must_use]
    pub fn rate_error_over(&self, span: Duration) -> Frequency {
        let share = RATE_ERROR_LASTS.as_secs_f64() / span.as_secs_f64().max(RATE_ERROR_LASTS.as_secs_f64());
        Frequency::from_ppb(self.rate_error * share)
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

/// Variance of how `reading` pairs the two clocks, ns², if they are tied within `tied` ns at least.
fn pairing(reading: &Reading, tied: f64) -> f64 {
    match reading.method {
        Method::Precise => PAIRING.0,
        Method::Extended | Method::SysOffset | Method::Bracket => {
            let longer = (reading.tied_within.as_nanos_f64() - tied).max(0.0);
            PAIRING.1 + longer * longer
        }
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
            tied_within: Duration::ZERO,
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
        assert!(
            (line.rate_error_over(Duration::ZERO).as_ppb() + 1.0).abs() < 0.2,
            "{:?}",
            line.rate_error_over(Duration::ZERO)
        );
    }

    #[test]
    fn an_error_of_the_rate_that_is_over_is_forgotten_in_a_few_readings() {
        let mut line = SystemLine::through(&reading(0, 0), KernelRate::NOMINAL);
        let mut system = 0;
        for second in 1..=60 {
            // An idle kernel rounds coarsely, and to one side.
            system += 1_000_000_050 + if second % 2 == 0 { 40 } else { -40 };
            line.follow(&reading(second * 1_000_000_000, system));
        }
        assert!(
            (30.0..70.0).contains(&line.rate_error_over(Duration::ZERO).as_ppb()),
            "{:?}",
            line.rate_error_over(Duration::ZERO)
        );
        for second in 61..=68 {
            // A busy one rounds at every tick.
            system += 1_000_000_000;
            line.follow(&reading(second * 1_000_000_000, system));
        }
        assert!(
            line.rate_error_over(Duration::ZERO).as_ppb().abs() < 10.0,
            "{:?}",
            line.rate_error_over(Duration::ZERO)
        );
    }

    #[test]
    fn at_ten_readings_a_second_it_is_forgotten_in_two_seconds() {
        let mut line = SystemLine::through(&reading(0, 0), KernelRate::NOMINAL);
        let (mut system, mut tenth) = (0, 0);
        let mut go_on = |gained: i64, tenths: u32| {
            for _ in 0..tenths {
                tenth += 1;
                system += 100_000_000 + gained;
                line.follow(&reading(tenth * 100_000_000, system));
            }
            line.rate_error_over(Duration::ZERO).as_ppb()
        };
        let idle = go_on(5, 300);
        assert!((40.0..60.0).contains(&idle), "{idle}");
        let busy = go_on(0, 20);
        assert!(busy.abs() < 10.0, "{busy}");
    }

    #[test]
    fn an_error_of_the_rate_is_not_carried_on_for_minutes() {
        let mut line = SystemLine::through(&reading(0, 0), KernelRate::NOMINAL);
        for second in 1..=60 {
            line.follow(&reading(second * 1_000_000_000, second * 1_000_000_050));
        }
        let (system, _) = line.system_at(RawTime::from_nanos(360_000_000_000));
        assert!((system.as_nanos() - 360_000_003_000).abs() < 150, "{system:?}");
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
    fn a_precise_reading_is_believed_and_a_bracketed_one_unless_something_came_between() {
        let followed = |method, tied: i64, off: i64| {
            let read = |ns: i64, tied: i64, off: i64| {
                let tied_within = Duration::from_nanos(tied);
                Reading { method, tied_within, ..reading(ns, ns + off) }
            };
            let mut line = SystemLine::through(&reading(0, 0), KernelRate::NOMINAL);
            (1..=50).for_each(|second| line.follow(&read(second * 1_000_000_000, 80, 0)));
            line.follow(&read(51_000_000_000, tied, off));
            let (system, fraction) = line.system_at(RawTime::from_nanos(51_000_000_000));
            (system.as_nanos() - 51_000_000_000) as f64 + fraction
        };
        assert!((55.0..=60.0).contains(&followed(Method::Precise, 2, 60)));
        assert!((30.0..=60.0).contains(&followed(Method::SysOffset, 80, 60)));
        let disturbed = followed(Method::SysOffset, 3_080, 1_500);
        assert!(disturbed.abs() < 1.0, "moved by {disturbed} ns");
    }
}
