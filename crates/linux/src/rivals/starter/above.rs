//! A supervisor or a container's keeper among the processes above one.

use std::fs;
use std::path::Path;

use super::{Starter, plain, short};

/// How many processes above one are looked at.
const HIGHEST: usize = 16;

/// The next one above that starts again what ends.
pub(super) fn starter(directory: &Path) -> Option<Starter> {
    let proc = directory.parent()?;
    let mut current = directory.to_owned();
    for _ in 0..HIGHEST {
        let above = super::super::parent(&current).filter(|above| *above > 1)?;
        current = proc.join(above.to_string());
        let comm = fs::read_to_string(current.join("comm")).unwrap_or_default();
        let line = fs::read(current.join("cmdline")).unwrap_or_default();
        let words: Vec<String> = line
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        if let Some(starter) = keeper(comm.trim(), &words) {
            return Some(starter);
        }
    }
    None
}

/// What a process of this name starts, and starts again.
fn keeper(comm: &str, words: &[String]) -> Option<Starter> {
    let first = || words.get(1).and_then(|word| plain(word));
    let after = |option: &str| {
        let at = words.iter().position(|word| word == option)?;
        words.get(at + 1).and_then(|word| plain(word))
    };
    let of = |by: &str, command: Option<String>| Starter::Supervisor { by: by.to_owned(), command };
    let container = |manager, id: String| Starter::Container { manager, id: short(&id).to_owned() };
    Some(match comm {
        "runsv" => of("runsv", first().map(|service| format!("sv down {service}"))),
        "s6-supervise" => of("s6-supervise", first().map(|directory| format!("s6-svc -d {directory}"))),
        // OpenRC's; the kernel cuts a name after 15 bytes.
        "supervise-daemo" => match first() {
            Some(service) => Starter::Service(service),
            None => of("supervise-daemon", None),
        },
        "supervise" => of("supervise", first().map(|directory| format!("svc -d {directory}"))),
        "supervisord" | "monit" => of(comm, None),
        // `containerd-shim-runc-v2 -namespace moby -id <number>`: docker's, Kubernetes' or nerdctl's.
        "containerd-shim" => match (after("-namespace").as_deref(), after("-id")) {
            (Some("moby"), Some(id)) => container("docker", id),
            (Some("k8s.io"), _) => of("Kubernetes", None),
            (Some("default"), Some(id)) => container("nerdctl", id),
            _ => of("containerd", None),
        },
        // `conmon --api-version 1 -c <number>`.
        "conmon" => match after("-c") {
            Some(id) => container("podman", id),
            None => of("podman", None),
        },
        _ => return None,
    })
}
