//! The guest's system clock as Linux keeps it, and what `clock_adjtime` says of it.
//!
//! It runs at exactly the rate that it was told against the raw counter. A kernel's multiplier is a
//! whole number, one unit of which is about 0.119 ppm at a shift of 23; it therefore alternates between
//! two units at its ticks so that the error never builds up (`timekeeping_adjust`, Linux 6.1). A kernel
//! without ticks alternates seldom, and is off by some ten nanoseconds in between. [`Rounding`] models
//! that, and can be left out.
//!
//! `maxerror` grows by 500 µs each second, and beyond 16 s the clock counts as unsynchronised
//! (`second_overflow`, Linux 6.1). Every step sets both back (`ntp_clear`).

use hostclock_core::adjust::{Adjustment, Health, KernelRate, KernelState};
use hostclock_core::units::{Duration, Frequency, Timestamp};

use crate::random::Random;
use crate::truth::{Line, PER_NANO, nearest, picos, timestamp};

/// `NTP_PHASE_LIMIT`.
const PHASE_LIMIT: Duration = Duration::from_secs(16);
/// `STA_UNSYNC` and `STA_NANO` of `<sys/timex.h>`.
const STA_UNSYNC: u32 = 0x0040;
const STA_NANO: u32 = 0x2000;
/// `EINVAL`.
pub(crate) const EINVAL: i32 = 22;
/// `KTIME_SEC_MAX` less 30 years: the latest date that the clock can be set to.
const LATEST: Timestamp = Timestamp::from_nanos(8_277_292_036_000_000_000);

/// The kernel's whole multiplier.
#[derive(Clone, Copy, Debug)]
pub struct Rounding {
    /// One unit of the multiplier.
    pub unit: Frequency,
    /// The longest time between ticks, seconds.
    pub idle_s: f64,
}

impl Default for Rounding {
    /// A TSC of 2 to 3 GHz; an idle guest's ticks.
    fn default() -> Self {
        Self { unit: Frequency::from_ppb(119.2), idle_s: 0.5 }
    }
}

/// The system clock.
#[derive(Clone, Debug)]
pub struct Kernel {
    line: Line,
    /// Where the clock would be if multipliers weren't whole.
    ideal: Line,
    rate: KernelRate,
    rounding: Option<Rounding>,
    tick: i64,
    health: Health,
    health_since: i64,
    tai_offset: i32,
    random: Random,
}

impl Kernel {
    /// A clock that shows `date` at the raw time `raw` (picoseconds) and that nobody has set yet.
    #[must_use]
    pub fn new(raw: i64, date: Timestamp, rounding: Option<Rounding>, random: Random) -> Self {
        let line = Line::new(raw, picos(date), Frequency::ZERO);
        Self {
            line,
            ideal: line,
            rate: KernelRate::NOMINAL,
            rounding,
            tick: if rounding.is_some() { raw } else { i64::MAX },
            health: Health { synchronised: false, max_error: PHASE_LIMIT, est_error: PHASE_LIMIT },
            health_since: raw,
            tai_offset: 0,
            random,
        }
    }

    /// The raw time of the next tick that matters, picoseconds.
    #[must_use]
    pub const fn tick(&self) -> i64 {
        self.tick
    }

    /// Makes the ticks up to `raw`.
    pub fn advance(&mut self, raw: i64) {
        while let (true, Some(rounding)) = (self.tick <= raw, self.rounding) {
            self.turn(self.tick);
            let idle = 1e12 * self.random.decades(0.004, rounding.idle_s.max(0.005));
            self.tick = self.tick.saturating_add(nearest(idle));
        }
    }

    /// What the clock shows, in picoseconds since 1970.
    #[must_use]
    pub fn picos(&self, raw: i64) -> i128 {
        self.line.value(raw)
    }

    /// What the clock shows.
    #[must_use]
    pub fn date(&self, raw: i64) -> Timestamp {
        timestamp(self.picos(raw))
    }

    /// The answer to `clock_adjtime` that changes nothing.
    #[must_use]
    pub fn state(&self, raw: i64) -> KernelState {
        let seconds = (raw - self.health_since).max(0) / (PER_NANO * 1_000_000_000);
        let max_error = (self.health.max_error + Duration::from_micros(500).times(seconds)).min(PHASE_LIMIT);
        // `second_overflow` looks once a second: until then the status is what was written.
        let synchronised = self.health.synchronised && (seconds == 0 || max_error < PHASE_LIMIT);
        KernelState {
            rate: self.rate,
            health: Health { synchronised, max_error, est_error: self.health.est_error },
            tai_offset: self.tai_offset,
            status: STA_NANO | if synchronised { 0 } else { STA_UNSYNC },
        }
    }

    /// `clock_adjtime`: everything takes effect at `raw`.
    ///
    /// # Errors
    /// `EINVAL`, when the clock would be set to where Linux doesn't let it go.
    pub fn adjust(&mut self, raw: i64, adjustment: &Adjustment) -> Result<(), i32> {
        if let Some(span) = adjustment.step {
            self.set_by(raw, span)?;
        }
        if let Some(rate) = adjustment.rate {
            self.rate = rate;
            self.turn(raw);
        }
        if let Some(health) = adjustment.health {
            self.health = Health {
                synchronised: health.synchronised,
                max_error: micros_up(health.max_error).min(PHASE_LIMIT),
                est_error: micros_up(health.est_error).min(PHASE_LIMIT),
            };
            self.health_since = raw;
        }
        self.tai_offset = adjustment.tai_offset.unwrap_or(self.tai_offset);
        Ok(())
    }

    /// Sets the clock by `span`, as any program with `CAP_SYS_TIME` may.
    ///
    /// # Errors
    /// `EINVAL`, before 1970 plus the uptime and after 2232 (`do_settimeofday64`, Linux 6.1).
    pub fn set_by(&mut self, raw: i64, span: Duration) -> Result<(), i32> {
        let target = self.date(raw) + span;
        if target > LATEST || target.as_nanos() < raw / PER_NANO {
            return Err(EINVAL);
        }
        self.line.shift(raw, span);
        self.ideal.shift(raw, span);
        self.health = Health { synchronised: false, max_error: PHASE_LIMIT, est_error: PHASE_LIMIT };
        self.health_since = raw;
        Ok(())
    }

    /// Sets the rate, as any program with `CAP_SYS_TIME` may.
    pub fn set_rate(&mut self, raw: i64, rate: KernelRate) {
        self.rate = rate;
        self.turn(raw);
    }

    fn turn(&mut self, raw: i64) {
        let told = self.rate.as_frequency();
        self.ideal.turn(raw, told);
        let runs = match self.rounding {
            Some(rounding) => {
                let below = (told.as_ppb() / rounding.unit.as_ppb()).floor() * rounding.unit.as_ppb();
                let behind = self.ideal.value(raw) > self.line.value(raw);
                Frequency::from_ppb(if behind { below + rounding.unit.as_ppb() } else { below })
            }
            None => told,
        };
        self.line.turn(raw, runs);
    }
}

/// The kernel counts whole microseconds; a writer rounds up, and never to zero.
fn micros_up(span: Duration) -> Duration {
    Duration::from_micros(span.as_nanos().max(1).saturating_add(999) / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000_000;

    fn kernel(rounding: Option<Rounding>) -> Kernel {
        Kernel::new(0, Timestamp::from_nanos(1_800_000_000_000_000_000), rounding, Random::new(1))
    }

    #[test]
    fn a_step_makes_the_clock_unsynchronised_unless_the_same_call_says_otherwise() {
        let mut kernel = kernel(None);
        let health =
            Health { synchronised: true, max_error: Duration::from_nanos(1), est_error: Duration::ZERO };
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
        let health =
            Health { synchronised: true, max_error: Duration::from_secs(15), est_error: Duration::ZERO };
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
}
