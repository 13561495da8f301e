//! Taking back what was changed, in the order in which nothing is taken away before its replacement works: first the
//! other services start with the machine again, then the service manager hands the clock back to them, then ours goes.
//! Each part can be done again: after a crash it goes on where it was.

use std::path::Path;

use hostclock_linux::services::{self, Manager};

use super::World;
use super::change::{Change, Undone};
use super::command::{
    apply_rules, command, make_group, remove_group, remove_user, reread_clock_services, reread_units,
    restart, runs, start, stop,
};
use super::handover::{self, HANDBACK};
use super::node::Node;
use super::plan::{group, has_user, runtime_steps};
use super::record::{Phase, Record};

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct TakenBack {
    /// What is worth knowing, a line each.
    pub(super) remarks: Vec<String>,
    /// What was edited since, and is needed as it is now, a line each.
    pub(super) edited: Vec<String>,
    /// What is left to be put back, and why, a line each; the record has it.
    pub(super) left: Vec<String>,
}

/// Takes back what `record` says, and removes it; where something is left, it stays, and says so.
pub(super) fn take_back(world: &World<'_>, mut record: Record, manager: Manager) -> TakenBack {
    let mut done = TakenBack::default();
    record.phase = Phase::Undoing;
    let by_unit = world.running
        && manager == Manager::Systemd
        && !record.stopped.is_empty()
        && hand_back_by(world, &mut record, &mut done);
    let changes = record.changes.clone();
    let (others, own): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(|change| disables(change));
    unmake(world, &others, &mut done);
    let whole = done.left.is_empty();
    if world.running {
        record.stopped = hand_back(world, &record, manager, by_unit, &mut done);
    }
    // Ours starts with the machine for as long as those that it replaced would not.
    if whole {
        unmake(world, &own, &mut done);
        if world.running {
            settle(world, &record, manager, &mut done);
        }
    }
    if done.left.is_empty() {
        match Record::remove(&world.tree) {
            Ok(()) => return done,
            Err(why) => done.left.push(why),
        }
    }
    // All changes stay in it: what is taken back already does no harm when that is tried again.
    if let Err(why) = record.save(&world.tree) {
        // What is there says as much.
        done.remarks.push(why);
    }
    done
}

/// Whether it disabled another service.
fn disables(change: &Change) -> bool {
    match change {
        Change::Replace { before: Node::Link { .. }, after: Node::Absent, .. } => true,
        Change::Replace { after, .. } => after.is_mask(),
        Change::Directory { .. } | Change::User { .. } => false,
    }
}

/// Writes what hands the clock back, into the record first; whether that is there now.
fn hand_back_by(world: &World<'_>, record: &mut Record, done: &mut TakenBack) -> bool {
    let units = handover::back_units(&record.stopped);
    let prepared = runtime_steps(&world.tree, units).and_then(|steps| {
        record.add(steps.iter().map(|step| step.change.clone()), &[]);
        record.save(&world.tree)?;
        steps.iter().try_for_each(|step| step.change.make(&world.tree, &step.content))?;
        world.system.run(&reread_units())
    });
    match prepared {
        Ok(()) => true,
        Err(why) => {
            done.remarks.push(format!("the services are changed one by one: {why}"));
            false
        }
    }
}

/// Gives the clock back to the services that were stopped; those that didn't start.
fn hand_back(
    world: &World<'_>,
    record: &Record,
    manager: Manager,
    by_unit: bool,
    done: &mut TakenBack,
) -> Vec<String> {
    let own = services::own(manager);
    if record.stopped.is_empty() {
        if !record.ran_before {
            attempt(world, &stop(manager, own), done);
        }
        return Vec::new();
    }
    let back = match (manager, by_unit) {
        (Manager::Systemd, true) => {
            attempt(world, &reread_units(), done);
            world.system.run(&start(manager, HANDBACK))
        }
        (Manager::Systemd, false) => world.system.run(&stop(manager, own)),
        (Manager::OpenRc, _) => world.system.run(&handover::back_by_shell(&record.stopped)),
    };
    if let Err(why) = back {
        done.remarks.push(why);
        attempt(world, &stop(manager, own), done);
    }
    // One by one, where that wasn't all: whatever starts is worth it.
    let mut unstarted = Vec::new();
    for service in &record.stopped {
        if world.system.asks(&runs(manager, service)) {
            continue;
        }
        if let Err(why) = world.system.run(&start(manager, service)) {
            done.left.push(format!("{service} could not be started again: {why}"));
            unstarted.push(service.clone());
        }
    }
    unstarted
}

/// Unmakes changes, the last first.
fn unmake(world: &World<'_>, changes: &[&Change], done: &mut TakenBack) {
    for change in changes.iter().rev() {
        let undone = match change {
            // A package that came since needs it.
            Change::User { .. } if is_packaged(world) => Ok(Undone::Whole),
            Change::User { group_before, .. } => forget_user(world, *group_before).map(|()| Undone::Whole),
            change => change.unmake(&world.tree),
        };
        match undone {
            Ok(Undone::Whole) => {}
            Ok(Undone::Changed(remark)) => done.edited.push(remark),
            Err(why) => done.left.push(why),
        }
    }
}

/// Removes the service's user, and its group unless that was there before.
pub(super) fn forget_user(world: &World<'_>, group_before: Option<u32>) -> Result<(), String> {
    let root = world.tree.root();
    if has_user(&world.tree)? {
        world.system.run(&remove_user(root))?;
    }
    match (group(&world.tree)?, group_before) {
        (Some(_), None) => world.system.run(&remove_group(root))?,
        (None, Some(number)) => world.system.run(&make_group(root, number))?,
        (Some(_), Some(_)) | (None, None) => {}
    }
    world.tree.settle(Path::new("etc/passwd"))
}

/// Whether a package describes the service's user.
fn is_packaged(world: &World<'_>) -> bool {
    world.tree.at(Path::new("usr/lib/sysusers.d/hostclock.conf")).exists()
}

/// Makes the running machine take note.
fn settle(world: &World<'_>, record: &Record, manager: Manager, done: &mut TakenBack) {
    let path_of = |change: &Change, start: &str| change.path().is_some_and(|path| path.starts_with(start));
    if manager == Manager::Systemd {
        attempt(world, &reread_units(), done);
        attempt(world, &reread_clock_services(), done);
        if record.changes.iter().any(|change| path_of(change, "etc/udev")) {
            for command in apply_rules(true) {
                attempt(world, &command, done);
            }
        }
    }
    let own = services::own(manager);
    if record.ran_before && record.changes.iter().any(|change| path_of(change, "etc/systemd/system")) {
        attempt(world, &restart(manager, own), done);
    } else if !record.ran_before && manager == Manager::Systemd {
        // It isn't there any more, and so has not failed.
        let forget = command(["systemctl", "reset-failed", own]);
        let _ = world.system.asks(&forget);
    }
}

/// Runs a command that is no reason to stop.
fn attempt(world: &World<'_>, command: &super::command::Command, done: &mut TakenBack) {
    if let Err(why) = world.system.run(command) {
        done.remarks.push(why);
    }
}

/// What undoing would do, a line each.
pub(super) fn would_do(record: &Record) -> Vec<String> {
    let changes = record.changes.iter().rev().map(|change| format!("would take back: {}", change.done()));
    let services = record.stopped.iter().map(|service| format!("would start again: {service}"));
    changes.chain(services).collect()
}

/// Whether a path is in a directory that is gone with the next boot.
pub(super) fn is_runtime(change: &Change) -> bool {
    change.path().is_some_and(|path| path.starts_with(Path::new("run")))
}
