//! What is asked of the running machine, and done to it, beside its files. A trait, so that a test can stand in for a
//! machine, and have anything fail.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use hostclock_core::source::SourceConfig;
use hostclock_linux::module::{self, Outcome};
use hostclock_linux::process;

use super::command::{Command, find, search_path};
use crate::advice;
use crate::config;
use crate::status::client::{self, Answer, Trouble};
use crate::status::look;

/// A reading of the host's clock, or why there is none.
pub(super) type Observed = Result<Observation, String>;

/// A reading of the host's clock that was taken beside whoever keeps the clock now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observation {
    /// The device's path.
    pub(super) device: String,
    /// It is the clock of `ptp_kvm`, whose module nothing loads by itself.
    pub(super) is_kvm: bool,
    /// How the system clock stands to it, in words.
    pub(super) clock: String,
}

/// The running machine.
pub(super) trait System {
    /// The user who runs this program.
    fn user(&self) -> u32;

    /// This program's own file.
    ///
    /// # Errors
    /// Where /proc isn't there.
    fn own_program(&self) -> io::Result<PathBuf>;

    /// Runs a command.
    ///
    /// # Errors
    /// When it fails or isn't there, in one line.
    fn run(&self, command: &Command) -> Result<(), String>;

    /// Whether a command succeeds, which may do nothing but ask.
    fn asks(&self, command: &Command) -> bool;

    /// Reads the host's clock as the daemon would.
    fn observe(&self, config: &SourceConfig) -> Observed;

    /// Loads `ptp_kvm`; why not, where it couldn't be.
    fn load_module(&self) -> Result<(), String>;

    /// Why the service's user can't read `path`; `None` where it can, or there is no such user.
    fn denied_to_service(&self, path: &Path) -> Option<String>;

    /// The daemon's status.
    fn status(&self, socket: Option<&Path>) -> Result<Answer, Trouble>;

    /// The file of the program that a process runs; one that was removed or replaced since has ` (deleted)` behind it.
    fn program_of(&self, process: u32) -> Option<PathBuf>;

    /// Waits.
    fn pause(&self, time: Duration);
}

/// This machine.
#[derive(Debug)]
pub(super) struct ThisMachine;

impl ThisMachine {
    fn process(command: &Command) -> Result<Process, String> {
        let (program, arguments) = command.0.split_first().ok_or("there is no command")?;
        let file =
            find(program).ok_or_else(|| format!("`{command}` could not be run: there is no {program}"))?;
        let mut process = Process::new(file);
        // A group of its own: Ctrl-C is for setup, which puts everything back, and not for what that needs.
        std::os::unix::process::CommandExt::process_group(&mut process, 0);
        process.args(arguments).env("PATH", search_path()).stdin(Stdio::null()).stdout(Stdio::null());
        Ok(process)
    }
}

impl System for ThisMachine {
    fn user(&self) -> u32 {
        process::user()
    }

    fn own_program(&self) -> io::Result<PathBuf> {
        std::env::current_exe()
    }

    fn run(&self, command: &Command) -> Result<(), String> {
        match Self::process(command)?.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("`{command}` failed ({status})")),
            Err(error) => Err(format!("`{command}` could not be run: {error}")),
        }
    }

    fn asks(&self, command: &Command) -> bool {
        let Ok(mut process) = Self::process(command) else { return false };
        process.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    fn observe(&self, config: &SourceConfig) -> Observed {
        let own = look(config);
        match (&own.source, own.offset_ns) {
            (Some(source), Some(_)) => Ok(Observation {
                device: source.device.clone(),
                is_kvm: source.kind == hostclock_core::source::Kind::Kvm,
                clock: own.clock(),
            }),
            _ => Err(own.error.unwrap_or_else(|| "no reading could be taken".to_owned())),
        }
    }

    fn load_module(&self) -> Result<(), String> {
        match module::load("ptp_kvm") {
            Outcome::Already | Outcome::Loaded => Ok(()),
            Outcome::NotPermitted => Err("ptp_kvm may not be loaded here".to_owned()),
            Outcome::NotFound => Err("this kernel has no module ptp_kvm".to_owned()),
            Outcome::Forbidden(file) => Err(format!("{} forbids ptp_kvm", file.display())),
            Outcome::Refused(reason) => Err(format!("ptp_kvm can't be loaded: {reason}")),
        }
    }

    fn denied_to_service(&self, path: &Path) -> Option<String> {
        let root = Path::new("/");
        let name = path.strip_prefix("/dev").ok().and_then(|node| {
            std::fs::read_to_string(root.join("sys/class/ptp").join(node).join("clock_name")).ok()
        });
        match name {
            Some(name) => advice::unreadable_device(root, &path.to_string_lossy(), name.trim()),
            None => config::unreadable_for_service(root, path),
        }
    }

    fn status(&self, socket: Option<&Path>) -> Result<Answer, Trouble> {
        client::ask(socket)
    }

    fn program_of(&self, process: u32) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/{process}/exe")).ok()
    }

    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
