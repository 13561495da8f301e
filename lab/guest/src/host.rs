//! What whoever keeps the nested host's clock may do to it: step it, run it faster, insert a leap second.
//! Its guests can only follow.

use std::io;
use std::thread;

use hostclock_core::adjust::{Adjustment, KernelRate};
use hostclock_core::units::{Duration, Frequency};
use hostclock_linux::clock::{SystemClock, now_system};

use crate::change::{NOTHING, adjust, step};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Sets the clock to `before` the next midnight, UTC.
///
/// # Errors
/// When the clock can't be set.
pub(crate) fn midnight(before: Duration) -> io::Result<()> {
    step(Duration::from_nanos(until_midnight()) - before)
}

/// Has the kernel insert a leap second at the next midnight, UTC, and waits until it is over.
///
/// # Errors
/// When the kernel takes no announcement.
pub(crate) fn leap() -> io::Result<()> {
    SystemClock.announce_leap_second(true).map_err(io::Error::other)?;
    let rest = u64::try_from(until_midnight()).unwrap_or(0);
    // The last second lasts two, and the kernel is ready a second later.
    thread::sleep(std::time::Duration::from_nanos(rest) + std::time::Duration::from_secs(4));
    SystemClock.announce_leap_second(false).map_err(io::Error::other)
}

fn until_midnight() -> i64 {
    DAY - now_system().as_nanos().rem_euclid(DAY)
}

/// Runs the clock faster by `more` for some seconds, then as before. Prints when that began and ended.
///
/// # Errors
/// When the clock can't be adjusted.
pub(crate) fn slew(more: Frequency, seconds: u64) -> io::Result<()> {
    let usual = SystemClock.state().map_err(io::Error::other)?.rate;
    let rate = |rate| adjust(&Adjustment { rate: Some(rate), ..NOTHING });
    let from = now_system();
    rate(KernelRate::nearest(usual.as_frequency() + more))?;
    thread::sleep(std::time::Duration::from_secs(seconds));
    rate(usual)?;
    println!("{} {}", from.as_nanos(), now_system().as_nanos());
    Ok(())
}
