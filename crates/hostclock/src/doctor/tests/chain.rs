//! From the hypervisor to a reading.

use super::*;

#[test]
fn a_module_that_nobody_loaded_is_named_with_the_command() {
    let diagnosis = Tree::guest("unloaded").diagnosis();
    assert_eq!(diagnosis.severity, Severity::Problem);
    assert_eq!(about(&diagnosis, "module"), ["PROBLEM ptp_kvm is not loaded"]);
    assert!(remedies(&diagnosis, "module").contains("sudo modprobe ptp_kvm"));
}

#[test]
fn a_module_that_the_kernel_lacks_is_named_with_the_distributions_package() {
    for (id, release, package) in [
        ("debian", "6.1.0-30-cloud-amd64", "linux-image-cloud-amd64"),
        ("debian", "6.12.41+deb13-cloud-arm64", "linux-image-cloud-arm64"),
        ("ubuntu", "6.8.0-60-generic", "linux-modules-extra-6.8.0-60-generic"),
        ("fedora", "6.15.4-200.fc42.x86_64", "kernel-modules-6.15.4-200.fc42.x86_64"),
    ] {
        let tree = Tree::guest(&format!("absent-{release}"));
        fs::remove_dir_all(tree.0.join("lib/modules")).expect("removed");
        tree.file("etc/os-release", &format!("ID={id}\n"))
            .file("proc/sys/kernel/osrelease", &format!("{release}\n"));
        let diagnosis = tree.diagnosis();
        assert_eq!(
            about(&diagnosis, "module"),
            [format!("PROBLEM the kernel {release} has no module ptp_kvm")]
        );
        assert!(remedies(&diagnosis, "module").contains(package), "{}", remedies(&diagnosis, "module"));
    }
}

#[test]
fn a_kernel_that_is_no_package_of_the_system_is_its_builders() {
    // A Firecracker microVM whose files are those of a container image.
    let tree = Tree::guest("microvm");
    fs::remove_dir_all(tree.0.join("lib/modules")).expect("removed");
    tree.file("proc/sys/kernel/osrelease", "6.18.44-fc\n");
    let remedy = |tree: &Tree| remedies(&tree.diagnosis(), "module");
    assert!(
        remedy(&tree).contains("the kernel's builder sets CONFIG_PTP_1588_CLOCK_KVM=y"),
        "{}",
        remedy(&tree)
    );
    assert!(!remedy(&tree).contains("config.gz") && !remedy(&tree).contains("apt"));
    // Also where it is called like the distribution's.
    tree.file("proc/sys/kernel/osrelease", "6.1.0-30-cloud-amd64\n").file("proc/config.gz", "");
    assert!(remedy(&tree).contains("`zcat /proc/config.gz | grep PTP`"), "{}", remedy(&tree));
    assert!(!remedy(&tree).contains("apt"));
    assert!(remedies(&tree.diagnosis(), "device").contains("an NTP client such as chronyd is right here"));
}

#[test]
fn a_kernel_that_was_updated_since_the_start_needs_a_reboot() {
    let tree = Tree::guest("updated");
    fs::remove_dir_all(tree.0.join("lib/modules")).expect("removed");
    tree.file("etc/os-release", "ID=arch\n").file("proc/config.gz", "");
    tree.file("lib/modules/6.16.1-arch1-1/modules.dep", "");
    assert!(remedies(&tree.diagnosis(), "module").ends_with("sudo reboot, if the kernel was updated"));
}

#[test]
fn a_vmclock_that_no_driver_serves_is_named() {
    let tree = Tree::guest("vmclock");
    tree.file("sys/bus/acpi/devices/AMZNC10C:00/hid", "AMZNC10C\n");
    let offers = "the hypervisor offers vmclock (ACPI AMZNC10C), and";
    let second = |tree: &Tree| about(&tree.diagnosis(), "module").pop().expect("one");
    assert_eq!(second(&tree), format!("PROBLEM {offers} this kernel has no driver for it"));
    tree.file("lib/modules/6.1.0-30-cloud-amd64/kernel/drivers/ptp/ptp_vmclock.ko", "");
    assert_eq!(second(&tree), format!("PROBLEM {offers} ptp_vmclock is not loaded"));
    tree.device(0, "KVM virtual PTP");
    assert_eq!(second(&tree), format!("note {offers} ptp_vmclock is not loaded"), "there is another clock");
    tree.device(1, "vmclock0");
    assert_eq!(about(&tree.diagnosis(), "module").len(), 1);
}

#[test]
fn nixos_is_told_to_load_the_module_by_its_configuration() {
    let tree = Tree::guest("nixos");
    fs::rename(tree.0.join("lib/modules"), tree.0.join("modules")).expect("moved");
    tree.file("etc/os-release", "ID=nixos\n")
        .link("run/booted-system/kernel-modules/lib/modules", "../../../../modules");
    assert_eq!(about(&tree.diagnosis(), "module"), ["PROBLEM ptp_kvm is not loaded"]);
    assert!(remedies(&tree.diagnosis(), "module").contains("boot.kernelModules = [ \"ptp_kvm\" ];"));
}

#[test]
fn ptp_kvm_is_of_no_interest_where_the_firmware_names_another_hypervisor() {
    for vendor in ["Microsoft Corporation", "VMware, Inc.", "Xen"] {
        let tree = Tree::guest(&format!("another-{}", &vendor[..3]));
        tree.file("sys/class/dmi/id/sys_vendor", &format!("{vendor}\n"));
        assert_eq!(about(&tree.diagnosis(), "module"), [""; 0], "{vendor}");
        assert_eq!(about(&tree.diagnosis(), "device"), ["PROBLEM this machine has no PTP device"]);
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
    facts.kernel.loading = Some(Outcome::Refused("loading ptp_kvm.ko: Operation not supported".to_owned()));
    let reasons = |facts: &Facts| remedies(&judge(facts), "module");
    assert!(reasons(&facts).contains("on a host that is itself a virtual machine on kvm-clock (nested)"));
    assert_eq!(
        about(&judge(&facts), "module"),
        ["PROBLEM ptp_kvm can't be loaded: loading ptp_kvm.ko: Operation not supported"]
    );
    facts.clocksources = vec!["tsc".to_owned()];
    assert!(reasons(&facts).contains("the guest has no kvm-clock"));
    facts.hypervisor.signatures = vec!["VMwareVMware".to_owned()];
    facts.kernel.ptp_kvm = hostclock_linux::module::Presence::Loadable(PathBuf::new());
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
fn a_guest_that_counts_with_the_tsc_is_told_what_it_loses() {
    let tree = Tree::with_clock("tsc");
    tree.file("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
    assert!(about(&tree.diagnosis(), "clocksource")[0].starts_with("note tsc: ptp_kvm gives no precise"));
}
