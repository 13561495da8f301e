//! `hostclock setup` is killed in the midst of it: before each system call that changes something or starts a command,
//! one after the other. A clock daemon runs all the same, and `--undo` gives back what was there; also after a reboot, and
//! after the machine lost its power.

use std::collections::BTreeMap;

use super::System;
use super::states::{self, CHRONY, CHRONY_RUNS, SAME};
use crate::error::Result;
use crate::tests::Tests;

/// What changes files or makes processes.
const CALLS: &str = "rename,renameat,renameat2,symlink,symlinkat,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,fsync,fdatasync,\
     ftruncate,chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,setxattr,lsetxattr,fsetxattr,vfork,fork,clone,clone3";
/// Those that make processes: before each command, so at each step of the hand-over.
const COMMANDS: [&str; 4] = ["vfork", "fork", "clone", "clone3"];
/// Of the others, those that a short run is killed at.
const EACH_NTH: usize = 7;
/// How many of them a long run is rebooted after, in place of going on.
const REBOOTS: usize = 6;
/// Waits up to 30 s for a clock daemon.
const KEPT: &str = "keeper() { pgrep -x chronyd >/dev/null || pgrep -f '^/usr/(local/)?bin/hostclock run' >/dev/null; }; \
     i=0; until keeper || [ $i = 60 ]; do i=$((i + 1)); sleep 0.5; done; keeper && echo kept";
/// Undoes, and prints what is there then; chrony gets a moment.
const UNDONE: &str = "/srv/hostclock setup --undo; echo undo $?; i=0; \
     until systemctl is-active --quiet chrony || [ $i = 20 ]; do i=$((i + 1)); sleep 0.5; done";

/// A place in the run: a system call, and how many of its name came before it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    call: String,
    nth: usize,
}

/// What happens after the kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// An undo at once.
    Undo,
    /// An undo when the service manager has done all that it was asked for.
    UndoLater,
    Reboot,
    PowerCut,
}

/// Kills it at some of its steps, or at all of them.
pub(super) fn run(system: &mut System, tests: &mut Tests, all: bool) -> Result<()> {
    system.see(super::services::BOOTED)?;
    system.run(super::ways::FROM_TARBALL)?;
    system.run(&format!("{}; sync", states::remember()))?;
    let steps = steps(system, tests)?;
    let chosen = chosen(&steps, all);
    let reboots = if all { REBOOTS } else { 2 };
    let mut wrong: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
    for (index, step) in chosen.iter().enumerate() {
        let (count, failures) = wrong.entry(&step.call).or_default();
        *count += 1;
        let then = then(index, chosen.len(), reboots);
        if let Some(failure) = kill(system, step, then)? {
            failures.push(format!("{} of {}: {failure}", index + 1, chosen.len()));
        }
    }
    for (call, (count, failures)) in wrong {
        tests.expect(
            &format!("killed before {count} of its calls of {call}, a clock daemon runs, and undo gives back what was there"),
            failures.is_empty(),
            &failures.join("\n"),
        );
    }
    Ok(())
}

/// The steps of a run that isn't killed, in order.
fn steps(system: &mut System, tests: &mut Tests) -> Result<Vec<Step>> {
    let seen = system.see(&format!(
        "strace -o /srv/trace -e trace={CALLS} /srv/hostclock setup --yes; echo exit $?; {UNDONE}; {CHRONY}; {}",
        states::compare()
    ))?;
    tests.expect(
        "setup from a tarball, and its undo",
        seen.contains("exit 0\n") && seen.ends_with(&format!("undo 0\n{CHRONY_RUNS}{SAME}")),
        &seen,
    );
    let trace = system.run("cat /srv/trace")?;
    Ok(numbered(&trace))
}

/// Those at which it is killed: all, or before each command and at a few others.
fn chosen(steps: &[Step], all: bool) -> Vec<&Step> {
    let is_command = |step: &Step| COMMANDS.contains(&step.call.as_str());
    let mut others = 0..;
    let wanted = |step: &&Step| all || is_command(step) || others.next().is_some_and(|n| n % EACH_NTH == 0);
    steps.iter().filter(wanted).collect()
}

/// The calls of a trace, each with its number among those of its name.
fn numbered(trace: &str) -> Vec<Step> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let calls = trace.lines().filter_map(|line| line.split_once('(')).map(|(call, _)| call);
    calls
        .filter(|call| call.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
        .map(|call| {
            let nth = counts.entry(call).or_default();
            *nth += 1;
            Step { call: call.to_owned(), nth: *nth }
        })
        .collect()
}

/// What follows the kill that is number `index` of `count`: `reboots` of them are spread over the run.
fn then(index: usize, count: usize, reboots: usize) -> Then {
    let reboot = |index: usize| (index * 2 + 1) * reboots / (count * 2).max(1);
    let is_reboot = reboot(index + 1) != reboot(index);
    match (is_reboot, reboot(index) % 2, index % 2) {
        (true, 0, _) => Then::PowerCut,
        (true, _, _) => Then::Reboot,
        (false, _, 0) => Then::Undo,
        (false, _, _) => Then::UndoLater,
    }
}

/// Kills it at a step; what is wrong afterwards.
fn kill(system: &mut System, step: &Step, then: Then) -> Result<Option<String>> {
    let Step { call, nth } = step;
    let killed = format!(
        "strace -o /dev/null -e trace={call} -e inject={call}:signal=KILL:when={nth} /srv/hostclock setup --yes >/srv/said 2>&1; echo ended $?"
    );
    let later = if then == Then::UndoLater { super::ways::SETTLED } else { "true" };
    let mut seen = system.see(&format!("{killed}; {KEPT}; {later}; {KEPT}"))?;
    let mut kept = 2;
    match then {
        Then::Undo | Then::UndoLater => {}
        Then::Reboot => system.reboot()?,
        // What systemd-sysusers wrote before may be there by its temporary names: it syncs no directory.
        Then::PowerCut => {
            system.cut_power()?;
            system.run("rm -f /etc/.#*")?;
        }
    }
    if matches!(then, Then::Reboot | Then::PowerCut) {
        kept += 1;
        seen.push_str(&system.see(&format!("{}; {KEPT}", super::services::BOOTED))?);
    }
    seen.push_str(&system.see(&format!("{UNDONE}; {CHRONY}; {}", states::compare()))?);
    let fine = seen.contains("ended 137\n")
        && seen.matches("kept\n").count() == kept
        && seen.ends_with(&format!("undo 0\n{CHRONY_RUNS}{SAME}"));
    Ok((!fine).then(|| format!("{call} {nth}, then {then:?}: {seen}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_their_names() {
        let trace = "mkdir(\"/etc/x\", 0755) = 0\nfsync(3) = 0\n--- SIGCHLD {si_signo=SIGCHLD} ---\nfsync(4) = 0\n+++ exited with 0 +++\n";
        let steps: Vec<String> =
            numbered(trace).iter().map(|step| format!("{} {}", step.call, step.nth)).collect();
        assert_eq!(steps, ["mkdir 1", "fsync 1", "fsync 2"]);
    }

    #[test]
    fn a_short_run_is_killed_before_each_command() {
        let step = |call: &str, nth| Step { call: call.to_owned(), nth };
        let mut steps: Vec<Step> = (1..=20).map(|nth| step("fsync", nth)).collect();
        steps.insert(3, step("clone3", 1));
        steps.push(step("vfork", 1));
        let short = chosen(&steps, false);
        let calls: Vec<(&str, usize)> = short.iter().map(|step| (step.call.as_str(), step.nth)).collect();
        assert_eq!(calls, [("fsync", 1), ("clone3", 1), ("fsync", 8), ("fsync", 15), ("vfork", 1)]);
        assert_eq!(chosen(&steps, true).len(), steps.len());
    }

    #[test]
    fn reboots_are_spread_over_the_run() {
        for (count, reboots) in [(60, 6), (9, 2), (61, 6)] {
            let all: Vec<Then> = (0..count).map(|index| then(index, count, reboots)).collect();
            let booted = all.iter().filter(|then| matches!(then, Then::Reboot | Then::PowerCut)).count();
            assert_eq!(booted, reboots, "{all:?}");
            assert!(all.contains(&Then::Reboot) && all.contains(&Then::PowerCut));
        }
    }
}
