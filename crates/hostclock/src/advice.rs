//! What a user is advised to do, where several commands say the same: which program is right where the hypervisor
//! offers no usable clock, and how a device becomes readable for the service.
//!
//! Each text is one line without a full stop, to stand behind another.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hostclock_linux::container::is_wsl;
use hostclock_linux::hypervisor::Hypervisor;
use hostclock_linux::identity::{self, User};
use hostclock_linux::rivals::{self, Role};
use hostclock_linux::{services, udev_rules};

use crate::config::{SERVICE_USER, unreadable_for_service};

/// Which program is right on the machine at `root`, whose hypervisor offers no usable clock.
pub(crate) fn right_program(root: &Path) -> String {
    if is_wsl(root) {
        return "WSL's own chronyd keeps this clock, and is right here".to_owned();
    }
    let enabled = services::enabled_rivals(root).unwrap_or_default();
    if let Some(service) = enabled.iter().find(|name| !name.contains("-wait")) {
        return format!("`{service}` keeps this clock, and is right here");
    }
    let rivals = rivals::find(&root.join("proc"));
    if let Some(rival) = rivals.iter().find(|rival| rival.role == Role::Daemon) {
        return format!("{rival} keeps this clock, and is right here");
    }
    let (vendor, product) = Hypervisor::find(root, false).firmware.unwrap_or_default();
    let client = "an NTP client such as chronyd is right here";
    match vendor.as_str() {
        "Amazon EC2" => format!("{client}, with Amazon's server 169.254.169.123"),
        "Google" => format!("{client}, with Google's server metadata.google.internal"),
        "Microsoft Corporation" if product == "Virtual Machine" => {
            format!(
                "Hyper-V's clock comes with its driver (sudo modprobe hv_utils); where it doesn't, {client}"
            )
        }
        "Apple Inc." => {
            format!("{client}; without a network its refclock RTC reads the Mac's clock, to a second")
        }
        _ => client.to_owned(),
    }
}

/// Why the service's user may not read `device`, a node such as `/dev/ptp0` of the PTP clock `clock_name`, on the
/// system at `root`, and what to do. `None` where it may, and where that can't be known: it takes root.
pub(crate) fn unreadable_device(root: &Path, device: &str, clock_name: &str) -> Option<String> {
    let node = root.join(device.trim_start_matches('/'));
    let why = unreadable_for_service(root, &node)?;
    let metadata = fs::metadata(&node).ok()?;
    let user = User::find(root, SERVICE_USER)?;
    let unit = Service::find(root);
    let mode = metadata.mode() & 0o777;
    let (group_reads, all_read) = (mode & 0o040 != 0, mode & 0o004 != 0);
    if unit.user.as_ref().is_some_and(|other| *other != SERVICE_USER) {
        return None;
    }
    if group_reads && unit.groups.iter().any(|group| group_number(root, group) == Some(metadata.gid())) {
        return None;
    }
    // The mode would permit it: another thing is in the way, which that line names.
    if all_read || (group_reads && user.groups.contains(&metadata.gid())) {
        return Some(why);
    }
    let owner = identity::owner(root, metadata.uid(), metadata.gid());
    let group = owner.split_once(':').map_or("", |(_, group)| group);
    let what =
        format!("group {group}, mode {mode:04o}: the service's user {SERVICE_USER} may not read {device}");
    let number = |group: &str| group.parse().ok().or_else(|| group_number(root, group));
    let decision = udev_rules::decides(root, device.trim_start_matches("/dev/"), clock_name);
    let Some(decision) = decision else {
        return Some(format!(
            "{what}, and no udev rule says who may: {}",
            if root.join("etc/udev").exists() || root.join("usr/lib/udev").exists() {
                "`sudo hostclock setup` adds one"
            } else {
                "have whatever makes the devices give it to group hostclock, mode 0640"
            }
        ));
    };
    let place = format!("{}:{}", decision.file.display(), decision.line);
    if decision.group.as_deref().and_then(number) != Some(metadata.gid()) {
        // Not by this rule: it is newer than the device, or something changed the node afterwards.
        let gives = decision.group.unwrap_or_else(|| "root".to_owned());
        return Some(format!(
            "{what}, though {place} gives it to group {gives}: sudo udevadm trigger --action=add \
             --subsystem-match=ptp, and if that changes nothing, look for what sets its group"
        ));
    }
    let or = match services::manager(root) {
        Some(services::Manager::Systemd) if group_reads && metadata.gid() != 0 => {
            format!(", or add SupplementaryGroups={group} to the service (systemctl edit hostclock)")
        }
        _ => String::new(),
    };
    Some(format!("{what}; {place} says so: let that rule give it to group {SERVICE_USER}{or}"))
}

/// What the service's unit and its drop-ins say of who it runs as: systemd.exec(5).
#[derive(Debug, Default, PartialEq, Eq)]
struct Service {
    user: Option<String>,
    groups: Vec<String>,
}

impl Service {
    fn find(root: &Path) -> Self {
        let unit = services::own(services::Manager::Systemd);
        let mut files: Vec<PathBuf> =
            services::file(root, unit).map(|file| root.join(file)).into_iter().collect();
        let mut parts: Vec<PathBuf> = ["usr/lib", "run", "etc"]
            .iter()
            .flat_map(|place| fs::read_dir(root.join(place).join("systemd/system").join(format!("{unit}.d"))))
            .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
            .collect();
        parts.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
        files.extend(parts);
        let mut service = Self::default();
        for file in files {
            service.take(&fs::read_to_string(file).unwrap_or_default());
        }
        service
    }

    fn take(&mut self, text: &str) {
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match (key.trim(), value.trim()) {
                ("User", user) => self.user = (!user.is_empty()).then(|| user.to_owned()),
                // An empty list takes back what was said before.
                ("SupplementaryGroups", "") => self.groups.clear(),
                ("SupplementaryGroups", groups) => {
                    self.groups.extend(groups.split_whitespace().map(str::to_owned));
                }
                _ => {}
            }
        }
    }
}

/// The number of a group, by its name or as it is written: group(5).
fn group_number(root: &Path, group: &str) -> Option<u32> {
    let text = fs::read_to_string(root.join("etc/group")).unwrap_or_default();
    let found = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(group)).then(|| fields.nth(1)?.parse().ok())?
    });
    found.or_else(|| group.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn the_right_program_is_the_one_that_keeps_the_clock_now() {
        let tree = Scratch::new("advice-right");
        assert_eq!(right_program(tree.path()), "an NTP client such as chronyd is right here");
        tree.file("proc/77/comm", "chronyd\n").file("proc/77/cmdline", "/usr/sbin/chronyd\0");
        assert_eq!(right_program(tree.path()), "chronyd (process 77) keeps this clock, and is right here");
        tree.file("usr/lib/systemd/systemd", "");
        for service in ["chrony-wait.service", "chrony.service"] {
            let unit = format!("/usr/lib/systemd/system/{service}");
            tree.file(&unit[1..], "")
                .link(&format!("etc/systemd/system/multi-user.target.wants/{service}"), &unit);
        }
        assert_eq!(right_program(tree.path()), "`chrony.service` keeps this clock, and is right here");
    }

    #[test]
    fn an_ntp_client_is_told_the_server_of_its_cloud() {
        let tree = Scratch::new("advice-cloud");
        for (vendor, product, want) in [
            ("Amazon EC2", "t3.micro", ", with Amazon's server 169.254.169.123"),
            ("Google", "Google Compute Engine", ", with Google's server metadata.google.internal"),
            ("QEMU", "Standard PC", "chronyd is right here"),
            ("Microsoft Corporation", "Surface Laptop", "chronyd is right here"),
        ] {
            tree.file("sys/class/dmi/id/sys_vendor", vendor).file("sys/class/dmi/id/product_name", product);
            assert!(right_program(tree.path()).ends_with(want), "{vendor}");
        }
        tree.file("sys/class/dmi/id/product_name", "Virtual Machine");
        assert!(
            right_program(tree.path())
                .starts_with("Hyper-V's clock comes with its driver (sudo modprobe hv_utils)")
        );
        tree.file("proc/sys/kernel/osrelease", "6.6.87.2-microsoft-standard-WSL2\n");
        assert_eq!(right_program(tree.path()), "WSL's own chronyd keeps this clock, and is right here");
    }

    #[test]
    fn who_the_service_runs_as_is_what_its_unit_and_drop_ins_say() {
        let tree = Scratch::new("advice-service");
        assert_eq!(Service::find(tree.path()), Service::default());
        tree.file(
            "usr/lib/systemd/system/hostclock.service",
            "[Service]\nUser=hostclock\nSupplementaryGroups=a b\n",
        )
        .file(
            "etc/systemd/system/hostclock.service.d/override.conf",
            "[Service]\nSupplementaryGroups=\nSupplementaryGroups=c\n",
        )
        .file("etc/systemd/system/hostclock.service.d/zero.conf.bak", "User=x\n");
        let want = Service { user: Some("hostclock".to_owned()), groups: vec!["c".to_owned()] };
        assert_eq!(Service::find(tree.path()), want);
    }

    /// A system with a device of group 77, which is `_chrony`'s.
    fn with_device(name: &str) -> Option<Scratch> {
        if hostclock_linux::process::user() != 0 {
            eprintln!("not tested: only root can become the service's user");
            return None;
        }
        let tree = Scratch::new(name);
        tree.file("etc/passwd", "root:x:0:0::/:\nhostclock:x:64990:64991::/:\n")
            .file("etc/group", "root:x:0:\nhostclock:x:64991:\n_chrony:x:77:\n")
            .file("usr/lib/systemd/systemd", "")
            .file(
                "usr/lib/udev/rules.d/60-hostclock.rules",
                include_str!("../../../packaging/systemd/60-hostclock.rules"),
            )
            .file("dev/ptp0", "");
        let mode = |path: &str, bits| {
            fs::set_permissions(tree.join(path), Permissions::from_mode(bits)).expect("set")
        };
        mode("", 0o755);
        mode("dev", 0o755);
        mode("dev/ptp0", 0o660);
        chown(tree.join("dev/ptp0"), None, Some(77)).expect("given");
        Some(tree)
    }

    fn why(tree: &Scratch) -> Option<String> {
        unreadable_device(tree.path(), "/dev/ptp0", "KVM virtual PTP")
    }

    const WHAT: &str = "group _chrony, mode 0660: the service's user hostclock may not read /dev/ptp0";

    #[test]
    fn the_rule_that_keeps_the_service_from_a_device_is_named() {
        let Some(tree) = with_device("advice-rule") else { return };
        // Of Garden Linux (github.com/gardenlinux/gardenlinux, its feature for chrony).
        tree.file(
            "etc/udev/rules.d/90-ptp-kvm.rules",
            "SUBSYSTEM==\"ptp\", ATTR{clock_name}==\"KVM virtual PTP\", SYMLINK+=\"ptp_kvm\", GROUP=\"_chrony\", MODE=\"0660\"\n",
        );
        assert_eq!(
            why(&tree),
            Some(format!(
                "{WHAT}; /etc/udev/rules.d/90-ptp-kvm.rules:1 says so: let that rule give it to group hostclock, or add \
                 SupplementaryGroups=_chrony to the service (systemctl edit hostclock)"
            ))
        );
        tree.file(
            "etc/systemd/system/hostclock.service.d/override.conf",
            "[Service]\nSupplementaryGroups=_chrony\n",
        );
        assert_eq!(why(&tree), None, "the advice helps");
    }

    #[test]
    fn a_device_that_no_rule_made_so_is_not_laid_to_one() {
        let Some(tree) = with_device("advice-stale") else { return };
        let line = why(&tree).expect("unreadable");
        assert!(
            line.starts_with(&format!("{WHAT}, though /usr/lib/udev/rules.d/60-hostclock.rules:3 gives it to group hostclock: sudo udevadm")),
            "{line}"
        );
        fs::remove_dir_all(tree.join("usr/lib/udev/rules.d")).expect("removed");
        assert_eq!(
            why(&tree),
            Some(format!("{WHAT}, and no udev rule says who may: `sudo hostclock setup` adds one"))
        );
        chown(tree.join("dev/ptp0"), None, Some(64_991)).expect("given");
        assert_eq!(why(&tree), None);
    }

    #[test]
    fn a_device_in_a_closed_directory_is_not_laid_to_a_rule() {
        let Some(tree) = with_device("advice-closed") else { return };
        chown(tree.join("dev/ptp0"), None, Some(64_991)).expect("given");
        fs::set_permissions(tree.join("dev"), Permissions::from_mode(0o700)).expect("set");
        assert!(why(&tree).expect("unreadable").contains("is closed (mode 0700, root:root)"));
    }
}
