//! The daemon: one process, one thread, one wait.
//!
//! [`run`] sets everything up, and says in one line what it can't do without; [`events`] is the loop.
//! What decides is the engine in `hostclock-core`; this only carries events to it and its actions to
//! the kernel.

mod afterwards;
mod devices;
mod drift_file;
mod ending;
mod events;
mod hints;
mod hook;
mod log;
mod machine;
mod rehearsal;
mod reload;
mod report;
mod rivals;
mod service;
#[cfg(test)]
mod steady_tests;

use std::path::Path;

use hostclock_core::engine::Engine;
use hostclock_core::ladder::Ladder;
use hostclock_core::policy::Mode;
use hostclock_linux::clock::{self, SystemClock};
use hostclock_linux::clock_set::ClockSetWatch;
use hostclock_linux::hypervisor::Confidential;
use hostclock_linux::instance::{InstanceLock, LockError};
use hostclock_linux::process;
use hostclock_linux::socket::{BindError, StatusListener};
use hostclock_linux::uevent::UeventSocket;

use crate::config::{ConfidentialGuest, Config, Origin, RealtimePriority};
use crate::exit::Code;
use drift_file::DriftFile;
use events::{Daemon, FIRST_LOOK_AGAIN, Signals};
use hints::Hints;
use hook::Hooks;
use log::Log;
use machine::Linux;
use service::Service;

/// How `run` runs, beside the configuration.
#[derive(Clone, Debug)]
pub(crate) struct RunOptions {
    /// Put the clock right, and exit.
    pub(crate) once: bool,
    /// Keep the clock beside another clock daemon.
    pub(crate) force: bool,
    /// Where the configuration came from: `load` reads it again.
    pub(crate) origin: Origin,
    /// What its file had in it when it was read last; `None` where there is none.
    pub(crate) digest: Option<String>,
}

/// Runs the daemon until it is told to end.
pub(crate) fn run(config: Config, options: RunOptions) -> Code {
    let log = Log::new(&config);
    match set_up(config, options, log) {
        Ok((mut daemon, _lock)) => daemon.run(),
        Err((code, message)) => {
            log.error(&message);
            code
        }
    }
}

/// Everything that the daemon needs, or why it can't start. The lock is to be kept for as long as the
/// daemon runs.
fn set_up(
    config: Config,
    options: RunOptions,
    log: Log,
) -> Result<(Daemon, Option<InstanceLock>), (Code, String)> {
    // First of all, while there is nothing that its helper should not have.
    let hooks = Hooks::new(config.hook.clone());
    // From here on the socket and the clock are left tidy.
    let signals = Signals::new().map_err(|error| (Code::Failed, format!("cannot catch signals: {error}")))?;
    let mut limitations = Vec::new();
    let mut without = |what: String| {
        log.warn(&what);
        limitations.push(what);
    };
    let controls = config.policy.mode == Mode::Control;
    if controls && !clock::may_adjust() {
        let message =
            "not allowed to set the clock: run as root or with CAP_SYS_TIME, or look on with --observe";
        return Err((Code::NoPermission, message.to_owned()));
    }
    if let Some(objection) = rivals::objection().filter(|_| controls && !options.force) {
        return Err((Code::Rival, objection));
    }
    if let (true, ConfidentialGuest::Refuse, Some(kind)) =
        (controls, config.confidential_guest, Confidential::find(Path::new("/")))
    {
        return Err((
            Code::Untrusted,
            format!(
                "this is a confidential guest ({}), which does not trust its host, nor so its clock: keep it by \
                 authenticated servers, or set confidential-guest = \"follow\" if the host's clock is trusted",
                kind.name()
            ),
        ));
    }
    let lock = if controls { lock_instance(&mut without)? } else { None };
    let listener = if options.once { None } else { listen(&config, controls, &mut without)? };
    tune(&config, &mut without);

    let clock = SystemClock;
    let kernel = clock.state().map_err(|error| (Code::Failed, error.to_string()))?;
    let watch = if controls {
        ClockSetWatch::new()
            .map_err(|error| {
                without(format!("no notice when somebody sets the clock ({error}): found by reading"))
            })
            .ok()
    } else {
        None
    };
    let uevents = UeventSocket::new()
        .map_err(|error| {
            without(format!("no notice of devices that come and go ({error}): looked for every second"))
        })
        .ok();
    let drift = DriftFile::open(config.drift_file.as_deref(), |line| log.warn(line));
    let remembered = drift.as_ref().and_then(DriftFile::host_frequency);
    let engine = Engine::new(config.policy, clock::now_raw(), kernel).remembering(remembered);
    let machine = Linux { source: None, clock, watch, adjusted: None };
    let daemon = Daemon {
        options,
        engine,
        ladder: Ladder::default(),
        hooks,
        config,
        hints: Hints::default(),
        suspects: Vec::new(),
        drift,
        machine,
        log,
        uevents,
        listener,
        signals,
        service: Service::new(),
        limitations,
        no_source: None,
        module_tried: false,
        denied_for: FIRST_LOOK_AGAIN,
        slack: None,
        readers_wait: false,
    };
    Ok((daemon, lock))
}

fn lock_instance(without: &mut impl FnMut(String)) -> Result<Option<InstanceLock>, (Code, String)> {
    match InstanceLock::take() {
        Ok(lock) => Ok(Some(lock)),
        Err(error @ LockError::Taken(_)) => {
            Err((Code::AnotherInstance, format!("{error}; stop it first, or look on with --observe")))
        }
        Err(error) => {
            without(format!("a second instance would not be noticed: {error}"));
            Ok(None)
        }
    }
}

/// A daemon without its socket keeps the clock just as well, so only a second instance is fatal.
fn listen(
    config: &Config,
    controls: bool,
    without: &mut impl FnMut(String),
) -> Result<Option<StatusListener>, (Code, String)> {
    let Some(path) = &config.socket else { return Ok(None) };
    match StatusListener::bind(Path::new(path), config.socket_mode) {
        Ok(listener) => Ok(Some(listener)),
        Err(error @ BindError::AlreadyRunning(_)) if controls => {
            Err((Code::AnotherInstance, error.to_string()))
        }
        Err(error) => {
            without(format!("no status for readers: {error}"));
            Ok(None)
        }
    }
}

fn tune(config: &Config, without: &mut impl FnMut(String)) {
    match config.realtime_priority {
        RealtimePriority::None => {}
        RealtimePriority::Auto => {
            // Nobody asked for it, so nobody is told that it isn't there.
            let _ = process::set_realtime_priority(1);
        }
        RealtimePriority::At(priority) => {
            if let Err(error) = process::set_realtime_priority(priority) {
                without(format!("no real-time priority: {error}"));
            }
        }
    }
    if config.lock_memory {
        if let Err(error) = process::lock_memory() {
            without(format!("memory is not locked: {error}"));
        }
    }
}
