//! The host's clock among the machine's PTP devices: finding it, opening it, reading it on the UTC
//! scale, and describing it for the status. The daemon and the commands that look for themselves both
//! go through here.

use std::path::Path;

use hostclock_core::adjust::KernelState;
use hostclock_core::ladder::Ladder;
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::source::{Candidate, Choice, SourceConfig, TimeScale, Wanted, choose};
use hostclock_core::status::{MethodStatus, SourceStatus};
use hostclock_core::units::Duration;
#[cfg(not(test))]
use hostclock_linux::ptp::Device;
use hostclock_linux::ptp::OpenError;
use hostclock_linux::{clocksource, discover};

#[cfg(test)]
use stand_in::Device;

/// Where sysfs is.
const SYS_ROOT: &str = "/sys";
/// TAI − UTC since 2017; what a device that counts TAI is ahead when nobody says otherwise.
const TAI_MINUS_UTC: i32 = 37;

/// TAI − UTC in seconds as the kernel has it, where that tells something: it holds 0 while nobody has set it.
pub(crate) fn kernel_tai_offset(kernel: Option<&KernelState>) -> Option<i32> {
    kernel.map(|kernel| kernel.tai_offset).filter(|offset| *offset != 0)
}

/// The device to read, before it is opened.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    candidate: Candidate,
    choice: Choice,
}

/// Why no device is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    /// In one line, for the user.
    pub(crate) reason: String,
    /// There is one, and this process may not read it.
    pub(crate) denied: bool,
}

impl From<String> for Unusable {
    fn from(reason: String) -> Self {
        Self { reason, denied: false }
    }
}

impl From<OpenError> for Unusable {
    fn from(error: OpenError) -> Self {
        Self { reason: error.to_string(), denied: matches!(error, OpenError::Denied(_)) }
    }
}

/// Finds the device to read.
///
/// # Errors
/// Why there is none, in one line.
pub(crate) fn find(config: &SourceConfig) -> Result<Chosen, String> {
    take_best(&mut devices()?, &resolved(config))
}

/// Takes the device to read out of `devices`.
fn take_best(devices: &mut Vec<Candidate>, config: &SourceConfig) -> Result<Chosen, String> {
    let choice = choose(devices, config)?;
    if choice.index >= devices.len() {
        return Err("the chosen device went away".to_owned());
    }
    Ok(Chosen { candidate: devices.remove(choice.index), choice })
}

/// Opens the device to read: the one that is named, or the best of those that can be opened.
///
/// # Errors
/// Why none is; of several that can't be opened, the best one's reason.
pub(crate) fn open(config: &SourceConfig, tai_offset: Option<i32>) -> Result<Source, Unusable> {
    let config = resolved(config);
    let mut devices = devices()?;
    let mut refusal = None;
    loop {
        let chosen = match take_best(&mut devices, &config) {
            Ok(chosen) => chosen,
            Err(reason) => return Err(refusal.unwrap_or_else(|| reason.into())),
        };
        match chosen.open(tai_offset) {
            Ok(source) => return Ok(source),
            Err(unusable) => {
                refusal.get_or_insert(unusable);
            }
        }
    }
}

impl Chosen {
    /// Opens the device. `tai_offset` is TAI − UTC in seconds, as far as it is known.
    ///
    /// # Errors
    /// Why it can't be opened.
    pub(crate) fn open(&self, tai_offset: Option<i32>) -> Result<Source, Unusable> {
        let device = Device::open(Path::new(&self.candidate.path))?;
        let ahead = match self.choice.time_scale {
            TimeScale::Utc => Duration::ZERO,
            TimeScale::Tai => Duration::from_secs(i64::from(tai_offset.unwrap_or(TAI_MINUS_UTC))),
        };
        Ok(Source { device, chosen: self.clone(), ahead })
    }

    /// The device as the status shows it, before any reading.
    pub(crate) fn status(&self, ladder: &Ladder) -> SourceStatus {
        SourceStatus {
            device: self.candidate.path.clone(),
            clock_name: self.candidate.clock_name.trim().to_owned(),
            kind: self.choice.kind,
            time_scale: self.choice.time_scale,
            method: None,
            uncertainty_ns: None,
            last_reading_age_s: None,
            interval_s: 0.0,
            clocksource: clocksource::current(Path::new(SYS_ROOT)).ok(),
            methods: ladder.rungs().map(MethodStatus::from).collect(),
            error: None,
        }
    }
}

/// An open device that gives the host's time.
#[derive(Debug)]
pub(crate) struct Source {
    device: Device,
    chosen: Chosen,
    /// What has to be taken from its answers to get UTC.
    ahead: Duration,
}

impl Source {
    /// What the user should know of the device.
    pub(crate) fn warning(&self) -> Option<&str> {
        self.chosen.choice.warning.as_deref()
    }

    /// Takes one reading, on the UTC scale.
    pub(crate) fn read(&self, method: Method) -> Result<Reading, Failure> {
        self.device.read(method).map(|reading| self.on_utc(reading))
    }

    /// The same, as cheaply as it can be had.
    pub(crate) fn probe(&self, method: Method) -> Result<Reading, Failure> {
        self.device.probe(method).map(|reading| self.on_utc(reading))
    }

    fn on_utc(&self, reading: Reading) -> Reading {
        Reading { reference: reading.reference - self.ahead, ..reading }
    }

    /// The device and its name, for a message.
    pub(crate) fn describe(&self) -> String {
        let Candidate { path, clock_name, .. } = &self.chosen.candidate;
        format!("{path} \"{}\" ({})", clock_name.trim(), self.chosen.choice.time_scale)
    }

    /// The device as the status shows it, before any reading.
    pub(crate) fn status(&self, ladder: &Ladder) -> SourceStatus {
        self.chosen.status(ladder)
    }

    /// Whether sysfs still shows the device under the same name, and what is open is that one: a driver that
    /// was loaded anew makes another of the same name.
    pub(crate) fn is_present(&self) -> bool {
        self.device.is_current() && devices().is_ok_and(|devices| devices.contains(&self.chosen.candidate))
    }

    /// The device's name in sysfs and in uevents, such as `ptp0`.
    pub(crate) fn name(&self) -> &str {
        let path = &self.chosen.candidate.path;
        path.rsplit('/').next().unwrap_or(path)
    }
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
        if let Ok(target) = std::fs::canonicalize(path) {
            resolved.wanted = Wanted::Path(target.to_string_lossy().into_owned());
        }
    }
    resolved
}

/// What the tests of the daemon read: there is no device where they run.
#[cfg(test)]
mod stand_in {
    use hostclock_core::source::{Kind, TimeScale};
    use hostclock_core::units::Timestamp;
    use hostclock_linux::clock;

    use super::*;

    /// A host's clock that runs as the raw counter does, and a system clock that is 5 µs ahead of it.
    #[derive(Debug)]
    pub(super) struct Device;

    impl Device {
        pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
            hostclock_linux::ptp::Device::open(path).map(|_| Self)
        }

        pub(super) fn read(&self, method: Method) -> Result<Reading, Failure> {
            let raw = clock::now_raw();
            let reference = Timestamp::from_nanos(1_800_000_000_000_000_000 + raw.as_nanos());
            let (system, uncertainty) = (reference + Duration::from_micros(5), Duration::from_nanos(2));
            Ok(Reading { reference, system, raw, uncertainty, tied_within: Duration::ZERO, method })
        }

        pub(super) fn probe(&self, method: Method) -> Result<Reading, Failure> {
            self.read(method)
        }

        pub(super) fn is_current(&self) -> bool {
            true
        }
    }

    impl Source {
        /// The stand-in as a source.
        pub(crate) fn stand_in() -> Self {
            let (path, clock_name) = ("/dev/ptp-of-a-test".to_owned(), "KVM virtual PTP".to_owned());
            let choice = Choice { index: 0, kind: Kind::Kvm, time_scale: TimeScale::Utc, warning: None };
            let chosen = Chosen { candidate: Candidate { path, clock_name, interface: None }, choice };
            Self { device: Device, chosen, ahead: Duration::ZERO }
        }
    }
}

#[cfg(test)]
mod tests {
    use hostclock_core::adjust::{Health, KernelRate};

    use super::*;

    #[test]
    #[should_panic(expected = "fault 12: ")]
    fn a_tai_offset_of_1_that_the_kernel_got_with_an_inserted_second_is_not_believed() {
        let health = Health { synchronised: true, max_error: Duration::ZERO, est_error: Duration::ZERO };
        let kernel = |tai_offset| KernelState { rate: KernelRate::NOMINAL, health, tai_offset, status: 0 };
        assert_eq!(kernel_tai_offset(Some(&kernel(0))), None);
        let believed = kernel_tai_offset(Some(&kernel(1)));
        assert!(believed.is_none(), "fault 12: TAI - UTC is taken for {believed:?}");
    }
}
