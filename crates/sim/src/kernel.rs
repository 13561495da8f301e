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
//!
//! Others may set the clock, its rate and the bits of its status word, and have it slewed by `adjtime(3)`; and it inserts
//! and deletes leap seconds (`leap`).

mod leap;

use hostclock_core::adjust::{Adjustment, Health, KernelRate, KernelState};
use hostclock_core::units::{Duration, Frequency, Timestamp};

use crate::random::Random;
use crate::truth::{Line, PER_NANO, nearest, picos, timestamp};
use leap::Leap;
pub use leap::{STA_DEL, STA_INS};

/// `NTP_PHASE_LIMIT`.
const PHASE_LIMIT: Duration = Duration::from_secs(16);
/// `STA_UNSYNC` and `STA_NANO` of `<sys/timex.h>`.
const STA_UNSYNC: u32 = 0x0040;
const STA_NANO: u32 = 0x2000;
/// The bits that `clock_adjtime` can't set: `STA_RONLY` of include/uapi/linux/timex.h.
const STA_RONLY: u32 = 0xff00;
/// How fast the kernel slews what `adjtime(3)` is asked for: `MAX_TICKADJ` µs a second, so many ppm.
const ADJTIME_PPM: f64 = 500.0;
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
    leap: Leap,
    /// The bits of the status word that are neither `STA_UNSYNC` nor a leap second's.
    others_bits: u32,
    /// What `adjtime(3)` was asked for and isn't done: at which rate, and until which raw time, in picoseconds.
    adjtime: Option<(Frequency, i64)>,
    /// Whether `clock_adjtime` fails, and with which errno.
    refuses: Option<i32>,
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
            leap: Leap::default(),
            others_bits: 0,
            adjtime: None,
            refuses: None,
            random,
        }
    }

    /// The raw time of the next leap second, in picoseconds, at the rate that the clock has.
    #[must_use]
    pub fn next_leap(&self) -> Option<i64> {
        self.leap.due().map(|due| self.line.when(due))
    }

    /// Makes everything happen up to `raw`, in its order; whether a leap second was among it.
    pub fn advance(&mut self, raw: i64) -> bool {
        let mut leapt = false;
        loop {
            let tick = self.rounding.map_or(i64::MAX, |_| self.tick);
            let slewed = self.adjtime.map_or(i64::MAX, |(_, until)| until);
            let leap = self.next_leap().unwrap_or(i64::MAX);
            let next = tick.min(slewed).min(leap);
            if next > raw || next == i64::MAX {
                return leapt;
            }
            if next == leap {
                let (by, tai) = self.leap.happen();
                self.shift(leap, by);
                self.tai_offset += tai;
                leapt = true;
            } else if next == slewed {
                self.adjtime = None;
                self.turn(slewed);
            } else {
                self.turn(self.tick);
                let idle_s = self.rounding.map_or(0.0, |rounding| rounding.idle_s);
                let idle = 1e12 * self.random.decades(0.004, idle_s.max(0.005));
                self.tick = self.tick.saturating_add(nearest(idle));
            }
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
            status: STA_NANO
                | self.others_bits
                | self.leap.status()
                | if synchronised { 0 } else { STA_UNSYNC },
        }
    }

    /// `clock_adjtime` fails with this errno from now on, or doesn't any more.
    pub const fn refuses(&mut self, errno: Option<i32>) {
        self.refuses = errno;
    }

    /// A program with `CAP_SYS_TIME` writes the status word: these bits of it, but the ones that it can't.
    pub fn set_status(&mut self, raw: i64, status: u32) {
        let status = status & !STA_RONLY;
        self.leap.announce(status, self.picos(raw));
        self.others_bits = status & !(STA_UNSYNC | STA_INS | STA_DEL);
        self.health.synchronised = status & STA_UNSYNC == 0;
    }

    /// `adjtime(3)`: the clock is slewed by `span`, and what was asked for before isn't any more.
    pub fn adjtime(&mut self, raw: i64, span: Duration) {
        let takes = nearest(span.abs().as_nanos_f64() * 1e9 / ADJTIME_PPM);
        let rate = Frequency::from_ppm(ADJTIME_PPM.copysign(span.as_nanos_f64()));
        self.adjtime = (span != Duration::ZERO).then_some((rate, raw.saturating_add(takes)));
        self.turn(raw);
    }

    /// `clock_adjtime`: everything takes effect at `raw`.
    ///
    /// # Errors
    /// `EINVAL`, when the clock would be set to where Linux doesn't let it go; what it was told to refuse with.
    pub fn adjust(&mut self, raw: i64, adjustment: &Adjustment) -> Result<(), i32> {
        if let Some(errno) = self.refuses {
            return Err(errno);
        }
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
            // The daemon's status word has no other bits (`status_word` in crates/linux/src/clock.rs).
            self.leap.announce(0, self.picos(raw));
            self.others_bits = 0;
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
        self.shift(raw, span);
        self.leap.clear();
        if self.adjtime.take().is_some() {
            self.turn(raw);
        }
        self.health = Health { synchronised: false, max_error: PHASE_LIMIT, est_error: PHASE_LIMIT };
        self.health_since = raw;
        Ok(())
    }

    /// Sets the rate, as any program with `CAP_SYS_TIME` may.
    pub fn set_rate(&mut self, raw: i64, rate: KernelRate) {
        self.rate = rate;
        self.turn(raw);
    }

    fn shift(&mut self, raw: i64, span: Duration) {
        self.line.shift(raw, span);
        self.ideal.shift(raw, span);
    }

    fn turn(&mut self, raw: i64) {
        let slew = self.adjtime.map_or(Frequency::ZERO, |(rate, _)| rate);
        let told = self.rate.as_frequency() + slew;
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
mod tests;
