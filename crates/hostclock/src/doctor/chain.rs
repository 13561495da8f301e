//! From the hypervisor to a reading of its clock: what it is, the module, the devices, the clocksource, the methods.

use hostclock_core::source::{Kind, choose};
use hostclock_linux::hypervisor::Hypervisor;
use hostclock_linux::module::{Outcome, Presence};

use super::Finding;
use super::Severity::{Note, Ok as Fine, Problem, Unseen, Warning};
use super::facts::{Facts, Live, Measured};
use crate::config::ConfidentialGuest;

/// Signatures in the hypervisor's cpuid leaves, and who signs so. (Each vendor's documentation; the list of
/// systemd's src/basic/virt.c, version 252, has the same.)
const SIGNATURES: [(&str, &str); 10] = [
    ("KVMKVMKVM", "KVM"),
    ("Microsoft Hv", "Hyper-V"),
    ("VMwareVMware", "VMware"),
    ("XenVMMXenVMM", "Xen"),
    ("VBoxVBoxVBox", "VirtualBox"),
    ("TCGTCGTCGTCG", "QEMU without KVM: it emulates the processor"),
    ("bhyve bhyve ", "bhyve"),
    ("QNXQVMBSQG", "QNX"),
    ("ACRNACRNACRN", "ACRN"),
    ("SRESRESRESRE", "LMHS"),
];

/// The findings, in the order of the chain.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = vec![hypervisor(&facts.hypervisor)];
    found.extend(confidential(facts));
    found.extend(module(facts));
    found.extend(devices(facts));
    found.extend(clocksource(facts));
    if let Some(live) = &facts.live {
        found.extend(methods(live));
    }
    found
}

fn hypervisor(hypervisor: &Hypervisor) -> Finding {
    let firmware = hypervisor
        .firmware
        .as_ref()
        .map(|(vendor, product)| format!(" ({})", format!("{vendor} {product}").trim()))
        .unwrap_or_default();
    if !hypervisor.is_there() {
        return Finding::new("hypervisor", Warning, format!("none is seen{firmware}"))
            .because("a machine of metal has no host whose clock it could follow; a hypervisor that hides itself has none to offer");
    }
    let known = |signature: &String| {
        let name = SIGNATURES.iter().find(|(known, _)| known == signature).map(|(_, name)| *name);
        name.map_or_else(|| format!("\"{signature}\""), str::to_owned)
    };
    let names: Vec<String> = hypervisor.signatures.iter().map(known).collect();
    let name = if !names.is_empty() {
        // KVM that pretends to be another for the guest's sake is KVM.
        names.last().cloned().unwrap_or_default()
    } else if let Some(compatible) = &hypervisor.device_tree {
        compatible.clone()
    } else {
        hypervisor.kernel.clone().unwrap_or_else(|| "a hypervisor".to_owned())
    };
    Finding::new("hypervisor", Fine, format!("{name}{firmware}"))
}

fn confidential(facts: &Facts) -> Option<Finding> {
    let name = facts.confidential?.name();
    let what = format!("this is a confidential guest ({name}), which does not trust its host");
    Some(match facts.config.confidential_guest {
        ConfidentialGuest::Follow => Finding::new("trust", Note, what)
            .because("it follows the host's clock all the same, as confidential-guest = \"follow\" says"),
        ConfidentialGuest::Refuse => Finding::new("trust", Problem, what)
            .because(
                "who owns the host could set this machine's clock, and with it what counts as expired: `hostclock \
                 run` refuses to",
            )
            .mended_by("chronyd with authenticated servers (NTS) instead")
            .mended_by("confidential-guest = \"follow\" in /etc/hostclock/hostclock.toml, if the host's clock is trusted"),
    })
}

/// Whether a device of this kind is there.
fn has(facts: &Facts, kind: Kind) -> bool {
    facts.devices.iter().any(|device| Kind::of(&device.clock_name) == kind)
}

/// Whether any device gives the host's time.
fn has_any(facts: &Facts) -> bool {
    choose(&facts.devices, &facts.config.source).is_ok()
}

/// The module matters where the hypervisor may be KVM.
fn module(facts: &Facts) -> Option<Finding> {
    if has(facts, Kind::Kvm) {
        let how = if facts.ptp_kvm == Presence::BuiltIn { "built into the kernel" } else { "loaded" };
        return Some(Finding::new("module", Fine, format!("ptp_kvm is {how}")));
    }
    let relevant = facts.hypervisor.is_kvm().unwrap_or_else(|| facts.hypervisor.is_there());
    if !relevant {
        return None;
    }
    let severity = if has_any(facts) { Note } else { Problem };
    let new = |what: &str| Finding::new("module", severity, what);
    let kernel = facts.release.as_deref().unwrap_or("of this machine");
    Some(match (&facts.loading, &facts.ptp_kvm) {
        (Some(Outcome::Refused(reason)), _) => {
            refused(facts, new(&format!("ptp_kvm can't be loaded: {reason}")))
        }
        (Some(Outcome::NotPermitted), _) => {
            new("ptp_kvm can't be loaded: not permitted").because("it takes root").mended_by("sudo modprobe ptp_kvm")
        }
        (_, Presence::Loaded | Presence::BuiltIn) => {
            refused(facts, new("ptp_kvm is there, and has made no device"))
        }
        (_, Presence::Loadable(_)) => new("ptp_kvm is not loaded")
            .because("nothing loads it by itself: the module has no alias. `hostclock run` does where it may; `hostclock doctor --load-module` tells why the kernel refuses, if it does")
            .mended_by("sudo modprobe ptp_kvm && echo ptp_kvm | sudo tee /etc/modules-load.d/ptp_kvm.conf"),
        (_, Presence::Forbidden(file)) => new(&format!("ptp_kvm is not loaded, because {} forbids it", file.display()))
            .mended_by(format!("remove ptp_kvm from {}, then: sudo modprobe ptp_kvm", file.display())),
        (_, Presence::Absent) => {
            let finding = new(&format!("the kernel {kernel} has no module ptp_kvm"));
            match package(facts, kernel) {
                Some((why, command)) => finding.because(why).mended_by(command),
                None => finding.because("it was built without CONFIG_PTP_1588_CLOCK_KVM, or its modules aren't installed"),
            }
        }
    })
}

/// Why the host refuses: the driver gives one errno for several reasons (`kvm_arch_ptp_init`,
/// drivers/ptp/ptp_kvm_x86.c, Linux 6.1), which the machine's other facts tell apart.
fn refused(facts: &Facts, finding: Finding) -> Finding {
    if facts.hypervisor.is_kvm() == Some(false) {
        return finding
            .because("this is no KVM guest: what its hypervisor offers, if anything, is another device");
    }
    if facts.hypervisor.device_tree.is_none() && !facts.clocksources.iter().any(|name| name == "kvm-clock") {
        return finding
            .because("the guest has no kvm-clock, which the driver needs: the hypervisor hides it, or the kernel was started with no-kvmclock")
            .mended_by("start the guest without -kvmclock among its CPU flags, and without no-kvmclock on its kernel's command line");
    }
    finding
        .because(
            "the host refuses to tell its time: it can only where its own clocksource is the TSC (on Arm the \
             architected counter), which it isn't on a host that is itself a virtual machine on kvm-clock (nested), or \
             whose TSC was found unstable",
        )
        .mended_by("on the host: cat /sys/devices/system/clocksource/clocksource0/current_clocksource; if tsc is available there: echo tsc | sudo tee that file")
        .mended_by("else an NTP client in this guest, such as chronyd: there is no clock of the host's to follow")
}

/// The package that has the module, where the distribution puts it in one that images leave out.
fn package(facts: &Facts, kernel: &str) -> Option<(&'static str, String)> {
    const LEFT_OUT: &str = "this kernel's package leaves modules out that another one has";
    let distribution = &facts.distribution;
    if distribution.is("ubuntu") {
        Some((LEFT_OUT, format!("sudo apt install linux-modules-extra-{kernel}")))
    } else if distribution.is("debian") {
        Some((
            "Debian's own kernels have it",
            "sudo apt install linux-image-cloud-amd64, and reboot into it".to_owned(),
        ))
    } else if distribution.is("fedora") || distribution.is("rhel") {
        Some((LEFT_OUT, format!("sudo dnf install kernel-modules-{kernel}")))
    } else if distribution.is("suse") {
        Some((
            "kernel-default has it, kernel-default-base may not",
            "sudo zypper install kernel-default".to_owned(),
        ))
    } else if distribution.is("alpine") {
        Some((
            "Alpine's linux-virt and linux-lts have it",
            "doas apk add linux-virt, and reboot into it".to_owned(),
        ))
    } else {
        None
    }
}

fn devices(facts: &Facts) -> Vec<Finding> {
    let choice = choose(&facts.devices, &facts.config.source);
    let chosen = choice.as_ref().ok().map(|choice| choice.index);
    let mut found = Vec::new();
    for (index, device) in facts.devices.iter().enumerate() {
        let name = format!("{} is \"{}\"", device.path, device.clock_name);
        let kind = Kind::of(&device.clock_name);
        if chosen == Some(index) {
            found.push(Finding::new("device", Fine, format!("{name}: the one that is read")));
            found.extend(node(facts, index));
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
        let known = facts.hypervisor.is_kvm() != Some(false);
        let finding = Finding::new("device", Problem, reason);
        found.push(match other_clock(facts).filter(|_| !known) {
            Some(other) => finding.because(other),
            None => finding,
        });
    }
    found
}

/// What a hypervisor that isn't KVM has to offer.
fn other_clock(facts: &Facts) -> Option<&'static str> {
    let signed = |signature: &str| facts.hypervisor.signatures.iter().any(|found| found == signature);
    if signed("Microsoft Hv") {
        Some("Hyper-V's clock comes with the kernel's hv_utils driver (Linux 4.14 and newer)")
    } else if signed("VMwareVMware") {
        Some("VMware's comes with ptp_vmw, and only where the machine was given a precision clock")
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
                .mended_by(format!(
                    "docker run --device {} …, or in Kubernetes a device plugin",
                    device.path
                )),
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
            .mended_by("sudo hostclock doctor")
    })
}

fn clocksource(facts: &Facts) -> Option<Finding> {
    const SWITCH: &str = "echo kvm-clock | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource, and clocksource=kvm-clock on the kernel's command line";
    let current = facts.clocksource.as_deref()?;
    let only_kvm = choose(&facts.devices, &facts.config.source).is_ok_and(|choice| choice.kind == Kind::Kvm);
    let new = |severity, what: String| Finding::new("clocksource", severity, what);
    Some(match current {
        "tsc" if only_kvm && facts.clocksources.iter().any(|name| name == "kvm-clock") => {
            new(Note, "tsc: ptp_kvm gives no precise cross timestamp with it, only brackets of a microsecond or so".to_owned())
                .because("the kernel prefers a TSC that it trusts; kvm-clock lets the host and this machine be compared to nanoseconds")
                .mended_by(SWITCH)
        }
        "kvm-clock" | "arch_sys_counter" | "tsc" | "hyperv_clocksource_tsc_page" => new(Fine, current.to_owned()),
        other => new(Warning, format!("{other}: slow to read, and no cross timestamp works with it"))
            .because("the kernel found the TSC unstable, or was told so on its command line"),
    })
}

fn methods(live: &Live) -> Vec<Finding> {
    let works = live.methods.iter().any(|(_, outcome)| outcome.is_ok());
    let mut best = true;
    live.methods
        .iter()
        .map(|(method, outcome)| match outcome {
            Ok(Measured { uncertainty_ns, scatter_ns, offset_ns }) => {
                let used = if std::mem::take(&mut best) { ", the one in use" } else { "" };
                let what = format!(
                    "{method}: at most {} wrong, scatter {}{used}",
                    crate::status::words::bound(*uncertainty_ns),
                    crate::status::words::amount(*scatter_ns)
                );
                let finding = Finding::new("reading", Fine, what);
                if used.is_empty() {
                    finding
                } else {
                    finding.because(format!("the clock is {}", crate::status::words::from_host(*offset_ns)))
                }
            }
            Err(failure) => {
                let severity = if works { Note } else { Problem };
                Finding::new("reading", severity, format!("{method}: {}", failure.explanation(*method)))
            }
        })
        .collect()
}
