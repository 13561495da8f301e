//! A machine that runs, with chrony on it.

use super::fake::Fake;
use super::machine::Machine;
use crate::exit::Code;
use crate::setup::Request;
use crate::setup::report::Outcome;

fn code(ended: &Result<(Outcome, Code), (Code, String)>) -> Code {
    match ended {
        Ok((_, code)) | Err((code, _)) => *code,
    }
}

#[test]
fn it_takes_over_and_gives_back_exactly_what_was_there() {
    let machine = Machine::running("running");
    let before = machine.snapshot();
    let fake = Fake::new(&machine);
    let (ended, report) = fake.set_up(&machine.request());
    assert_eq!(ended, Ok((Outcome::SetUp, Code::Fine)), "{report:?}");
    assert!(fake.runs("hostclock.service") && !fake.runs("chrony.service"));
    assert!(!machine.has("run/systemd/system/hostclock-handover.service"));
    assert_ne!(machine.0.read("usr/local/bin/hostclock"), "an older one");
    let once = machine.snapshot();
    let (ended, report) = fake.set_up(&machine.request());
    assert_eq!(ended, Ok((Outcome::Already, Code::Fine)));
    assert!(!report.changed && report.changes.is_empty());
    assert_eq!(machine.snapshot(), once, "a second time changes nothing");
    let (ended, report) = fake.undo(&machine.request());
    assert_eq!(ended, Ok((Outcome::Undone, Code::Fine)), "{report:?}");
    assert_eq!(machine.snapshot(), before);
    assert!(fake.runs("chrony.service") && !fake.runs("hostclock.service"));
    assert_eq!(fake.undo(&machine.request()).0, Ok((Outcome::NothingToUndo, Code::Fine)));
}

#[test]
fn without_a_device_nothing_is_changed_and_the_right_program_is_named() {
    let machine = Machine::running("no-device");
    let before = machine.snapshot();
    let fake = Fake { has_device: false, ..Fake::new(&machine) };
    for request in [machine.request(), Request { check: true, ..machine.request() }] {
        let (ended, _) = fake.set_up(&request);
        let (code, why) = ended.expect_err("refused");
        assert_eq!(code, Code::NoDevice);
        assert!(why.contains("no PTP device") && why.contains("chrony.service"), "{why}");
    }
    assert_eq!(machine.snapshot(), before);
    assert!(fake.runs("chrony.service"));
    assert!(fake.ran.borrow().is_empty());
}

#[test]
fn a_clock_that_does_not_become_right_stays_with_the_other() {
    let machine = Machine::running("not-right");
    let before = machine.snapshot();
    let fake = Fake { gets_right: false, ..Fake::new(&machine) };
    let (ended, report) = fake.set_up(&machine.request());
    let (code, why) = ended.expect_err("it fails");
    assert_eq!(code, Code::Failed);
    assert!(why.contains("everything is as it was, and chrony.service keeps the clock"), "{why}");
    assert_eq!(machine.snapshot(), before, "{report:?}");
    assert!(fake.runs("chrony.service") && !fake.runs("hostclock.service"));
}

#[test]
fn what_the_services_user_may_not_read_is_found_before_the_hand_over() {
    let machine = Machine::running("denied");
    let before = machine.snapshot();
    let fake =
        Fake { denied: Some("/dev/ptp0: hostclock may not read it".to_owned()), ..Fake::new(&machine) };
    let (ended, _) = fake.set_up(&machine.request());
    assert!(ended.expect_err("refused").1.contains("hostclock may not read it"));
    assert_eq!(machine.snapshot(), before);
    assert!(!fake.ran.borrow().iter().any(|command| command.contains("handover")));
}

#[test]
fn a_check_says_who_keeps_the_clock_and_does_nothing() {
    let machine = Machine::running("check");
    let before = machine.snapshot();
    let fake = Fake::new(&machine);
    let check = Request { check: true, ..machine.request() };
    let (ended, report) = fake.set_up(&check);
    assert_eq!(code(&ended), Code::Rival);
    assert_eq!(report.other_services, ["chrony.service"]);
    assert_eq!(machine.snapshot(), before);
    for link in ["chronyd.service", "multi-user.target.wants/chrony.service"] {
        std::fs::remove_file(machine.0.join("etc/systemd/system").join(link)).expect("removed");
    }
    let idle = Fake::new(&machine);
    idle.active.borrow_mut().clear();
    let _ = std::fs::remove_dir_all(machine.0.join("proc"));
    assert_eq!(idle.set_up(&check).0, Ok((Outcome::Possible, Code::Fine)));
}

#[test]
fn a_masked_unit_is_refused_and_an_edited_one_is_kept_and_named() {
    let machine = Machine::running("masked");
    let unit = "etc/systemd/system/hostclock.service";
    machine.link(unit, "/dev/null");
    let before = machine.snapshot();
    let fake = Fake::new(&machine);
    let (code, why) = fake.set_up(&machine.request()).0.expect_err("refused");
    assert!(code == Code::Failed && why.contains("systemctl unmask hostclock.service"), "{why}");
    assert_eq!(machine.snapshot(), before);
    std::fs::remove_file(machine.0.join(unit)).expect("removed");

    assert_eq!(code_of(&fake, &machine), Code::Fine);
    machine.file(unit, "[Service]\nExecStart=/mine\n");
    machine.link("etc/udev/rules.d/hidden", "nowhere");
    std::fs::remove_file(machine.0.join("etc/udev/rules.d/60-hostclock.rules")).expect("removed");
    machine.link("etc/udev/rules.d/60-hostclock.rules", "/dev/null");
    let (ended, report) = fake.set_up(&machine.request());
    assert_eq!(ended, Ok((Outcome::Already, Code::Fine)));
    assert_eq!(report.kept.len(), 2, "{:?}", report.kept);
    assert_eq!(machine.0.read(unit), "[Service]\nExecStart=/mine\n");
    let (ended, report) = fake.undo(&machine.request());
    assert_eq!(code_of_end(&ended), Code::Fine, "{report:?}");
    assert!(machine.has(unit) && machine.has("etc/udev/rules.d/60-hostclock.rules"));
    assert_eq!(report.remarks.len(), 2, "{:?}", report.remarks);
    let null = std::fs::metadata("/dev/null").expect("there");
    assert!(!null.is_file(), "what a mask leads to isn't touched");
}

fn code_of(fake: &Fake, machine: &Machine) -> Code {
    code(&fake.set_up(&machine.request()).0)
}

fn code_of_end(ended: &Result<(Outcome, Code), (Code, String)>) -> Code {
    code(ended)
}

#[test]
fn a_package_that_comes_later_takes_the_place_of_what_setup_wrote() {
    let machine = Machine::running("package-later");
    let fake = Fake::new(&machine);
    assert_eq!(code_of(&fake, &machine), Code::Fine);
    for path in [
        "usr/lib/sysusers.d/hostclock.conf",
        "usr/lib/udev/rules.d/60-hostclock.rules",
        "usr/lib/systemd/system/hostclock.service",
        "usr/lib/systemd/system/hostclock-wait.service",
    ] {
        machine.file(path, "a package's");
    }
    let upgrade = Request { upgrade: true, ..machine.request() };
    let (ended, report) = fake.set_up(&upgrade);
    assert_eq!(ended, Ok((Outcome::SetUp, Code::Fine)), "{report:?}");
    assert!(!machine.has("etc/systemd/system/hostclock.service"));
    assert!(!machine.has("etc/udev/rules.d/60-hostclock.rules"));
    let link = machine.0.join("etc/systemd/system/multi-user.target.wants/hostclock.service");
    let target = std::fs::read_link(link).expect("a link");
    assert_eq!(target, std::path::Path::new("/usr/lib/systemd/system/hostclock.service"));
    assert!(fake.ran.borrow().iter().any(|command| command == "systemctl restart hostclock.service"));
    assert_eq!(fake.set_up(&upgrade).0, Ok((Outcome::Already, Code::Fine)));
    assert_eq!(code(&fake.undo(&machine.request()).0), Code::Fine);
    assert!(fake.runs("chrony.service") && !machine.has("etc/hostclock-undo.json"));
}

#[test]
fn a_newer_program_takes_the_place_of_the_one_that_setup_copied() {
    let machine = Machine::running("newer");
    let fake = Fake::new(&machine);
    assert_eq!(code_of(&fake, &machine), Code::Fine);
    let copied = machine.0.read("usr/local/bin/hostclock");
    // As if an earlier program had been copied then: the record knows it.
    let mut record =
        super::super::record::Record::load(&fake.world().tree).expect("readable").expect("there");
    for change in &mut record.changes {
        if let super::super::change::Change::Replace { path, after, .. } = change {
            if path.ends_with("bin/hostclock") {
                *after = super::super::node::Node::file(b"an earlier one", 0o755);
            }
        }
    }
    record.save(&fake.world().tree).expect("written");
    machine.file("usr/local/bin/hostclock", "an earlier one");
    let (ended, report) = fake.set_up(&machine.request());
    assert_eq!(ended, Ok((Outcome::SetUp, Code::Fine)), "{report:?}");
    assert_eq!(machine.0.read("usr/local/bin/hostclock"), copied);
    assert!(fake.ran.borrow().iter().any(|command| command == "systemctl restart hostclock.service"));
    assert_eq!(code(&fake.undo(&machine.request()).0), Code::Fine);
    assert_eq!(machine.0.read("usr/local/bin/hostclock"), "an older one", "what was there at first");
}

#[test]
fn a_service_of_ours_that_ran_before_runs_on_after_undoing() {
    let machine = Machine::running("ran-before");
    let fake = Fake::new(&machine);
    fake.active.borrow_mut().clear();
    fake.active.borrow_mut().insert("hostclock.service".to_owned());
    *fake.serves.borrow_mut() = true;
    let _ = std::fs::remove_dir_all(machine.0.join("proc"));
    let before = machine.snapshot();
    assert_eq!(code_of(&fake, &machine), Code::Fine);
    assert_eq!(code(&fake.undo(&machine.request()).0), Code::Fine);
    assert_eq!(machine.snapshot(), before);
    assert!(fake.runs("hostclock.service"));
}

#[test]
fn a_configuration_that_the_service_would_not_start_with_is_no_ground_to_hand_over_on() {
    let machine = Machine::running("mistake");
    machine.file("etc/hostclock/hostclock.toml", "pol = \"1s\"\n");
    let before = machine.snapshot();
    let fake = Fake::new(&machine);
    let (code, why) = fake.set_up(&machine.request()).0.expect_err("refused");
    assert!(code == Code::Usage && why.contains("did you mean `poll`"), "{why}");
    assert_eq!(machine.snapshot(), before);
}

#[test]
fn without_a_socket_the_hand_over_goes_by_what_the_service_manager_knows() {
    let machine = Machine::running("no-socket");
    machine.file("etc/hostclock/hostclock.toml", "socket = \"none\"\n");
    let fake = Fake::new(&machine);
    let (ended, report) = fake.set_up(&Request { dry_run: true, ..machine.request() });
    assert_eq!(ended, Ok((Outcome::WouldChange, Code::Fine)));
    assert!(report.changes.iter().any(|change| change.contains("StatusText=synchronised")));
    assert_eq!(code_of(&fake, &machine), Code::Fine);
}

#[test]
fn only_root_sets_up() {
    let machine = Machine::running("user");
    let fake = Fake { user: 1_000, ..Fake::new(&machine) };
    assert_eq!(code_of(&fake, &machine), Code::NoPermission);
    assert_eq!(code(&fake.set_up(&Request { dry_run: true, ..machine.request() }).0), Code::Fine);
}

#[test]
fn a_configuration_that_was_changed_since_takes_effect_by_a_restart_and_once() {
    let machine = Machine::running("changed-config");
    let fake = Fake::new(&machine);
    assert_eq!(code_of(&fake, &machine), Code::Fine);
    let restarts = || {
        fake.ran
            .borrow()
            .iter()
            .filter(|command| command.as_str() == "systemctl restart hostclock.service")
            .count()
    };
    assert_eq!(restarts(), 0);
    machine.file("etc/hostclock/hostclock.toml", "poll = \"2s\"\n");
    let (ended, report) = fake.set_up(&machine.request());
    assert_eq!(ended, Ok((Outcome::SetUp, Code::Fine)));
    assert!(report.changed && restarts() == 1, "{report:?}");
    assert_eq!(fake.set_up(&machine.request()).0, Ok((Outcome::Already, Code::Fine)));
    assert_eq!(restarts(), 1);
    for (count, text) in [(2, "socket = \"none\"\n"), (3, "poll = \"2s\"\n")] {
        machine.file("etc/hostclock/hostclock.toml", text);
        assert_eq!(fake.set_up(&machine.request()).0, Ok((Outcome::SetUp, Code::Fine)), "{text}");
        assert_eq!(restarts(), count, "{text}");
        assert_eq!(fake.set_up(&machine.request()).0, Ok((Outcome::Already, Code::Fine)), "{text}");
    }
}

#[test]
fn a_rival_in_a_container_goes_with_the_service_that_starts_it_or_is_named_with_the_command_that_does() {
    let machine = Machine::running("container");
    let fake = Fake::new(&machine);
    machine.file("proc/812/cgroup", "0::/system.slice/docker-4f1c0de0aa112233.scope\n");
    let before = machine.snapshot();
    let (code, why) = fake.set_up(&machine.request()).0.expect_err("refused");
    assert!(
        code == Code::Rival && why.contains("docker stop 4f1c0de0aa11") && !why.contains("kill"),
        "{why}"
    );
    assert_eq!(machine.snapshot(), before);
    machine.file(
        "usr/lib/systemd/system/chrony.service",
        "[Service]\nExecStart=/usr/bin/docker run --name chrony --cap-add=SYS_TIME chrony chronyd -s -d\n",
    );
    let (ended, report) = fake.set_up(&machine.request());
    assert_eq!(ended, Ok((Outcome::SetUp, Code::Fine)), "{report:?}");
    assert!(fake.runs("hostclock.service") && !fake.runs("chrony.service"));
}

#[test]
fn under_openrc_a_shell_hands_over_and_back_and_undoing_leaves_no_trace() {
    let machine = Machine::with_openrc("openrc-runs");
    let before = machine.snapshot();
    let wrong = Fake { gets_right: false, ..Fake::of_openrc(&machine) };
    let (ended, report) = wrong.set_up(&machine.request());
    assert!(ended.expect_err("it fails").1.contains("chronyd keeps the clock"), "{report:?}");
    assert_eq!(machine.snapshot(), before);
    assert!(wrong.runs("chronyd") && !wrong.runs("hostclock"));

    let fake = Fake::of_openrc(&machine);
    let (ended, report) = fake.set_up(&machine.request());
    assert_eq!(ended, Ok((Outcome::SetUp, Code::Fine)), "{report:?}");
    assert_eq!(report.other_services, ["chronyd"]);
    assert!(fake.runs("hostclock") && !fake.runs("chronyd"));
    assert!(machine.has("etc/runlevels/default/hostclock") && !machine.has("etc/runlevels/default/chronyd"));
    assert_eq!(fake.set_up(&machine.request()).0, Ok((Outcome::Already, Code::Fine)));
    assert_eq!(code(&fake.undo(&machine.request()).0), Code::Fine);
    assert_eq!(machine.snapshot(), before);
    assert!(fake.runs("chronyd") && !fake.runs("hostclock"));
}
