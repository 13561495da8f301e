//! The observer: compares the guest's clock with the host's many times a second, apart from any
//! daemon.

use std::io;
use std::path::Path;

use hostclock_core::reading::{Method, Reading};
use hostclock_lab_guest::trace::Sample;
use hostclock_linux::clock::SystemClock;
use hostclock_linux::ptp::Device;

use crate::paced;

/// Records `rate` samples a second to `out` until `stop` exists.
///
/// # Errors
/// When `out` can't be written.
pub(crate) fn observe(device: &Path, rate: u32, stop: &Path, out: &Path) -> io::Result<()> {
    let mut source = Source { path: device, device: None };
    paced::record(rate, stop, out, || source.sample())
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
