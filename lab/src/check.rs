//! The lab's part of the tests: hostclock in the machines, judged by what it does and not by how fast,
//! because how fast the emulated machines are depends on the machine under them.

use crate::daemon::Daemon;
use crate::error::Result;
use crate::play::boot;
use crate::result::Findings;
use crate::scenario::{self, Setting};
use crate::session::Session;
use crate::single::{self, Answer};
use crate::tests::Tests;

/// Plays the short scenarios with hostclock and prints one line a test.
pub(crate) fn check() -> Result<()> {
    let daemon = Daemon::named("hostclock")?;
    let (mut session, _) = boot(&[daemon], scenario::named("date")?)?;
    match everything(&mut session, daemon) {
        Ok(tests) => tests.conclude(),
        // Nested emulation isn't a promise: machines that fell over are no finding about the daemon.
        Err(error) if session.ended() => {
            eprintln!("{error}\nlab: once more from the beginning, on new machines");
            drop(session);
            let (mut session, _) = boot(&[daemon], scenario::named("date")?)?;
            everything(&mut session, daemon)?.conclude()
        }
        Err(error) => Err(error),
    }
}

fn everything(session: &mut Session, daemon: Daemon) -> Result<Tests> {
    let mut tests = Tests::of("lab");
    println!("\nrunning the lab's tests");
    for name in ["date", "module", "clocksource", "pause"] {
        let scenario = scenario::named(name)?;
        let findings = (scenario.play)(session, &Setting::brief(daemon))?;
        tests.recoveries(name, &findings);
        // Nobody can know of a pause until he has looked.
        if name != "pause" {
            tests.truth(name, &findings);
        }
        if name == "clocksource" {
            tests.methods(&findings);
        }
        if tests.failed_since_last_asked() {
            eprintln!("--- what hostclock wrote during {name}:\n{}", findings.log);
        }
    }
    for Answer { name, holds, seen } in single::ask(session)? {
        tests.expect(name, holds, &seen);
    }
    Ok(tests)
}

impl Tests {
    fn recoveries(&mut self, name: &str, findings: &Findings) {
        for recovery in &findings.recoveries {
            let seen = format!(
                "after {} ns: last offset {:?} ns, {} later steps, up to {} ns off",
                recovery.watched,
                recovery.curve.last().map(|(_, offset)| offset),
                recovery.later_steps,
                recovery.worst_later
            );
            let label = format!("{name}: `{}`", recovery.label);
            self.expect(
                &format!("{label} ends within 1 us of the host"),
                recovery.under_1us.is_some(),
                &seen,
            );
            self.expect(&format!("{label} takes no second step"), recovery.later_steps == 0, &seen);
        }
        let seen = findings.notes.join("; ");
        let runs = !findings.notes.iter().any(|note| note == scenario::NOT_RUNNING);
        self.expect(&format!("{name}: the daemon keeps running"), runs, &seen);
    }

    fn truth(&mut self, scenario: &str, findings: &Findings) {
        let Some(told) = &findings.honesty else { return };
        let seen = format!("{told:?}");
        self.expect(
            &format!("{scenario}: the kernel is told `synchronised` at the end"),
            told.ends_synchronised,
            &seen,
        );
        // The kernel takes it back by itself with each jump, until that is undone, and with each change of
        // clocksource, of which it tells nobody, until the next poll (ntp_clear(), Linux 6.1).
        let tolerable = if scenario == "clocksource" { told.samples / 4 } else { told.samples / 50 };
        self.expect(
            &format!("{scenario}: and all the time before, but for what the kernel itself takes back"),
            told.synchronised > 0 && told.lost < tolerable,
            &seen,
        );
        let true_bound = told.lies == 0 && told.claims_perfection == 0;
        self.expect(&format!("{scenario}: maxerror is never below the offset, nor 0"), true_bound, &seen);
    }

    /// The methods of reading, in the order in which the log names them.
    fn methods(&mut self, findings: &Findings) {
        let used = methods(&findings.log);
        let seen = used.join(", ");
        self.expect("clocksource: falls to a lesser method under tsc", used.len() >= 2, &seen);
        let climbed = used.len() >= 3 && used.last().is_some_and(|method| method == "PTP_SYS_OFFSET_PRECISE");
        self.expect("clocksource: climbs back to the precise method under kvm-clock", climbed, &seen);
    }
}

/// From a log: `… reading by PTP_SYS_OFFSET, as …`.
pub(crate) fn methods(log: &str) -> Vec<String> {
    let after = log.lines().filter_map(|line| line.split_once("reading by ").map(|(_, after)| after));
    after.filter_map(|after| after.split([',', ' ']).next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_methods_are_read_from_the_log() {
        let log =
            "t info: reading by PTP_SYS_OFFSET_PRECISE\nx\nt info: reading by PTP_SYS_OFFSET, as it fails\n";
        assert_eq!(methods(log), ["PTP_SYS_OFFSET_PRECISE", "PTP_SYS_OFFSET"]);
    }
}
