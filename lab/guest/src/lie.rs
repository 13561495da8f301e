//! A host whose clock is worthless for a while: it runs backwards, stands still, runs half as fast
//! again, or jumps about. Afterwards it shows what it would have shown without, because
//! `CLOCK_MONOTONIC_RAW` and the clock's frequency tell.

use std::io;
use std::thread;
use std::time::Duration as Wait;

use clap::ValueEnum;
use hostclock_core::units::{Duration, RawTime, Timestamp};
use hostclock_lab_guest::random::Random;
use hostclock_linux::clock::{SystemClock, compare};

use crate::change::step;

/// How a clock lies.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum How {
    /// Stepped back by 5 ms every 4 ms
    Backwards,
    /// Set to the same time every ms
    Frozen,
    /// Stepped forward every ms, so that it runs at 1.5 times its rate
    Fast,
    /// Set to somewhere within an hour of the truth every 10 ms
    Jumpy,
}

/// The largest distance of a jumpy clock from the truth.
const HOUR: Duration = Duration::from_secs(3_600);
/// How often the truth is restored: each time the step is as exact as the comparison before it, and the
/// first ones cost page faults.
const REPEATED: u32 = 4;

/// Abuses the clock in this way for `length`, then puts it right; prints when that began and ended, by
/// the clock that it would have been.
///
/// # Errors
/// When the clock can't be adjusted.
pub(crate) fn lie(how: How, length: Duration) -> io::Result<()> {
    let truth = Truth::now()?;
    let (begun, started) = compare();
    let mut random = Random::new(7);
    loop {
        thread::sleep(how.pause());
        let (raw, shown) = compare();
        if raw - begun >= length {
            break;
        }
        let real = truth.at(raw);
        step(match how {
            How::Backwards => Duration::from_millis(-5),
            How::Frozen => started - shown,
            How::Fast => real + (raw - begun).half() - shown,
            How::Jumpy => {
                let share = 2.0 * random.uniform() - 1.0;
                real + Duration::from_nanos_f64(HOUR.as_nanos_f64() * share) - shown
            }
        })?;
    }
    for _ in 0..REPEATED {
        let (raw, shown) = compare();
        step(truth.at(raw) - shown)?;
    }
    let (raw, _) = compare();
    println!("{} {}", started.as_nanos(), truth.at(raw).as_nanos());
    Ok(())
}

impl How {
    fn pause(self) -> Wait {
        Wait::from_millis(match self {
            Self::Backwards => 4,
            Self::Frozen | Self::Fast => 1,
            Self::Jumpy => 10,
        })
    }
}

/// What the clock would show if nobody touched it.
struct Truth {
    raw: RawTime,
    shown: Timestamp,
    /// How much faster than the raw counter it runs.
    ratio: f64,
}

impl Truth {
    fn now() -> io::Result<Self> {
        let rate = SystemClock.state().map_err(io::Error::other)?.rate;
        let (raw, shown) = compare();
        Ok(Self { raw, shown, ratio: rate.as_frequency().as_ratio() })
    }

    fn at(&self, raw: RawTime) -> Timestamp {
        let passed = raw - self.raw;
        self.shown + passed + Duration::from_nanos_f64(passed.as_nanos_f64() * self.ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_truth_goes_on_at_the_clocks_own_rate() {
        let truth = Truth { raw: RawTime::from_nanos(5), shown: Timestamp::from_nanos(1_000), ratio: 20e-6 };
        assert_eq!(truth.at(RawTime::from_nanos(1_000_000_005)).as_nanos(), 1_000_021_000);
    }
}
