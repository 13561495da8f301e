//! Finding the host's clock among the machine's PTP devices, and opening it.

use std::path::{Path, PathBuf};

use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::source::{Candidate, Choice, Kind, SourceConfig, TimeScale, Wanted, choose};
use hostclock_core::units::Duration;
use hostclock_linux::discover;
use hostclock_linux::ptp::Device;

/// Where sysfs is.
pub(crate) const SYS_ROOT: &str = "/sys";
/// TAI − UTC since 2017; what a device that counts TAI is ahead.
const TAI_MINUS_UTC: Duration = Duration::from_secs(37);

/// An open device that gives the host's time.
#[derive(Debug)]
pub(crate) struct Source {
    device: Device,
    /// Its path in `/dev`.
    pub(crate) path: String,
    /// Its name in sysfs.
    pub(crate) clock_name: String,
    pub(crate) kind: Kind,
    pub(crate) time_scale: TimeScale,
    /// What has to be taken from its answers to get UTC.
    ahead: Duration,
}

/// A source that was found, and what the user should know of it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) source: Source,
    pub(crate) warning: Option<String>,
}

impl Source {
    /// Takes one reading, on the UTC scale.
    pub(crate) fn read(&self, method: Method) -> Result<Reading, Failure> {
        let reading = self.device.read(method)?;
        Ok(Reading { reference: reading.reference - self.ahead, ..reading })
    }

    /// The device and its name, for a message.
    pub(crate) fn describe(&self) -> String {
        format!("{} \"{}\" ({})", self.path, self.clock_name, self.time_scale)
    }

    /// Whether sysfs still shows the device under the same name.
    pub(crate) fn is_present(&self) -> bool {
        devices().is_ok_and(|devices| self.is_among(&devices))
    }

    fn is_among(&self, devices: &[Candidate]) -> bool {
        devices.iter().any(|device| device.path == self.path && device.clock_name == self.clock_name)
    }

    /// The device's name in sysfs and in uevents, such as `ptp0`.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// Finds the device to read, and opens it.
///
/// # Errors
/// Why there is none, in one line.
pub(crate) fn find(config: &SourceConfig, tai_offset: Option<i32>) -> Result<Found, String> {
    let devices = devices()?;
    let Choice { index, kind, time_scale, warning } = choose(&devices, &resolved(config))?;
    let Some(Candidate { path, clock_name, .. }) = devices.into_iter().nth(index) else {
        return Err("the chosen device went away while it was being opened".to_owned());
    };
    let device = Device::open(Path::new(&path)).map_err(|error| error.to_string())?;
    let ahead = match time_scale {
        TimeScale::Utc => Duration::ZERO,
        TimeScale::Tai => tai_offset.map_or(TAI_MINUS_UTC, |seconds| Duration::from_secs(i64::from(seconds))),
    };
    Ok(Found { source: Source { device, path, clock_name, kind, time_scale, ahead }, warning })
}

fn devices() -> Result<Vec<Candidate>, String> {
    let found = discover::list(Path::new(SYS_ROOT))
        .map_err(|error| format!("cannot list the PTP devices in {SYS_ROOT}/class/ptp: {error}"))?;
    Ok(found.into_iter().map(discover::Found::into_candidate).collect())
}

/// A configured path may be a link, such as `/dev/ptp_kvm`: what sysfs lists is where it leads.
fn resolved(config: &SourceConfig) -> SourceConfig {
    let mut resolved = config.clone();
    if let Wanted::Path(path) = &config.wanted {
        if let Ok(target) = std::fs::canonicalize(PathBuf::from(path)) {
            resolved.wanted = Wanted::Path(target.to_string_lossy().into_owned());
        }
    }
    resolved
}
