//! Playing a scenario with several daemons, and looking around in the machines by hand.

use std::ops::Range;
use std::path::Path;

use crate::daemon::Daemon;
use crate::error::{Context, Result};
use crate::machine::{Lab, Parts};
use crate::programs::Programs;
use crate::result::{FORMAT, Findings, Run};
use crate::scenario::{self, Scenario, Setting};
use crate::session::Session;
use crate::{fetch, report};

/// Boots the machines that `scenario` needs, with all that `daemons` need; gives the session and the release
/// of the guest's kernel.
pub(crate) fn boot(daemons: &[Daemon], scenario: &Scenario) -> Result<(Session, String)> {
    let host = fetch::prepare(false)?;
    let newer = if scenario.needs_newer_guest() { Some(fetch::prepare_newer()?) } else { None };
    let programs = Programs::build(daemons.iter().any(Daemon::is_hostclock))?;
    let parts = Parts { host, newer, programs, disks: Vec::new() };
    Ok((Session::new(Lab::boot(&parts)?, scenario.rate), parts.guest().release()?))
}

/// Whether there is time to measure, or only to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Haste {
    /// As [`Setting::thorough`].
    None,
    /// As [`Setting::brief`].
    Some,
}

/// Plays the scenario called `name` with each of the daemons in `list` once for each number in `runs`, writes what
/// was found to `out` and prints its tables.
pub(crate) fn play(name: &str, list: Option<&str>, runs: Range<u32>, out: &Path) -> Result<()> {
    let scenario = scenario::named(name)?;
    let daemons = scenario::daemons(list.unwrap_or(&scenario.daemons.join(",")))?;
    play_runs(scenario, &daemons, runs, Haste::None, out)?;
    print!("{}", report::report(out)?);
    Ok(())
}

/// Plays `scenario` with each of `daemons` once for each number in `runs`, on new machines for each number, and writes
/// what was found to `out`.
pub(crate) fn play_runs(
    scenario: &Scenario,
    daemons: &[Daemon],
    runs: Range<u32>,
    haste: Haste,
    out: &Path,
) -> Result<()> {
    let name = scenario.name;
    for number in runs.clone() {
        let (mut session, kernel) = boot(daemons, scenario)?;
        for daemon in daemons {
            eprintln!(
                "lab: run {number} of {} to {}: {name} with {}",
                runs.start,
                runs.end - 1,
                daemon.title
            );
            let setting = match haste {
                Haste::None => Setting::thorough(*daemon, number),
                Haste::Some => Setting { run: number, ..Setting::brief(*daemon) },
            };
            let findings = match (scenario.play)(&mut session, &setting) {
                // Nested emulation isn't a promise: machines that fell over are no finding about a daemon.
                Err(error) if session.ended() => {
                    eprintln!("{error}\nlab: once more, on new machines");
                    drop(session);
                    (session, _) = boot(daemons, scenario)?;
                    (scenario.play)(&mut session, &setting)?
                }
                played => played?,
            };
            written(
                &Played { scenario: name, daemon, number, kernel: &kernel, rate: session.rate() },
                findings,
                out,
            )?;
        }
    }
    Ok(())
}

/// What findings belong to.
pub(crate) struct Played<'a> {
    /// The scenario's name.
    pub(crate) scenario: &'a str,
    /// The daemon.
    pub(crate) daemon: &'a Daemon,
    /// Counts the runs, from 0.
    pub(crate) number: u32,
    /// The kernel's release.
    pub(crate) kernel: &'a str,
    /// Observer samples a second.
    pub(crate) rate: u32,
}

/// Writes findings to `out`.
pub(crate) fn written(played: &Played<'_>, findings: Findings, out: &Path) -> Result<()> {
    let run = Run {
        format: FORMAT,
        scenario: played.scenario.to_owned(),
        daemon: played.daemon.name.to_owned(),
        run: played.number,
        kernel: played.kernel.to_owned(),
        rate_hz: played.rate,
        findings,
    };
    run.write(out).map(drop)
}

/// Boots the machines and runs what comes on standard input, line by line: in the guest, or where a
/// line begins with `host:`, in the nested host.
pub(crate) fn shell(newer: bool) -> Result<()> {
    let newer = if newer { Some(fetch::prepare_newer()?) } else { None };
    let programs = Programs::build(true)?;
    let parts = Parts { host: fetch::prepare(false)?, newer, programs, disks: Vec::new() };
    let mut lab = Lab::boot(&parts)?;
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
