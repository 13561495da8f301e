//! The devices: which of them is read, why none is, and whether the one that is read can be opened, by this user and by
//! the service's.

use hostclock_core::source::{Kind, choose};

use super::super::Finding;
use super::super::Severity::{Note, Ok as Fine, Problem, Unseen, Warning};
use super::super::facts::{Facts, Live};
use super::module::may_come;
use crate::status::is_right;

/// Whether a device of this kind is there.
pub(super) fn has(facts: &Facts, kind: Kind) -> bool {
    facts.devices.iter().any(|device| Kind::of(&device.clock_name) == kind)
}

/// Whether any device gives the host's time.
pub(in super::super) fn can_be_read(facts: &Facts) -> bool {
    choose(&facts.devices, &facts.config.source).is_ok()
}

/// The findings, in the order of the devices' numbers.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let choice = choose(&facts.devices, &facts.config.source);
    let chosen = choice.as_ref().ok().map(|choice| choice.index);
    let mut found = Vec::new();
    for (index, device) in facts.devices.iter().enumerate() {
        let name = format!("{} is \"{}\"", device.path, device.clock_name);
        let kind = Kind::of(&device.clock_name);
        if chosen == Some(index) {
            found.push(Finding::new("device", Fine, format!("{name}: the one that is read")));
            found.extend(node(facts, index));
            found.extend(facts.live.as_ref().and_then(denied));
            continue;
        }
        found.push(match (&device.interface, kind) {
            (Some(interface), Kind::Other) => {
                let number = if device.path == "/dev/ptp0" { "; its number means nothing" } else { "" };
                Finding::new(
                    "device",
                    Note,
                    format!(
                        "{name}: the clock of network card {interface}, not the host's, and not read{number}"
                    ),
                )
            }
            (_, Kind::Other) => {
                Finding::new("device", Note, format!("{name}: of an unknown kind, and not read"))
            }
            _ => Finding::new("device", Note, format!("{name}: another clock of the host's, not needed")),
        });
    }
    if let Err(reason) = choice {
        found.push(none(facts, &reason));
    }
    found
}

/// No device can be read.
fn none(facts: &Facts, reason: &str) -> Finding {
    // What is to be known of the module has been said.
    let reason = reason.strip_suffix(" (is the ptp_kvm module loaded?)").unwrap_or(reason);
    let finding = Finding::new("device", Problem, reason);
    // Of Hyper-V's driver the right program may say enough.
    let said = facts.right_program.starts_with("Hyper-V");
    let finding = match other_clock(facts).filter(|_| !said) {
        Some(other) => finding.because(other),
        None => finding,
    };
    if may_come(facts) { finding } else { finding.fixed_by(facts.right_program.clone()) }
}

/// What a hypervisor that isn't KVM has to offer, and EC2, which has another clock than KVM's.
fn other_clock(facts: &Facts) -> Option<&'static str> {
    let signed = |signature: &str| facts.hypervisor.signatures.iter().any(|found| found == signature);
    let by =
        |vendor: &str| facts.hypervisor.firmware.as_ref().is_some_and(|(maker, _)| maker.starts_with(vendor));
    let hyper_v = by("Microsoft Corporation") || facts.kernel.is_wsl;
    if by("Amazon EC2") {
        Some(
            "Amazon's clock is that of the network card (ENA), on some instance types only, and off by default: sudo devlink dev param set pci/ADDRESS name enable_phc value true cmode driverinit",
        )
    } else if facts.hypervisor.is_kvm() == Some(true) {
        None
    } else if signed("Microsoft Hv") || hyper_v {
        Some("Hyper-V's clock comes with the kernel's hv_utils driver (Linux 4.11 and newer)")
    } else if signed("VMwareVMware") || by("VMware") {
        Some("VMware's comes with ptp_vmw, and only where the machine was given a precision clock")
    } else if signed("XenVMMXenVMM") || facts.hypervisor.kernel.as_deref() == Some("xen") {
        Some("Xen offers no clock that hostclock knows")
    } else if signed("TCGTCGTCGTCG") {
        Some("QEMU gives a clock only with KVM: start it with -accel kvm, if its host can")
    } else {
        None
    }
}

/// Whether the device that was chosen can be opened.
fn node(facts: &Facts, index: usize) -> Option<Finding> {
    let device = facts.devices.get(index)?;
    let Some(Some((user, group, mode))) = facts.nodes.get(index) else {
        return Some(
            Finding::new("device", Problem, format!("there is no node {}", device.path))
                .because("sysfs shows the device, /dev doesn't: a container without it, or no udev")
                .fixed_by(format!("docker run --device {} …, or in Kubernetes a device plugin", device.path)),
        );
    };
    let live = facts.live.as_ref()?;
    let why = live.no_source.as_ref()?;
    let finding = |severity| Finding::new("permission", severity, why.clone());
    let owned = format!("it belongs to user {user} and group {group}, mode {mode:04o}");
    Some(if live.user == 0 {
        finding(Problem).because(owned)
    } else {
        finding(Unseen)
            .because(format!("{owned}; the daemon may have more rights than you"))
            .fixed_by("sudo hostclock doctor")
    })
}

/// Whether the service's user may not read it: a daemon that has it open goes on until it starts again.
fn denied(live: &Live) -> Option<Finding> {
    let why = live.denied_device.clone()?;
    let is_open = live.daemon.as_ref().is_ok_and(|status| is_right(status));
    let severity = if is_open { Warning } else { Problem };
    let finding = Finding::new("permission", severity, why);
    Some(if is_open {
        finding.because("the daemon that runs has opened it before, or is another user's; the next start of the service fails")
    } else {
        finding
    })
}
