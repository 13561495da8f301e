//! What becomes of the clock on this machine: who may set it, who else does, what the kernel says of it, what notifies
//! of disturbances, and our own daemon.

mod rival;
mod service;

use hostclock_core::policy::Mode;
use hostclock_linux::services::Manager;

use super::Finding;
use super::Severity::{Note, Ok as Fine, Problem, Unseen, Warning};
use super::facts::{Facts, Live};
use crate::status::words::bound;

/// The findings, in the order in which they matter.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = isolation(facts);
    found.extend(rival::findings(facts));
    if let Some(live) = &facts.live {
        found.extend(capability(live));
        found.extend(kernel(live));
    }
    found.extend(hints(facts));
    found.extend(configuration(facts));
    found.extend(service::findings(facts));
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
            .fixed_by("run hostclock on the machine itself, or in a container without user namespaces"),
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
            .fixed_by("docker run --cap-add SYS_TIME …; in a unit: AmbientCapabilities=CAP_SYS_TIME")
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

/// Whether our own daemon runs and keeps the clock.
fn keeps(live: &Live) -> bool {
    live.daemon.as_ref().is_ok_and(|status| status.mode == Mode::Control)
}

fn hints(facts: &Facts) -> Vec<Finding> {
    let vmclock = match facts.vmclocks.first() {
        Some(path) => {
            Finding::new("events", Fine, format!("{}: the hypervisor notifies of migrations", path.display()))
        }
        None => Finding::new("events", Note, "no vmclock: a migration is found by reading, within 100 ms"),
    };
    let mut found = vec![vmclock];
    if facts.vmgenid {
        found.push(Finding::new("events", Fine, "vmgenid: the kernel notifies of restores and clones"));
        if facts.live.as_ref().is_some_and(|live| !live.may_read_log && live.daemon.is_err()) {
            found.push(
                Finding::new(
                    "events",
                    Unseen,
                    "the kernel's log may not be read, which has these notifications",
                )
                .because("a restore is then found by reading, within 100 ms"),
            );
        }
    } else {
        found.push(Finding::new("events", Note, "no vmgenid: a restore is found by reading, within 100 ms"));
    }
    found
}

fn configuration(facts: &Facts) -> Vec<Finding> {
    let mistakes = facts.mistakes.iter().map(|mistake| {
        Finding::new("config", Problem, mistake.clone()).because("`hostclock run` doesn't start with it")
    });
    let mut found: Vec<Finding> = mistakes.collect();
    let Some(live) = &facts.live else { return found };
    found.extend(live.denied_config.iter().map(|denied| {
        Finding::new("config", Problem, denied.clone()).because("the service doesn't start without it")
    }));
    // One with a mistake would not be taken.
    found.extend(live.changed_config.iter().filter(|_| facts.mistakes.is_empty()).map(|file| {
        Finding::new(
            "config",
            Warning,
            format!("{file} was changed, and the daemon that runs has not read it since"),
        )
        .because("it goes by what it read before")
        .fixed_by(match facts.service.manager {
            Some(Manager::Systemd) => "sudo systemctl reload hostclock",
            Some(Manager::OpenRc) => "sudo rc-service hostclock restart",
            None => "sudo pkill -HUP -x hostclock",
        })
    }));
    found
}
