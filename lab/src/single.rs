//! Single questions to the program, each answered by one run of it in the guest: what it does with a clock
//! that is wrong, without a permission, and for a service manager.

use crate::error::Result;
use crate::session::Session;

/// How a command in the guest ended, and what it wrote.
pub(crate) struct Answer {
    /// What was asked, as a sentence that is true if all is well.
    pub(crate) name: &'static str,
    /// Whether it is.
    pub(crate) holds: bool,
    /// What was seen.
    pub(crate) seen: String,
}

/// Asks all of them. No daemon runs before or afterwards.
pub(crate) fn ask(session: &mut Session) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    session.reset(-5_000_000_000)?;
    let seen = run(session, "hostclock run --once; echo exit $?; hostclock status; echo exit $?")?;
    answers.push(Answer {
        name: "`run --once` puts a clock right that is 5 s behind, and ends with 0",
        holds: seen.contains("exit 0") && seen.contains("stepped the clock: it was -5."),
        seen: seen.clone(),
    });
    answers.push(Answer {
        name: "`status` without a daemon says so, and what a reading of its own found",
        holds: seen.contains("exit 6") && seen.contains("No daemon runs") && seen.contains("Clock      "),
        seen,
    });
    session.reset(-5_000_000_000)?;
    let seen = run(
        session,
        "hostclock run --once --observe; echo exit $?; hostclock run --once --dry-run; hostclock status",
    )?;
    answers.push(Answer {
        name: "`--observe` and `--dry-run` leave a wrong clock as it is",
        holds: seen.contains("exit 0")
            && seen.contains("would step the clock by +5.0")
            && seen.contains("s behind the host"),
        seen,
    });
    let seen = run(
        session,
        "chmod 600 /dev/ptp0; lab unprivileged -- /bin/hostclock run --once --observe; echo exit $?; \
         lab unprivileged -- /bin/hostclock run --once; echo exit $?; chmod 644 /dev/ptp0",
    )?;
    answers.push(Answer {
        name: "a device that may not be read is told with what to do, and ends `--once` with 3",
        holds: seen.contains("opening /dev/ptp0: permission denied") && seen.contains("exit 3"),
        seen: seen.clone(),
    });
    answers.push(Answer {
        name: "without CAP_SYS_TIME it ends with 3",
        holds: seen.contains("CAP_SYS_TIME") && seen.ends_with("exit 3\n"),
        seen,
    });
    let seen = run(
        session,
        "lab notified -- /bin/hostclock run; hostclock status; \
         rmmod ptp_kvm; timeout 2 lab notified -- /bin/hostclock run; killall hostclock; insmod /modules/ptp_kvm.ko",
    )?;
    let (with, without) = seen.split_once("no source").unwrap_or_default();
    answers.push(Answer {
        name: "a service manager hears READY when the clock is synchronised, and not before",
        holds: with.contains("READY=1") && with.contains("stepped the clock") && !without.contains("READY=1"),
        seen: seen.clone(),
    });
    session.reset(-5_000_000_000)?;
    let seen = run(
        session,
        "rmmod ptp_kvm; mkdir -p /lib/modules; cp /modules/ptp_kvm.ko /lib/modules; \
         hostclock run --once; echo exit $?; rm /lib/modules/ptp_kvm.ko",
    )?;
    answers.push(Answer {
        name: "where there is no device it loads ptp_kvm itself",
        holds: seen.contains("loaded the kernel module ptp_kvm")
            && seen.contains("stepped the clock: it was -5.")
            && seen.contains("exit 0"),
        seen,
    });
    Ok(answers)
}

fn run(session: &mut Session, commands: &str) -> Result<String> {
    session.guest(&format!("{{ {commands}; }} 2>&1; true"))
}
