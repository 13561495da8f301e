//! Handing the clock over from one service to another, by the service manager itself: whether `hostclock setup` lives to
//! see it doesn't matter.
//!
//! For systemd these are units that last until the next boot. `hostclock-handover.service` requires ours, whose
//! `Conflicts=` ends the other one, and succeeds once the clock is right; if it fails, `OnFailure=` starts
//! `hostclock-handback.service`, which does the opposite. Nothing is enabled or disabled by them, so that after a crash
//! of the machine the one that kept its clock before keeps it again. For OpenRC a shell does the same, which lives on when
//! setup doesn't.

use std::path::{Path, PathBuf};

use hostclock_linux::services::{self, Manager};

use super::command::{Command, command, find};

/// Where units last until the next boot.
const RUNTIME_UNITS: &str = "run/systemd/system";
/// What hands over.
pub(super) const HANDOVER: &str = "hostclock-handover.service";
/// What hands back.
pub(super) const HANDBACK: &str = "hostclock-handback.service";
/// How long the clock has to become right, in seconds.
pub(super) const PATIENCE_S: u64 = 15;

/// A unit, or a part of one, that lasts until the next boot: where, and its text.
pub(super) type RuntimeUnit = (PathBuf, String);

/// What hands the clock over from the services `others`. `program` is ours; `asks` says whether it can be asked
/// whether the clock is right, by its socket.
pub(super) fn units(others: &[String], program: &str, asks: bool) -> Vec<RuntimeUnit> {
    let others = others.join(" ");
    let over = format!(
        "# Written by `hostclock setup`, and gone at the next boot.\n\
         [Unit]\n\
         Description=Hand the clock over from {others} to hostclock\n\
         Requires=hostclock.service\n\
         After=hostclock.service\n\
         OnFailure={HANDBACK}\n\
         JobTimeoutSec={}\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         TimeoutStartSec={}\n\
         ExecStart={}\n",
        PATIENCE_S * 4,
        PATIENCE_S * 2,
        is_right(program, asks),
    );
    let mut units = vec![(Path::new(RUNTIME_UNITS).join(HANDOVER), over), back(&others)];
    // Those that our unit names are among them; the rest has to be named.
    units.push((
        Path::new(RUNTIME_UNITS).join("hostclock.service.d/50-handover.conf"),
        format!(
            "# Written by `hostclock setup`, and gone at the next boot.\n\
             [Unit]\n\
             Conflicts={others}\n\
             Before={others}\n"
        ),
    ));
    units
}

/// What gives the clock back to the services `others`.
pub(super) fn back_units(others: &[String]) -> Vec<RuntimeUnit> {
    vec![back(&others.join(" "))]
}

fn back(others: &str) -> RuntimeUnit {
    let nothing = find("true").unwrap_or_else(|| PathBuf::from("/bin/true"));
    let text = format!(
        "# Written by `hostclock setup`, and gone at the next boot.\n\
         [Unit]\n\
         Description=Give the clock back from hostclock to {others}\n\
         Conflicts=hostclock.service hostclock-wait.service\n\
         After=hostclock.service\n\
         Wants={others}\n\
         Before={others}\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart={}\n",
        nothing.display()
    );
    (Path::new(RUNTIME_UNITS).join(HANDBACK), text)
}

/// The command that succeeds once the clock is right.
fn is_right(program: &str, asks: bool) -> String {
    if asks {
        return format!("{program} wait --within 1ms --timeout {PATIENCE_S}s");
    }
    // Without a socket there is what the daemon tells the service manager.
    let systemctl = find("systemctl").unwrap_or_else(|| PathBuf::from("/bin/systemctl"));
    let shown = format!("{} show -p StatusText {}", systemctl.display(), services::own(Manager::Systemd));
    format!(
        "/bin/sh -c 'i=0; while [ $$i -lt {} ]; do [ \"$$({shown})\" = StatusText=synchronised ] && exit 0; \
         i=$$((i + 1)); sleep 0.1; done; exit 1'",
        PATIENCE_S * 10
    )
}

/// Under OpenRC: ends the services `others`, starts ours, and does the opposite if the clock isn't right in time.
pub(super) fn by_shell(others: &[String], program: &str, asks: bool) -> Command {
    let own = services::own(Manager::OpenRc);
    let right = if asks {
        format!("'{program}' wait --within 1ms --timeout {PATIENCE_S}s")
    } else {
        format!("sleep 3 && rc-service --quiet {own} status")
    };
    let script = format!(
        "trap '' HUP INT TERM; for s; do rc-service --ifstarted \"$s\" stop; done; rc-service --ifstopped {own} start; \
         {right} && exit 0; rc-service --ifstarted {own} stop; for s; do rc-service \"$s\" start; done; exit 1"
    );
    with_services(&script, others)
}

/// Under OpenRC: ends ours, and starts the services `others`.
pub(super) fn back_by_shell(others: &[String]) -> Command {
    let own = services::own(Manager::OpenRc);
    let script = format!(
        "trap '' HUP INT TERM; rc-service --ifstarted {own} stop; r=0; \
         for s; do rc-service --ifstopped \"$s\" start || r=1; done; exit $r"
    );
    with_services(&script, others)
}

fn with_services(script: &str, others: &[String]) -> Command {
    command(["sh", "-c", script, "sh"].into_iter().chain(others.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command as Process;

    use super::*;
    use crate::scratch::Scratch;

    /// Runs a hand-over with a stand-in for OpenRC's tool; what that was asked for, and whether all went well.
    fn by_stand_in(command: &Command, scratch: &Scratch) -> (String, bool) {
        scratch.file("rc-service", "#!/bin/sh\necho \"$*\" >>\"$LOG\"\n");
        let tool = scratch.join("rc-service");
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("set");
        let log = scratch.join("log");
        let _ = fs::remove_file(&log);
        let path = format!("{}:/usr/bin:/bin", scratch.path().display());
        let (program, arguments) = command.0.split_first().expect("a program");
        let status = Process::new(program).args(arguments).env("PATH", path).env("LOG", &log).status();
        (fs::read_to_string(log).unwrap_or_default(), status.expect("it runs").success())
    }

    fn program(scratch: &Scratch, name: &str, code: u8) -> String {
        scratch.file(name, &format!("#!/bin/sh\nexit {code}\n"));
        fs::set_permissions(scratch.join(name), fs::Permissions::from_mode(0o755)).expect("set");
        scratch.join(name).display().to_string()
    }

    #[test]
    fn under_openrc_a_shell_hands_over_and_back_where_the_clock_is_not_right() {
        let scratch = Scratch::new("handover");
        let others = ["chronyd".to_owned(), "ntp-client".to_owned()];
        let right = program(&scratch, "right", 0);
        let (log, well) = by_stand_in(&by_shell(&others, &right, true), &scratch);
        assert!(well);
        assert_eq!(
            log,
            "--ifstarted chronyd stop\n--ifstarted ntp-client stop\n--ifstopped hostclock start\n"
        );
        let wrong = program(&scratch, "wrong", 1);
        let (log, well) = by_stand_in(&by_shell(&others, &wrong, true), &scratch);
        assert!(!well);
        assert!(log.ends_with("--ifstarted hostclock stop\nchronyd start\nntp-client start\n"), "{log}");
        let (log, well) = by_stand_in(&back_by_shell(&others), &scratch);
        assert!(well);
        assert_eq!(
            log,
            "--ifstarted hostclock stop\n--ifstopped chronyd start\n--ifstopped ntp-client start\n"
        );
    }

    #[test]
    fn the_units_name_every_service_that_gives_way() {
        let others = ["chrony.service".to_owned(), "phc2sys@eth0.service".to_owned()];
        let text: String =
            units(&others, "/usr/bin/hostclock", true).into_iter().map(|(_, text)| text).collect();
        for line in [
            "Conflicts=chrony.service phc2sys@eth0.service\n",
            "Before=chrony.service phc2sys@eth0.service\n",
            "Wants=chrony.service phc2sys@eth0.service\nBefore=chrony.service phc2sys@eth0.service\n",
            "OnFailure=hostclock-handback.service\n",
            "ExecStart=/usr/bin/hostclock wait --within 1ms --timeout 15s\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
