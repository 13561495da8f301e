//! Faults that were found, each with the test that fails without what mended it.

use std::fs;
use std::path::Path;

use hostclock_linux::services;

use super::fake::Fake;
use super::machine::Machine;
use crate::exit::Code;
use crate::setup::report::Outcome;
use crate::setup::{Request, plain, set_up, undo};

#[test]
fn the_device_that_is_read_first_is_the_one_that_the_new_configuration_names() {
    let machine = Machine::running("carried-device");
    machine.file("etc/chrony/other.conf", "refclock PHC /dev/ptp_other poll 1\nmakestep 0.1 -1\n");
    let request = Request { from: Some("/etc/chrony/other.conf".into()), ..machine.request() };
    let before = machine.snapshot();
    let fake = Fake { missing: Some("/dev/ptp_other"), ..Fake::new(&machine) };
    let (code, why) = fake.set_up(&request).0.expect_err("refused");
    assert!(code == Code::NoDevice && why.contains("/dev/ptp_other does not exist"), "{why}");
    assert_eq!(machine.snapshot(), before);
    assert!(fake.ran.borrow().is_empty() && fake.runs("chrony.service"));
}

#[test]
fn a_configuration_with_which_the_clock_does_not_become_right_gives_way_to_the_one_before() {
    let machine = Machine::running("standing-wrong");
    let fake = Fake { wrong_with: Some("ptp_other"), ..Fake::new(&machine) };
    let first = Request { from: Some("/etc/chrony/chrony.conf".into()), ..machine.request() };
    assert_eq!(fake.set_up(&first).0, Ok((Outcome::SetUp, Code::Fine)));
    let once = machine.snapshot();
    machine.file("etc/chrony/other.conf", "refclock PHC /dev/ptp_other poll 1\n");
    let second = Request { from: Some("/etc/chrony/other.conf".into()), ..machine.request() };
    let (code, why) = fake.set_up(&second).0.expect_err("it fails");
    assert!(code == Code::Failed && why.contains("everything is as it was before this run"), "{why}");
    fs::remove_file(machine.0.join("etc/chrony/other.conf")).expect("removed");
    assert_eq!(machine.snapshot(), once);
    let last = fake.ran.borrow().last().cloned();
    assert_eq!(last.as_deref(), Some("systemctl restart hostclock.service"), "it runs with what is there");
    assert_eq!(fake.set_up(&first).0, Ok((Outcome::Already, Code::Fine)));
}

#[test]
fn accounts_in_another_encoding_are_read_and_ones_that_cannot_be_read_stop_it() {
    let machine = Machine::running("latin");
    let passwd = machine.0.join("etc/passwd");
    let fake = Fake::new(&machine);
    assert_eq!(fake.set_up(&machine.request()).0, Ok((Outcome::SetUp, Code::Fine)));
    fs::write(&passwd, b"jose:x:1000:1000:Jos\xe9:/:/bin/sh\nhostclock:x:999:999::/:/bin/false\n")
        .expect("written");
    assert_eq!(fake.set_up(&machine.request()).0, Ok((Outcome::Already, Code::Fine)));
    assert_eq!(fake.undo(&machine.request()).0, Ok((Outcome::Undone, Code::Fine)));
    assert!(fake.ran.borrow().iter().any(|command| command.starts_with("userdel")));

    fs::remove_file(&passwd).expect("removed");
    fs::create_dir(&passwd).expect("made");
    let before = machine.snapshot();
    let (code, why) = fake.set_up(&machine.request()).0.expect_err("refused");
    assert!(code == Code::Failed && why.contains("etc/passwd"), "{why}");
    assert_eq!(machine.snapshot(), before);
}

#[test]
fn the_users_group_goes_with_it_unless_it_was_there_before() {
    for (group, wanted) in [("root:x:0:\n", "groupdel"), ("root:x:0:\nhostclock:x:990:\n", "groupadd")] {
        let machine = Machine::running("group");
        machine.file("etc/group", group);
        let fake = Fake::new(&machine);
        assert_eq!(fake.set_up(&machine.request()).0, Ok((Outcome::SetUp, Code::Fine)));
        // What the system's own tools leave: a group of the user's, or none.
        let left = if wanted == "groupdel" { "root:x:0:\nhostclock:x:999:\n" } else { "root:x:0:\n" };
        machine.file("etc/group", left);
        assert_eq!(fake.undo(&machine.request()).0, Ok((Outcome::Undone, Code::Fine)));
        let ran = fake.ran.borrow();
        let command = ran.iter().find(|command| command.starts_with(wanted)).expect(wanted);
        assert_eq!(wanted == "groupadd", command.contains("--gid 990"), "{command}");
    }
}

#[test]
fn a_service_that_a_package_starts_is_masked_and_unmasked_again() {
    let machine = Machine::running("vendor");
    for link in ["chronyd.service", "multi-user.target.wants/chrony.service"] {
        fs::remove_file(machine.0.join("etc/systemd/system").join(link)).expect("removed");
    }
    machine.link("usr/lib/systemd/system/multi-user.target.wants/chrony.service", "../chrony.service");
    let before = machine.snapshot();
    let fake = Fake::new(&machine);
    let (ended, report) = fake.set_up(&machine.request());
    assert_eq!(ended, Ok((Outcome::SetUp, Code::Fine)), "{report:?}");
    assert_eq!(report.other_services, ["chrony.service"]);
    assert!(!services::is_enabled(machine.0.path(), "chrony.service"));
    assert!(services::masked_by(machine.0.path(), "chrony.service").is_some());
    assert_eq!(fake.set_up(&machine.request()).0, Ok((Outcome::Already, Code::Fine)));
    assert_eq!(fake.undo(&machine.request()).0, Ok((Outcome::Undone, Code::Fine)));
    assert_eq!(machine.snapshot(), before);
    assert!(fake.runs("chrony.service"));
}

#[test]
fn a_link_that_was_made_anew_by_another_path_is_left_as_it_is() {
    let machine = Machine::running("set-ntp");
    machine.link("lib", "usr/lib");
    machine.file("usr/lib/systemd/system/hostclock.service", "a package's");
    machine.file("usr/lib/systemd/system/hostclock-wait.service", "a package's");
    let fake = Fake::new(&machine);
    assert_eq!(fake.set_up(&machine.request()).0, Ok((Outcome::SetUp, Code::Fine)));
    let link = "etc/systemd/system/multi-user.target.wants/hostclock.service";
    fs::remove_file(machine.0.join(link)).expect("removed");
    machine.link(link, "/lib/systemd/system/hostclock.service");
    let (ended, report) = fake.set_up(&machine.request());
    assert_eq!(ended, Ok((Outcome::Already, Code::Fine)));
    assert!(!report.changed && report.changes.is_empty(), "{report:?}");
}

#[test]
fn this_machine_is_no_image_however_it_is_spelt_and_what_is_not_there_is_no_tree() {
    for spelt in ["/", "//", "/tmp/..", "/proc/self/root"] {
        assert_eq!(plain(Path::new(spelt)), Path::new("/"), "{spelt}");
    }
    let machine = Machine::debian("no-tree");
    assert_eq!(plain(machine.0.path()), machine.0.path());
    for root in [machine.0.join("nowhere"), machine.0.join("etc/passwd")] {
        let request = Request { root, yes: true, ..Request::default() };
        assert_eq!((set_up(&request), undo(&request)), (Code::Usage, Code::Usage));
    }
}

#[test]
fn chronys_configuration_in_an_image_is_the_images_own() {
    let machine = Machine::debian("own-chrony");
    machine.file("srv/chrony.conf", "refclock PHC /dev/ptp0\nmakestep 7 -1\n");
    fs::remove_file(machine.0.join("etc/chrony/chrony.conf")).expect("removed");
    machine.link("etc/chrony/chrony.conf", "/srv/chrony.conf");
    let from = Some("/etc/chrony/chrony.conf".into());
    assert_eq!(set_up(&Request { from, ..machine.request() }), Code::Fine);
    assert!(machine.0.read("etc/hostclock/hostclock.toml").contains("step-forward = \"7s\""));
}

#[test]
fn a_mask_until_the_next_boot_is_found_before_the_hand_over() {
    let machine = Machine::running("runtime-mask");
    machine.link("run/systemd/system/hostclock.service", "/dev/null");
    let before = machine.snapshot();
    let fake = Fake::new(&machine);
    let (code, why) = fake.set_up(&machine.request()).0.expect_err("refused");
    assert!(code == Code::Failed && why.contains("unmask --runtime"), "{why}");
    assert_eq!(machine.snapshot(), before);
    assert!(fake.ran.borrow().is_empty());
}

#[test]
fn what_was_edited_since_is_not_said_to_be_as_it_was() {
    let machine = Machine::running("edited");
    let fake = Fake::new(&machine);
    assert_eq!(fake.set_up(&machine.request()).0, Ok((Outcome::SetUp, Code::Fine)));
    machine.file("etc/systemd/system/hostclock.service", "[Service]\nExecStart=/mine\n");
    let (ended, report) = fake.undo(&machine.request());
    assert_eq!(ended, Ok((Outcome::Undone, Code::Fine)));
    assert!(report.remarks.iter().any(|remark| remark.contains("was changed since")), "{report:?}");
}

#[test]
fn an_image_whose_rule_is_in_the_way_is_told_what_that_means() {
    let rule = "etc/udev/rules.d/60-hostclock.rules";
    for target in ["/dev/null", "nowhere", "/etc"] {
        let machine = Machine::debian("rule");
        machine.link(rule, target);
        let plan = super::plan_of(&machine);
        assert!(plan.kept.iter().any(|line| line.contains("can't read the device")), "{:?}", plan.kept);
    }
}
