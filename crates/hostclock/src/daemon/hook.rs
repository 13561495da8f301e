//! The hook: a command of the user's that is run after events, and that the daemon never waits for.
//!
//! To start a program is to wait for the disk that it is on, so another process does it: a helper that was forked when
//! a hook was configured, and that can't set the clock ([`hostclock_linux::helper`]). The daemon sends it an event and
//! gets one line back when the command has ended; both are datagrams that never block.
//!
//! [`Hooks::run`] puts an event into a short queue and does nothing else, so it may be called while the
//! clock is wrong. [`Hooks::tend`] hands the next event to the helper, and says when it wants to be called again;
//! [`Hooks::heard`] takes the answer. Only one command runs at a time: they are told of events in the order in which
//! those happened.

mod command;

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, BorrowedFd};

use hostclock_core::notice::Notice;
use hostclock_core::units::{Duration, RawTime};
use hostclock_linux::Errno;
use hostclock_linux::helper::{Answer, Helper};

use crate::config::Hook;
use command::{Request, VARIABLES};

/// So many events wait; of more, the oldest are left out: the newest tells best how things are.
const LONGEST_QUEUE: usize = 8;
/// So long after the time limit the helper has started the command and killed it, or never will.
const GRACE: Duration = Duration::from_secs(5);
/// An answer is one line.
const LONGEST_ANSWER: usize = 4_096;

/// The hook, the events that it is still to be told of, and the helper that runs it.
#[derive(Debug)]
pub(super) struct Hooks {
    hook: Hook,
    waiting: VecDeque<Notice>,
    helper: Option<Helper>,
    /// The helper has ended. It is kept until there is another one, whose descriptor so has another number: a set of
    /// descriptors that are waited for knows them by that.
    gone: bool,
    /// What the helper has been asked for and hasn't answered yet.
    running: Option<Running>,
    /// Events were left out, and that was said.
    behind: bool,
}

/// A command that the helper runs.
#[derive(Debug)]
struct Running {
    program: String,
    /// When there should have been an answer; `None` once that was said.
    late_at: Option<RawTime>,
}

impl Hooks {
    /// Forks the helper, where there is something to run: to be called before there is anything that a helper should
    /// not have.
    pub(super) fn new(hook: Hook) -> Self {
        let waiting = VecDeque::with_capacity(LONGEST_QUEUE);
        let mut hooks = Self { hook, waiting, helper: None, gone: false, running: None, behind: false };
        hooks.fork_early();
        hooks
    }

    /// Takes another configuration; a command that runs is left alone.
    pub(super) fn configure(&mut self, hook: Hook) {
        self.hook = hook;
        self.fork_early();
    }

    /// A failure is found, and said, when there is an event.
    fn fork_early(&mut self) {
        if self.helper.is_none() && !self.hook.command.is_empty() {
            self.helper = fork_helper().ok();
        }
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

    #[cfg(test)]
    pub(super) fn helper_pid(&self) -> Option<i32> {
        self.helper.as_ref().map(Helper::pid)
    }

    /// Where the helper's answers come from.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.helper.as_ref().filter(|_| !self.gone).map(|helper| helper.as_fd())
    }

    /// Hands the next event to the helper, if it is free; gives when it is to be called again, `None` when there is
    /// nothing to do before the helper answers. `warn` gets lines for the log.
    pub(super) fn tend(&mut self, now: RawTime, mut warn: impl FnMut(&str)) -> Option<RawTime> {
        while self.running.is_none() {
            let Some(notice) = self.waiting.pop_front() else {
                self.behind = false;
                return None;
            };
            if let Err(problem) = self.start(&notice, now) {
                warn(&problem);
            }
        }
        let running = self.running.as_mut()?;
        if running.late_at.is_some_and(|late_at| now >= late_at) {
            running.late_at = None;
            warn(&format!(
                "hook {}: its program can't be started or killed: a stalled disk? Further events wait for it",
                running.program
            ));
        }
        running.late_at
    }

    /// The helper has something to say. `warn` gets a line for the log.
    pub(super) fn heard(&mut self, mut warn: impl FnMut(&str)) {
        let mut buffer = [0; LONGEST_ANSWER];
        let Some(helper) = &self.helper else { return };
        match helper.answer(&mut buffer) {
            Answer::None => {}
            Answer::Is(answer) => {
                self.running = None;
                // What isn't understood was cut off: a program's path of thousands of letters.
                if let Ok(Some(line)) = serde_json::from_slice::<Option<String>>(answer) {
                    warn(&line);
                }
            }
            Answer::Gone => {
                let _ = helper.reap();
                self.gone = true;
                // Nobody minds an idle one: the next event gets another.
                if let Some(Running { program, .. }) = self.running.take() {
                    warn(&format!("hook {program} was lost sight of: the process that ran it has ended"));
                }
            }
        }
    }

    /// Asks the helper to run the command for an event; in vain where there is none any more.
    fn start(&mut self, notice: &Notice, now: RawTime) -> Result<(), String> {
        let Some(program) = self.hook.command.first() else { return Ok(()) };
        let failed = |error: Errno| format!("hook {program} could not be started: {error}");
        let limit = self.hook.time_limit;
        let request = Request {
            command: self.hook.command.clone(),
            variables: environment(notice)
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            limit_ns: limit.as_nanos(),
        };
        // Texts and a number have no way to fail.
        let request = serde_json::to_vec(&request).unwrap_or_default();
        let live = self.helper.as_ref().filter(|_| !self.gone);
        if live.is_none_or(|helper| helper.ask(&request).is_err()) {
            // It has ended, or never was.
            let helper = fork_helper().map_err(failed)?;
            helper.ask(&request).map_err(failed)?;
            if let Some(old) = self.helper.replace(helper) {
                let _ = old.reap();
            }
            self.gone = false;
        }
        self.running = Some(Running { program: program.clone(), late_at: Some(now + limit + GRACE) });
        Ok(())
    }
}

fn fork_helper() -> Result<Helper, Errno> {
    Helper::start(c"hostclock-hook", command::serve)
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

#[cfg(test)]
#[path = "hook_tests.rs"]
mod tests;
