//! Every operation on a file and every command fails once, and is the last once: a machine ends as before, as planned, or
//! with a record that says what is left; and a clock daemon keeps its clock all the time.

use std::rc::Rc;

use super::fake::Fake;
use super::machine::Machine;
use crate::exit::Code;
use crate::setup::Request;
use crate::setup::fault::{Fault, Faults};

/// More steps than there are.
const MOST: usize = 2_000;

fn request(machine: &Machine) -> Request {
    Request { from: Some("/etc/chrony/chrony.conf".into()), ..machine.request() }
}

/// A machine with a fault in store.
fn faulty(name: &str, fault: Fault) -> (Machine, Fake) {
    let machine = Machine::running(name);
    let fake = Fake { faults: Rc::new(Faults::with(fault)), ..Fake::new(&machine) };
    (machine, fake)
}

/// The same machine once the fault is over.
fn healed(machine: &Machine, fake: &Fake) -> Fake {
    let (active, digest, serves) = (fake.active.clone(), fake.digest.clone(), fake.serves.clone());
    Fake { faults: Rc::default(), active, digest, serves, ..Fake::new_beside(machine) }
}

fn undone(machine: &Machine, fake: &Fake, what: &str) {
    let (ended, report) = fake.undo(&machine.request());
    assert!(matches!(ended, Ok((_, Code::Fine))), "{what}: {ended:?} {report:?}");
}

/// What the machine is like when all goes well, before and after.
fn well() -> (Vec<String>, Vec<String>) {
    let machine = Machine::running("well");
    let before = named(&machine);
    let fake = Fake::new(&machine);
    assert!(matches!(fake.set_up(&request(&machine)).0, Ok((_, Code::Fine))));
    (before, named(&machine))
}

/// The tree's snapshot, by paths below the root; of the record only that it is there.
fn named(machine: &Machine) -> Vec<String> {
    let below =
        |path: &std::path::Path| path.strip_prefix(machine.0.path()).expect("below").display().to_string();
    let entries = machine.snapshot().into_iter().map(|(path, what)| match below(&path) {
        record if record == "etc/hostclock-undo.json" => record,
        path => format!("{path} {what}"),
    });
    entries.collect()
}

#[test]
fn setting_up_that_is_killed_at_any_step_leaves_a_clock_daemon_and_can_be_undone_or_done_again() {
    let (before, after) = well();
    let mut steps = 0;
    for number in 0..MOST {
        let what = format!("killed at step {number}");
        let (machine, fake) = faulty("killed", Fault::Killed(number));
        let _ = fake.set_up(&request(&machine));
        if !fake.faults.has_struck() {
            break;
        }
        steps += 1;
        assert!(fake.is_kept(), "{what}: {:?}", fake.active);
        let fake = healed(&machine, &fake);
        if number % 2 == 0 {
            fake.reboot();
            assert!(fake.is_kept(), "{what}, then booted: {:?}", fake.active);
        }
        if number % 3 == 0 {
            let (ended, report) = fake.set_up(&request(&machine));
            assert!(matches!(ended, Ok((_, Code::Fine))), "{what}, then done again: {ended:?} {report:?}");
            assert_eq!(named(&machine), after, "{what}, then done again");
            assert!(fake.runs("hostclock.service") && !fake.runs("chrony.service"), "{what}");
        }
        undone(&machine, &fake, &what);
        assert_eq!(named(&machine), before, "{what}, then undone");
        assert!(fake.runs("chrony.service") && !fake.runs("hostclock.service"), "{what}, then undone");
    }
    assert!((60..MOST - 1).contains(&steps), "{steps} steps");
}

#[test]
fn setting_up_in_which_any_step_fails_ends_as_before_as_planned_or_named_with_a_record() {
    let (before, after) = well();
    let mut ends = [0; 3];
    for number in 0..MOST {
        let what = format!("step {number} fails");
        let (machine, fake) = faulty("fails", Fault::Fails(number));
        let (ended, report) = fake.set_up(&request(&machine));
        if !fake.faults.has_struck() {
            break;
        }
        assert!(fake.is_kept(), "{what}: {:?}", fake.active);
        let now = named(&machine);
        if now == after && matches!(ended, Ok((_, Code::Fine))) {
            ends[0] += 1;
        } else if now == before && ended.is_err() {
            ends[1] += 1;
            assert!(fake.runs("chrony.service"), "{what}");
        } else {
            ends[2] += 1;
            assert!(machine.has("etc/hostclock-undo.json"), "{what}: {ended:?} {report:?}");
            match ended {
                Ok(_) => {
                    let named =
                        report.remarks.iter().any(|remark| remark.contains("gone after the next boot"));
                    assert!(named, "{what}: {report:?}");
                }
                Err((_, why)) => assert!(why.contains("setup --undo"), "{what}: {why}"),
            }
        }
        let fake = healed(&machine, &fake);
        undone(&machine, &fake, &what);
        assert_eq!(named(&machine), before, "{what}, then undone");
        assert!(fake.runs("chrony.service") && !fake.runs("hostclock.service"), "{what}, then undone");
    }
    assert!(ends[1] > 40, "as planned, as before, named: {ends:?}");
}

#[test]
fn undoing_that_is_killed_at_any_step_leaves_a_clock_daemon_and_can_be_done_again() {
    let (before, _) = well();
    let mut steps = 0;
    for number in 0..MOST {
        let what = format!("undoing killed at step {number}");
        let machine = Machine::running("undo-killed");
        let fake = Fake::new(&machine);
        assert!(matches!(fake.set_up(&request(&machine)).0, Ok((_, Code::Fine))));
        let killed = Fake { faults: Rc::new(Faults::with(Fault::Killed(number))), ..healed(&machine, &fake) };
        let _ = killed.undo(&machine.request());
        if !killed.faults.has_struck() {
            break;
        }
        steps += 1;
        assert!(killed.is_kept(), "{what}: {:?}", killed.active);
        let fake = healed(&machine, &killed);
        if number % 2 == 0 {
            fake.reboot();
            assert!(fake.is_kept(), "{what}, then booted: {:?}", fake.active);
        }
        undone(&machine, &fake, &what);
        assert_eq!(named(&machine), before, "{what}, then done again");
        assert!(fake.runs("chrony.service") && !fake.runs("hostclock.service"), "{what}");
    }
    assert!((40..MOST - 1).contains(&steps), "{steps} steps");
}

#[test]
fn undoing_in_which_any_step_fails_ends_as_before_or_says_what_is_left_and_keeps_the_record() {
    let (before, _) = well();
    let mut ends = [0; 2];
    for number in 0..MOST {
        let what = format!("in undoing step {number} fails");
        let machine = Machine::running("undo-fails");
        let fake = Fake::new(&machine);
        assert!(matches!(fake.set_up(&request(&machine)).0, Ok((_, Code::Fine))));
        let faulty = Fake { faults: Rc::new(Faults::with(Fault::Fails(number))), ..healed(&machine, &fake) };
        let (ended, report) = faulty.undo(&machine.request());
        if !faulty.faults.has_struck() {
            break;
        }
        assert!(faulty.is_kept(), "{what}: {:?}", faulty.active);
        if matches!(ended, Ok((_, Code::Fine))) {
            ends[0] += 1;
            assert_eq!(named(&machine), before, "{what}: {report:?}");
        } else {
            ends[1] += 1;
            assert!(machine.has("etc/hostclock-undo.json"), "{what}: {report:?}");
            let unread = ended.as_ref().is_err_and(|(_, why)| why.contains("cannot read"));
            assert!(!report.left.is_empty() || unread, "{what}: {ended:?}");
        }
        let fake = healed(&machine, &faulty);
        undone(&machine, &fake, &what);
        assert_eq!(named(&machine), before, "{what}, then done again");
        assert!(fake.runs("chrony.service") && !fake.runs("hostclock.service"), "{what}");
    }
    assert!(ends[0] > 3 && ends[1] > 10, "as before, named: {ends:?}");
}

/// A machine that is set up, with another configuration of chrony's and a newer program at hand.
fn standing(name: &str) -> (Machine, Fake) {
    let machine = Machine::running(name);
    let fake = Fake::new(&machine);
    assert!(matches!(fake.set_up(&request(&machine)).0, Ok((_, Code::Fine))));
    machine
        .file("etc/chrony/chrony.conf", "refclock PHC /dev/ptp0 poll 0\n")
        .file("tmp/unpacked/hostclock", "a newer program");
    (machine, fake)
}

#[test]
fn setting_up_again_in_which_any_step_fails_or_is_the_last_never_takes_the_first_time_back() {
    let (machine, fake) = standing("again-well");
    let before = named(&machine);
    assert!(matches!(fake.set_up(&request(&machine)).0, Ok((_, Code::Fine))));
    let after = named(&machine);
    assert_ne!(before, after);
    let mut struck = 0;
    for number in 0..MOST {
        let mut over = true;
        for fault in [Fault::Fails(number), Fault::Killed(number)] {
            let what = format!("setting up again with {fault:?}");
            let (machine, fake) = standing("again");
            let faulty = Fake { faults: Rc::new(Faults::with(fault)), ..healed(&machine, &fake) };
            let (ended, report) = faulty.set_up(&request(&machine));
            if !faulty.faults.has_struck() {
                continue;
            }
            over = false;
            struck += 1;
            assert!(faulty.runs("hostclock.service") && !faulty.runs("chrony.service"), "{what}");
            let now = named(&machine);
            if matches!(fault, Fault::Fails(_)) && now != after {
                assert!(ended.is_err(), "{what}: {report:?}");
                let told = !report.left.is_empty() && machine.has("etc/hostclock-undo.json");
                assert!(now == before || told, "{what}: {ended:?} {report:?}");
            }
            let fake = healed(&machine, &faulty);
            let (ended, report) = fake.set_up(&request(&machine));
            assert!(matches!(ended, Ok((_, Code::Fine))), "{what}, then done again: {ended:?} {report:?}");
            assert_eq!(named(&machine), after, "{what}, then done again");
            undone(&machine, &fake, &what);
            assert!(fake.runs("chrony.service") && !fake.runs("hostclock.service"), "{what}, then undone");
        }
        if over {
            break;
        }
    }
    assert!(struck > 60, "{struck}");
}

#[test]
fn on_a_full_disk_and_on_a_read_only_file_system_nothing_is_half_done() {
    for fault in [Fault::Full, Fault::ReadOnly] {
        let (machine, fake) = faulty("disk", fault);
        let before = named(&machine);
        let (ended, _) = fake.set_up(&request(&machine));
        let (_, why) = ended.expect_err("it can't be set up");
        assert!(why.contains("hostclock-undo.json") && why.ends_with("nothing is changed"), "{why}");
        assert_eq!(named(&machine), before);
        assert!(fake.runs("chrony.service"));
    }
}

#[test]
fn undoing_on_a_full_disk_or_a_read_only_file_system_names_what_is_left_and_can_be_done_again() {
    let (before, _) = well();
    for fault in [Fault::Full, Fault::ReadOnly] {
        let machine = Machine::running("undo-disk");
        let fake = Fake::new(&machine);
        assert!(matches!(fake.set_up(&request(&machine)).0, Ok((_, Code::Fine))));
        let faulty = Fake { faults: Rc::new(Faults::with(fault)), ..healed(&machine, &fake) };
        for _ in 0..2 {
            let (ended, report) = faulty.undo(&machine.request());
            let (code, why) = ended.expect_err("it can't be undone");
            assert!(code == Code::Failed && why.contains("in the record"), "{fault:?}: {why}");
            assert!(
                !report.left.is_empty() && machine.has("etc/hostclock-undo.json"),
                "{fault:?}: {report:?}"
            );
            assert!(faulty.is_kept(), "{fault:?}: {:?}", faulty.active);
            assert!(faulty.runs("chrony.service"), "{fault:?}: what was stopped is started again");
        }
        let fake = healed(&machine, &faulty);
        undone(&machine, &fake, "later");
        assert_eq!(named(&machine), before);
    }
}
