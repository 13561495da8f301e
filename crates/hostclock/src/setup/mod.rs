//! `hostclock setup`: makes a machine, or an image of one, follow its host; and `--undo` puts back what was there.
//!
//! It verifies first, then writes, then has the service manager hand the clock over, and disables the other service for
//! good last. Everything is one transaction: [`record`] is on the disk before the first change and goes after the last
//! one was taken back.
//!
//! [`examine`] finds out whether it can be done, [`plan`] what is missing, [`carry_out`] does it, [`mod@undo`] takes it back and [`standing`] what a later run did;
//! [`change`], [`node`] and [`tree`] are about files, [`command`], [`handover`] and [`system`] about the running machine,
//! [`chrony`] reads what chrony's users have.

mod assets;
mod carry_out;
mod change;
mod chrony;
mod command;
mod examine;
#[cfg(test)]
mod fault;
mod handover;
mod node;
mod plan;
mod planner;
mod record;
mod report;
mod standing;
mod system;
#[cfg(test)]
mod tests;
mod tree;
mod undo;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hostclock_linux::services::{self, Manager};
use hostclock_linux::turn::Turn;

use crate::exit::Code;
use change::Change;
use examine::Examined;
use record::Record;
use report::{Outcome, Report};
use system::{System, ThisMachine};
use tree::Tree;

/// What is asked for.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(Default))]
pub(crate) struct Request {
    /// `/`, or the directory of an image.
    pub(crate) root: PathBuf,
    /// chrony's configuration, to be carried over.
    pub(crate) from: Option<PathBuf>,
    /// Don't ask.
    pub(crate) yes: bool,
    /// Show everything, do nothing.
    pub(crate) dry_run: bool,
    /// Say whether it could be done, do nothing.
    pub(crate) check: bool,
    /// Only bring up to date what an earlier setup wrote.
    pub(crate) upgrade: bool,
    /// Where no device is found, what kept the clock before keeps it again.
    pub(crate) fallback: bool,
    /// Write one JSON document.
    pub(crate) json: bool,
}

impl Request {
    fn is_running(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Whether nothing is done, only shown.
    const fn only_looks(&self) -> bool {
        self.dry_run || self.check
    }
}

/// Why it ends early: how, and what is said.
type Stop = (Code, String);

fn failed(message: String) -> Stop {
    (Code::Failed, message)
}

/// A link in an image leads to files of this machine.
fn leads_out(world: &World<'_>, path: &Path) -> Stop {
    failed(format!(
        "{}: a link on the way leads out of {}, to files of this machine; nothing is changed: make that link relative \
         first",
        path.display(),
        world.tree.root().display()
    ))
}

/// Where it all happens.
struct World<'a> {
    tree: Tree,
    /// The tree is this machine's: services can be started.
    running: bool,
    system: &'a dyn System,
}

impl<'a> World<'a> {
    fn of(request: &Request, system: &'a dyn System) -> Self {
        Self { tree: Tree::new(&request.root), running: request.is_running(), system }
    }

    fn permitted(&self) -> Result<(), Stop> {
        if self.running && self.system.user() != 0 {
            return Err((
                Code::NoPermission,
                "setup changes files in /etc and services: sudo hostclock setup; --dry-run shows them without"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

/// Sets up.
pub(crate) fn set_up(request: &Request) -> Code {
    in_turn(request, set_up_in)
}

/// Puts back what was there.
pub(crate) fn undo(request: &Request) -> Code {
    in_turn(request, undo_in)
}

type Ended = Result<(Outcome, Code), Stop>;

/// Which run's turn it is.
const LOCK: &str = "/run/hostclock-setup.lock";

/// One run at a time changes a tree: two would each take the other's files for what was there before.
fn in_turn(request: &Request, run: fn(&World<'_>, &Request, &mut Report) -> Ended) -> Code {
    /// A hand-over takes some seconds.
    const PATIENCE: Duration = Duration::from_secs(60);
    let mut report = Report::new(request.json);
    let request = Request { root: plain(&request.root), ..request.clone() };
    let ended = if !request.root.is_dir() {
        Err((Code::Usage, format!("--root {}: there is no such directory", request.root.display())))
    } else if request.only_looks() {
        run(&World::of(&request, &ThisMachine), &request, &mut report)
    } else {
        turn(&request.root, PATIENCE)
            .and_then(|_turn| run(&World::of(&request, &ThisMachine), &request, &mut report))
    };
    report.finish(ended)
}

/// `root` as a path that means the same everywhere, as commands for an image want it; this machine's own by its name,
/// however it was spelt.
fn plain(root: &Path) -> PathBuf {
    let id = |path: &Path| std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let own = Path::new("/");
    if id(root).is_some_and(|found| Some(found) == id(own)) {
        return own.to_owned();
    }
    std::path::absolute(root).unwrap_or_else(|_| root.to_owned())
}

/// The turn to change the tree under `root`, or nothing where there is nothing to change.
fn turn(root: &Path, patience: Duration) -> Result<Option<Turn>, Stop> {
    let directory = root.join("etc");
    if !directory.is_dir() {
        return Ok(None);
    }
    let by_file = Turn::by_file(Path::new(LOCK), patience);
    // Who isn't root has no business there, and /run may be missing.
    let (taken, place) = match by_file {
        Err(_) => (Turn::by_directory(&directory, patience), directory.as_path()),
        taken => (taken, Path::new(LOCK)),
    };
    match taken {
        Ok(Some(turn)) => Ok(Some(turn)),
        Ok(None) => Err(failed(format!(
            "another process holds the lock {}, as `hostclock setup` does while it runs: nothing is changed; \
             `fuser {}` names it",
            place.display(),
            place.display()
        ))),
        Err(error) => Err(failed(format!("cannot lock {}: {error}; nothing is changed", place.display()))),
    }
}

fn set_up_in(world: &World<'_>, request: &Request, report: &mut Report) -> Result<(Outcome, Code), Stop> {
    let examined = examine::examine(world, request, report)?;
    report.other_services = examined.plan.others();
    for line in &examined.plan.kept {
        report.keep(line.clone());
    }
    if request.check {
        return checked(&examined, report);
    }
    if request.dry_run {
        shown(world, &examined, report);
        let outcome = if examined.plan.is_empty() { Outcome::Already } else { Outcome::WouldChange };
        return Ok((outcome, Code::Fine));
    }
    world.permitted()?;
    examine::agreed(request, &examined.plan)?;
    carry_out::carry_out(world, request, examined, report)
}

/// The answer to `--check`: nothing is done.
fn checked(examined: &Examined, report: &mut Report) -> Result<(Outcome, Code), Stop> {
    let others = examined.plan.others();
    if !others.is_empty() {
        return Err((
            Code::Rival,
            format!("{} keeps this machine's clock: `hostclock setup` takes over", others.join(", ")),
        ));
    }
    report.changes = examined.plan.lasting().map(|step| step.change.done()).collect();
    if examined.plan.is_empty() {
        report.say("Everything is set up already.");
        return Ok((Outcome::Already, Code::Fine));
    }
    report.say("Nothing stands against setting up.");
    Ok((Outcome::Possible, Code::Fine))
}

fn undo_in(world: &World<'_>, request: &Request, report: &mut Report) -> Result<(Outcome, Code), Stop> {
    let Some(record) = Record::load(&world.tree).map_err(failed)? else {
        if !request.dry_run {
            // One that was never finished: nothing had been changed.
            Record::remove(&world.tree).map_err(failed)?;
        }
        report.say("There is nothing to undo.");
        return Ok((Outcome::NothingToUndo, Code::Fine));
    };
    if request.dry_run {
        undo::would_do(&record).into_iter().for_each(|line| report.change(line));
        return Ok((Outcome::WouldChange, Code::Fine));
    }
    world.permitted()?;
    if let Some(path) = world.tree.leads_out(record.changes.iter().filter_map(Change::place)) {
        return Err(leads_out(world, &path));
    }
    let manager = services::manager(world.tree.root()).unwrap_or(Manager::Systemd);
    let done = undo::take_back(world, record, manager);
    report.changed = true;
    let edited = !done.edited.is_empty();
    done.remarks.into_iter().chain(done.edited).for_each(|line| report.remark(line));
    if done.left.is_empty() {
        report.say(if edited { "Everything else is as it was." } else { "Everything is as it was." });
        return Ok((Outcome::Undone, Code::Fine));
    }
    let count = done.left.len();
    done.left.into_iter().for_each(|line| report.leave(line));
    Err(failed(format!(
        "not everything could be put back ({count} left, and in the record /{}): run it again when that is fixed",
        record::FILE
    )))
}

/// Everything that would be done: each file whole, each command as it would be run.
fn shown(world: &World<'_>, examined: &Examined, report: &mut Report) {
    let plan = &examined.plan;
    for step in plan.steps() {
        carry_out::would_do(step).into_iter().for_each(|line| report.change(line));
    }
    for command in carry_out::commands(world, examined.manager, plan) {
        report.change(format!("would run: {command}"));
    }
    if plan.is_empty() {
        report.say("Everything is set up already.");
    }
}
