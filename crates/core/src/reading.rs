//! One comparison of the host's clock with ours, and the ways in which a comparison fails.
//!
//! A reading ties three clocks together at one instant: the reference (the host's clock, on the UTC
//! scale), the system clock, and the raw counter. What a device or the kernel had to do for it is
//! the [`Method`]; how far the three may lie apart is the `uncertainty`.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::units::{Duration, RawTime, Timestamp};

/// How a reading is taken, best first. The order is the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// `PTP_SYS_OFFSET_PRECISE`: one counter value seen from both sides, nanoseconds.
    Precise,
    /// `PTP_SYS_OFFSET_EXTENDED`: the driver brackets its device access tightly.
    Extended,
    /// `PTP_SYS_OFFSET`: the kernel brackets a whole device read.
    SysOffset,
    /// Two readings of the system clock around a `clock_gettime` of the device.
    Bracket,
}

impl Method {
    /// Every method, best first.
    pub const ALL: [Self; 4] = [Self::Precise, Self::Extended, Self::SysOffset, Self::Bracket];

    /// The name of the kernel interface, as messages and documents write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Precise => "PTP_SYS_OFFSET_PRECISE",
            Self::Extended => "PTP_SYS_OFFSET_EXTENDED",
            Self::SysOffset => "PTP_SYS_OFFSET",
            Self::Bracket => "clock_gettime",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One comparison of the host's clock with the system clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What the host's clock said, on the UTC scale.
    pub reference: Timestamp,
    /// What `CLOCK_REALTIME` said at that instant.
    pub system: Timestamp,
    /// What `CLOCK_MONOTONIC_RAW` said at that instant.
    pub raw: RawTime,
    /// The most by which `reference` and `system` may belong to different instants: half the bracket,
    /// or the resolution of a precise cross timestamp. Never negative.
    pub uncertainty: Duration,
    /// The most by which `system` and `raw` may belong to different instants. Never negative.
    pub tied_within: Duration,
    /// How the reading was taken.
    pub method: Method,
}

impl Reading {
    /// System minus reference.
    #[must_use]
    pub fn offset(&self) -> Duration {
        self.system - self.reference
    }
}

/// Why a reading could not be taken. The kernel's errno is sorted by what it means for the next
/// attempt, because that is all that the engine needs to know. In documents each is a word, such as
/// `no_device` or `errno_71`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Failure {
    /// `EAGAIN`, `EBUSY`, `EINTR`, `EINVAL` after several attempts: this reading failed, the method
    /// may well work the next time.
    Busy,
    /// `EOPNOTSUPP`, `ENOTTY`, `ENOSYS`: the driver or the hypervisor doesn't offer this method now.
    Unsupported,
    /// `ENODEV`, `ENXIO`: from `PTP_SYS_OFFSET_PRECISE` this says that the guest's clocksource isn't
    /// the one that the device can pair with; from every other method, that the device is gone.
    NoDevice,
    /// `ESTALE`: the hypervisor's last sample is too old (Hyper-V: over 600 s).
    Stale,
    /// `EIO`: the hypervisor or the device failed.
    Io,
    /// `EACCES`, `EPERM`.
    Denied,
    /// The answer can't be a time: a field out of range, or a bracket that runs backwards.
    Nonsense,
    /// Any other errno.
    Other(i32),
}

impl Failure {
    /// One of each, for whoever has to try them all.
    pub const EACH: [Self; 8] = [
        Self::Busy,
        Self::Unsupported,
        Self::NoDevice,
        Self::Stale,
        Self::Io,
        Self::Denied,
        Self::Nonsense,
        Self::Other(5),
    ];
}

impl From<Failure> for String {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Busy => "busy".to_owned(),
            Failure::Unsupported => "unsupported".to_owned(),
            Failure::NoDevice => "no_device".to_owned(),
            Failure::Stale => "stale".to_owned(),
            Failure::Io => "io".to_owned(),
            Failure::Denied => "denied".to_owned(),
            Failure::Nonsense => "nonsense".to_owned(),
            Failure::Other(errno) => format!("errno_{errno}"),
        }
    }
}

impl TryFrom<String> for Failure {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "busy" => Ok(Self::Busy),
            "unsupported" => Ok(Self::Unsupported),
            "no_device" => Ok(Self::NoDevice),
            "stale" => Ok(Self::Stale),
            "io" => Ok(Self::Io),
            "denied" => Ok(Self::Denied),
            "nonsense" => Ok(Self::Nonsense),
            other => match other.strip_prefix("errno_").and_then(|number| number.parse().ok()) {
                Some(errno) => Ok(Self::Other(errno)),
                None => Err(format!("unknown failure: {word}")),
            },
        }
    }
}

impl Failure {
    /// What the failure means, in words, for a reading taken by `method`.
    #[must_use]
    pub const fn explanation(self, method: Method) -> &'static str {
        match (self, method) {
            (Self::Busy, _) => "the device was busy at every attempt",
            (Self::Unsupported, Method::Precise | Method::Extended) => {
                "the driver or the hypervisor does not offer this method"
            }
            (Self::Unsupported, _) => {
                "the hypervisor refuses to give its clock (is the host's own clocksource tsc?)"
            }
            (Self::NoDevice, Method::Precise) => {
                "the guest's current clocksource is not one that the device can pair with (kvm-clock for ptp_kvm)"
            }
            (Self::NoDevice, _) => "the device is gone",
            (Self::Stale, _) => "the hypervisor's last time sample is too old",
            (Self::Io, _) => "the hypervisor or the device failed",
            (Self::Denied, _) => "permission denied",
            (Self::Nonsense, _) => "the device's answer cannot be a time",
            (Self::Other(_), _) => "the kernel gave an unexpected error",
        }
    }
}
