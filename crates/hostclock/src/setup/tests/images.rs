//! Images made by hand: what setup makes of them, and that undoing leaves no trace.

use std::fs;
use std::io::IsTerminal as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hostclock_linux::services;

use super::{Machine, plan_of};
use crate::exit::Code;
use crate::scratch::Scratch;
use crate::setup::record::Record;
use crate::setup::tree::Tree;
use crate::setup::{Request, set_up, undo};

#[test]
fn a_link_that_leads_out_of_an_image_is_refused_and_nothing_is_changed() {
    let elsewhere = Scratch::new("setup-elsewhere");
    let tree = Machine::debian("leads-out");
    tree.link("etc/udev", elsewhere.path().to_str().expect("a path"));
    let before = tree.snapshot();
    assert_eq!(set_up(&tree.request()), Code::Failed);
    assert_eq!(tree.snapshot(), before);
    assert_eq!(fs::read_dir(elsewhere.path()).expect("readable").count(), 0);
    assert_eq!(set_up(&Request { dry_run: true, ..tree.request() }), Code::Failed, "a dry run says so too");
}

#[test]
fn an_image_with_chrony_follows_its_host_and_undoing_leaves_no_trace() {
    let tree = Machine::debian("whole");
    let before = tree.snapshot();
    let from = Some(PathBuf::from("/etc/chrony/chrony.conf"));
    let request = Request { from, ..tree.request() };
    assert_eq!(set_up(&request), Code::Fine);
    for path in [
        "etc/modules-load.d/hostclock.conf",
        "etc/udev/rules.d/60-hostclock.rules",
        "etc/sysusers.d/hostclock.conf",
        "etc/systemd/ntp-units.d/40-hostclock.list",
        "etc/systemd/system/hostclock.service",
        "etc/systemd/system/hostclock-wait.service",
        "etc/systemd/system/multi-user.target.wants/hostclock.service",
        "etc/systemd/system/multi-user.target.wants/hostclock-wait.service",
        "etc/hostclock/hostclock.toml",
        "etc/hostclock-undo.json",
    ] {
        assert!(tree.has(path), "{path}");
    }
    // Where `systemctl enable` would put the links, by the units themselves.
    for unit in ["hostclock.service", "hostclock-wait.service"] {
        let text = fs::read_to_string(tree.0.join("etc/systemd/system").join(unit)).expect("written");
        assert!(text.contains("[Install]\nWantedBy=multi-user.target\n"), "{text}");
    }
    assert!(!tree.has("etc/systemd/system/multi-user.target.wants/chrony.service"));
    assert!(!tree.has("etc/systemd/system/chronyd.service"));
    assert!(services::is_enabled(tree.0.path(), "hostclock.service"));
    assert_eq!(services::enabled_rivals(tree.0.path()).expect("readable"), Vec::<&str>::new());
    let configuration = fs::read_to_string(tree.0.join("etc/hostclock/hostclock.toml")).expect("written");
    assert!(configuration.contains("step-forward = \"100ms\""), "{configuration}");

    let once = tree.snapshot();
    assert_eq!(set_up(&request), Code::Fine);
    assert_eq!(tree.snapshot(), once, "a second time changes nothing");

    assert_eq!(undo(&tree.request()), Code::Fine);
    assert_eq!(tree.snapshot(), before);
    assert_eq!(undo(&tree.request()), Code::Fine, "and a second time there is nothing to undo");
}

#[test]
fn a_dry_run_shows_everything_and_changes_nothing() {
    let tree = Machine::debian("dry");
    let before = tree.snapshot();
    let request = Request { dry_run: true, ..tree.request() };
    assert_eq!(set_up(&request), Code::Fine);
    assert_eq!(tree.snapshot(), before);
    let plan = plan_of(&tree);
    let text: Vec<String> = plan.steps().flat_map(crate::setup::carry_out::would_do).collect();
    let text = text.join("\n");
    assert!(
        text.contains("would write /etc/modules-load.d/hostclock.conf (mode 0644):\n    # ptp_kvm"),
        "{text}"
    );
    assert!(text.contains("would remove the link /etc/systemd/system/chronyd.service -> "), "{text}");
}

#[test]
fn nobody_disables_another_daemon_unasked() {
    let tree = Machine::debian("unasked");
    let before = tree.snapshot();
    let plan = plan_of(&tree);
    assert_eq!(plan.rivals, ["chrony.service"]);
    // A test has no terminal to ask at; where it has one, nobody answers.
    if !std::io::stdin().is_terminal() {
        assert_eq!(set_up(&Request { yes: false, ..tree.request() }), Code::Rival);
        assert_eq!(tree.snapshot(), before);
    }
}

#[test]
fn what_a_package_has_brought_is_not_written_again() {
    let tree = Machine::debian("package");
    for path in [
        "usr/lib/modules-load.d/hostclock.conf",
        "usr/lib/sysusers.d/hostclock.conf",
        "usr/lib/udev/rules.d/60-hostclock.rules",
        "usr/lib/systemd/ntp-units.d/40-hostclock.list",
        "usr/lib/systemd/system/hostclock.service",
        "usr/lib/systemd/system/hostclock-wait.service",
    ] {
        tree.file(path, "");
    }
    assert_eq!(set_up(&tree.request()), Code::Fine);
    assert!(!tree.has("etc/systemd/system/hostclock.service"));
    let link = tree.0.join("etc/systemd/system/multi-user.target.wants/hostclock.service");
    assert_eq!(fs::read_link(link).expect("a link"), Path::new("/usr/lib/systemd/system/hostclock.service"));
}

#[test]
fn a_file_that_was_there_or_was_changed_since_is_left_alone() {
    let tree = Machine::debian("changed");
    tree.file("etc/modules-load.d/hostclock.conf", "# mine\n");
    assert_eq!(set_up(&tree.request()), Code::Fine);
    assert_eq!(tree.0.read("etc/modules-load.d/hostclock.conf"), "# mine\n");
    tree.file("etc/systemd/ntp-units.d/40-hostclock.list", "mine.service\n");
    assert_eq!(set_up(&tree.request()), Code::Fine);
    assert_eq!(tree.0.read("etc/systemd/ntp-units.d/40-hostclock.list"), "mine.service\n");
    assert_eq!(undo(&tree.request()), Code::Fine);
    assert_eq!(tree.0.read("etc/modules-load.d/hostclock.conf"), "# mine\n");
    assert!(tree.has("etc/systemd/ntp-units.d/40-hostclock.list"), "somebody needs it");
}

#[test]
fn a_configuration_that_says_something_else_is_not_overwritten() {
    let tree = Machine::debian("config");
    tree.file("etc/hostclock/hostclock.toml", "poll = \"4s\"\n");
    let before = tree.snapshot();
    let from = Some(PathBuf::from("/etc/chrony/chrony.conf"));
    assert_eq!(set_up(&Request { from, ..tree.request() }), Code::Failed);
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn an_image_without_the_program_gets_this_one_and_its_path_in_the_unit() {
    let tree = Machine::debian("copy");
    fs::remove_file(tree.0.join("usr/bin/hostclock")).expect("removed");
    assert_eq!(set_up(&tree.request()), Code::Fine);
    assert!(tree.has("usr/local/bin/hostclock"));
    let unit = fs::read_to_string(tree.0.join("etc/systemd/system/hostclock.service")).expect("a file");
    assert!(unit.contains("ExecStart=/usr/local/bin/hostclock run\n"), "{unit}");
}

#[test]
fn openrc_gets_its_script_and_its_runlevel() {
    let tree = Machine::debian("openrc");
    fs::remove_dir_all(tree.0.join("usr/lib/systemd")).expect("removed");
    tree.file("sbin/openrc", "")
        .file("etc/init.d/chronyd", "")
        .link("etc/runlevels/default/chronyd", "/etc/init.d/chronyd");
    let before = tree.snapshot();
    assert_eq!(set_up(&tree.request()), Code::Fine);
    let script = fs::metadata(tree.0.join("etc/init.d/hostclock")).expect("a file");
    assert_eq!(script.mode() & 0o777, 0o755);
    assert!(tree.has("etc/runlevels/default/hostclock") && !tree.has("etc/runlevels/default/chronyd"));
    assert_eq!(undo(&tree.request()), Code::Fine);
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn a_confidential_image_and_one_without_a_service_manager_are_left_alone() {
    let tree = Machine::debian("snp");
    tree.file("sys/bus/platform/devices/sev-guest/uevent", "");
    assert_eq!(set_up(&tree.request()), Code::Untrusted);
    let bare = Machine::debian("bare");
    fs::remove_dir_all(bare.0.join("usr/lib/systemd")).expect("removed");
    assert_eq!(set_up(&bare.request()), Code::Failed);
    let nowhere = Request { root: PathBuf::from("/nonexistent"), ..bare.request() };
    assert_eq!(set_up(&nowhere), Code::Usage);
}

#[test]
fn what_could_not_be_put_back_stays_in_the_record() {
    let tree = Machine::debian("rest");
    assert_eq!(set_up(&tree.request()), Code::Fine);
    // A directory where a link was can't be replaced by it.
    let link = "etc/systemd/system/chronyd.service";
    tree.file(&format!("{link}/in-the-way"), "");
    assert_eq!(undo(&tree.request()), Code::Failed);
    let rest = Record::load(&Tree::new(tree.0.path())).expect("readable").expect("there");
    assert!(rest.changes.iter().any(|change| change.path() == Some(Path::new(link))));
    assert!(services::is_enabled(tree.0.path(), "hostclock.service"), "while the other is not whole");
    fs::remove_dir_all(tree.0.join(link)).expect("removed");
    assert_eq!(undo(&tree.request()), Code::Fine);
    assert!(tree.has(link));
}

#[test]
fn a_record_that_makes_no_sense_stops_everything() {
    let tree = Machine::debian("record");
    tree.file("etc/hostclock-undo.json", "{}");
    let before = tree.snapshot();
    assert_eq!(undo(&tree.request()), Code::Failed);
    assert_eq!(set_up(&tree.request()), Code::Failed);
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn a_system_on_which_nothing_lasts_is_left_alone_and_what_to_do_there_is_said() {
    let tree = Machine::debian("nixos");
    tree.file("etc/NIXOS", "");
    let before = tree.snapshot();
    for request in [tree.request(), Request { dry_run: true, ..tree.request() }] {
        assert_eq!(set_up(&request), Code::Failed);
    }
    assert_eq!(tree.snapshot(), before);
    let flatcar = Machine::debian("flatcar");
    fs::remove_file(flatcar.0.join("usr/bin/hostclock")).expect("removed");
    flatcar.file("etc/os-release", "ID=flatcar\n");
    assert_eq!(set_up(&flatcar.request()), Code::Fine);
    assert!(flatcar.has("opt/bin/hostclock") && !flatcar.has("usr/local"));
    let unit = flatcar.0.read("etc/systemd/system/hostclock.service");
    assert!(unit.contains("ExecStart=/opt/bin/hostclock run\n"), "{unit}");
}
