//! Other programs that keep or set this machine's clock: those that run, those that start with it, and WSL's own, which
//! can't be seen.

use hostclock_linux::lasting::Lasts;
use hostclock_linux::rivals::{Rival, Role, Starter};
use hostclock_linux::services::Manager;

use super::super::Finding;
use super::super::Severity::{Note, Ok as Fine, Problem, Warning};
use super::super::chain::{can_be_read, may_come};
use super::super::facts::Facts;
use super::keeps;

/// A finding for each of them; one that says so where there is none.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let running = facts.rivals.iter().map(|rival| runs(facts, rival));
    let is_seen = |service: &str| facts.rivals.iter().any(|rival| service_of(facts, rival) == Some(service));
    let starting = facts.enabled_rivals.iter().filter(|service| !is_seen(service));
    let mut found: Vec<Finding> = running.chain(starting.map(|service| starts(facts, service))).collect();
    found.extend(facts.kernel.is_wsl.then(wsl));
    if found.is_empty() {
        found.push(Finding::new("rival", Fine, "no other program that is known to set the clock"));
    }
    found
}

/// Whether another program has to keep the clock here, as nothing brings the host's.
fn is_needed(facts: &Facts) -> bool {
    !can_be_read(facts) && !may_come(facts)
}

/// Whether `hostclock setup` is what takes the clock over.
fn can_be_set_up(facts: &Facts) -> bool {
    facts.service.manager.is_some() && !matches!(facts.service.lasts, Lasts::Not { .. })
}

/// The service with which a rival ends: its own, or the one that starts its container.
fn service_of<'a>(facts: &'a Facts, rival: &'a Rival) -> Option<&'a str> {
    let of_container = || match rival.starter {
        Starter::Container { .. } => facts.container_rivals.first().copied(),
        _ => None,
    };
    rival.unit.as_deref().or_else(of_container)
}

const NEEDED: &str = "it is right here, as long as no clock of the host's can be read";

fn runs(facts: &Facts, rival: &Rival) -> Finding {
    let service = service_of(facts, rival);
    let started = match service {
        Some(service) if rival.unit.is_none() => format!(", started by {service}"),
        _ => String::new(),
    };
    let new = |severity| Finding::new("rival", severity, format!("{rival} runs{started}"));
    let ours_runs = facts.live.as_ref().is_some_and(keeps);
    let finding = match (rival.role, ours_runs) {
        (Role::Daemon, true) => {
            new(Warning).because("two that keep one clock fight: hostclock undoes what this one does")
        }
        (Role::Daemon, false) if is_needed(facts) => return new(Note).because(NEEDED),
        (Role::Daemon, false) => {
            new(Problem).because("it keeps the clock: `hostclock run` doesn't start beside it")
        }
        (Role::Occasional, _) => {
            new(Note).because("it may set the clock now and then, which hostclock undoes")
        }
    };
    let hint = match service {
        Some(service) if matches!(facts.service.lasts, Lasts::Not { .. }) && rival.role == Role::Daemon => {
            Some(format!(
                "sudo systemctl stop {service}; what disables it has to last as well: see `service`"
            ))
        }
        Some(service) if rival.unit.is_none() => Some(disable(facts, service)),
        _ => rival.hint().map(|hint| sudo(&hint)),
    };
    // What belongs to no service of this machine's, setup leaves to its owner.
    let by_setup = rival.role == Role::Daemon && service.is_some() && can_be_set_up(facts);
    let finding = if by_setup { finding.fixed_by("sudo hostclock setup") } else { finding };
    match hint {
        Some(hint) => finding.fixed_by(hint),
        None => finding,
    }
}

fn starts(facts: &Facts, service: &str) -> Finding {
    let what = format!("{service} is enabled: it starts with the machine");
    if is_needed(facts) {
        return Finding::new("rival", Note, what).because(NEEDED);
    }
    let finding = Finding::new("rival", Warning, what);
    if matches!(facts.service.lasts, Lasts::Not { .. }) {
        return finding.because("what disables it has to last as well: see `service`");
    }
    finding.fixed_by("sudo hostclock setup").fixed_by(disable(facts, service))
}

fn disable(facts: &Facts, service: &str) -> String {
    match facts.service.manager {
        Some(Manager::OpenRc) => format!("sudo rc-update del {service}"),
        _ => format!("sudo systemctl disable --now {service}"),
    }
}

/// microsoft/WSL, src/linux/init/main.cpp (`StartTimeSyncAgent`): chronyd of the system distribution, which runs in a
/// PID namespace of its own in the same virtual machine.
fn wsl() -> Finding {
    Finding::new("rival", Warning, "this is WSL: its own chronyd keeps this clock, by the same device")
        .because(
            "it runs in another PID namespace of the same virtual machine, where it can be neither seen nor stopped from \
             here; two that keep one clock fight",
        )
        .fixed_by("leave the clock to it: `hostclock run --observe` only measures")
}

/// What a hint that is a command begins with.
const COMMANDS: [&str; 16] = [
    "systemctl ",
    "kill ",
    "vmware-toolbox-cmd ",
    "docker ",
    "podman ",
    "nerdctl ",
    "crictl ",
    "lxc ",
    "machinectl ",
    "sv ",
    "s6-svc ",
    "svc ",
    "rc-service ",
    "supervisorctl ",
    "incus ",
    "lxc-stop ",
];

/// A command as a user without privileges has to type it; a setting stays what it is.
fn sudo(hint: &str) -> String {
    let command = COMMANDS.iter().any(|start| hint.starts_with(start));
    if command { format!("sudo {}", hint.replace(" && ", " && sudo ")) } else { hint.to_owned() }
}
