//! What becomes of the clock on this machine: who may set it, who else does, what the kernel says of it, what tells
//! of disturbances, and our own daemon.

use hostclock_core::policy::Mode;
use hostclock_core::status::Status;
use hostclock_linux::rivals::Role;
use hostclock_linux::services::{self, Manager};

use super::Finding;
use super::Severity::{Note, Ok as Fine, Problem, Unseen, Warning};
use super::facts::{Facts, Live};
use crate::status::client::Trouble;
use crate::status::words::bound;
use crate::status::{clock, is_right};

/// The findings, in the order in which they matter.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = isolation(facts);
    found.extend(rivals(facts));
    if let Some(live) = &facts.live {
        found.extend(capability(live));
        found.extend(kernel(live));
    }
    found.extend(hints(facts));
    found.extend(configuration(facts));
    found.extend(daemon(facts));
    found
}

fn isolation(facts: &Facts) -> Vec<Finding> {
    let isolation = &facts.isolation;
    let mut found = Vec::new();
    if isolation.user_namespace {
        found.push(
            Finding::new(
                "container",
                Problem,
                "this is a user namespace of its own: nobody in it can set the clock",
            )
            .because("CAP_SYS_TIME counts only in the machine's first user namespace")
            .mended_by("run hostclock on the machine itself, or in a container without user namespaces"),
        );
    } else if let Some(kind) = &isolation.container {
        found.push(
            Finding::new("container", Warning, format!("this is a container ({kind})"))
                .because("the clock is the whole machine's: one hostclock on the machine keeps it for all containers; in here it needs CAP_SYS_TIME and the device"),
        );
    }
    if isolation.time_namespace {
        found.push(
            Finding::new("container", Note, "this is a time namespace of its own")
                .because("it shifts the monotonic clocks only; the time of day is the machine's"),
        );
    }
    found
}

/// Whether our own daemon runs and keeps the clock.
fn keeps(live: &Live) -> bool {
    live.daemon.as_ref().is_ok_and(|status| status.mode == Mode::Control)
}

fn rivals(facts: &Facts) -> Vec<Finding> {
    let ours_runs = facts.live.as_ref().is_some_and(keeps);
    let mut found: Vec<Finding> = facts
        .rivals
        .iter()
        .map(|rival| {
            let (severity, why) = match (rival.role, ours_runs) {
                (Role::Daemon, true) => {
                    (Warning, "two that keep one clock fight: hostclock undoes what this one does")
                }
                (Role::Daemon, false) => {
                    (Problem, "it keeps the clock: `hostclock run` doesn't start beside it")
                }
                (Role::Occasional, _) => (Note, "it may set the clock now and then, which hostclock undoes"),
            };
            let finding = Finding::new("rival", severity, format!("{rival} runs")).because(why);
            match rival.hint() {
                Some(hint) if rival.role == Role::Daemon && facts.manager.is_some() => {
                    finding.mended_by("sudo hostclock setup").mended_by(sudo(&hint))
                }
                Some(hint) => finding.mended_by(sudo(&hint)),
                None => finding,
            }
        })
        .collect();
    for service in &facts.enabled_rivals {
        if facts.rivals.iter().any(|rival| rival.unit.as_deref() == Some(*service)) {
            continue;
        }
        found.push(
            Finding::new("rival", Warning, format!("{service} is enabled: it starts with the machine"))
                .mended_by("sudo hostclock setup")
                .mended_by(match facts.manager {
                    Some(Manager::OpenRc) => format!("sudo rc-update del {service}"),
                    _ => format!("sudo systemctl disable --now {service}"),
                }),
        );
    }
    if found.is_empty() {
        found.push(Finding::new("rival", Fine, "no other program that is known to set the clock"));
    }
    found
}

/// What a hint that is a command begins with.
const COMMANDS: [&str; 13] = [
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
];

/// A command as somebody without privileges has to type it; a setting stays what it is.
fn sudo(hint: &str) -> String {
    let command = COMMANDS.iter().any(|start| hint.starts_with(start));
    if command { format!("sudo {}", hint.replace(" && ", " && sudo ")) } else { hint.to_owned() }
}

fn capability(live: &Live) -> Option<Finding> {
    if live.may_adjust {
        return Some(Finding::new("permission", Fine, "this user may set the clock (CAP_SYS_TIME)"));
    }
    // Who looks need not be who keeps.
    if live.daemon.is_ok() {
        return None;
    }
    let finding = if live.user == 0 {
        Finding::new("permission", Problem, "root, without CAP_SYS_TIME: nobody in here may set the clock")
            .because("a container or a service that was given fewer capabilities")
            .mended_by("docker run --cap-add SYS_TIME …; in a unit: AmbientCapabilities=CAP_SYS_TIME")
    } else {
        Finding::new("permission", Note, "this user may not set the clock (no CAP_SYS_TIME)")
            .because("`hostclock run` needs root or the capability; the service has it")
    };
    Some(finding)
}

fn kernel(live: &Live) -> Vec<Finding> {
    let Some(kernel) = &live.kernel else {
        return vec![
            Finding::new("kernel", Problem, "the kernel's clock can't be read")
                .because("a filter of system calls forbids clock_adjtime or adjtimex (seccomp): without it no daemon can keep the clock"),
        ];
    };
    let error = bound(kernel.health.max_error.as_nanos_f64());
    let finding = if kernel.health.synchronised {
        Finding::new("kernel", Fine, format!("the clock counts as synchronised, at most {error} wrong"))
    } else {
        let severity = if keeps(live) { Warning } else { Note };
        Finding::new("kernel", severity, "the clock counts as unsynchronised (STA_UNSYNC)")
            .because("`timedatectl` and others show this; it ends when a daemon keeps the clock")
    };
    vec![finding]
}

fn hints(facts: &Facts) -> Vec<Finding> {
    let vmclock = match facts.vmclocks.first() {
        Some(path) => {
            Finding::new("events", Fine, format!("{}: the hypervisor tells of migrations", path.display()))
        }
        None => Finding::new("events", Note, "no vmclock: a migration is found by reading, within 100 ms"),
    };
    let mut found = vec![vmclock];
    if facts.vmgenid {
        found.push(Finding::new("events", Fine, "vmgenid: the kernel tells of restores and clones"));
        if facts.live.as_ref().is_some_and(|live| !live.may_read_log && live.daemon.is_err()) {
            found.push(
                Finding::new("events", Unseen, "the kernel's log may not be read, where it tells")
                    .because("a restore is then found by reading, within 100 ms"),
            );
        }
    } else {
        found.push(Finding::new("events", Note, "no vmgenid: a restore is found by reading, within 100 ms"));
    }
    found
}

fn configuration(facts: &Facts) -> Vec<Finding> {
    facts
        .mistakes
        .iter()
        .map(|mistake| {
            Finding::new("config", Problem, mistake.clone()).because("`hostclock run` doesn't start with it")
        })
        .collect()
}

/// How the service is started, for good.
fn start(facts: &Facts) -> &'static str {
    match (facts.manager, &facts.installed) {
        (Some(Manager::Systemd), Some(_)) => "sudo systemctl enable --now hostclock",
        (Some(Manager::OpenRc), Some(_)) => "sudo rc-update add hostclock && sudo rc-service hostclock start",
        (Some(_), None) => "sudo hostclock setup",
        (None, _) => "hostclock run, started by whatever starts services here",
    }
}

fn daemon(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(live) = &facts.live {
        found.push(match &live.daemon {
            Ok(status) => running(status),
            Err(trouble @ Trouble::NoDaemon(_)) => {
                Finding::new("daemon", Problem, trouble.to_string()).mended_by(start(facts))
            }
            Err(trouble @ Trouble::Denied(_)) => Finding::new("daemon", Unseen, trouble.to_string()),
            Err(trouble) => Finding::new("daemon", Warning, trouble.to_string()),
        });
    }
    let name = services::own(facts.manager.unwrap_or(Manager::Systemd));
    match (&facts.installed, facts.manager) {
        (Some(_), _) if facts.enabled => {
            found.push(Finding::new("service", Fine, format!("{name} starts with the machine")));
        }
        (Some(_), _) => found.push(
            Finding::new(
                "service",
                Warning,
                format!("{name} is installed, and does not start with the machine"),
            )
            .mended_by(start(facts)),
        ),
        (None, Some(_)) => found.push(
            Finding::new("service", Warning, format!("{name} is not installed"))
                .because("nothing starts hostclock with the machine")
                .mended_by("sudo hostclock setup"),
        ),
        (None, None) => found.push(
            Finding::new("service", Note, "no service manager is known here")
                .because("whatever starts programs here has to start `hostclock run` too"),
        ),
    }
    found
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
