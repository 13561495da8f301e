//! Brackets as a daemon meets them, each beside a precise reading: for `hostclock-sim brackets`, which looks at what the
//! estimator makes of them.

use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use hostclock_core::reading::{Method, Reading};
use hostclock_linux::ptp::Device;

/// Prints `count` brackets, one `every` so often, and right after each a precise reading: the raw counter, the system
/// clock and the host's clock in ns, and half the bracket; the same again for the precise reading.
///
/// # Errors
/// When there is no device, or it doesn't give both.
pub(crate) fn record(device: &Path, count: usize, every: Duration) -> io::Result<()> {
    let device = Device::open(device).map_err(io::Error::other)?;
    let read =
        |method: Method| device.read(method).map_err(|failure| io::Error::other(failure.explanation(method)));
    let mut out = io::stdout().lock();
    for _ in 0..count {
        thread::sleep(every);
        let bracket = read(Method::SysOffset)?;
        let precise = read(Method::Precise).map(|precise| line(&precise)).unwrap_or_default();
        writeln!(out, "{} {precise}", line(&bracket))?;
        out.flush()?;
    }
    Ok(())
}

fn line(reading: &Reading) -> String {
    let Reading { raw, system, reference, uncertainty, .. } = reading;
    format!("{} {} {} {}", raw.as_nanos(), system.as_nanos(), reference.as_nanos(), uncertainty.as_nanos())
}
