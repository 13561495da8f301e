//! Machines made by hand, each with one problem: the doctor names it.

mod chain;
mod machine;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use hostclock_core::adjust::{Health, KernelRate, KernelState};
use hostclock_core::reading::{Failure, Method};
use hostclock_core::units::Duration;
use hostclock_linux::module::Outcome;

use super::facts::{Facts, Live, Measured};
use super::*;
use crate::scratch::Scratch;
use crate::status::client::Trouble;
use crate::status::samples;

/// A machine's tree.
struct Tree(Scratch);

impl Tree {
    /// A Debian guest of KVM, with everything that it needs and nothing else.
    fn guest(name: &str) -> Self {
        let tree = Self(Scratch::new(&format!("doctor-{name}")));
        let Self(files) = &tree;
        files
            .file("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n")
            .file("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu tsc hypervisor\n")
            .file("proc/sys/kernel/osrelease", "6.1.0-30-cloud-amd64\n")
            .file("sys/class/dmi/id/sys_vendor", "QEMU\n")
            .file("sys/devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock\n")
            .file(
                "sys/devices/system/clocksource/clocksource0/available_clocksource",
                "kvm-clock tsc acpi_pm\n",
            )
            .file("lib/modules/6.1.0-30-cloud-amd64/kernel/drivers/ptp/ptp_kvm.ko", "")
            .file("usr/lib/systemd/systemd", "")
            .file("usr/lib/systemd/system/hostclock.service", "")
            .link(
                "etc/systemd/system/multi-user.target.wants/hostclock.service",
                "/usr/lib/systemd/system/hostclock.service",
            );
        tree
    }

    /// The same with ptp_kvm loaded.
    fn with_clock(name: &str) -> Self {
        let tree = Self::guest(name);
        tree.file("proc/modules", "ptp_kvm 12288 0 - Live 0x0\n").device(0, "KVM virtual PTP");
        tree
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        self.0.file(path, text);
        self
    }

    fn link(&self, path: &str, target: &str) -> &Self {
        self.0.link(path, target);
        self
    }

    fn device(&self, number: u32, name: &str) -> &Self {
        self.file(&format!("sys/class/ptp/ptp{number}/clock_name"), &format!("{name}\n"))
            .file(&format!("dev/ptp{number}"), "")
    }

    fn process(&self, pid: u32, comm: &str, unit: &str) -> &Self {
        self.file(&format!("proc/{pid}/comm"), &format!("{comm}\n"))
            .file(&format!("proc/{pid}/cmdline"), &format!("/usr/sbin/{comm}\0"))
            .file(&format!("proc/{pid}/cgroup"), &format!("0::/system.slice/{unit}\n"))
    }

    fn facts(&self) -> Facts {
        Facts::gather(&Subject { root: self.0.path().to_owned(), load_module: false, socket: None })
    }

    fn diagnosis(&self) -> Diagnosis {
        judge(&self.facts())
    }
}

/// What a running machine says whose only problem is that no daemon runs.
fn live() -> Live {
    let health = Health {
        synchronised: false,
        max_error: Duration::from_secs(16),
        est_error: Duration::from_secs(16),
    };
    let good = Ok(Measured { uncertainty_ns: 1.0, scatter_ns: 4.2, offset_ns: -1.2e9 });
    Live {
        user: 0,
        may_adjust: true,
        may_read_log: true,
        kernel: Some(KernelState { rate: KernelRate::NOMINAL, health, tai_offset: 0, status: 0x40 }),
        daemon: Err(Trouble::NoDaemon("there is no socket /run/hostclock/hostclock.sock".to_owned())),
        no_source: None,
        methods: vec![(Method::Precise, good), (Method::Extended, Err(Failure::Unsupported))],
        denied_device: None,
        denied_config: None,
        changed_config: None,
    }
}

/// The findings under `topic`, each as its severity's word and what was found.
fn about(diagnosis: &Diagnosis, topic: &str) -> Vec<String> {
    let on_topic = diagnosis.findings.iter().filter(|finding| finding.topic == topic);
    on_topic.map(|finding| format!("{} {}", finding.severity.word(), finding.what)).collect()
}

/// The reasons and remedies under `topic`.
fn remedies(diagnosis: &Diagnosis, topic: &str) -> String {
    let on_topic = diagnosis.findings.iter().filter(|finding| finding.topic == topic);
    on_topic
        .flat_map(|finding| finding.why.iter().chain(&finding.fix))
        .cloned()
        .collect::<Vec<_>>()
        .join("\n")
}
