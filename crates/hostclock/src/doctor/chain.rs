//! From the hypervisor to a reading of its clock: what it is, the module, the devices, the clocksource, the methods.

mod device;
mod module;

use hostclock_core::source::{Kind, choose};
use hostclock_linux::hypervisor::Hypervisor;

use super::Finding;
use super::Severity::{Note, Ok as Fine, Problem, Warning};
use super::facts::{Facts, Live, Measured};
use crate::config::ConfidentialGuest;
pub(super) use device::can_be_read;
pub(super) use module::may_come;

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
    found.extend(module::findings(facts));
    found.extend(device::findings(facts));
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
        .map(|(vendor, product)| {
            // "Google Compute Engine" is Google's.
            let maker = if product.starts_with(vendor.as_str()) { "" } else { vendor.as_str() };
            format!(" ({})", format!("{maker} {product}").trim())
        })
        .unwrap_or_default();
    if !hypervisor.is_there() {
        return Finding::new("hypervisor", Warning, format!("none is seen{firmware}"))
            .because("a physical machine has no host whose clock it could follow; a hypervisor that hides itself has none to offer");
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
            .fixed_by("chronyd with authenticated servers (NTS) instead")
            .fixed_by("confidential-guest = \"follow\" in /etc/hostclock/hostclock.toml, if the host's clock is trusted"),
    })
}

fn clocksource(facts: &Facts) -> Option<Finding> {
    const SWITCH: &str = "echo kvm-clock | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource, and clocksource=kvm-clock on the kernel's command line";
    let current = facts.clocksource.as_deref()?;
    let only_kvm = choose(&facts.devices, &facts.config.source).is_ok_and(|choice| choice.kind == Kind::Kvm);
    let new = |severity, what: String| Finding::new("clocksource", severity, what);
    Some(match current {
        "tsc" if only_kvm && facts.clocksources.iter().any(|name| name == "kvm-clock") => {
            new(Note, "tsc: ptp_kvm gives no precise cross timestamp with it, only bracketed readings of a microsecond or so".to_owned())
                .because("the kernel prefers a TSC that it trusts; kvm-clock lets the host and this machine be compared to nanoseconds")
                .fixed_by(SWITCH)
        }
        "kvm-clock" | "arch_sys_counter" | "tsc" | "hyperv_clocksource_tsc_page" | "xen" => new(Fine, current.to_owned()),
        other => new(Warning, format!("{other}: slow to read, and no cross timestamp works with it"))
            .because("the kernel found the TSC unstable, or its command line says so"),
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
