//! The hook: a command of the user's that is run after events, and that the daemon never waits for.
//!
//! [`Hooks::run`] puts an event into a short queue and does nothing else, so it may be called while the
//! clock is wrong. [`Hooks::tend`] starts a command, looks after the one that runs, and says when it wants to
//! be called again. Only one runs at a time: they are told of events in the order in which those happened.
//!
//! The child is an ordinary process: real-time priority and locked memory aren't inherited
//! (`SCHED_RESET_ON_FORK`, mlockall(2)), all our descriptors are closed (`O_CLOEXEC`), and std gives it
//! the default signals. It is in a process group of its own: a signal that a terminal sends to ours isn't
//! meant for it, and it can be killed with everything that it started.

use std::collections::VecDeque;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};

use hostclock_core::notice::Notice;
use hostclock_core::units::{Duration, RawTime};
use hostclock_linux::process::kill_group;

use crate::config::Hook;

/// So many events wait; of more, the oldest are left out: the newest tells best how things are.
const LONGEST_QUEUE: usize = 8;
/// How often a command that runs is looked at. Nobody waits for its end, so that is soon enough.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The same for one that was killed and doesn't die: it waits for a disk.
const LOOK_AGAIN_LATER: Duration = Duration::from_secs(1);

/// The variables that a command finds in its environment; never those of an event before.
const VARIABLES: [&str; 5] = [
    "HOSTCLOCK_EVENT",
    "HOSTCLOCK_OFFSET_NS",
    "HOSTCLOCK_CAUSE",
    "HOSTCLOCK_REASON",
    "HOSTCLOCK_DURATION_NS",
];
/// What the service manager gave to us and to nobody else: sd_notify(3), sd_watchdog_enabled(3).
const OURS: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// The hook, the events that it is still to be told of, and the command that runs.
#[derive(Debug)]
pub(super) struct Hooks {
    hook: Hook,
    waiting: VecDeque<Notice>,
    running: Option<Running>,
    /// Events were left out, and that was said.
    behind: bool,
}

impl Hooks {
    pub(super) fn new(hook: Hook) -> Self {
        Self { hook, waiting: VecDeque::with_capacity(LONGEST_QUEUE), running: None, behind: false }
    }

    /// Takes another configuration; a command that runs is left alone.
    pub(super) fn configure(&mut self, hook: Hook) {
        self.hook = hook;
    }

    /// Remembers an event, if it is one that the hook is run for. `warn` gets a line for the log.
    pub(super) fn run(&mut self, notice: &Notice, mut warn: impl FnMut(&str)) {
        let wanted = match notice {
            Notice::Stepped { before_ns, .. } => before_ns.abs() >= self.hook.step,
            Notice::Holdover { .. } | Notice::HostUnreliable { .. } | Notice::HoldoverEnded { .. } => true,
            _ => false,
        };
        let Some(program) = self.hook.command.first().filter(|_| wanted) else { return };
        if self.waiting.len() >= LONGEST_QUEUE {
            self.waiting.pop_front();
            if !self.behind {
                self.behind = true;
                warn(&format!("hook {program} is slower than events come: it is not told of the oldest"));
            }
        }
        self.waiting.push_back(*notice);
    }

    /// Whether there is nothing to look after.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none() && self.waiting.is_empty()
    }

    /// Looks after the command that runs and starts the next one; gives when it is to be called again,
    /// `None` when there is nothing to do. `warn` gets lines for the log.
    pub(super) fn tend(&mut self, now: RawTime, mut warn: impl FnMut(&str)) -> Option<RawTime> {
        loop {
            if let Some(running) = &mut self.running {
                match running.look(now, &mut warn) {
                    Some(again) => return Some(again),
                    None => self.running = None,
                }
            }
            let Some(notice) = self.waiting.pop_front() else {
                self.behind = false;
                return None;
            };
            self.running = start(&self.hook, &notice, now, &mut warn);
        }
    }
}

/// Starts the command for an event; `None` where there is none, or it can't be started.
fn start(hook: &Hook, notice: &Notice, now: RawTime, warn: &mut impl FnMut(&str)) -> Option<Running> {
    let (program, arguments) = hook.command.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).process_group(0).stdin(Stdio::null());
    // Its words go where ours go, so that they are found beside the event; if nobody reads them there, it
    // is the command that waits, and only until it is killed.
    command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
    for name in VARIABLES.into_iter().chain(OURS) {
        command.env_remove(name);
    }
    for (name, value) in environment(notice) {
        command.env(name, value);
    }
    match command.spawn() {
        Ok(child) => {
            let program = program.clone();
            Some(Running { child, program, since: now, limit: hook.time_limit, killed: false })
        }
        Err(error) => {
            warn(&format!("hook {program} could not be started: {error}"));
            None
        }
    }
}

/// What a command is told of an event: docs/configuration.md.
fn environment(notice: &Notice) -> Vec<(&'static str, String)> {
    let [event, offset, cause, reason, duration] = VARIABLES;
    let ns = |span: &Duration| span.as_nanos().to_string();
    match notice {
        Notice::Stepped { cause: why, before_ns, took_ns, .. } => vec![
            (event, "step".to_owned()),
            (offset, ns(before_ns)),
            (cause, word(why)),
            (reason, why.words().to_owned()),
            (duration, ns(took_ns)),
        ],
        Notice::Holdover { loss } | Notice::HostUnreliable { loss } => {
            vec![(event, "holdover".to_owned()), (reason, loss.to_string())]
        }
        Notice::HoldoverEnded { lasted_ns, offset_ns } => {
            vec![(event, "holdover_ended".to_owned()), (offset, ns(offset_ns)), (duration, ns(lasted_ns))]
        }
        _ => Vec::new(),
    }
}

/// The word that stands for a value in the status document too.
fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// A command that runs.
#[derive(Debug)]
struct Running {
    child: Child,
    program: String,
    since: RawTime,
    limit: Duration,
    killed: bool,
}

impl Running {
    /// When to look again; `None` when it has ended.
    fn look(&mut self, now: RawTime, warn: &mut impl FnMut(&str)) -> Option<RawTime> {
        let (program, limit) = (&self.program, self.limit);
        match self.child.try_wait() {
            Ok(Some(_)) if self.killed => warn(&format!("hook {program} was killed after {limit}")),
            Ok(Some(status)) if status.success() => {}
            Ok(Some(status)) => warn(&format!("hook {program} {}", ended(status))),
            Ok(None) if now - self.since < limit => return Some((now + LOOK_AGAIN).min(self.since + limit)),
            Ok(None) if self.killed => return Some(now + LOOK_AGAIN_LATER),
            Ok(None) => {
                self.killed = true;
                if let Err(error) = kill_group(&mut self.child) {
                    warn(&format!("hook {program} takes longer than {limit}, and can't be killed: {error}"));
                }
                return Some(now + LOOK_AGAIN);
            }
            Err(error) => warn(&format!("hook {program} was lost sight of: {error}")),
        }
        None
    }
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => format!("ended: {status}"),
    }
}

#[cfg(test)]
#[path = "hook_tests.rs"]
mod tests;
