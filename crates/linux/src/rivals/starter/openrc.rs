//! What OpenRC keeps of the daemons that it started: a file each, `/run/openrc/daemons/SERVICE/NUMBER`, with lines such
//! as `exec=/usr/sbin/chronyd` and `pidfile=/run/chrony/chronyd.pid` (`rc_service_daemon_set`,
//! src/librc/librc-daemon.c). It needs no control groups, which Alpine doesn't use by default.

use std::fs;
use std::path::Path;

use super::{Starter, plain};
use crate::inside::inside;

const DAEMONS: &str = "run/openrc/daemons";

/// The service of which the process with this directory in /proc is the daemon.
pub(super) fn starter(directory: &Path) -> Option<Starter> {
    let pid = directory.file_name()?.to_str()?;
    let root = directory.parent()?.parent()?;
    for service in fs::read_dir(root.join(DAEMONS)).ok()?.flatten() {
        for record in fs::read_dir(service.path()).into_iter().flatten().flatten() {
            let record = fs::read_to_string(record.path()).unwrap_or_default();
            if is_of(root, &record, pid) {
                return plain(service.file_name().to_str()?).map(Starter::Service);
            }
        }
    }
    None
}

fn is_of(root: &Path, record: &str, pid: &str) -> bool {
    let file = record.lines().find_map(|line| line.strip_prefix("pidfile=")).filter(|file| !file.is_empty());
    let text = file.and_then(|file| fs::read_to_string(inside(root, Path::new(file))).ok());
    text.is_some_and(|text| text.split_whitespace().next() == Some(pid))
}
