//! What becomes of the clock on the machine.

use super::*;

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
fn a_clock_daemon_in_a_container_is_stopped_by_the_service_that_starts_it() {
    let tree = Tree::with_clock("rival-container");
    tree.process(812, "chronyd", "docker-4f1c0de0aa.scope");
    let diagnosis = tree.diagnosis();
    assert_eq!(about(&diagnosis, "rival"), ["PROBLEM chronyd (process 812, container 4f1c0de0aa) runs"]);
    let advice = remedies(&diagnosis, "rival");
    assert!(
        advice.contains("sudo docker update --restart=no 4f1c0de0aa") && !advice.contains("hostclock setup"),
        "{advice}"
    );
    // Of Flatcar's documentation for Azure (flatcar-docs, installing/cloud/azure.md).
    tree.file(
        "etc/systemd/system/chrony.service",
        "[Service]\nExecStart=/usr/bin/docker run --name chrony --cap-add=SYS_TIME chrony chronyd -s -d\n",
    )
    .link("etc/systemd/system/multi-user.target.wants/chrony.service", "/etc/systemd/system/chrony.service");
    let diagnosis = tree.diagnosis();
    assert_eq!(
        about(&diagnosis, "rival"),
        ["PROBLEM chronyd (process 812, container 4f1c0de0aa) runs, started by chrony.service"]
    );
    let advice = remedies(&diagnosis, "rival");
    assert!(advice.contains("sudo hostclock setup\nsudo systemctl disable --now chrony.service"), "{advice}");
    assert!(!advice.contains("docker stop"), "the service would start it again: {advice}");
}

#[test]
fn where_nothing_lasts_a_running_clock_daemon_is_only_stopped() {
    let tree = Tree::with_clock("rival-nixos");
    tree.file("etc/NIXOS", "").process(300, "chronyd", "chronyd.service");
    let advice = remedies(&tree.diagnosis(), "rival");
    assert!(
        advice.contains("sudo systemctl stop chronyd.service; ") && !advice.contains("disable --now"),
        "{advice}"
    );
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
fn a_mistake_in_the_configuration_is_reported_with_its_line() {
    let tree = Tree::with_clock("config");
    tree.file("etc/hostclock/hostclock.toml", "pol = \"1s\"\n");
    let reported = about(&tree.diagnosis(), "config");
    assert!(
        reported[0].ends_with("hostclock.toml:1: unknown key `pol`; did you mean `poll`?"),
        "{reported:?}"
    );
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
fn another_daemon_is_right_where_no_clock_of_the_hosts_can_come() {
    let tree = Tree::guest("needed");
    fs::remove_dir_all(tree.0.join("lib/modules")).expect("removed");
    fs::remove_file(tree.0.join("usr/lib/systemd/system/hostclock.service")).expect("removed");
    let unit = "/usr/lib/systemd/system/chrony.service";
    tree.file(&unit[1..], "").link("etc/systemd/system/multi-user.target.wants/chrony.service", unit);
    let diagnosis = tree.diagnosis();
    assert_eq!(about(&diagnosis, "rival"), ["note chrony.service is enabled: it starts with the machine"]);
    assert!(remedies(&diagnosis, "device").ends_with("`chrony.service` keeps this clock, and is right here"));
    assert!(!diagnosis.text().contains("hostclock setup"), "it would refuse: {}", diagnosis.text());
}

#[test]
fn wsl_keeps_its_clock_itself() {
    let tree = Tree::with_clock("wsl");
    tree.file("proc/sys/kernel/osrelease", "6.6.87.2-microsoft-standard-WSL2\n").device(0, "hyperv");
    let diagnosis = tree.diagnosis();
    assert_eq!(
        about(&diagnosis, "rival"),
        ["warning this is WSL: its own chronyd keeps this clock, by the same device"]
    );
    assert_eq!(
        about(&diagnosis, "service"),
        ["warning hostclock.service is enabled, and does not start in WSL"]
    );
    assert!(about(&diagnosis, "module").is_empty());
}

#[test]
fn a_system_that_makes_its_files_anew_is_told_its_own_way() {
    let tree = Tree::with_clock("lasting");
    fs::remove_file(tree.0.join("usr/lib/systemd/system/hostclock.service")).expect("removed");
    let service = |tree: &Tree| remedies(&tree.diagnosis(), "service");
    assert!(service(&tree).ends_with("sudo hostclock setup"));
    tree.file("run/ostree-booted", "");
    assert!(
        service(&tree).contains("rpm-ostree install") && service(&tree).ends_with("sudo hostclock setup")
    );
    tree.file("etc/NIXOS", "");
    let unit = "/usr/lib/systemd/system/chrony.service";
    tree.file(&unit[1..], "").link("etc/systemd/system/multi-user.target.wants/chrony.service", unit);
    assert!(service(&tree).contains("boot.kernelModules"));
    let fixes = tree.diagnosis().findings.into_iter().flat_map(|finding| finding.fix);
    assert!(fixes.into_iter().all(|fix| fix != "sudo hostclock setup"), "{}", tree.diagnosis().text());
}

#[test]
fn what_the_services_user_may_not_read_is_named_and_no_problem_yet_while_a_daemon_has_it_open() {
    let tree = Tree::with_clock("denied");
    let mut facts = tree.facts();
    let denied = "group _chrony, mode 0660: the service's user hostclock may not read /dev/ptp0; \
        /etc/udev/rules.d/90-ptp-kvm.rules:1 says so";
    let config = "/etc/hostclock/hostclock.toml: the service's user hostclock may not read it";
    let denied_config = Some(config.to_owned());
    facts.live = Some(Live { denied_device: Some(denied.to_owned()), denied_config, ..live() });
    let diagnosis = judge(&facts);
    assert_eq!(about(&diagnosis, "permission")[0], format!("PROBLEM {denied}"));
    assert_eq!(about(&diagnosis, "config"), [format!("PROBLEM {config}")]);
    let daemon = Ok(Box::new(samples::synchronised()));
    facts.live = Some(Live { denied_device: Some(denied.to_owned()), daemon, ..live() });
    assert_eq!(about(&judge(&facts), "permission")[0], format!("warning {denied}"));
}

#[test]
fn a_configuration_that_the_daemon_has_not_read_is_named() {
    let tree = Tree::with_clock("changed");
    let file = "/etc/hostclock/hostclock.toml".to_owned();
    let mut facts = tree.facts();
    facts.live = Some(Live { changed_config: Some(file), ..live() });
    assert_eq!(
        about(&judge(&facts), "config"),
        ["warning /etc/hostclock/hostclock.toml was changed, and the daemon that runs has not read it since"]
    );
    assert_eq!(remedies(&judge(&facts), "config").lines().last(), Some("sudo systemctl reload hostclock"));
    facts.mistakes = vec!["a mistake".to_owned()];
    assert_eq!(about(&judge(&facts), "config"), ["PROBLEM a mistake"], "it would not be taken");
}
