//! How long one reading of the host's clock takes by each method, by the daemon's own code: what no benchmark on a
//! machine without a device can tell.

use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_linux::clock::now_raw;
use hostclock_linux::ptp::Device;

/// Readings before the first that counts: they bring the program and the driver into memory.
const BEFORE: usize = 20;
/// Between two brackets that are compared with precise readings.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes `count` readings and as many probes by each method, and prints the quartiles of how long they took, in ns of
/// `CLOCK_MONOTONIC_RAW`, with the two readings of that clock around each; and where brackets lie to precise readings.
///
/// # Errors
/// When there is no device.
pub(crate) fn reading(device: &Path, count: usize) -> io::Result<()> {
    let device = Device::open(device).map_err(io::Error::other)?;
    println!("{:<29} {:>9} {:>9} {:>9} {:>9}", "ns", "least", "1st quart", "median", "3rd quart");
    let row = |name: &str, times: Result<Vec<i64>, String>| match times {
        Ok(times) => {
            let [least, first, median, third] = quartiles(times);
            println!("{name:<29} {least:>9} {first:>9} {median:>9} {third:>9}");
        }
        Err(why) => println!("{name:<29} {why}"),
    };
    row("nothing: reads the time twice", timed(count, || Ok(())));
    for method in Method::ALL {
        let why = |failure: Failure| failure.explanation(method).to_owned();
        row(method.name(), timed(count, || device.read(method).map(drop).map_err(why)));
        if method != Method::Precise {
            row("  a probe: one sample of it", timed(count, || device.probe(method).map(drop).map_err(why)));
        }
    }
    let (halves, parts) = brackets(&device, count / 4).unzip();
    row("half of PTP_SYS_OFFSET", halves.ok_or_else(|| "there is nothing to compare it with".to_owned()));
    if let Some(parts) = parts {
        row("  its middle off, thousandths", Ok(parts));
    }
    Ok(())
}

/// Half of each of so many brackets, in ns, and how much earlier than in its middle the device was read, as thousandths of
/// that half, by a precise reading right after it; `None` where that doesn't work. A while lies between them, as in life.
fn brackets(device: &Device, count: usize) -> Option<(Vec<i64>, Vec<i64>)> {
    let mut seen = (Vec::with_capacity(count), Vec::with_capacity(count));
    for _ in 0..count {
        let (bracket, precise) = beside_precise(device, PAUSE).ok()?;
        let precise = precise?;
        let half = bracket.uncertainty.as_nanos().max(1);
        seen.0.push(half);
        seen.1.push((bracket.offset() - precise.offset()).as_nanos() * 1_000 / half);
    }
    Some(seen)
}

/// A bracket after a `pause`, and a precise reading right after it, where there are any.
///
/// # Errors
/// Why there is no bracket.
pub(crate) fn beside_precise(
    device: &Device,
    pause: Duration,
) -> Result<(Reading, Option<Reading>), Failure> {
    thread::sleep(pause);
    let bracket = device.read(Method::SysOffset)?;
    Ok((bracket, device.read(Method::Precise).ok()))
}

/// How long `what` took each time; an error where it fails.
fn timed(count: usize, mut what: impl FnMut() -> Result<(), String>) -> Result<Vec<i64>, String> {
    let mut times = Vec::with_capacity(count);
    for turn in 0..BEFORE + count {
        let before = now_raw();
        what()?;
        let took = now_raw() - before;
        if turn >= BEFORE {
            times.push(took.as_nanos());
        }
    }
    Ok(times)
}

/// The least, the quartile below the median, the median, and the one above it; zeros of nothing.
fn quartiles(mut times: Vec<i64>) -> [i64; 4] {
    times.sort_unstable();
    [0, 1, 2, 3].map(|quarter| times.get(times.len() * quarter / 4).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_those_of_the_sorted_times() {
        assert_eq!(quartiles(vec![5, 1, 4, 2, 3, 6, 8, 7]), [1, 3, 5, 7]);
        assert_eq!(quartiles(vec![9]), [9; 4]);
        assert_eq!(quartiles(Vec::new()), [0; 4]);
    }

    #[test]
    fn what_fails_has_no_times() {
        assert_eq!(timed(3, || Err("no device".to_owned())), Err("no device".to_owned()));
        assert_eq!(timed(3, || Ok(())).map(|times| times.len()), Ok(3));
    }
}
