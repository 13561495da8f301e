//! Which of a machine's PTP devices give the host's time, and on which time scale.
//!
//! A device is known by its `clock_name` in sysfs and by nothing else: `/dev/ptp0` is often a network
//! card, numbers change between boots, and every driver answers the same ioctls. A network card's
//! clock usually runs on TAI or on no scale at all, so one is never taken unless it is named *and*
//! forced.

mod kind;

use core::fmt;

pub use kind::{Kind, TimeScale};

/// Which device the user wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// The best known one.
    #[default]
    Auto,
    /// The device at this path, such as `/dev/ptp0`.
    Path(String),
    /// The device with this `clock_name`, such as `KVM virtual PTP`.
    ClockName(String),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Path(text) | Self::ClockName(text) => f.write_str(text),
        }
    }
}

/// What the user says about the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceConfig {
    /// Which device.
    pub wanted: Wanted,
    /// Take the named device even if it is a network card or of an unknown kind.
    pub force: bool,
    /// The device's scale, where the kind doesn't tell or the user knows better.
    pub time_scale: Option<TimeScale>,
}

/// A device as sysfs shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The device's path, such as `/dev/ptp0`. A configured path may be a link to it: resolve it first.
    pub path: String,
    /// Its `clock_name`.
    pub clock_name: String,
    /// The network interface that it belongs to, if it does.
    pub interface: Option<String>,
}

/// The device that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Index into the candidates.
    pub index: usize,
    /// What it is.
    pub kind: Kind,
    /// Its scale.
    pub time_scale: TimeScale,
    /// Something that the user should know: set where the device was forced.
    pub warning: Option<String>,
}

/// Picks the device to read among `candidates`.
///
/// # Errors
/// Why none can be used: one line for the user, which names each device that was passed over and what
/// to do about it.
pub fn choose(candidates: &[Candidate], config: &SourceConfig) -> Result<Choice, String> {
    match &config.wanted {
        Wanted::Auto => choose_best(candidates, config),
        named => {
            let found = candidates.iter().enumerate().find(|(_, candidate)| match named {
                Wanted::Auto => false,
                Wanted::Path(path) => candidate.path == *path,
                Wanted::ClockName(name) => candidate.clock_name.trim() == name.trim(),
            });
            match found {
                Some((index, candidate)) => check_named(index, candidate, config),
                None => Err(format!("the configured device {named} does not exist; {}", listed(candidates))),
            }
        }
    }
}

fn choose_best(candidates: &[Candidate], config: &SourceConfig) -> Result<Choice, String> {
    let mut best: Option<Choice> = None;
    let mut refused = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        let kind = Kind::of(&candidate.clock_name);
        let known_scale = match (kind, config.time_scale) {
            // What counts from the machine's start is no time of day on any scale.
            (Kind::Other | Kind::VirtioRtc(2), _) => Err(kind.time_scale().err().unwrap_or_default()),
            (_, Some(scale)) => kind.time_scale().or(Ok(scale)),
            (_, None) => kind.time_scale(),
        };
        match known_scale {
            Ok(time_scale) => {
                if best.as_ref().is_none_or(|chosen| kind.rank() < chosen.kind.rank()) {
                    best = Some(Choice { index, kind, time_scale, warning: None });
                }
            }
            Err(reason) => refused.push(format!("{}: {reason}", named(candidate))),
        }
    }
    best.ok_or_else(|| {
        if refused.is_empty() {
            "this machine has no PTP device (is the ptp_kvm module loaded?)".to_owned()
        } else {
            format!(
                "no PTP device of this machine can be used ({}); name one with `device` if you know it gives the host's time",
                refused.join("; ")
            )
        }
    })
}

fn check_named(index: usize, candidate: &Candidate, config: &SourceConfig) -> Result<Choice, String> {
    let kind = Kind::of(&candidate.clock_name);
    if kind == Kind::Other && !config.force {
        let what = match &candidate.interface {
            Some(interface) => format!("is the clock of network card {interface}"),
            None => "is of an unknown kind".to_owned(),
        };
        return Err(format!(
            "{} {what}, which usually does not tell the host's time; set `force-device = true` to use it anyway",
            named(candidate)
        ));
    }
    let time_scale = match config.time_scale {
        Some(scale) => scale,
        None => kind.time_scale().map_err(|reason| {
            format!("{}: {reason}; set `time-scale` to \"utc\" or \"tai\" to use it", named(candidate))
        })?,
    };
    let warning = (kind == Kind::Other).then(|| {
        format!("{} is used because force-device says so: it may not tell the host's time", named(candidate))
    });
    Ok(Choice { index, kind, time_scale, warning })
}

fn named(candidate: &Candidate) -> String {
    match &candidate.interface {
        Some(interface) => format!("{} \"{}\" of {interface}", candidate.path, candidate.clock_name.trim()),
        None => format!("{} \"{}\"", candidate.path, candidate.clock_name.trim()),
    }
}

fn listed(candidates: &[Candidate]) -> String {
    if candidates.is_empty() {
        "this machine has no PTP device".to_owned()
    } else {
        format!("there is {}", candidates.iter().map(named).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: u8, clock_name: &str, interface: Option<&str>) -> Candidate {
        Candidate {
            path: format!("/dev/ptp{number}"),
            clock_name: clock_name.to_owned(),
            interface: interface.map(str::to_owned),
        }
    }

    fn wanting(wanted: Wanted) -> SourceConfig {
        SourceConfig { wanted, ..SourceConfig::default() }
    }

    #[test]
    fn the_hypervisors_clock_is_taken_and_the_network_card_is_not() {
        let devices = [device(0, "ixgbe-82599", Some("eth0")), device(1, "KVM virtual PTP", None)];
        let choice = choose(&devices, &SourceConfig::default()).expect("ptp_kvm is there");
        assert_eq!((choice.index, choice.kind, choice.time_scale), (1, Kind::Kvm, TimeScale::Utc));
    }

    #[test]
    fn a_network_card_alone_is_refused_by_name_and_reason() {
        let devices = [device(0, "ixgbe-82599", Some("eth0"))];
        let reason = choose(&devices, &SourceConfig::default()).expect_err("a NIC is no source");
        assert!(reason.contains("/dev/ptp0 \"ixgbe-82599\" of eth0"), "{reason}");
    }

    #[test]
    fn a_network_card_that_is_named_needs_force_and_a_scale_and_is_warned_of() {
        let devices = [device(0, "ixgbe-82599", Some("eth0"))];
        let mut config = wanting(Wanted::Path("/dev/ptp0".to_owned()));
        assert!(choose(&devices, &config).expect_err("not forced").contains("force-device"));
        config.force = true;
        assert!(choose(&devices, &config).expect_err("no scale").contains("time-scale"));
        config.time_scale = Some(TimeScale::Tai);
        let choice = choose(&devices, &config).expect("forced, with a scale");
        assert!(choice.warning.expect("a warning").contains("eth0"));
    }

    #[test]
    fn a_named_device_wins_over_a_better_one() {
        let devices = [device(0, "KVM virtual PTP", None), device(1, "hyperv", None)];
        for wanted in [Wanted::Path("/dev/ptp1".to_owned()), Wanted::ClockName("hyperv".to_owned())] {
            assert_eq!(choose(&devices, &wanting(wanted)).expect("it exists").kind, Kind::HyperV);
        }
    }

    #[test]
    fn a_scale_that_is_not_known_is_a_reason_to_refuse() {
        let devices = [device(0, "vmclock0", None), device(1, "Virtio PTP type 2/variant 0", None)];
        let reason = choose(&devices, &SourceConfig::default()).expect_err("no known scale");
        assert!(reason.contains("vmclock0") && reason.contains("monotonic"), "{reason}");
        let config = SourceConfig { time_scale: Some(TimeScale::Tai), ..SourceConfig::default() };
        assert_eq!(choose(&devices[..1], &config).expect("told the scale").time_scale, TimeScale::Tai);
    }

    #[test]
    #[should_panic(expected = "fault 12: ")]
    fn of_two_virtio_clocks_the_one_on_utc_is_taken_whatever_their_numbers() {
        let (tai, utc) = ("Virtio PTP type 1/variant 0", "Virtio PTP type 0/variant 0");
        let (first, second) =
            ([device(0, utc, None), device(1, tai, None)], [device(0, tai, None), device(1, utc, None)]);
        assert_eq!(choose(&first, &SourceConfig::default()).expect("UTC first").kind, Kind::VirtioRtc(0));
        let choice = choose(&second, &SourceConfig::default()).expect("UTC is there");
        assert!(
            choice.kind == Kind::VirtioRtc(0),
            "fault 12: with TAI at ptp0 and UTC at ptp1 it takes {choice:?}"
        );
    }

    #[test]
    #[should_panic(expected = "fault 12: ")]
    fn a_virtio_clock_that_may_be_smeared_is_usable() {
        // What Cloud Hypervisor offers, and nothing else; and vhost-device-rtc's.
        let alone = |number| {
            let name = format!("Virtio PTP type {number}/variant 0");
            choose(&[device(0, &name, None)], &SourceConfig::default())
        };
        let refused: Vec<_> = [3, 4].map(alone).into_iter().filter_map(Result::err).collect();
        assert!(refused.is_empty(), "fault 12: {refused:?}");
    }

    #[test]
    #[should_panic(expected = "fault 12: ")]
    fn a_scale_that_is_set_is_not_left_out_silently() {
        let devices = [device(0, "KVM virtual PTP", None)];
        let config = SourceConfig { time_scale: Some(TimeScale::Tai), ..SourceConfig::default() };
        let choice = choose(&devices, &config);
        let is_silent = |choice: &Choice| choice.time_scale != TimeScale::Tai && choice.warning.is_none();
        assert!(
            !choice.as_ref().is_ok_and(is_silent),
            "fault 12: with time-scale = \"tai\" it takes {choice:?}"
        );
    }
}
