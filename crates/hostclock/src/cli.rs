//! The command line: its commands, flags and help. What the words mean to the rest of the program is
//! in [`Run::origin`] and [`Reader::socket`]; nothing here does anything.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use hostclock_core::policy::Mode;
use hostclock_core::units::Duration;

use crate::config::{Origin, parse_duration};
use crate::status::verdict::Basis;

/// Keeps a virtual machine's clock on its hypervisor host's time.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
The host's time comes through the clock that the hypervisor offers as /dev/ptpN, without a network.

Exit codes: 0 fine, 1 failed or not synchronised, 2 bad usage or configuration, 3 no permission,
4 another instance runs, 5 no usable device, 6 no daemon runs, 7 another clock daemon runs,
8 a confidential guest, whose host is not trusted, 9 warnings (doctor)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Keep the clock: the daemon.
    Run(Run),
    /// Is the clock right? In five lines.
    #[command(after_help = "\
Exit codes: 0 the clock is on the host's time, 1 it is not, 2 bad usage or configuration, 3 the
socket may not be read, 6 no daemon runs (what a reading of its own found is shown all the same).")]
    Status(Status),
    /// Make this machine follow its host from now on: module, permissions, service, no rivals.
    #[command(after_help = "\
Examples:
  hostclock setup --dry-run              show every file and command, do nothing
  sudo hostclock setup                   do it; ask before another clock daemon is disabled
  sudo hostclock setup --from /etc/chrony/chrony.conf
  hostclock setup --root /mnt/image --yes
  sudo hostclock setup --undo            put back exactly what was there

Exit codes: 0 done, and the clock is right, 1 failed, 2 bad usage or configuration, 3 no permission,
5 no usable device: nothing is changed, 6 no daemon answers, 7 another clock daemon would have to be
disabled, and nobody agreed, 8 a confidential guest.")]
    Setup(Setup),
    /// What is wrong with the way from the host's clock to ours, and what fixes it.
    #[command(after_help = "\
Nothing is changed, unless --load-module says so. As root it sees more.

Exit codes: 0 no problem, 1 a problem, 2 bad usage, 9 a warning.")]
    Doctor(Doctor),
    /// Is the clock within a limit? One line and an exit code, for probes and monitoring.
    #[command(after_help = "\
Exit codes: 0 the clock is within the limit, 1 it is not, or nobody can say, 2 bad usage, 3 the
socket may not be read, 6 no daemon runs. With --nagios: 0 OK, 2 CRITICAL, 3 UNKNOWN.")]
    Check(Check),
    /// Wait until the clock is within a limit, for what must not start before.
    #[command(after_help = "\
Exit codes: 0 the clock is within the limit; when the time is over, as `hostclock check`: 1 it is
not, 6 no daemon runs; at once: 2 bad usage, 3 the socket may not be read.")]
    Wait(Wait),
    /// Show the device that is read, and every method of reading it.
    Sources(Reader),
    /// Show the clock in numbers, as `chronyc tracking` does.
    Tracking(Reader),
    /// Show what happened lately: each disturbance, its size, how long it took.
    Events(Reader),
    /// Write man pages and completions into a directory: for packages.
    #[cfg(feature = "assets")]
    Assets {
        /// Where to.
        directory: PathBuf,
    },
    /// Check a configuration, or show every key with its value and default.
    Config(Config),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hostclock run                          keep the clock
  hostclock run --once                   put the clock right and exit
  hostclock run --observe --once         how wrong is it?
  hostclock run --set step-backward=never --poll 250ms")]
pub(crate) struct Run {
    /// Read this file [default: /etc/hostclock/hostclock.toml, if it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Put the clock right, and exit as soon as it is.
    #[arg(long)]
    pub(crate) once: bool,

    /// Measure and report, and never touch the clock.
    #[arg(long, conflicts_with = "dry_run")]
    observe: bool,

    /// As --observe, and say what would have been done.
    #[arg(long)]
    dry_run: bool,

    /// Start beside another clock daemon, such as chronyd.
    #[arg(long)]
    pub(crate) force: bool,

    /// The device to read: `auto`, a path or a clock name.
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,

    /// Time between readings, 62.5ms to 64s.
    #[arg(long, value_name = "TIME")]
    poll: Option<String>,

    /// Serve the status on this Unix socket, or on `none`.
    #[arg(long, value_name = "PATH")]
    socket: Option<String>,

    /// Don't load the ptp_kvm module.
    #[arg(long)]
    no_load_module: bool,

    /// Write log messages as `text` or `json`.
    #[arg(long, value_name = "FORMAT")]
    log: Option<String>,

    /// Log messages from this level up: `error`, `warn`, `info` or `debug`.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,

    /// Set any key of the configuration; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

impl Run {
    /// Where the configuration comes from: the file, and what these flags say instead.
    pub(crate) fn origin(&self) -> Origin {
        let flags = [
            ("device", self.device.clone()),
            ("poll", self.poll.clone()),
            ("socket", self.socket.clone()),
            ("load-module", self.no_load_module.then(|| "false".to_owned())),
            ("log-format", self.log.clone()),
            ("log-level", self.log_level.clone()),
        ];
        let flags = flags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Origin {
            file: self.config.clone(),
            overrides: self.set.iter().cloned().chain(flags).collect(),
            mode: match (self.observe, self.dry_run) {
                (true, _) => Mode::Observe,
                (_, true) => Mode::DryRun,
                _ => Mode::Control,
            },
        }
    }
}

/// Splits the argument of `--set`.
fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
        None => Err("there is no `=` in it; write for example `--set poll=250ms`".to_owned()),
    }
}

/// A command that shows what the daemon knows.
#[derive(Debug, Args)]
pub(crate) struct Reader {
    /// Write JSON, as docs/status.md describes it.
    #[arg(long)]
    pub(crate) json: bool,

    /// The daemon's socket [default: as configured, /run/hostclock/hostclock.sock].
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// Carry over this configuration of chrony's.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,

    /// Disable other clock daemons without asking.
    #[arg(long)]
    pub(crate) yes: bool,

    /// Show every file and command, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Set up the image in this directory, and not the running machine.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,

    /// Say whether it could be done without taking the clock from another daemon, and do nothing.
    #[arg(long, conflicts_with_all = ["yes", "dry_run"])]
    pub(crate) check: bool,

    /// In case no device of the host's is found at a boot: start what kept the clock before.
    #[arg(long)]
    pub(crate) fallback: bool,

    /// Only bring what an earlier setup wrote up to this program's version: for packages.
    #[arg(long, conflicts_with_all = ["from", "fallback", "check"])]
    pub(crate) upgrade: bool,

    /// Write one JSON document at the end, as docs/commands.md describes it; implies that nothing is asked.
    #[arg(long)]
    pub(crate) json: bool,

    /// Put back exactly what was there before.
    #[arg(long, conflicts_with_all = ["from", "yes", "check", "fallback", "upgrade"])]
    pub(crate) undo: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Write JSON, as docs/commands.md describes it.
    #[arg(long)]
    pub(crate) json: bool,

    /// Try to load ptp_kvm, to learn why the kernel refuses; where it doesn't, it stays loaded.
    #[arg(long, conflicts_with = "root")]
    pub(crate) load_module: bool,

    /// Look at the image in this directory, and not at the running machine.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,

    /// The daemon's socket [default: as configured, /run/hostclock/hostclock.sock].
    #[arg(long, value_name = "PATH", conflicts_with = "root")]
    pub(crate) socket: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The most that the clock may be wrong, such as 100ms.
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = parse_duration)]
    pub(crate) max_error: Duration,

    /// Against the host's time, or UTC, which takes host-max-error in the configuration.
    #[arg(long, value_enum, default_value_t = Basis::Host)]
    pub(crate) basis: Basis,

    /// Answer as a plugin of Nagios and similar: text, figures and exit code.
    #[arg(long, conflicts_with = "json")]
    pub(crate) nagios: bool,

    #[command(flatten)]
    pub(crate) reader: Reader,
}

#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// The most that the clock may be wrong.
    #[arg(long, value_name = "TIME", default_value = "1ms", value_parser = parse_duration)]
    pub(crate) within: Duration,

    /// Against the host's time, or UTC, which takes host-max-error in the configuration.
    #[arg(long, value_enum, default_value_t = Basis::Host)]
    pub(crate) basis: Basis,

    /// How long to wait [default: for as long as it takes].
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,

    #[command(flatten)]
    pub(crate) reader: Reader,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Show it again every second; without a terminal, a line each.
    #[arg(long)]
    pub(crate) watch: bool,

    #[command(flatten)]
    pub(crate) reader: Reader,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("action").required(true).args(["check", "show"])))]
pub(crate) struct Config {
    /// Check this file: every mistake in it, one line each.
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,

    /// Show every key, its value and its default: a valid configuration.
    #[arg(long)]
    pub(crate) show: bool,

    /// With --show: this file [default: /etc/hostclock/hostclock.toml, if it exists].
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    pub(crate) config: Option<PathBuf>,

    /// With --show: as JSON.
    #[arg(long, conflicts_with = "check")]
    pub(crate) json: bool,
}
