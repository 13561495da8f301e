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

use crate::error::{Context, Error, Result, output_of};
use crate::fetch::{self, Suite};
use crate::machine::{Lab, Parts};
use crate::programs::Programs;
use crate::tests::Tests;

/// How long a command of a package manager may take in there.
const LONG: Duration = Duration::from_secs(240);

/// The guest, and where it can be restarted.
pub(crate) struct System {
    lab: Lab,
    suite: Suite,
}

/// What is to be played.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The package.
    pub(crate) deb: PathBuf,
    /// The Debian that it is installed in.
    pub(crate) suite: Suite,
    /// `hostclock setup` is killed at each of its steps, and not at a few.
    pub(crate) killed: bool,
    /// Where the report goes.
    pub(crate) report: Option<PathBuf>,
    /// No tests: lines of standard input are run.
    pub(crate) shell: bool,
}

/// Plays everything and prints a line for each test; or gives a shell. What doesn't depend on the suite is played on one
/// of them.
pub(crate) fn check(request: &Request) -> Result<()> {
    let suite = request.suite;
    let fresh = || System::boot(&request.deb, suite);
    let mut system = fresh()?;
    if request.shell {
        return system.shell();
    }
    let whole = suite == Suite::Bookworm;
    let mut tests =
        Tests::of(if whole { "installed".to_owned() } else { format!("installed-{}", suite.name()) });
    let about = report::about(&mut system)?;
    println!("\nrunning the tests of an installed system\n{about}");
    day::run(&mut system, &mut tests)?;
    drop(system);
    ways::run(&mut fresh()?, &mut tests)?;
    if whole {
        quick_start::run(&mut fresh()?, &mut tests)?;
        services::run(&mut fresh()?, &mut tests)?;
    }
    if whole || request.killed {
        killed::run(&mut fresh()?, &mut tests, request.killed)?;
    }
    if let Some(path) = &request.report {
        let flags = if request.killed { " KILLED=all" } else { "" };
        report::write(path, &suite.name(), flags, &about, &tests)?;
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
