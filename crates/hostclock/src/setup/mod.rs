//! `hostclock setup`: makes a machine, or an image of one, follow its host; and `--undo` puts back what was there.
//!
//! [`plan`] finds out what is missing, [`journal`] does it and remembers how to take it back, [`chrony`] reads what
//! chrony's users have, [`commands`] are what a running machine needs beside its files; here they are put together.

mod chrony;
mod commands;
mod journal;
mod plan;
#[cfg(test)]
mod tests;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hostclock_core::status::State;
use hostclock_linux::container::Isolation;
use hostclock_linux::hypervisor::Confidential;
use hostclock_linux::process;
use hostclock_linux::services::{self, Manager};

use crate::config::{self, ConfidentialGuest};
use crate::exit::Code;
use crate::output::{complain, print};
use crate::status::client;
use crate::status::summary;
use commands::{after, make_user, remove_user, run, start, start_service, stop};
use journal::{Change, Journal};
use plan::Plan;

/// How long the clock has to be right after the service was started.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `/`, or the directory of an image.
    pub(crate) root: PathBuf,
    /// chrony's configuration, to be carried over.
    pub(crate) from: Option<PathBuf>,
    /// Don't ask.
    pub(crate) yes: bool,
    /// Show everything, do nothing.
    pub(crate) dry_run: bool,
}

impl Request {
    fn is_running(&self) -> bool {
        self.root == Path::new("/")
    }
}

/// Why it ends early: how, and what is said.
type Stop = (Code, String);

/// Sets up.
pub(crate) fn set_up(request: &Request) -> Code {
    finish(try_to_set_up(request))
}

/// Puts back what was there.
pub(crate) fn undo(request: &Request) -> Code {
    finish(try_to_undo(request))
}

fn finish(outcome: Result<Code, Stop>) -> Code {
    outcome.unwrap_or_else(|(code, message)| {
        complain(&message);
        code
    })
}

fn failed(message: String) -> Stop {
    (Code::Failed, message)
}

fn say(text: &str) {
    let _ = print(&format!("{text}\n"));
}

fn try_to_set_up(request: &Request) -> Result<Code, Stop> {
    let manager = suitable(request)?;
    let carried = match &request.from {
        Some(file) => Some(chrony::carry_over(&request.root, file).map_err(|why| (Code::Usage, why))?),
        None => None,
    };
    let plan = Plan::make(&request.root, manager, carried.as_ref().map(|carried| carried.text.as_str()))
        .map_err(failed)?;
    if let Some(carried) = &carried {
        for without in &carried.without {
            say(&format!("not carried over: {without}"));
        }
    }
    if let Some(loose) = plan.loose.first() {
        return Err((
            Code::Rival,
            format!(
                "{loose} keeps this clock, and belongs to no service that could be stopped: end it first"
            ),
        ));
    }
    if let Some(path) = plan.leads_out(&request.root) {
        return Err(failed(format!(
            "{}: a link on the way leads out of {}, to files of this machine; nothing is changed: make that link \
             relative first",
            path.display(),
            request.root.display()
        )));
    }
    if request.dry_run {
        say(&shown(&plan, request, manager));
        return Ok(Code::Fine);
    }
    if plan.is_empty() {
        say("Everything is set up already.");
        return Ok(if request.is_running() { started(manager) } else { Code::Fine });
    }
    permitted(request)?;
    agreed(request, &plan)?;
    carry_out(request, manager, &plan)
}

/// Whether this is a machine to be set up, and what starts its services.
fn suitable(request: &Request) -> Result<Manager, Stop> {
    let root = &request.root;
    if !root.is_dir() {
        return Err((Code::Usage, format!("--root {}: there is no such directory", root.display())));
    }
    if request.is_running() {
        if let Some(kind) = Isolation::find(root).container {
            return Err(failed(format!(
                "this is a container ({kind}): the clock is the whole machine's, so set hostclock up on the machine"
            )));
        }
    }
    if let (Some(kind), ConfidentialGuest::Refuse) =
        (Confidential::find(root), config::of_tree(root).0.confidential_guest)
    {
        return Err((
            Code::Untrusted,
            format!(
                "this is a confidential guest ({}), which does not trust its host: nothing is set up; if the host's \
                 clock is trusted, write confidential-guest = \"follow\" into /{} first",
                kind.name(),
                plan::configuration().display()
            ),
        ));
    }
    services::manager(root).ok_or_else(|| {
        failed(
            "no service manager is known here (systemd or OpenRC): let whatever starts programs start `hostclock run`"
                .to_owned(),
        )
    })
}

fn permitted(request: &Request) -> Result<(), Stop> {
    if request.is_running() && process::user() != 0 {
        return Err((
            Code::NoPermission,
            "setup changes files in /etc and services: sudo hostclock setup; --dry-run shows them without"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Nobody's clock daemon is disabled without a word.
fn agreed(request: &Request, plan: &Plan) -> Result<(), Stop> {
    let mut services: Vec<&str> = plan.rivals.iter().map(String::as_str).collect();
    for stopped in &plan.stopped {
        if !services.contains(&stopped.as_str()) {
            services.push(stopped);
        }
    }
    if services.is_empty() || request.yes {
        return Ok(());
    }
    let names = services.join(", ");
    if !std::io::stdin().is_terminal() {
        return Err((
            Code::Rival,
            format!(
                "{names} would be stopped and disabled: agree with --yes (`hostclock setup --undo` gives them back)"
            ),
        ));
    }
    let _ = write!(
        std::io::stdout(),
        "Stop and disable {names}, which `hostclock setup --undo` gives back? [y/N] "
    );
    let _ = std::io::stdout().flush();
    let mut answer = String::new();
    let _ = std::io::stdin().read_line(&mut answer);
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err((Code::Rival, "nothing was changed".to_owned()))
    }
}

/// The changes, remembered before they are made, and then the commands.
fn carry_out(request: &Request, manager: Manager, plan: &Plan) -> Result<Code, Stop> {
    let root = &request.root;
    let mut journal = Journal::load(root).map_err(failed)?.unwrap_or_default();
    journal.add(&plan.changes, &plan.stopped);
    // Its own directory is the first of the changes.
    let (directories, others): (Vec<&Change>, Vec<&Change>) =
        plan.changes.iter().partition(|change| matches!(change, Change::Directory { .. }));
    for change in directories {
        journal::make(root, change).map_err(failed)?;
    }
    journal.save(root).map_err(failed)?;
    for service in &plan.stopped {
        run(&stop(manager, service));
    }
    for change in others {
        journal::make(root, change).map_err(failed)?;
        say(&done(change));
    }
    if plan.makes_user() {
        run(&make_user(root));
    }
    if !request.is_running() {
        say("The image is set up: hostclock starts with it.");
        return Ok(Code::Fine);
    }
    for command in after(manager) {
        run(&command);
    }
    Ok(started(manager))
}

/// Waits for the clock to be right, and says so.
fn started(manager: Manager) -> Code {
    run(&start(manager));
    let (config, _) = config::of_tree(Path::new("/"));
    let began = Instant::now();
    loop {
        let answer = client::ask(config.socket.as_deref());
        match answer {
            Ok(answer) if answer.status.state == State::Synchronised => {
                let _ = print(&summary(&answer.status));
                return Code::Fine;
            }
            _ if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(50)),
            Ok(answer) => {
                let _ = print(&summary(&answer.status));
                complain("the clock is not right yet: `hostclock doctor` tells why");
                return Code::Failed;
            }
            Err(trouble) => {
                complain(&format!("{trouble}: `hostclock doctor` tells why"));
                return trouble.code();
            }
        }
    }
}

fn try_to_undo(request: &Request) -> Result<Code, Stop> {
    let root = &request.root;
    let Some(journal) = Journal::load(root).map_err(failed)? else {
        say("There is nothing to undo.");
        return Ok(Code::Fine);
    };
    if request.dry_run {
        for change in journal.changes.iter().rev() {
            say(&format!("would take back: {}", done(change)));
        }
        for service in &journal.stopped {
            say(&format!("would start again: {service}"));
        }
        return Ok(Code::Fine);
    }
    permitted(request)?;
    let manager = services::manager(root).unwrap_or(Manager::Systemd);
    let running = request.is_running();
    if running {
        run(&stop(manager, services::own(manager)));
    }
    // The record goes with its directory, which was made first and so is removed last.
    Journal::remove(root).map_err(failed)?;
    let mut left = Vec::new();
    for (index, change) in journal.changes.iter().enumerate().rev() {
        if let Change::User { .. } = change {
            run(&remove_user(root));
        }
        match journal::unmake(root, change) {
            Ok(None) => {}
            Ok(Some(remark)) => say(&remark),
            Err(why) => {
                complain(&why);
                left.push(index);
            }
        }
    }
    if !left.is_empty() {
        let mut rest = Journal::default();
        let changes: Vec<Change> =
            left.iter().rev().filter_map(|index| journal.changes.get(*index).cloned()).collect();
        rest.add(&changes, &journal.stopped);
        let _ = std::fs::create_dir_all(root.join("etc/hostclock"));
        rest.save(root).map_err(failed)?;
        return Err(failed("not everything could be put back: run it again when that is mended".to_owned()));
    }
    if running {
        for command in after(manager) {
            run(&command);
        }
        let started = journal.stopped.iter().filter(|service| run(&start_service(manager, service))).count();
        if started < journal.stopped.len() {
            return Err(failed(
                "all files are as they were, but not everything that ran before could be started".to_owned(),
            ));
        }
    }
    say("Everything is as it was.");
    Ok(Code::Fine)
}

/// What was done, in a line.
fn done(change: &Change) -> String {
    match change {
        Change::Directory { path } => format!("made /{}", path.display()),
        Change::Write { path, .. } => format!("wrote /{}", path.display()),
        Change::Copy { path } => format!("copied this program to /{}", path.display()),
        Change::Link { path, .. } => format!("enabled by /{}", path.display()),
        Change::Unlink { path, .. } => format!("disabled by removing /{}", path.display()),
        Change::User { name } => format!("made the user {name}"),
    }
}

/// Everything that would be done: each file whole, each command as it would be run.
fn shown(plan: &Plan, request: &Request, manager: Manager) -> String {
    let mut lines = Vec::new();
    for change in &plan.changes {
        match change {
            Change::Directory { path } => lines.push(format!("would make the directory /{}", path.display())),
            Change::Write { path, before, after } => {
                let over = if before.is_some() { ", over what is there" } else { "" };
                lines.push(format!("would write /{} (mode {:04o}{over}):", path.display(), after.mode));
                lines.extend(after.text.lines().map(|line| format!("    {line}").trim_end().to_owned()));
            }
            Change::Copy { path } => lines.push(format!("would copy this program to /{}", path.display())),
            Change::Link { path, target } => {
                lines.push(format!("would make the link /{} -> {}", path.display(), target.display()));
            }
            Change::Unlink { path, target } => {
                lines.push(format!("would remove the link /{} -> {}", path.display(), target.display()));
            }
            Change::User { .. } => {}
        }
    }
    let mut commands: Vec<Vec<String>> = plan.stopped.iter().map(|service| stop(manager, service)).collect();
    commands.extend(plan.makes_user().then(|| make_user(&request.root)));
    if request.is_running() {
        commands.extend(after(manager));
        commands.push(start(manager));
    }
    lines.extend(commands.iter().map(|command| format!("would run: {}", command.join(" "))));
    if plan.is_empty() {
        lines.push("Everything is set up already.".to_owned());
    }
    lines.join("\n")
}
