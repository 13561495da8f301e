//! The kinds of clock devices, and the scale on which each counts.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of clock that this program knows. In documents each is a word, such as `kvm` or
/// `virtio_rtc_1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Kind {
    /// `ptp_kvm`: the KVM host's `CLOCK_REALTIME`.
    Kvm,
    /// `ptp_vmclock`: the time that the hypervisor publishes in a VMClock page.
    Vmclock,
    /// `virtio_rtc`, with the clock type of the virtio specification (0 UTC, 1 TAI, 2 monotonic,
    /// 3 smeared UTC, 4 UTC that may be smeared).
    VirtioRtc(u8),
    /// Hyper-V's time synchronisation device.
    HyperV,
    /// VMware's precision clock.
    Vmware,
    /// The Amazon ENA adapter's hardware clock: UTC kept by the platform.
    Ena,
    /// Anything else: a network card, or a driver that nobody has looked at.
    Other,
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Kvm => "kvm".to_owned(),
            Kind::Vmclock => "vmclock".to_owned(),
            Kind::VirtioRtc(number) => format!("virtio_rtc_{number}"),
            Kind::HyperV => "hyper_v".to_owned(),
            Kind::Vmware => "vmware".to_owned(),
            Kind::Ena => "ena".to_owned(),
            Kind::Other => "other".to_owned(),
        }
    }
}

impl TryFrom<String> for Kind {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "kvm" => Ok(Self::Kvm),
            "vmclock" => Ok(Self::Vmclock),
            "hyper_v" => Ok(Self::HyperV),
            "vmware" => Ok(Self::Vmware),
            "ena" => Ok(Self::Ena),
            "other" => Ok(Self::Other),
            other => match other.strip_prefix("virtio_rtc_").and_then(|number| number.parse().ok()) {
                Some(number) => Ok(Self::VirtioRtc(number)),
                None => Err(format!("unknown kind of device: {word}")),
            },
        }
    }
}

/// The scale on which a device counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeScale {
    /// As `CLOCK_REALTIME`.
    Utc,
    /// Ahead of UTC by a whole number of seconds (37 since 2017).
    Tai,
}

impl fmt::Display for TimeScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utc => "UTC",
            Self::Tai => "TAI",
        })
    }
}

impl Kind {
    /// The kind of the device that calls itself `clock_name`.
    #[must_use]
    pub fn of(clock_name: &str) -> Self {
        let name = clock_name.trim();
        if name == "KVM virtual PTP" {
            Self::Kvm
        } else if name == "hyperv" {
            Self::HyperV
        } else if name == "ptp_vmw" {
            Self::Vmware
        } else if name.starts_with("vmclock") {
            Self::Vmclock
        } else if name.starts_with("ena-ptp-") {
            Self::Ena
        } else if let Some(rest) = name.strip_prefix("Virtio PTP type ") {
            rest.split('/').next().and_then(|number| number.parse().ok()).map_or(Self::Other, Self::VirtioRtc)
        } else {
            Self::Other
        }
    }

    /// The scale of this kind of device.
    ///
    /// # Errors
    /// Where the kind alone doesn't tell: the reason, in words.
    pub const fn time_scale(self) -> Result<TimeScale, &'static str> {
        match self {
            Self::Kvm | Self::HyperV | Self::Vmware | Self::Ena | Self::VirtioRtc(0) => Ok(TimeScale::Utc),
            Self::VirtioRtc(1) => Ok(TimeScale::Tai),
            Self::Vmclock => Err("vmclock drivers count UTC or TAI depending on the kernel's version"),
            Self::VirtioRtc(2) => Err("a monotonic virtio clock does not tell the time of day"),
            Self::VirtioRtc(3 | 4) => {
                Err("a smeared virtio clock is wrong by up to 0.5 s around a leap second")
            }
            Self::VirtioRtc(_) => Err("the virtio clock's type is unknown"),
            Self::Other => Err("it is not a clock that a hypervisor is known to offer"),
        }
    }

    /// Lower is preferred when a machine has several.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::Kvm => 0,
            Self::VirtioRtc(_) => 1,
            Self::Vmclock => 2,
            Self::HyperV => 3,
            Self::Vmware => 4,
            Self::Ena => 5,
            Self::Other => 6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_clock_name_is_recognised() {
        assert_eq!(Kind::of("KVM virtual PTP\n"), Kind::Kvm);
        assert_eq!(Kind::of("vmclock0"), Kind::Vmclock);
        assert_eq!(Kind::of("hyperv"), Kind::HyperV);
        assert_eq!(Kind::of("ptp_vmw"), Kind::Vmware);
        assert_eq!(Kind::of("ena-ptp-05"), Kind::Ena);
        assert_eq!(Kind::of("Virtio PTP type 1/variant 0"), Kind::VirtioRtc(1));
        assert_eq!(Kind::of("Virtio PTP type x"), Kind::Other);
        assert_eq!(Kind::of(""), Kind::Other);
    }
}
