//! hostclock as a user installs it: its package in a whole Debian with systemd, where chrony keeps the clock already.
//! The guest boots from a disk, and everything is done by the commands that the documentation gives.

mod day;
mod killed;
mod quick_start;
mod report;
mod selinux;
mod services;
mod states;
mod ways;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::ValueEnum;

use crate::error::{Context, Error, Result, output_of};
use crate::fetch::{self, Suite};
use crate::machine::{Lab, Parts};
use crate::programs::Programs;
use crate::tests::Tests;

/// How long a command of a package manager may take in there.
const LONG: Duration = Duration::from_secs(600);

/// The guest, and where it can be restarted.
pub(crate) struct System {
    lab: Lab,
    suite: Suite,
}

/// A part of the tests. After one that leaves the system as the next one wants it, that one goes on there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// A user's day: install, setup, reboot, doctor, undo, purge
    Day,
    /// Other ways to come and go: no device, a tarball, an upgrade
    Ways,
    /// `hostclock setup` is killed
    Killed,
    /// The quick start, as it is printed
    QuickStart,
    /// The examples for other service managers
    Services,
}

impl Part {
    /// Whether it is played on a suite unless asked for: what doesn't depend on the suite is played on one of them, and
    /// what takes a quarter of an hour and more only when asked for.
    fn belongs_to(self, suite: Suite) -> bool {
        match self {
            Part::Day | Part::Ways => true,
            Part::QuickStart | Part::Services => suite == Suite::Bookworm,
            Part::Killed => false,
        }
    }

    /// Whether the next part can go on where it ends: two end with a purge and a test that nothing is left, and the quick
    /// start with an undo, which leaves the package.
    fn leaves_it_usable(self) -> bool {
        matches!(self, Part::Day | Part::Ways | Part::QuickStart)
    }

    fn play(self, system: &mut System, tests: &mut Tests, request: &Request) -> Result<()> {
        match self {
            Part::Day => day::run(system, tests),
            Part::Ways => ways::run(system, tests),
            Part::Killed => killed::run(system, tests, request.killed),
            Part::QuickStart => quick_start::run(system, tests),
            Part::Services => services::run(system, tests),
        }
    }
}

/// What is to be played.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The package.
    pub(crate) deb: PathBuf,
    /// The Debian that it is installed in.
    pub(crate) suite: Suite,
    /// The parts; none: those that belong to the suite.
    pub(crate) parts: Vec<Part>,
    /// `hostclock setup` is killed at each of its steps, and not at a few.
    pub(crate) killed: bool,
    /// Where the report goes.
    pub(crate) report: Option<PathBuf>,
    /// No tests: lines of standard input are run.
    pub(crate) shell: bool,
}

impl Request {
    fn wants(&self, part: Part) -> bool {
        if self.parts.is_empty() {
            part.belongs_to(self.suite) || (self.killed && part == Part::Killed)
        } else {
            self.parts.contains(&part)
        }
    }
}

/// Plays everything and prints a line for each test; or gives a shell.
pub(crate) fn check(request: &Request) -> Result<()> {
    let suite = request.suite;
    if request.shell {
        return System::boot(&request.deb, suite)?.shell();
    }
    let group = match suite {
        Suite::Bookworm => "installed".to_owned(),
        _ => format!("installed-{}", suite.name()),
    };
    let mut tests = Tests::of(group);
    let mut about = String::new();
    println!("\nrunning the tests of an installed system");
    let mut usable: Option<System> = None;
    for part in Part::value_variants().iter().filter(|part| request.wants(**part)) {
        let mut system = match usable.take() {
            Some(system) => system,
            None => System::boot(&request.deb, suite)?,
        };
        if about.is_empty() {
            about = report::about(&mut system)?;
            print!("{about}");
        }
        part.play(&mut system, &mut tests, request)?;
        usable = part.leaves_it_usable().then_some(system);
    }
    if let Some(path) = &request.report {
        report::write(path, &suite.name(), request.killed, &about, &tests)?;
    }
    tests.conclude()
}

/// A tar with what the guest gets, as a disk: the package, and the lab's helper.
fn load(deb: &Path, helper: &Path) -> Result<PathBuf> {
    let directory = std::env::temp_dir().join(format!("hostclock-lab-load.{}", std::process::id()));
    fs::create_dir_all(&directory).context(|| format!("making {}", directory.display()))?;
    let image = directory.with_extension("tar");
    let copied = fs::copy(deb, directory.join("hostclock.deb"))
        .context(|| format!("reading {} (`make packages` makes it)", deb.display()))
        .and_then(|_| fs::copy(helper, directory.join("lab")).context(|| "copying the lab's helper".into()))
        .and_then(|_| {
            output_of(
                Command::new("tar")
                    .arg("-C")
                    .arg(&directory)
                    .args(["--blocking-factor=128", "-cf"])
                    .arg(&image)
                    .arg("."),
            )
        });
    let _ = fs::remove_dir_all(&directory);
    copied.map(|_| image)
}

impl System {
    /// Boots it, as it was made.
    fn boot(deb: &Path, suite: Suite) -> Result<Self> {
        let host = fetch::prepare(false)?;
        let programs = Programs::build(false)?;
        let disk = fetch::system::disk(&host, suite)?;
        let load = load(deb, &programs.guest)?;
        let parts = Parts { host, newer: None, programs, disks: vec![disk, load.clone()] };
        let lab = Lab::boot_as(&parts, suite.platform());
        let _ = fs::remove_file(load);
        let mut system = Self { lab: lab?, suite };
        system
            .run("mkdir -p /srv && tar -C /srv -xf /dev/vdb && install -m 755 /srv/lab /usr/local/bin/lab")?;
        Ok(system)
    }

    /// Runs a command and gives its output; one that fails is an error.
    pub(crate) fn run(&mut self, command: &str) -> Result<String> {
        self.lab.guest.run_within(LONG, command)
    }

    /// Runs commands, whether they fail or not; what they wrote, errors included.
    pub(crate) fn see(&mut self, commands: &str) -> Result<String> {
        self.run(&format!("{{ {commands}\n}} 2>&1; true"))
    }

    /// Runs a command in the nested host.
    pub(crate) fn host(&mut self, command: &str) -> Result<String> {
        self.lab.host.run(command)
    }

    /// Shuts the guest down and boots it again from the same disk.
    pub(crate) fn reboot(&mut self) -> Result<()> {
        self.run("(sleep 0.5; systemctl reboot) >/dev/null 2>&1 & true")?;
        let pid = crate::machine::FIRST.pid;
        self.lab.host.run_within(LONG, &format!("while [ -e {pid} ]; do sleep 0.2; done"))?;
        self.lab.replace_guest(self.suite.platform())
    }

    /// Has the guest lose its power, and boots it again from the same disk.
    pub(crate) fn cut_power(&mut self) -> Result<()> {
        self.lab.replace_guest(self.suite.platform())
    }

    fn shell(&mut self) -> Result<()> {
        eprintln!(
            "lab: each line runs in the guest; `host: COMMAND` runs in the nested host, `reboot!` reboots"
        );
        for line in std::io::stdin().lines() {
            let line = line.context(|| "reading standard input".into())?;
            let done = match line.strip_prefix("host:") {
                Some(command) => self.host(command),
                None if line == "reboot!" => self.reboot().map(|()| String::new()),
                None => self.see(&line),
            };
            match done {
                Ok(output) => print!("{output}"),
                Err(error) => eprintln!("{error}"),
            }
        }
        Ok(())
    }
}

/// An error where a test can't go on.
fn missing(what: &str) -> Error {
    Error::new(format!("the guest did not say {what}"))
}
