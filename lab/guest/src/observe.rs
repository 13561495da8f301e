//! The observer: compares the guest's clock with the host's many times a second, apart from any
//! daemon, and appends what it saw to a file a few times a second.
//!
//! It is clocked by `CLOCK_MONOTONIC`, which nothing that is done to the system clock moves.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use hostclock_core::reading::{Method, Reading};
use hostclock_lab_guest::trace::{Encoder, Sample};
use hostclock_linux::clock::SystemClock;
use hostclock_linux::ptp::Device;

/// After how many samples they are written out, and the file that ends the recording is looked for.
const WRITE_EVERY: u32 = 256;
/// Ends a recording that nobody ends.
const MOST_SAMPLES: u32 = 4_000_000;

/// Records `rate` samples a second to `out` until `stop` exists.
///
/// # Errors
/// When `out` can't be written.
pub(crate) fn observe(device: &Path, rate: u32, stop: &Path, out: &Path) -> io::Result<()> {
    let period = Duration::from_secs(1) / rate.max(1);
    let mut source = Source { path: device, device: None };
    let mut file = File::create(out)?;
    let (mut encoder, mut bytes) = (Encoder::default(), Vec::with_capacity(65_536));
    let mut next = Instant::now();
    for count in 1..MOST_SAMPLES {
        if let Some(sample) = source.sample() {
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

struct Source<'a> {
    path: &'a Path,
    device: Option<Device>,
}

impl Source<'_> {
    fn sample(&mut self) -> Option<Sample> {
        let reading = self.read()?;
        let state = SystemClock.state().ok()?;
        let limit = state.health.max_error;
        let synchronised = state.health.synchronised;
        // The two are not read at one instant; what is wrong in between is no lie, so ask again.
        let lie = synchronised
            && reading.offset().abs() > limit + reading.uncertainty
            && self.read().is_some_and(|again| again.offset().abs() > limit + again.uncertainty);
        Some(Sample {
            raw: reading.raw.as_nanos(),
            reference: reading.reference.as_nanos(),
            offset: reading.offset().as_nanos(),
            max_error_us: limit.as_nanos() / 1_000,
            synchronised,
            lie,
            uncertainty: reading.uncertainty.as_nanos(),
        })
    }

    fn read(&mut self) -> Option<Reading> {
        if self.device.is_none() {
            self.device = Device::open(self.path).ok();
        }
        let device = self.device.as_ref()?;
        let reading = device.read(Method::Precise).or_else(|_| device.read(Method::SysOffset)).ok();
        if reading.is_none() {
            self.device = None;
        }
        reading
    }
}
