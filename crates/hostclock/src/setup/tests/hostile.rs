//! Trees that are not what setup expects: forged records, things in the way, names that are taken, two runs at once.

use std::fs;
use std::time::Duration;

use hostclock_linux::services;
use hostclock_linux::turn::Turn;

use super::machine::Machine;
use crate::exit::Code;
use crate::scratch::Scratch;
use crate::setup::{Request, set_up, undo};

const RECORD: &str = "etc/hostclock-undo.json";
const UNIT: &str = "etc/systemd/system/hostclock.service";

#[test]
fn a_record_that_names_a_path_that_setup_never_changes_is_refused() {
    let victim = Scratch::new("setup-victim");
    victim.file("gone", "");
    let absolute = victim.join("gone").display().to_string();
    for path in
        [absolute.as_str(), "../victim", "etc/../../victim", "root/.ssh/authorized_keys", "usr/bin/sudo"]
    {
        let tree = Machine::debian("forged");
        tree.file(
            RECORD,
            &format!(
                "{{\"version\":2,\"phase\":\"complete\",\"changes\":[{{\"replace\":{{\"path\":\"{path}\",\"before\":\
                 {{\"link\":{{\"target\":\"/evil\",\"owner\":null,\"label\":null}}}},\"after\":\"absent\"}}}}],\
                 \"stopped\":[],\"ran_before\":false}}"
            ),
        );
        let before = tree.snapshot();
        assert_eq!(undo(&tree.request()), Code::Failed, "{path}");
        assert_eq!(set_up(&tree.request()), Code::Failed, "{path}");
        assert_eq!(tree.snapshot(), before, "{path}");
        assert!(victim.join("gone").is_file(), "{path}");
    }
}

#[test]
fn undoing_does_not_follow_a_link_out_of_an_image_either() {
    let elsewhere = Scratch::in_memory("setup-undo-elsewhere");
    let tree = Machine::debian("undo-leads-out");
    assert_eq!(set_up(&tree.request()), Code::Fine);
    fs::rename(tree.0.join("etc/systemd/system"), elsewhere.join("system")).expect("moved");
    tree.link("etc/systemd/system", &elsewhere.join("system").display().to_string());
    assert_eq!(undo(&tree.request()), Code::Failed);
    assert!(elsewhere.join("system/hostclock.service").is_file());
    assert!(tree.has(RECORD));
    let linked = Machine::debian("linked-record");
    linked.link(RECORD, "/dev/null");
    assert_eq!(undo(&linked.request()), Code::Failed);
    assert!(linked.has(RECORD));
}

#[test]
fn a_record_whose_end_is_missing_is_kept_and_named() {
    let tree = Machine::debian("truncated");
    assert_eq!(set_up(&tree.request()), Code::Fine);
    let whole = fs::read(tree.0.join(RECORD)).expect("a record");
    for length in [0, 1, whole.len() / 2, whole.len() - 3] {
        fs::write(tree.0.join(RECORD), &whole[..length]).expect("written");
        let before = tree.snapshot();
        assert_eq!(undo(&tree.request()), Code::Failed, "{length} bytes");
        assert_eq!(set_up(&tree.request()), Code::Failed, "{length} bytes");
        assert_eq!(tree.snapshot(), before, "{length} bytes");
    }
    fs::write(tree.0.join(RECORD), &whole).expect("written");
    assert_eq!(undo(&tree.request()), Code::Fine);
    assert!(services::is_enabled(tree.0.path(), "chrony.service"));
}

#[test]
fn a_service_that_could_not_start_takes_nobodys_clock() {
    let wants = "etc/systemd/system/multi-user.target.wants/hostclock.service";
    let refuses = |what: &str, prepare: &dyn Fn(&Machine)| {
        let tree = Machine::debian("cannot-start");
        prepare(&tree);
        let before = tree.snapshot();
        assert_eq!(set_up(&tree.request()), Code::Failed, "{what}");
        assert_eq!(tree.snapshot(), before, "{what}");
    };
    refuses("an empty unit", &|tree| {
        tree.file(UNIT, "");
    });
    refuses("a relative mask", &|tree| {
        tree.link(UNIT, "../../../dev/null");
    });
    refuses("a dangling unit", &|tree| {
        tree.link(UNIT, "/nowhere");
    });
    refuses("a directory", &|tree| {
        tree.file(&format!("{UNIT}/x"), "");
    });
    refuses("a mask among the wants", &|tree| {
        tree.link(wants, "/dev/null");
    });
    refuses("a directory among the wants", &|tree| {
        tree.file(&format!("{wants}/x"), "");
    });
    refuses("no user", &|tree| {
        tree.file("etc/passwd", "root:x:0:0::/root:/bin/bash\n");
        tree.link("etc/sysusers.d/hostclock.conf", "/dev/null");
    });
}

#[test]
fn what_is_kept_for_undoing_is_never_another_file() {
    let tree = Machine::debian("stale");
    fs::remove_file(tree.0.join("usr/bin/hostclock")).expect("removed");
    tree.file("usr/local/bin/hostclock", "mine").file("usr/local/bin/.hostclock.before-hostclock", "stale");
    let before = tree.snapshot();
    assert_eq!(set_up(&tree.request()), Code::Failed);
    assert_eq!(tree.snapshot(), before);
    fs::remove_file(tree.0.join("usr/local/bin/.hostclock.before-hostclock")).expect("removed");
    assert_eq!(set_up(&tree.request()), Code::Fine);
    tree.file("usr/local/bin/.hostclock.before-hostclock", "stale");
    assert_eq!(undo(&tree.request()), Code::Failed);
    assert!(tree.has(RECORD));
}

#[test]
fn another_service_that_was_enabled_again_since_is_no_obstacle_to_undoing() {
    let tree = Machine::debian("again");
    assert_eq!(set_up(&tree.request()), Code::Fine);
    tree.link(
        "etc/systemd/system/multi-user.target.wants/chrony.service",
        "/lib/systemd/system/chrony.service",
    );
    tree.link("etc/systemd/system/chronyd.service", "/dev/null");
    assert_eq!(undo(&tree.request()), Code::Fine);
    assert!(!tree.has(UNIT) && !tree.has(RECORD));
    assert!(services::is_enabled(tree.0.path(), "chrony.service"));
}

#[test]
fn a_fallback_can_be_asked_for_later() {
    let tree = Machine::debian("fallback");
    assert_eq!(set_up(&tree.request()), Code::Fine);
    let part = "etc/systemd/system/hostclock.service.d/50-fallback.conf";
    assert!(!tree.has(part));
    assert_eq!(set_up(&Request { fallback: true, ..tree.request() }), Code::Fine);
    assert!(tree.0.read(part).contains("OnFailure=chrony.service\n"), "{}", tree.0.read(part));
    assert_eq!(undo(&tree.request()), Code::Fine);
    assert!(!tree.has(part));
}

#[test]
fn a_file_of_chronys_never_becomes_a_configuration_that_the_service_cannot_start_with() {
    let tree = Machine::debian("odd-from");
    tree.file("etc/empty.conf", "refclock PHC :\n");
    tree.file("etc/a\nevil = 1.conf", "refclock PHC /dev/ptp0\nmakestep 1 -1\n");
    let before = tree.snapshot();
    let from = |file: &str| Request { from: Some(file.into()), ..tree.request() };
    assert_eq!(set_up(&from("/etc/empty.conf")), Code::Usage);
    assert_eq!(set_up(&from("/etc")), Code::Usage);
    assert_eq!(tree.snapshot(), before);
    assert_eq!(set_up(&from("/etc/a\nevil = 1.conf")), Code::Fine);
    let (_, mistakes) = crate::config::of_tree(tree.0.path());
    assert!(mistakes.0.is_empty(), "{mistakes}");
}

#[test]
fn a_file_where_a_directory_is_to_be_leaves_everything_as_it_is() {
    let tree = Machine::debian("in-the-way");
    tree.file("etc/udev", "a file");
    let before = tree.snapshot();
    assert_eq!(set_up(&tree.request()), Code::Failed);
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn two_runs_at_once_take_turns() {
    let tree = Machine::debian("turns");
    let before = tree.snapshot();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(set_up(&tree.request()), Code::Fine));
        }
    });
    assert!(services::is_enabled(tree.0.path(), "hostclock.service") && tree.has(RECORD));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(undo(&tree.request()), Code::Fine));
        }
    });
    assert_eq!(tree.snapshot(), before);
    let held = Turn::by_directory(&tree.0.join("etc"), Duration::ZERO).expect("a directory");
    assert!(held.is_some(), "the turn ends with the run");
}
