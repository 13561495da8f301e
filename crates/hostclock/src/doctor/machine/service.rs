//! hostclock itself: the daemon that runs, and the service that starts it with the machine.

use hostclock_core::policy::Mode;
use hostclock_core::status::Status;
use hostclock_linux::lasting::Lasts;
use hostclock_linux::services::{self, Manager};

use super::super::Finding;
use super::super::Severity::{Note, Ok as Fine, Problem, Unseen, Warning};
use super::super::chain::{can_be_read, may_come};
use super::super::facts::Facts;
use crate::status::client::Trouble;
use crate::status::{clock, is_right};

/// The daemon, where this is the running machine, and the service.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    daemon(facts).into_iter().chain([service(facts)]).collect()
}

/// Whether there is, or may be, a clock of the host's that it could follow.
fn is_of_use(facts: &Facts) -> bool {
    can_be_read(facts) || may_come(facts)
}

/// Adds how the service is started for good, unless it would be of no use.
fn started(facts: &Facts, finding: Finding) -> Finding {
    let service = &facts.service;
    if facts.kernel.is_wsl || !is_of_use(facts) {
        return finding;
    }
    match (service.manager, &service.installed, &service.lasts) {
        (Some(Manager::Systemd), Some(_), _) => finding.fixed_by("sudo systemctl enable --now hostclock"),
        (Some(Manager::OpenRc), Some(_), _) => {
            finding.fixed_by("sudo rc-update add hostclock && sudo rc-service hostclock start")
        }
        (Some(_), None, Lasts::Not { .. }) => finding,
        (Some(_), None, _) => finding.fixed_by("sudo hostclock setup"),
        (None, ..) => finding.fixed_by("hostclock run, started by whatever starts services here"),
    }
}

fn daemon(facts: &Facts) -> Option<Finding> {
    Some(match &facts.live.as_ref()?.daemon {
        Ok(status) => running(status),
        Err(trouble @ Trouble::NoDaemon(_)) => {
            started(facts, Finding::new("daemon", Problem, trouble.to_string()))
        }
        Err(trouble @ Trouble::Denied(_)) => Finding::new("daemon", Unseen, trouble.to_string()),
        Err(trouble) => Finding::new("daemon", Warning, trouble.to_string()),
    })
}

fn running(status: &Status) -> Finding {
    let observes = if status.mode == Mode::Control { "" } else { ", and only observes" };
    let what = format!(
        "hostclock {} runs (process {}){observes}; the clock is {}",
        status.program_version,
        status.pid,
        clock(status)
    );
    if is_right(status) {
        return Finding::new("daemon", Fine, what);
    }
    let finding = Finding::new("daemon", Problem, what);
    match &status.reason {
        Some(reason) => finding.because(reason.clone()),
        None => finding,
    }
}

fn service(facts: &Facts) -> Finding {
    let service = &facts.service;
    let name = services::own(service.manager.unwrap_or(Manager::Systemd));
    let new = |severity, what: &str| Finding::new("service", severity, format!("{name} {what}"));
    match (&service.installed, service.manager) {
        (Some(_), Some(Manager::Systemd)) if facts.kernel.is_wsl => {
            let installed = if service.enabled { "enabled" } else { "installed" };
            new(Warning, &format!("is {installed}, and does not start in WSL"))
                .because("systemd counts WSL as a container: the unit's ConditionVirtualization=!container is false here")
        }
        (Some(_), _) if service.enabled => new(Fine, "starts with the machine"),
        (Some(_), _) => started(facts, new(Warning, "is installed, and does not start with the machine")),
        (None, Some(_)) => not_installed(facts, new(Warning, "is not installed")),
        (None, None) => Finding::new("service", Note, "no service manager is known here")
            .because("whatever starts programs here has to start `hostclock run` too"),
    }
}

/// Where it isn't there, it matters whether what setup writes lasts.
fn not_installed(facts: &Facts, finding: Finding) -> Finding {
    const NOTHING: &str = "nothing starts hostclock with the machine";
    if !is_of_use(facts) {
        return finding.because("here it would have no clock to follow");
    }
    match &facts.service.lasts {
        Lasts::Yes => started(facts, finding.because(NOTHING)),
        Lasts::InEtc { system, advice } => {
            started(facts, finding.because(format!("{NOTHING}. {system}: {advice}")))
        }
        Lasts::Not { system, why, advice } => finding
            .because(format!("and `hostclock setup` has no place for it on {system}: {why}"))
            .fixed_by(advice.clone()),
    }
}
