//! The hook's command, as the helper process runs it: it may wait here, for a disk or for the command.
//!
//! The child is an ordinary process: the helper has neither the real-time priority nor the permission to set the clock,
//! memory that is locked isn't inherited (mlockall(2)), all descriptors are closed (`O_CLOEXEC`), and the signals are
//! the default ones. It is in a process group of its own: a signal that a terminal sends to ours isn't meant for it,
//! and it can be killed with everything that it started.

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};

use hostclock_core::units::Duration;
use hostclock_linux::clock;
use hostclock_linux::process::{kill_group, wait_for_end};
use serde::{Deserialize, Serialize};

/// The variables that a command finds in its environment; never those of an event before.
pub(super) const VARIABLES: [&str; 5] = [
    "HOSTCLOCK_EVENT",
    "HOSTCLOCK_OFFSET_NS",
    "HOSTCLOCK_CAUSE",
    "HOSTCLOCK_REASON",
    "HOSTCLOCK_DURATION_NS",
];
/// What the service manager gave to us and to nobody else: sd_notify(3), sd_watchdog_enabled(3).
const OURS: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// What the helper is asked for, as JSON: one run of the command. Its answer is a line for the log, or null.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// The program and its arguments.
    pub(super) command: Vec<String>,
    /// Further variables of its environment.
    pub(super) variables: Vec<(String, String)>,
    /// After this it is killed, in nanoseconds.
    pub(super) limit_ns: i64,
}

/// Runs what is asked for, to its end.
pub(super) fn serve(request: &[u8]) -> Vec<u8> {
    let line = match serde_json::from_slice::<Request>(request) {
        Ok(request) => request.run(),
        Err(error) => Some(format!("the hook could not be started: {error}")),
    };
    // A text or nothing has no way to fail.
    serde_json::to_vec(&line).unwrap_or_else(|_| b"null".to_vec())
}

impl Request {
    /// What there is to say of how it ended.
    fn run(&self) -> Option<String> {
        let (program, arguments) = self.command.split_first()?;
        let mut command = Command::new(program);
        command.args(arguments).process_group(0).stdin(Stdio::null());
        // Its words go where ours go, so that they are found beside the event; if nobody reads them there, it
        // is the command that waits, and only until it is killed.
        command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
        for name in VARIABLES.into_iter().chain(OURS) {
            command.env_remove(name);
        }
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        let ended = match command.spawn() {
            Ok(child) => to_the_end(child, Duration::from_nanos(self.limit_ns)),
            Err(error) => Some(format!("could not be started: {error}")),
        };
        Some(format!("hook {program} {}", ended?))
    }
}

fn to_the_end(mut child: Child, limit: Duration) -> Option<String> {
    let started = clock::now_raw();
    let mut ended = child.try_wait();
    while let Ok(None) = ended {
        let left = limit - (clock::now_raw() - started);
        if left <= Duration::ZERO {
            let killed = kill_group(&mut child);
            // One that waits for a disk doesn't die until that answers.
            let over = child.wait();
            return Some(match (killed, over) {
                (Ok(()), Ok(_)) => format!("was killed after {limit}"),
                (Err(error), _) => format!("took longer than {limit}, and could not be killed: {error}"),
                (_, Err(error)) => format!("was lost sight of: {error}"),
            });
        }
        wait_for_end(&child, left);
        ended = child.try_wait();
    }
    match ended {
        Ok(Some(status)) if !status.success() => Some(how(status)),
        Ok(_) => None,
        Err(error) => Some(format!("was lost sight of: {error}")),
    }
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => format!("ended: {status}"),
    }
}
