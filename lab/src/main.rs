//! The lab of hostclock: a real KVM host and a real ptp_kvm guest on any machine, nested in software
//! emulation, in which clock daemons are disturbed and measured. `docs/lab.md` explains it.
#![forbid(unsafe_code)]

mod analysis;
mod daemon;
mod error;
mod fetch;
mod machine;
mod programs;
mod result;
mod scenario;
mod session;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::{Context, Result};
use crate::machine::Lab;
use crate::programs::Programs;
use crate::result::Run;
use crate::scenario::Setting;
use crate::session::Session;

#[derive(Parser)]
#[command(name = "hostclock-lab", about = "A real KVM host with a real ptp_kvm guest, in which clock daemons are measured.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Download and unpack what the machines are made of (about 70 MB, nothing is installed)
    Prepare {
        /// Even if it is there
        #[arg(long)]
        refresh: bool,
    },
    /// Boot the machines and run the lines of standard input in the guest (host: … in the host)
    Shell,
    /// Play a scenario with some daemons and write down what was found
    Run {
        /// date, start, steady, module, clocksource or idle
        scenario: String,
        /// Comma-separated: hostclock, hostclock-10hz, chrony, phc2sys, phc2sys-10hz, none; or all
        #[arg(long)]
        daemons: Option<String>,
        /// How often
        #[arg(long, default_value_t = 1)]
        runs: u32,
        /// Where the results go
        #[arg(long, default_value = "lab/out")]
        out: PathBuf,
    },
}

/// Boots the machines and runs what comes on standard input, line by line: in the guest, or where a
/// line begins with `host:`, in the nested host.
fn shell() -> Result<()> {
    let tree = fetch::prepare(false)?;
    let mut lab = Lab::boot(&tree, &Programs::build(true)?)?;
    eprintln!("lab: each line runs in the guest; `host: COMMAND` runs in the nested host");
    for line in std::io::stdin().lines() {
        let line = line.context(|| "reading standard input".into())?;
        let done = match line.strip_prefix("host:") {
            Some(command) => lab.host.run(command),
            None => lab.guest.run(&line),
        };
        match done {
            Ok(output) => print!("{output}"),
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Prepare { refresh } => fetch::prepare(refresh).map(drop),
        Command::Shell => shell(),
        Command::Run { scenario, daemons, runs, out } => run(&scenario, daemons.as_deref(), runs, &out),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hostclock-lab: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, list: Option<&str>, runs: u32, out: &Path) -> Result<()> {
    let scenario = scenario::named(name)?;
    let daemons = scenario::daemons(list.unwrap_or(&scenario.daemons.join(",")))?;
    let tree = fetch::prepare(false)?;
    let programs = Programs::build(daemons.iter().any(daemon::Daemon::is_hostclock))?;
    let kernel = tree.release()?;
    for number in 0..runs {
        let mut session = Session::new(Lab::boot(&tree, &programs)?, scenario.rate);
        for daemon in &daemons {
            eprintln!("lab: run {} of {runs}: {name} with {}", number + 1, daemon.title);
            let findings = (scenario.play)(&mut session, &Setting { daemon: *daemon, run: number })?;
            let run = Run {
                format: result::FORMAT,
                scenario: name.to_owned(),
                daemon: daemon.name.to_owned(),
                run: number,
                kernel: kernel.clone(),
                rate_hz: session.rate(),
                findings,
            };
            for r in &run.findings.recoveries {
                eprintln!("{:30} jump {:?} 1ms {:?} 1us {:?} watched {} steps {} worst {}", r.label, r.jump, r.under_1ms, r.under_1us, r.watched, r.later_steps, r.worst_later);
            }
            if let Some(s) = &run.findings.steady { eprintln!("steady {} s mean {:.1} rms {:.1} max {}", s.seconds, s.mean, s.rms, s.max); }
            eprintln!("{:?} {:?} {:?}", run.findings.idle, run.findings.honesty, run.findings.notes);
            run.write(out)?;
        }
    }
    Ok(())
}
