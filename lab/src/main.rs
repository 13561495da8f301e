//! The lab of hostclock: a real KVM host and a real ptp_kvm guest on any machine, nested in software
//! emulation, in which clock daemons are disturbed and measured. `docs/lab.md` explains it.
#![forbid(unsafe_code)]

mod analysis;
mod bench;
mod check;
mod daemon;
mod demo;
mod error;
mod fetch;
mod installed;
mod machine;
mod picture;
mod play;
mod programs;
mod report;
mod result;
mod scenario;
mod session;
mod single;
mod table;
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "hostclock-lab",
    about = "A real KVM host with a real ptp_kvm guest, in which clock daemons are disturbed and measured.",
    long_about = None
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Download and unpack what the machines are made of (about 70 MB; nothing is installed)
    Prepare {
        /// Even if it is there
        #[arg(long)]
        refresh: bool,
    },
    /// Set a guest's clock wrong four times, with hostclock, chrony and phc2sys, and tell what happens
    Demo {
        /// Where the results go
        #[arg(long, default_value = "lab/out/demo")]
        out: PathBuf,
    },
    /// Test hostclock in the lab: jumps, device gone and back, clocksource switched
    Check,
    /// Install hostclock's package in a whole Debian with systemd and chrony, set it up, reboot, undo, remove
    Installed {
        /// The package
        #[arg(long)]
        deb: PathBuf,
        /// The Debian
        #[arg(long, value_enum, default_value = "bookworm")]
        suite: fetch::Suite,
        /// Comma-separated; those that belong to the suite unless given
        #[arg(long, value_enum, value_delimiter = ',')]
        parts: Vec<installed::Part>,
        /// Kill `hostclock setup` at each of its steps, and not at a few (half an hour)
        #[arg(long)]
        killed: bool,
        /// Write a report here, too
        #[arg(long)]
        report: Option<PathBuf>,
        /// Then run the lines of standard input in the guest, and leave the tests
        #[arg(long)]
        shell: bool,
    },
    /// Play a scenario with some daemons, and write down what was found
    Run {
        /// One of those that `scenarios` lists
        scenario: String,
        /// Comma-separated, such as hostclock,chrony,phc2sys-10hz (docs/lab.md lists them); or all
        #[arg(long)]
        daemons: Option<String>,
        /// How often, each time with machines that have just been started
        #[arg(long, default_value_t = 1)]
        runs: u32,
        /// The first run's number, which chooses the host's wander and the moments within a poll
        #[arg(long, default_value_t = 0)]
        first: u32,
        /// Where the results go
        #[arg(long, default_value = "lab/out")]
        out: PathBuf,
    },
    /// Measure hostclock beside its peers at every rate, in one run of an hour and a half
    Bench {
        /// Comma-separated: truth, quiet, ntp, warming, slewed, jumps, pauses, start, cost; or all
        #[arg(long)]
        parts: Option<String>,
        /// Chooses the host's wander and the moments within a poll, the same for all daemons
        #[arg(long, default_value_t = 0)]
        seed: u32,
        /// A glance at everything, for whoever works on the bench
        #[arg(long)]
        quick: bool,
        /// Where the results go
        #[arg(long, default_value = "lab/out/bench")]
        out: PathBuf,
    },
    /// Make tables and pictures of all results in a directory
    Report {
        /// Where the results are
        #[arg(default_value = "lab/out")]
        directory: PathBuf,
    },
    /// List the scenarios
    Scenarios,
    /// Boot the machines and run the lines of standard input in the guest (`host: …` in the host)
    Shell {
        /// With a newer hypervisor and kernel for the guest
        #[arg(long)]
        newer: bool,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Prepare { refresh } => fetch::prepare(refresh).map(drop),
        Command::Demo { out } => demo::demo(&out),
        Command::Check => check::check(),
        Command::Installed { deb, suite, parts, killed, report, shell } => {
            installed::check(&installed::Request { deb, suite, parts, killed, report, shell })
        }
        Command::Run { scenario, daemons, runs, first, out } => {
            play::play(&scenario, daemons.as_deref(), first..first.saturating_add(runs), &out)
        }
        Command::Bench { parts, seed, quick, out } => bench::bench(&out, parts.as_deref(), seed, quick),
        Command::Report { directory } => report::report(&directory).map(|tables| print!("{tables}")),
        Command::Scenarios => {
            scenario::ALL.iter().for_each(|scenario| println!("{:12} {}", scenario.name, scenario.about));
            Ok(())
        }
        Command::Shell { newer } => play::shell(newer),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hostclock-lab: {error}");
            ExitCode::FAILURE
        }
    }
}
