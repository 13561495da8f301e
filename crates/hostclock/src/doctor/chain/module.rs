//! The kernel's drivers of the hypervisor's clocks: ptp_kvm, which nothing loads by itself, and vmclock's. Where there
//! is neither: why not, and who can change that.

use hostclock_core::source::Kind;
use hostclock_linux::module::{Outcome, Presence};

use super::super::Finding;
use super::super::Severity::{Note, Ok as Fine, Problem};
use super::super::facts::Facts;
use super::device::{can_be_read, has};

/// The findings of the drivers that matter here.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    kvm(facts).into_iter().chain(vmclock(facts)).collect()
}

/// Whether ptp_kvm may work here: the hypervisor is KVM, or nothing says which it is.
fn may_be_kvm(facts: &Facts) -> bool {
    /// Makers of machines, by their firmware, that don't run KVM.
    const OTHERS: [&str; 6] = ["Microsoft Corporation", "VMware", "Xen", "innotek", "Parallels", "Apple"];
    facts.hypervisor.is_kvm().unwrap_or_else(|| {
        let another = |vendor: &str| OTHERS.iter().any(|other| vendor.starts_with(other));
        facts.hypervisor.is_there()
            && !facts.kernel.is_wsl
            && facts.hypervisor.kernel.as_deref() != Some("xen")
            && !facts.hypervisor.firmware.as_ref().is_some_and(|(vendor, _)| another(vendor))
    })
}

/// Whether one command may bring a device to a machine that has none.
pub(in super::super) fn may_come(facts: &Facts) -> bool {
    let kernel = &facts.kernel;
    let can = |presence: &Presence| matches!(presence, Presence::Loadable(_) | Presence::Forbidden(_));
    let refused = matches!(kernel.loading, Some(Outcome::Refused(_)));
    (may_be_kvm(facts) && can(&kernel.ptp_kvm) && !refused)
        || (kernel.offers_vmclock && can(&kernel.ptp_vmclock))
}

fn kvm(facts: &Facts) -> Option<Finding> {
    let (kernel, ptp_kvm) = (&facts.kernel, &facts.kernel.ptp_kvm);
    if has(facts, Kind::Kvm) {
        let how = if *ptp_kvm == Presence::BuiltIn { "built into the kernel" } else { "loaded" };
        return Some(Finding::new("module", Fine, format!("ptp_kvm is {how}")));
    }
    if !may_be_kvm(facts) {
        return None;
    }
    let severity = if can_be_read(facts) { Note } else { Problem };
    let new = |what: &str| Finding::new("module", severity, what);
    let release = kernel.release.as_deref().unwrap_or("of this machine");
    Some(match (&kernel.loading, ptp_kvm) {
        (Some(Outcome::Refused(reason)), _) => {
            refused(facts, new(&format!("ptp_kvm can't be loaded: {reason}")))
        }
        (Some(Outcome::NotPermitted), _) => {
            new("ptp_kvm can't be loaded: not permitted").because("it takes root").fixed_by("sudo modprobe ptp_kvm")
        }
        (_, Presence::Loaded | Presence::BuiltIn) => {
            refused(facts, new("ptp_kvm is there, and has made no device"))
        }
        (_, Presence::Loadable(_)) => new("ptp_kvm is not loaded")
            .because("nothing loads it by itself: the module has no alias. `hostclock run` does where it may; `hostclock doctor --load-module` shows why the kernel refuses, if it does")
            .fixed_by(load(facts)),
        (_, Presence::Forbidden(file)) => new(&format!("ptp_kvm is not loaded, because {} forbids it", file.display()))
            .fixed_by(format!("remove ptp_kvm from {}, then: sudo modprobe ptp_kvm", file.display())),
        (_, Presence::Absent) => absent(facts, new(&format!("the kernel {release} has no module ptp_kvm")), release),
    })
}

/// How the module is loaded, now and at each start.
fn load(facts: &Facts) -> &'static str {
    if facts.distribution.is("nixos") {
        "sudo modprobe ptp_kvm, and boot.kernelModules = [ \"ptp_kvm\" ]; in the system's configuration"
    } else {
        "sudo modprobe ptp_kvm && echo ptp_kvm | sudo tee /etc/modules-load.d/ptp_kvm.conf"
    }
}

/// A kernel without the module: a package of the distribution brings it, or the kernel has to be built with it.
fn absent(facts: &Facts, finding: Finding, release: &str) -> Finding {
    let kernel = &facts.kernel;
    let from_outside = !kernel.modules_installed && !kernel.any_modules_installed;
    if from_outside && facts.isolation.container.is_some() {
        return finding
            .because(
                "a container has no modules of its own, and those of its machine can't be seen from here",
            )
            .fixed_by("on the machine itself: sudo modprobe ptp_kvm");
    }
    // A distribution's kernel that shows its configuration may be started from outside all the same.
    let package = package(facts, release).filter(|_| !(from_outside && kernel.shows_configuration));
    if let Some((why, command)) = package {
        return finding.because(why).fixed_by(command);
    }
    if kernel.modules_installed {
        return finding
            .because("it was built without CONFIG_PTP_1588_CLOCK_KVM, or its modules aren't all installed");
    }
    if kernel.any_modules_installed {
        return finding
            .because(format!("there is no /lib/modules/{release}, and there are modules of another kernel: the kernel was updated since the start, or comes from outside"))
            .fixed_by("sudo reboot, if the kernel was updated");
    }
    let shown = if kernel.shows_configuration {
        "; `zcat /proc/config.gz | grep PTP` shows how it was built"
    } else {
        ""
    };
    finding
        .because(format!(
            "the kernel is no package of this system (there is no /lib/modules/{release}): it comes from outside, \
             with the machine{shown}"
        ))
        .fixed_by("the kernel's builder sets CONFIG_PTP_1588_CLOCK_KVM=y, and CONFIG_PTP_1588_CLOCK_VMCLOCK=y (Linux 6.13 and newer)")
}

/// A vmclock that the hypervisor offers and no driver serves.
fn vmclock(facts: &Facts) -> Option<Finding> {
    let kernel = &facts.kernel;
    if !kernel.offers_vmclock || !facts.vmclocks.is_empty() || has(facts, Kind::Vmclock) {
        return None;
    }
    let severity = if can_be_read(facts) { Note } else { Problem };
    let new = |what: &str| {
        Finding::new("module", severity, format!("the hypervisor offers vmclock (ACPI AMZNC10C), and {what}"))
    };
    Some(match &kernel.ptp_vmclock {
        Presence::Loadable(_) => new("ptp_vmclock is not loaded").fixed_by("sudo modprobe ptp_vmclock"),
        Presence::Forbidden(file) => new(&format!("{} forbids its driver", file.display()))
            .fixed_by(format!("remove ptp_vmclock from {}, then: sudo modprobe ptp_vmclock", file.display())),
        Presence::Loaded | Presence::BuiltIn => new("its driver has made no device")
            .because("the kernel's log says why: sudo dmesg | grep -i vmclock"),
        Presence::Absent => new("this kernel has no driver for it")
            .because("the driver is in Linux 6.13 and newer: CONFIG_PTP_1588_CLOCK_VMCLOCK"),
    })
}

/// Why the host refuses: the driver gives one errno for several reasons (`kvm_arch_ptp_init`,
/// drivers/ptp/ptp_kvm_x86.c, Linux 6.1), which the machine's other facts tell apart.
fn refused(facts: &Facts, finding: Finding) -> Finding {
    if facts.hypervisor.device_tree.is_none() && !facts.clocksources.iter().any(|name| name == "kvm-clock") {
        return finding
            .because("the guest has no kvm-clock, which the driver needs: the hypervisor hides it, or the kernel was started with no-kvmclock")
            .fixed_by("start the guest without -kvmclock among its CPU flags, and without no-kvmclock on its kernel's command line");
    }
    finding
        .because(
            "the host refuses to tell its time: it can only where its own clocksource is the TSC (on Arm the \
             architected counter), which it isn't on a host that is itself a virtual machine on kvm-clock (nested), or \
             whose TSC was found unstable",
        )
        .fixed_by("on the host: cat /sys/devices/system/clocksource/clocksource0/current_clocksource; if tsc is available there: echo tsc | sudo tee that file")
}

/// The package that has the module, where the distribution puts it in one that images leave out; for a kernel of that
/// distribution, by its release.
fn package(facts: &Facts, release: &str) -> Option<(&'static str, String)> {
    const LEFT_OUT: &str = "this kernel's package leaves modules out that another one has";
    let distribution = &facts.distribution;
    let has = |marks: &[&str]| marks.iter().any(|mark| release.contains(mark));
    if distribution.is("ubuntu") {
        // 6.8.0-60-generic, 6.8.0-1031-azure; and no 6.6.87.2-microsoft-standard-WSL2.
        let abi = release.split('-').nth(1).is_some_and(|abi| abi.parse::<u32>().is_ok());
        abi.then(|| (LEFT_OUT, format!("sudo apt install linux-modules-extra-{release}")))
    } else if distribution.is("debian") {
        let architecture = if release.ends_with("arm64") { "arm64" } else { "amd64" };
        has(&["-amd64", "-arm64"]).then(|| {
            (
                "Debian's own kernels have it",
                format!("sudo apt install linux-image-cloud-{architecture}, and reboot into it"),
            )
        })
    } else if distribution.is("fedora") || distribution.is("rhel") {
        has(&[".fc", ".el"]).then(|| (LEFT_OUT, format!("sudo dnf install kernel-modules-{release}")))
    } else if distribution.is("suse") {
        has(&["-default"]).then(|| {
            (
                "kernel-default has it, kernel-default-base may not",
                "sudo zypper install kernel-default".to_owned(),
            )
        })
    } else if distribution.is("alpine") {
        has(&["-virt", "-lts"]).then(|| {
            (
                "Alpine's linux-virt and linux-lts have it",
                "doas apk add linux-virt, and reboot into it".to_owned(),
            )
        })
    } else {
        None
    }
}
