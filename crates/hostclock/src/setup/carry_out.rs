//! Setting up, step by step: the record, the files, the hand-over, and last of all what lasts about services. What fails
//! half-way is taken back.

use std::path::Path;
use std::time::{Duration, Instant};

use hostclock_core::status::State;
use hostclock_linux::services::{self, Manager};

use super::change::Change;
use super::command::{
    Command, apply_rules, make_user, reread_clock_services, reread_units, restart, runs, start,
};
use super::examine::Examined;
use super::handover::{self, HANDBACK, HANDOVER, PATIENCE_S};
use super::node::Node;
use super::plan::{Plan, Step, configuration};
use super::record::{Phase, Record};
use super::report::{Outcome, Report};
use super::standing::Standing;
use super::system::Observation;
use super::undo::{is_runtime, take_back};
use super::{Request, Stop, World, failed};
use crate::config::{self, Config};
use crate::exit::Code;
use crate::output::print;
use crate::status::client::{Answer, Trouble};
use crate::status::summary;

/// How long the clock has to be right after the service was started.
const PATIENCE: Duration = Duration::from_secs(PATIENCE_S);

/// Does what was planned.
pub(super) fn carry_out(
    world: &World<'_>,
    request: &Request,
    examined: Examined,
    report: &mut Report,
) -> Result<(Outcome, Code), Stop> {
    let Examined { manager, plan, record, observation, .. } = examined;
    let own = services::own(manager);
    let runs_now = world.running && world.system.asks(&runs(manager, own));
    let complete = record.as_ref().is_none_or(|record| record.phase == Phase::Complete);
    if plan.is_empty() && complete && (!world.running || runs_now || request.upgrade) {
        report.say("Everything is set up already.");
        return up_to_date(world, request, manager, &plan, runs_now, report);
    }
    let is_first = record.is_none();
    // A machine that is set up, and is to stay so if this fails.
    let standing = record.clone().filter(|record| record.phase == Phase::Complete);
    let standing = standing.map(|record| Standing::of(world, record, &plan)).transpose().map_err(failed)?;
    let mut record = record.unwrap_or_else(|| Record::new(runs_now));
    record.phase = Phase::Begun;
    record.add(plan.steps().map(|step| step.change.clone()), &plan.stopped);
    if let Err(why) = record.save(&world.tree) {
        if is_first {
            // It may be there all the same, and says what never happened.
            let _ = Record::remove(&world.tree);
        }
        return Err(failed(format!("{why}; nothing is changed")));
    }
    report.changed = true;
    let done = write_files(world, manager, &plan, observation.as_ref(), report)
        .and_then(|()| hand_over(world, manager, &plan, runs_now, report))
        .and_then(|()| for_good(world, manager, &plan, report));
    if let Err(why) = done {
        return Err(match standing {
            Some(standing) => standing.restored(world, manager, &plan, &why, report),
            None => rolled_back(world, record, manager, &why, report),
        });
    }
    // What only handed over goes, and out of the record.
    let runtime = record.changes.iter().rev().filter(|change| is_runtime(change));
    let left: Vec<String> = runtime.filter_map(|change| change.unmake(&world.tree).err()).collect();
    if left.is_empty() {
        record.forget(is_runtime);
    }
    left.into_iter().for_each(|why| report.remark(format!("{why} (it is gone after the next boot)")));
    record.complete();
    record.save(&world.tree).map_err(|why| {
        failed(format!("{why}: all is set up; `hostclock setup --undo` takes it back as well"))
    })?;
    if !world.running {
        report.say("The image is set up: hostclock starts with it.");
        return Ok((Outcome::SetUp, Code::Fine));
    }
    if manager == Manager::Systemd {
        note(world, &reread_units(), report);
    }
    match (up_to_date(world, request, manager, &plan, runs_now, report), standing) {
        (Err((_, why)), Some(standing)) => {
            // What it ran with before was right, or at least no worse.
            let stop = standing.restored(world, manager, &plan, &why, report);
            if runs_now {
                note(world, &restart(manager, own), report);
            }
            Err(stop)
        }
        (ended, _) => ended,
    }
}

/// The files, and what makes the machine take note of them.
fn write_files(
    world: &World<'_>,
    manager: Manager,
    plan: &Plan,
    read: Option<&Observation>,
    report: &mut Report,
) -> Result<(), String> {
    make_all(world, &plan.files, report)?;
    if plan.makes_user() {
        match world.system.run(&make_user(world.tree.root())) {
            // An image makes it at its first boot, by the same file.
            Err(why) if !world.running => {
                report.remark(format!("{why}: the image makes the user when it boots"))
            }
            // It renames its files and leaves it at that, so that a power failure could leave halves of them.
            made => made.and_then(|()| world.tree.settle(Path::new("etc/passwd")))?,
        }
    }
    if !world.running || manager != Manager::Systemd {
        return Ok(());
    }
    for step in &plan.handover {
        step.change.make(&world.tree, &step.content)?;
    }
    world.system.run(&reread_units())?;
    for command in apply_rules(false) {
        note(world, &command, report);
    }
    world.system.denied_to_service(read).map_or(Ok(()), Err)
}

/// From the others to us, by the service manager.
fn hand_over(
    world: &World<'_>,
    manager: Manager,
    plan: &Plan,
    runs_now: bool,
    report: &mut Report,
) -> Result<(), String> {
    if !world.running {
        return Ok(());
    }
    let own = services::own(manager);
    if plan.stopped.is_empty() {
        return if runs_now { Ok(()) } else { world.system.run(&start(manager, own)) };
    }
    let asks = config::of_tree(world.tree.root()).0.socket.is_some();
    let over = match manager {
        Manager::Systemd => start(manager, HANDOVER),
        Manager::OpenRc => handover::by_shell(&plan.stopped, &plan.program, asks),
    };
    world.system.run(&over).map_err(|why| {
        if manager == Manager::Systemd {
            // It was started by the failure; this waits for its end.
            let _ = world.system.run(&start(manager, HANDBACK));
        }
        format!(
            "hostclock did not get the clock right ({why}; it had {PATIENCE_S} s): `journalctl --unit hostclock` may say why"
        )
    })?;
    report.change(format!("took the clock over from {}", plan.stopped.join(", ")));
    Ok(())
}

/// What lasts: ours starts with the machine, and then the others don't.
fn for_good(world: &World<'_>, manager: Manager, plan: &Plan, report: &mut Report) -> Result<(), String> {
    make_all(world, &plan.enabling, report)?;
    make_all(world, &plan.disabling, report)?;
    if world.running && manager == Manager::Systemd {
        world.system.run(&reread_units())?;
        note(world, &reread_clock_services(), report);
    }
    Ok(())
}

fn make_all(world: &World<'_>, steps: &[Step], report: &mut Report) -> Result<(), String> {
    for step in steps {
        step.change.make(&world.tree, &step.content)?;
        if !matches!(step.change, Change::User { .. }) {
            report.change(step.change.done());
        }
    }
    Ok(())
}

/// Takes everything back, and says why.
fn rolled_back(world: &World<'_>, record: Record, manager: Manager, why: &str, report: &mut Report) -> Stop {
    let others = record.stopped.join(", ");
    let done = take_back(world, record, manager);
    done.remarks.into_iter().chain(done.edited).for_each(|line| report.remark(line));
    if !done.left.is_empty() {
        done.left.into_iter().for_each(|line| report.leave(line));
        return failed(format!(
            "{why}; not everything could be put back: `hostclock setup --undo` when that is fixed"
        ));
    }
    report.changed = false;
    let keeps = if others.is_empty() { String::new() } else { format!(", and {others} keeps the clock") };
    failed(format!("{why}; everything is as it was{keeps}"))
}

/// Sees to it that the service that runs is this one with this configuration, waits for the clock to be right, and says
/// how it is.
fn up_to_date(
    world: &World<'_>,
    request: &Request,
    manager: Manager,
    plan: &Plan,
    ran: bool,
    report: &mut Report,
) -> Result<(Outcome, Code), Stop> {
    let outcome = if report.changed { Outcome::SetUp } else { Outcome::Already };
    if !world.running {
        return Ok((outcome, Code::Fine));
    }
    let config = config::of_tree(world.tree.root()).0;
    if ran && is_outdated(world, plan, &config) {
        world.system.run(&restart(manager, services::own(manager))).map_err(failed)?;
        report.changed = true;
        report.change("restarted the service: its program or its configuration is another now".to_owned());
    }
    if request.upgrade {
        return Ok((outcome, Code::Fine));
    }
    started(world, &config, report)
        .map(|()| (if report.changed { Outcome::SetUp } else { outcome }, Code::Fine))
}

/// Whether the daemon that runs was started with something else than what is there now.
fn is_outdated(world: &World<'_>, plan: &Plan, config: &Config) -> bool {
    if plan.renews_service() {
        return true;
    }
    let asked = config.socket.as_deref().unwrap_or(Path::new(config::DEFAULT_SOCKET));
    let status = match world.system.status(Some(asked)) {
        // It was started when there was to be a socket.
        Ok(_) if config.socket.is_none() => return true,
        Ok(Answer { status, .. }) => status,
        // It runs, and without the socket that it is to have now.
        Err(Trouble::NoDaemon(_)) => return config.socket.is_some(),
        Err(_) => return false,
    };
    let program = world.system.program_of(status.pid);
    if program.is_some_and(|program| program.to_string_lossy().ends_with(" (deleted)")) {
        return true;
    }
    // One that was told to read another file is none of setup's business.
    let file = Path::new(config::DEFAULT_FILE);
    let reads_it = status.config_file.as_deref().is_none_or(|read| Path::new(read) == file);
    reads_it && status.config_digest != config::digest_of(&world.tree.at(configuration()))
}

/// Waits for the clock to be right, and says so.
fn started(world: &World<'_>, config: &Config, report: &Report) -> Result<(), Stop> {
    if config.socket.is_none() {
        report
            .say("The service runs; what it does is not shown, as the configuration says socket = \"none\".");
        return Ok(());
    }
    let began = Instant::now();
    loop {
        let answer = world.system.status(config.socket.as_deref());
        match answer {
            Ok(answer) if answer.status.state == State::Synchronised => {
                if !report.is_json() {
                    let _ = print(&summary(&answer.status));
                }
                return Ok(());
            }
            _ if began.elapsed() < PATIENCE => world.system.pause(Duration::from_millis(50)),
            Ok(answer) => {
                if !report.is_json() {
                    let _ = print(&summary(&answer.status));
                }
                return Err(failed("the clock is not right yet: `hostclock doctor` says why".to_owned()));
            }
            Err(trouble) => {
                return Err((trouble.code(), format!("{trouble}: `hostclock doctor` says why")));
            }
        }
    }
}

/// Runs a command that is no reason to stop.
fn note(world: &World<'_>, command: &Command, report: &mut Report) {
    if let Err(why) = world.system.run(command) {
        report.remark(why);
    }
}

/// A step as a dry run shows it: a file whole.
pub(super) fn would_do(step: &Step) -> Vec<String> {
    match &step.change {
        Change::Directory { path } => vec![format!("would make the directory /{}", path.display())],
        Change::Replace { path, after: Node::File { mode, .. }, before, .. } => {
            let over = if *before == Node::Absent { "" } else { ", over what is there" };
            let path = path.display();
            let Ok(text) = std::str::from_utf8(&step.content).map(str::to_owned) else {
                return vec![format!("would copy this program to /{path} (mode {mode:04o}{over})")];
            };
            let mut lines = vec![format!("would write /{path} (mode {mode:04o}{over}):")];
            lines.extend(text.lines().map(|line| format!("    {line}").trim_end().to_owned()));
            vec![lines.join("\n")]
        }
        Change::Replace { path, after: Node::Link { target, .. }, .. } => {
            vec![format!("would make the link /{} -> {}", path.display(), target.display())]
        }
        Change::Replace { path, before: Node::Link { target, .. }, .. } => {
            vec![format!("would remove the link /{} -> {}", path.display(), target.display())]
        }
        Change::Replace { path, .. } => vec![format!("would remove /{}", path.display())],
        Change::User { .. } => Vec::new(),
    }
}

/// The commands of a plan, in order.
pub(super) fn commands(world: &World<'_>, manager: Manager, plan: &Plan) -> Vec<Command> {
    let mut commands = Vec::new();
    if plan.is_empty() {
        return commands;
    }
    if plan.makes_user() {
        commands.push(make_user(world.tree.root()));
    }
    if !world.running {
        return commands;
    }
    let own = services::own(manager);
    match manager {
        Manager::Systemd => {
            commands.push(reread_units());
            commands.extend(apply_rules(false));
            commands.push(start(manager, if plan.stopped.is_empty() { own } else { HANDOVER }));
            commands.push(reread_units());
            commands.push(reread_clock_services());
        }
        Manager::OpenRc if plan.stopped.is_empty() => commands.push(start(manager, own)),
        Manager::OpenRc => commands.push(handover::by_shell(&plan.stopped, &plan.program, true)),
    }
    commands
}
