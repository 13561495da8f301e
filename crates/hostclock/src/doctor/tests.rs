//! Machines made by hand, each with one thing amiss: the doctor names it.

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

/// What a running machine says on which nothing is amiss but that no daemon runs.
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

#[test]
fn a_guest_that_has_everything_has_nothing_amiss() {
    let diagnosis = Tree::with_clock("fine").diagnosis();
    assert!(diagnosis.severity <= Severity::Note, "{}", diagnosis.text());
    assert_eq!(about(&diagnosis, "device"), ["ok /dev/ptp0 is \"KVM virtual PTP\": the one that is read"]);
    assert_eq!(about(&diagnosis, "module"), ["ok ptp_kvm is loaded"]);
    assert!(diagnosis.text().ends_with("\nNothing is amiss.\n"));
}

#[test]
fn a_module_that_nobody_loaded_is_named_with_the_command() {
    let diagnosis = Tree::guest("unloaded").diagnosis();
    assert_eq!(diagnosis.severity, Severity::Problem);
    assert_eq!(about(&diagnosis, "module"), ["PROBLEM ptp_kvm is not loaded"]);
    assert!(remedies(&diagnosis, "module").contains("sudo modprobe ptp_kvm"));
}

#[test]
fn a_module_that_the_kernel_lacks_is_named_with_the_distributions_package() {
    for (id, package) in [
        ("debian", "linux-image-cloud-amd64"),
        ("ubuntu", "linux-modules-extra-6.1.0-30-cloud-amd64"),
        ("fedora", "kernel-modules-6.1.0-30-cloud-amd64"),
        ("void", "CONFIG_PTP_1588_CLOCK_KVM"),
    ] {
        let tree = Tree::guest(&format!("absent-{id}"));
        fs::remove_dir_all(tree.0.join("lib/modules")).expect("removed");
        tree.file("etc/os-release", &format!("ID={id}\n"));
        let diagnosis = tree.diagnosis();
        assert_eq!(
            about(&diagnosis, "module"),
            ["PROBLEM the kernel 6.1.0-30-cloud-amd64 has no module ptp_kvm"]
        );
        assert!(remedies(&diagnosis, "module").contains(package), "{}", remedies(&diagnosis, "module"));
    }
}

#[test]
fn a_module_that_the_administrator_forbids_is_named_with_the_file() {
    let tree = Tree::guest("forbidden");
    tree.file("etc/modprobe.d/no.conf", "blacklist ptp_kvm\n");
    assert!(about(&tree.diagnosis(), "module")[0].contains("etc/modprobe.d/no.conf forbids it"));
}

#[test]
fn a_host_that_refuses_is_told_from_a_guest_without_kvm_clock_and_from_another_hypervisor() {
    let tree = Tree::guest("refused");
    let mut facts = tree.facts();
    facts.loading = Some(Outcome::Refused("loading ptp_kvm.ko: Operation not supported".to_owned()));
    let reasons = |facts: &Facts| remedies(&judge(facts), "module");
    assert!(reasons(&facts).contains("on a host that is itself a virtual machine on kvm-clock (nested)"));
    assert_eq!(
        about(&judge(&facts), "module"),
        ["PROBLEM ptp_kvm can't be loaded: loading ptp_kvm.ko: Operation not supported"]
    );
    facts.clocksources = vec!["tsc".to_owned()];
    assert!(reasons(&facts).contains("the guest has no kvm-clock"));
    facts.hypervisor.signatures = vec!["VMwareVMware".to_owned()];
    facts.ptp_kvm = hostclock_linux::module::Presence::Loadable(PathBuf::new());
    assert_eq!(reasons(&facts), "", "of no interest on VMware");
    assert!(remedies(&judge(&facts), "device").contains("ptp_vmw"));
}

#[test]
fn a_network_card_that_is_ptp0_is_named_and_not_read() {
    let tree = Tree::guest("nic");
    tree.device(0, "igb").file("sys/class/ptp/ptp0/device/net/eth0/mtu", "");
    let devices = about(&tree.diagnosis(), "device");
    assert!(
        devices[0].starts_with("note /dev/ptp0 is \"igb\": the clock of network card eth0, not the host's")
    );
    assert!(devices[1].starts_with("PROBLEM no PTP device of this machine can be used"), "{devices:?}");
    tree.device(1, "KVM virtual PTP");
    let devices = about(&tree.diagnosis(), "device");
    assert_eq!(devices[1], "ok /dev/ptp1 is \"KVM virtual PTP\": the one that is read");
}

#[test]
fn another_clock_daemon_is_named_while_it_runs_and_while_it_is_enabled() {
    let tree = Tree::with_clock("rival");
    tree.file("usr/lib/systemd/system/systemd-timesyncd.service", "").link(
        "etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service",
        "/usr/lib/systemd/system/systemd-timesyncd.service",
    );
    let diagnosis = tree.diagnosis();
    assert_eq!(
        about(&diagnosis, "rival"),
        ["warning systemd-timesyncd.service is enabled: it starts with the machine"]
    );
    assert!(remedies(&diagnosis, "rival").contains("sudo systemctl disable --now systemd-timesyncd.service"));
    tree.process(300, "systemd-timesyn", "systemd-timesyncd.service");
    let diagnosis = tree.diagnosis();
    assert_eq!(
        about(&diagnosis, "rival"),
        ["PROBLEM systemd-timesyncd (process 300, systemd-timesyncd.service) runs"]
    );
    assert!(remedies(&diagnosis, "rival").contains("sudo hostclock setup"));
}

#[test]
fn missing_permissions_are_told_from_missing_devices() {
    let tree = Tree::with_clock("permission");
    let mut facts = tree.facts();
    let no_source = Some("opening /dev/ptp0: permission denied".to_owned());
    facts.live = Some(Live {
        user: 1000,
        may_adjust: false,
        no_source: no_source.clone(),
        methods: Vec::new(),
        ..live()
    });
    let diagnosis = judge(&facts);
    assert_eq!(
        about(&diagnosis, "permission"),
        [
            "unseen opening /dev/ptp0: permission denied",
            "note this user may not set the clock (no CAP_SYS_TIME)"
        ]
    );
    assert!(remedies(&diagnosis, "permission").contains("sudo hostclock doctor"));
    facts.live = Some(Live { may_adjust: false, ..live() });
    assert_eq!(
        about(&judge(&facts), "permission"),
        ["PROBLEM root, without CAP_SYS_TIME: nobody in here may set the clock"]
    );
    fs::remove_file(tree.0.join("dev/ptp0")).expect("removed");
    assert_eq!(about(&tree.diagnosis(), "device")[1], "PROBLEM there is no node /dev/ptp0");
}

#[test]
fn a_confidential_guest_is_refused_unless_its_configuration_trusts_the_host() {
    let tree = Tree::with_clock("snp");
    tree.file("sys/bus/platform/devices/sev-guest/uevent", "");
    let diagnosis = tree.diagnosis();
    assert_eq!(
        about(&diagnosis, "trust"),
        ["PROBLEM this is a confidential guest (AMD SEV-SNP), which does not trust its host"]
    );
    tree.file("etc/hostclock/hostclock.toml", "confidential-guest = \"follow\"\n");
    assert!(tree.diagnosis().severity <= Severity::Note, "{}", tree.diagnosis().text());
}

#[test]
fn a_mistake_in_the_configuration_is_told_with_its_line() {
    let tree = Tree::with_clock("config");
    tree.file("etc/hostclock/hostclock.toml", "pol = \"1s\"\n");
    let told = about(&tree.diagnosis(), "config");
    assert!(told[0].ends_with("hostclock.toml:1: unknown key `pol`; did you mean `poll`?"), "{told:?}");
}

#[test]
fn a_container_and_a_user_namespace_are_told_apart() {
    let tree = Tree::with_clock("container");
    tree.file("run/systemd/container", "docker\n");
    assert_eq!(about(&tree.diagnosis(), "container"), ["warning this is a container (docker)"]);
    tree.file("proc/self/uid_map", "0 100000 65536\n");
    assert!(about(&tree.diagnosis(), "container")[0].starts_with("PROBLEM this is a user namespace"));
}

#[test]
fn a_running_machine_says_how_good_its_readings_are_and_that_no_daemon_runs() {
    let tree = Tree::with_clock("live");
    let mut facts = tree.facts();
    facts.live = Some(live());
    let diagnosis = judge(&facts);
    assert_eq!(
        about(&diagnosis, "reading"),
        [
            "ok PTP_SYS_OFFSET_PRECISE: at most 1.0 ns wrong, scatter 4.2 ns, the one in use",
            "note PTP_SYS_OFFSET_EXTENDED: the driver or the hypervisor does not offer this method"
        ]
    );
    assert!(about(&diagnosis, "daemon")[0].starts_with("PROBLEM no daemon runs"));
    assert!(remedies(&diagnosis, "daemon").contains("sudo systemctl enable --now hostclock"));
    assert!(about(&diagnosis, "kernel")[0].contains("STA_UNSYNC"));
}

#[test]
fn a_guest_that_counts_with_the_tsc_is_told_what_it_loses() {
    let tree = Tree::with_clock("tsc");
    tree.file("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
    assert!(about(&tree.diagnosis(), "clocksource")[0].starts_with("note tsc: ptp_kvm gives no precise"));
}

#[test]
fn nothing_that_it_says_is_too_wide_or_moves_the_cursor() {
    let tree = Tree::guest("nasty");
    tree.device(0, "a\u{1b}[2Jb").file("sys/class/dmi/id/sys_vendor", "\u{7}Evil\n");
    let text = tree.diagnosis().text();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    for line in text.lines().filter(|line| !line.trim_start().starts_with("=>")) {
        assert!(line.chars().count() <= WIDTH || !line.trim().contains(' '), "{line}");
    }
    let document: serde_json::Value = serde_json::from_str(&tree.diagnosis().json()).expect("JSON");
    assert_eq!((&document["version"], &document["severity"]), (&1.into(), &"problem".into()));
    let finding = &document["findings"][0];
    for key in ["topic", "severity", "what", "why", "fix"] {
        assert!(finding.get(key).is_some(), "{key}");
    }
}

#[test]
fn this_machine_can_be_looked_at() {
    let subject = Subject { root: Path::new("/").to_owned(), load_module: false, socket: None };
    let _ = examine(&subject).text();
}
