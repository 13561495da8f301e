//! The supervisors that start a program again when it ends, and the command that has each of them stop it.

use std::fs;
use std::path::Path;

use super::above::Above;
use super::{Starter, plain};

/// What `above` starts again, where it is a supervisor; `directory` is that of the process in /proc.
pub(super) fn starter(above: &Above, directory: &Path) -> Option<Starter> {
    let first = || above.words.get(1).and_then(|word| plain(word));
    let of = |by: &str, command: Option<String>| Some(Starter::Supervisor { by: by.to_owned(), command });
    match above.comm.as_str() {
        "runsv" => of("runsv", first().map(|service| format!("sv down {service}"))),
        "s6-supervise" => {
            of("s6-supervise", service_directory(above).map(|service| format!("s6-svc -d {service}")))
        }
        "supervise" => of("supervise", service_directory(above).map(|service| format!("svc -d {service}"))),
        // OpenRC's; the kernel cuts a name after 15 bytes.
        "supervise-daemo" => match first() {
            Some(service) => Some(Starter::Service(service)),
            None => of("supervise-daemon", None),
        },
        "supervisord" => of("supervisord", supervisorctl(directory)),
        "monit" => of("monit", None),
        _ => None,
    }
}

/// The directory of the service. s6-svscan and svscan pass a name that is relative to their own directory; the
/// supervisor has changed into it (`chdir`, src/supervision/s6-supervise.c).
fn service_directory(above: &Above) -> Option<String> {
    let given = above.words.get(1)?;
    if given.starts_with('/') {
        return plain(given);
    }
    plain(fs::read_link(above.directory.join("cwd")).ok()?.to_str()?)
}

/// supervisord gives each program its name in its environment (`_spawn_as_child`,
/// supervisor/process.py).
fn supervisorctl(directory: &Path) -> Option<String> {
    let environment = fs::read(directory.join("environ")).ok()?;
    let variable = |name: &str| {
        environment
            .split(|byte| *byte == 0)
            .find_map(|variable| std::str::from_utf8(variable).ok()?.strip_prefix(name)?.strip_prefix('='))
            .and_then(plain)
    };
    let process = variable("SUPERVISOR_PROCESS_NAME")?;
    Some(match variable("SUPERVISOR_GROUP_NAME") {
        Some(group) if group != process => format!("supervisorctl stop {group}:{process}"),
        _ => format!("supervisorctl stop {process}"),
    })
}
