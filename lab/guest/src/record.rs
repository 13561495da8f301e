//! Brackets as a daemon meets them, each beside a precise reading: for `hostclock-sim brackets`, which looks at what the
//! estimator makes of them.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use hostclock_core::reading::{Method, Reading};
use hostclock_linux::ptp::Device;

use crate::reading::beside_precise;

/// Prints `count` brackets, one `every` so often, and right after each a precise reading, where there are any: the raw
/// counter, the system clock and the host's clock in ns, and half the bracket; the same again for the precise reading.
///
/// # Errors
/// When there is no device, or it doesn't give brackets.
pub(crate) fn record(device: &Path, count: usize, every: Duration) -> io::Result<()> {
    let device = Device::open(device).map_err(io::Error::other)?;
    let mut out = io::stdout().lock();
    for _ in 0..count {
        let (bracket, precise) = beside_precise(&device, every)
            .map_err(|failure| io::Error::other(failure.explanation(Method::SysOffset)))?;
        write!(out, "{}", line(&bracket))?;
        if let Some(precise) = precise {
            write!(out, " {}", line(&precise))?;
        }
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}

fn line(reading: &Reading) -> String {
    let Reading { raw, system, reference, uncertainty, .. } = reading;
    format!("{} {} {} {}", raw.as_nanos(), system.as_nanos(), reference.as_nanos(), uncertainty.as_nanos())
}
