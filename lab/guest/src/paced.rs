//! Recording at a steady pace, clocked by `CLOCK_MONOTONIC`, which nothing that is done to the system clock
//! moves. What is recorded is appended to a file a few times a second.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use hostclock_lab_guest::trace::{Encoder, Sample};

/// After how many samples they are written out, and the file that ends the recording is looked for.
const WRITE_EVERY: u32 = 256;
/// Ends a recording that nobody ends.
const MOST_SAMPLES: u32 = 4_000_000;

/// Records what `take` gives, `rate` times a second, to `out` until `stop` exists.
///
/// # Errors
/// When `out` can't be written.
pub(crate) fn record(
    rate: u32,
    stop: &Path,
    out: &Path,
    mut take: impl FnMut() -> Option<Sample>,
) -> io::Result<()> {
    let period = Duration::from_secs(1) / rate.max(1);
    let mut file = File::create(out)?;
    let (mut encoder, mut bytes) = (Encoder::default(), Vec::with_capacity(65_536));
    let mut next = Instant::now();
    for count in 1..MOST_SAMPLES {
        if let Some(sample) = take() {
            encoder.push(&sample, &mut bytes);
        }
        if count % WRITE_EVERY == 0 {
            file.write_all(&bytes)?;
            bytes.clear();
            if stop.exists() {
                break;
            }
        }
        next += period;
        let now = Instant::now();
        match next.checked_duration_since(now) {
            Some(rest) => thread::sleep(rest),
            None => next = now,
        }
    }
    Ok(())
}
