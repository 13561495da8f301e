//! The configuration: what the user may decide, from a TOML file and the command line.
//!
//! The defaults are right for a virtual machine, so the file is optional. Whatever can't be
//! understood is refused with one line for each mistake, and nothing is half applied.
//!
//! [`keys`] is the table that everything goes by; [`form`] knows how values are written; [`mod@file`]
//! reads a file, in which [`parse`] finds all the mistakes; [`show`] prints a configuration.

mod file;
mod form;
mod keys;
mod parse;
#[cfg(target_os = "linux")]
mod service_user;
mod show;
mod span;
mod value;

use std::fmt;
use std::path::{Path, PathBuf};

use hostclock_core::policy::{Mode, Policy};
use hostclock_core::source::SourceConfig;
use hostclock_core::units::Duration;

#[cfg_attr(not(test), allow(unused_imports, reason = "as where it is"))]
pub(crate) use file::digest_of;
pub(crate) use keys::KEYS;
#[cfg(target_os = "linux")]
pub(crate) use service_user::{SERVICE_USER, unreadable_for_service};
pub(crate) use show::{show_json, show_toml};
pub(crate) use span::{parse_duration, show_duration, show_frequency};

/// Where the configuration is looked for when none is named.
pub(crate) const DEFAULT_FILE: &str = "/etc/hostclock/hostclock.toml";
/// Where the control socket is when the configuration doesn't say.
pub(crate) const DEFAULT_SOCKET: &str = "/run/hostclock/hostclock.sock";

/// Everything that the user decides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// Which corrections are allowed, and how often the device is read.
    pub(crate) policy: Policy,
    /// Which device is read.
    pub(crate) source: SourceConfig,
    /// How far the host's clock may be from UTC; `None`: nobody says.
    pub(crate) host_max_error: Option<Duration>,
    /// Whether the host's clock is followed in a guest that doesn't trust its host.
    pub(crate) confidential_guest: ConfidentialGuest,
    /// Load `ptp_kvm` when there is no device.
    pub(crate) load_module: bool,
    /// How long a device is waited for after the start; `None`: for as long as it takes.
    pub(crate) device_timeout: Option<Duration>,
    /// Where the frequency is kept for the next start; `None`: nowhere.
    pub(crate) drift_file: Option<PathBuf>,
    /// What is run after events.
    pub(crate) hook: Hook,
    /// Where the status is served; `None`: nowhere.
    pub(crate) socket: Option<PathBuf>,
    /// The socket's permission bits.
    pub(crate) socket_mode: u32,
    /// When the service manager is told that the service is ready.
    pub(crate) notify: Notify,
    /// The least important messages that are logged.
    pub(crate) log_level: LogLevel,
    /// How messages are written.
    pub(crate) log_format: LogFormat,
    /// Whether the daemon comes before ordinary processes.
    pub(crate) realtime_priority: RealtimePriority,
    /// Keep the memory from being swapped out.
    pub(crate) lock_memory: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            source: SourceConfig::default(),
            host_max_error: None,
            confidential_guest: ConfidentialGuest::default(),
            load_module: true,
            device_timeout: None,
            drift_file: None,
            hook: Hook::default(),
            socket: Some(PathBuf::from(DEFAULT_SOCKET)),
            socket_mode: 0o666,
            notify: Notify::default(),
            log_level: LogLevel::default(),
            log_format: LogFormat::default(),
            realtime_priority: RealtimePriority::Auto,
            lock_memory: false,
        }
    }
}

/// A command of the user's that is run after events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hook {
    /// The program, by its whole path, and its arguments; empty: there is none.
    pub(crate) command: Vec<String>,
    /// The smallest step after which it is run.
    pub(crate) step: Duration,
    /// After this it is killed.
    pub(crate) time_limit: Duration,
}

impl Default for Hook {
    fn default() -> Self {
        Self { command: Vec::new(), step: Duration::from_millis(100), time_limit: Duration::from_secs(10) }
    }
}

/// What to do in a guest whose owner doesn't trust the host (SEV-SNP, TDX, CCA).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ConfidentialGuest {
    /// Not to follow its clock.
    #[default]
    Refuse,
    /// To follow it all the same.
    Follow,
}

/// The daemon's turn on the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RealtimePriority {
    /// The lowest real-time priority where the process may have it.
    Auto,
    /// Ordinary scheduling.
    None,
    /// This `SCHED_FIFO` priority, 1 to 99.
    At(u8),
}

/// When the service manager is told that the service is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Notify {
    /// When the clock is on the host's time; at the latest after a few seconds.
    #[default]
    Synchronised,
    /// When the daemon runs.
    Started,
}

/// How important a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogLevel {
    /// What ends the program.
    Error,
    /// What needs somebody's attention.
    Warn,
    /// Events: a step, a holdover, a recovery.
    #[default]
    Info,
    /// Every reading.
    Debug,
}

/// How a message is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Where a configuration comes from: enough to read it again when the daemon is told to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The file that was named; `None`: [`DEFAULT_FILE`], which may be absent.
    pub(crate) file: Option<PathBuf>,
    /// What the command line says, as key and value; it wins over the file.
    pub(crate) overrides: Vec<(String, String)>,
    /// Whether the clock is touched at all: only the command line says so.
    pub(crate) mode: Mode,
}

impl Origin {
    /// Which file is read, and whether it is the one that a service reads by itself.
    pub(crate) fn path(&self) -> (&Path, bool) {
        let default = Path::new(DEFAULT_FILE);
        let file = self.file.as_deref().unwrap_or(default);
        (file, file == default)
    }

    /// Reads the file and applies the command line.
    ///
    /// # Errors
    /// Every mistake in either, one line each.
    pub(crate) fn load(&self) -> Result<Config, Mistakes> {
        self.load_with_digest().map(|(config, _)| config)
    }

    /// As [`Origin::load`], with [`digest_of`] what was read; `None` where there is no file.
    ///
    /// # Errors
    /// As for [`Origin::load`].
    pub(crate) fn load_with_digest(&self) -> Result<(Config, Option<String>), Mistakes> {
        let file::Reading { config, mistakes, digest } = self.read();
        if mistakes.0.is_empty() { Ok((config, digest)) } else { Err(mistakes) }
    }

    /// As [`Origin::load`], and what could be understood beside the mistakes: good enough to find the
    /// daemon's socket, never to run with.
    pub(crate) fn load_leniently(&self) -> (Config, Mistakes) {
        let file::Reading { config, mistakes, .. } = self.read();
        (config, mistakes)
    }

    fn read(&self) -> file::Reading {
        let mut read = match &self.file {
            Some(path) => file::read(path),
            None => file::read_if_present(Path::new(DEFAULT_FILE)),
        };
        let file::Reading { config, mistakes, .. } = &mut read;
        for (name, value) in &self.overrides {
            if let Err(problem) = set(config, name, value::Raw::Word(value)) {
                mistakes.0.push(Mistake { place: Place::CommandLine, problem });
            }
        }
        if mistakes.0.is_empty() && !self.overrides.is_empty() {
            if let Err((_, problem)) = check_together(config) {
                mistakes.0.push(Mistake { place: Place::CommandLine, problem });
            }
        }
        config.policy.mode = self.mode;
        read
    }
}

/// The configuration of the tree under `root`: `/`, or an image's. As far as it can be read, with what is wrong.
pub(crate) fn of_tree(root: &Path) -> (Config, Mistakes) {
    let file::Reading { config, mistakes, .. } =
        file::read_if_present(&root.join(DEFAULT_FILE.trim_start_matches('/')));
    (config, mistakes)
}

/// What is wrong with the text of a configuration, which `file` is called.
pub(crate) fn of_text(file: &Path, text: &str) -> (Config, Mistakes) {
    parse::parse(file, text)
}

/// Sets one key; the error names it, and says what is wrong and what is accepted.
fn set(config: &mut Config, name: &str, raw: value::Raw<'_>) -> Result<(), String> {
    let Some(key) = keys::find(name) else {
        let near = nearest(name, KEYS.iter().map(|key| key.name));
        let name = value::bare(name);
        return Err(match near {
            Some(near) => format!("unknown key `{name}`; did you mean `{near}`?"),
            None => format!("unknown key `{name}`; `hostclock config --show` lists the known ones"),
        });
    };
    (key.set)(config, raw).map_err(|wrong| format!("`{name}`: {wrong}; accepted is {}", key.accepts))
}

/// What only several keys together can get wrong: those keys, and what is wrong.
fn check_together(config: &Config) -> Result<(), ([&'static str; 2], String)> {
    let policy = &config.policy;
    if policy.fast_slew_limit < policy.slew_limit {
        let (fast, slow) = (show_frequency(policy.fast_slew_limit), show_frequency(policy.slew_limit));
        return Err((
            ["fast-slew-limit", "slew-limit"],
            format!("`fast-slew-limit` ({fast}) is below `slew-limit` ({slow})"),
        ));
    }
    Ok(())
}

/// The candidate that `word` was probably meant to be.
fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('_', "-");
    // The distance takes time in proportion to both lengths; nothing this long is a slip of the finger.
    let short = word.len() <= 40;
    candidates
        .filter(|_| short)
        .map(|candidate| (strsim::damerau_levenshtein(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Everything that is wrong with a configuration; one line each when displayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mistakes(pub(crate) Vec<Mistake>);

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Where.
    pub(crate) place: Place,
    /// What is wrong and what is accepted, in one line.
    pub(crate) problem: String,
}

/// Where a mistake is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a file, and in which line (from 1) where it is in one.
    File {
        /// Which file.
        path: PathBuf,
        /// The line.
        line: Option<usize>,
    },
    /// On the command line.
    CommandLine,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File { path, line: Some(line) } => {
                write!(f, "{}:{line}: {}", path.display(), self.problem)
            }
            Place::File { path, line: None } => write!(f, "{}: {}", path.display(), self.problem),
            Place::CommandLine => write!(f, "command line: {}", self.problem),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
