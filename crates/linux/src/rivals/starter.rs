//! What started a process, and so what stops it for good: a service, a container, a pod, a supervisor, a person. By its
//! control group, and by the names of the processes above it.

use std::fs;
use std::path::Path;

use super::unit;

/// What started a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starter {
    /// A systemd service.
    Service(String),
    /// A container of this manager's (`docker`, `podman`, `nerdctl`, `crictl`, `lxc`), with its name or the start of its
    /// number.
    Container {
        /// The manager's command.
        manager: &'static str,
        /// What the command takes.
        id: String,
    },
    /// A Kubernetes pod, by its UID.
    Pod(String),
    /// A machine of systemd-nspawn's, by its name.
    Machine(String),
    /// A supervisor, which starts again what ends.
    Supervisor {
        /// Its program.
        by: String,
        /// The command that has it stop the process, where it is known.
        command: Option<String>,
    },
    /// A person, in a session: nothing starts it again.
    Hand,
    /// It can't be told.
    Unknown,
}

/// How many processes above one are looked at.
const HIGHEST: usize = 16;

impl Starter {
    /// What started the process of which `directory` is the directory in /proc.
    pub(super) fn of(directory: &Path) -> Self {
        let cgroup = fs::read_to_string(directory.join("cgroup")).unwrap_or_default();
        if let Some(unit) = unit::of(&cgroup) {
            return Self::Service(unit);
        }
        by_group(&cgroup)
            .or_else(|| by_ancestors(directory))
            .unwrap_or_else(|| if unit::paths(&cgroup).any(is_session) { Self::Hand } else { Self::Unknown })
    }

    /// The command that stops `pid` through what started it, or what to do where there is none.
    pub(super) fn stop(&self, pid: u32) -> String {
        match self {
            Self::Service(unit) => format!("systemctl disable --now {unit}"),
            Self::Container { manager, id } => format!("{manager} stop {id}"),
            Self::Pod(uid) => format!(
                "change the workload that starts its pod again: kubectl get pods -A -o \
                 custom-columns=NAMESPACE:.metadata.namespace,NAME:.metadata.name,UID:.metadata.uid | grep {uid}"
            ),
            Self::Machine(name) => format!("machinectl stop {name}"),
            Self::Supervisor { command: Some(command), .. } => command.clone(),
            Self::Supervisor { by, command: None } => format!("take it out of what {by} starts"),
            Self::Hand => format!("kill {pid}"),
            Self::Unknown => format!("find out what starts it again: ps -o pid,ppid,lstart,args -p {pid}"),
        }
    }
}

/// A container, a pod or a machine, by the path of a control group.
fn by_group(cgroup: &str) -> Option<Starter> {
    let mut found = None;
    for path in unit::paths(cgroup) {
        let parts: Vec<&str> = path.split('/').collect();
        // A pod's containers lie below it.
        if let Some(uid) = parts.iter().find_map(|part| pod(part)) {
            return Some(Starter::Pod(uid));
        }
        for (index, part) in parts.iter().enumerate() {
            let above = index.checked_sub(1).and_then(|above| parts.get(above)).copied().unwrap_or_default();
            found = found.or_else(|| container(part, above));
        }
    }
    found
}

/// `docker-<64 digits>.scope`, as systemd's slices have it, or `/docker/<64 digits>` without them.
fn container(part: &str, above: &str) -> Option<Starter> {
    const MANAGERS: [(&str, &str); 6] = [
        ("docker-", "docker"),
        ("libpod-", "podman"),
        ("nerdctl-", "nerdctl"),
        ("cri-containerd-", "crictl"),
        ("crio-", "crictl"),
        ("lxc.payload.", "lxc"),
    ];
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let named = MANAGERS.iter().find_map(|(start, manager)| Some((*manager, name.strip_prefix(start)?)));
    let (manager, id) = match (named, above) {
        (Some((manager, id)), _) => (manager, id),
        (None, "docker") => ("docker", name),
        (None, "lxc") => ("lxc", name),
        (None, "libpod_parent") => ("podman", name.strip_prefix("libpod-").unwrap_or(name)),
        _ => {
            let machine = name.strip_prefix("machine-").filter(|_| part.ends_with(".scope"))?;
            return plain(machine).map(|name| Starter::Machine(name.replace("\\x2d", "-")));
        }
    };
    // Twelve digits are what docker itself shows.
    let short = if manager == "lxc" { id } else { id.get(..12).unwrap_or(id) };
    plain(short).map(|id| Starter::Container { manager, id })
}

/// `kubepods-besteffort-pod<UID with _>.slice`, or `pod<UID>` below `kubepods`.
fn pod(part: &str) -> Option<String> {
    let name = part.strip_suffix(".slice").unwrap_or(part);
    let uid = match name.strip_prefix("kubepods") {
        Some(rest) => rest.split_once("-pod").map(|(_, uid)| uid)?,
        None => name.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    let is_uid = uid.len() >= 32 && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_uid.then_some(uid)
}

/// Where people's programs are: `session-3.scope`, `user@1000.service`.
fn is_session(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with("session-") || part.starts_with("user@"))
}

/// It will be shown in a command to copy.
fn plain(word: &str) -> Option<String> {
    let is = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@\\".contains(&byte);
    (!word.is_empty() && word.bytes().all(is)).then(|| word.to_owned())
}

/// A supervisor or a container's keeper among the processes above.
fn by_ancestors(directory: &Path) -> Option<Starter> {
    let proc = directory.parent()?;
    let mut current = directory.to_owned();
    for _ in 0..HIGHEST {
        let above = super::parent(&current).filter(|above| *above > 1)?;
        current = proc.join(above.to_string());
        let comm = fs::read_to_string(current.join("comm")).unwrap_or_default();
        let line = fs::read(current.join("cmdline")).unwrap_or_default();
        let words: Vec<String> = line
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        if let Some(starter) = supervisor(comm.trim(), &words) {
            return Some(starter);
        }
    }
    None
}

/// What a process of this name starts, and starts again.
fn supervisor(comm: &str, words: &[String]) -> Option<Starter> {
    let first = || words.get(1).and_then(|word| plain_path(word));
    let of = |by: &str, command: Option<String>| Some(Starter::Supervisor { by: by.to_owned(), command });
    match comm {
        "runsv" => of("runsv", first().map(|service| format!("sv down {service}"))),
        "s6-supervise" => of("s6-supervise", first().map(|directory| format!("s6-svc -d {directory}"))),
        // Cut after 15 bytes by the kernel.
        "supervise-daemo" => of("supervise-daemon", first().map(|name| format!("rc-service {name} stop"))),
        "supervise" => of("supervise", first().map(|directory| format!("svc -d {directory}"))),
        "supervisord" => of("supervisord", None),
        "monit" => of("monit", None),
        "containerd-shim" => of("containerd", None),
        "conmon" => of("podman", None),
        _ => None,
    }
}

fn plain_path(word: &str) -> Option<String> {
    let is = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@/".contains(&byte);
    (!word.starts_with('-') && word.bytes().all(is)).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    const NUMBER: &str = "4f1c0de0aa00112233445566778899aabbccddeeff00112233445566778899aa";
    const UID: &str = "0f3c8b1e-5a5e-4f4c-9d55-7f0f9e4f1a2b";

    fn process(scratch: &Scratch, pid: u32, comm: &str, line: &str, cgroup: &str, parent: u32) {
        let line: String = line.split_whitespace().flat_map(|word| [word, "\0"]).collect();
        scratch.file(&format!("{pid}/comm"), &format!("{comm}\n"));
        scratch.file(&format!("{pid}/cmdline"), &line);
        scratch.file(&format!("{pid}/cgroup"), cgroup);
        scratch.file(&format!("{pid}/status"), &format!("PPid:\t{parent}\n"));
    }

    /// What stops process 7 in such a control group.
    fn stops(path: &str) -> String {
        let scratch = Scratch::new();
        process(&scratch, 7, "chronyd", "chronyd", &format!("0::{path}\n"), 1);
        Starter::of(&scratch.path().join("7")).stop(7)
    }

    #[test]
    fn each_kind_of_container_is_stopped_by_its_own_manager() {
        assert_eq!(stops(&format!("/system.slice/docker-{NUMBER}.scope")), "docker stop 4f1c0de0aa00");
        assert_eq!(stops(&format!("/docker/{NUMBER}")), "docker stop 4f1c0de0aa00");
        assert_eq!(stops(&format!("/machine.slice/libpod-{NUMBER}.scope")), "podman stop 4f1c0de0aa00");
        assert_eq!(stops(&format!("/system.slice/nerdctl-{NUMBER}.scope")), "nerdctl stop 4f1c0de0aa00");
        assert_eq!(stops("/lxc.payload.web/system.slice"), "lxc stop web");
        assert_eq!(stops("/machine.slice/machine-time\\x2dbox.scope"), "machinectl stop time-box");
    }

    #[test]
    fn a_pod_is_named_and_its_container_is_not_stopped() {
        let with_systemd = format!(
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{}.slice/cri-containerd-{NUMBER}.scope",
            UID.replace('-', "_")
        );
        for path in [with_systemd, format!("/kubepods/burstable/pod{UID}/{NUMBER}")] {
            let words = stops(&path);
            assert!(
                words.contains(UID) && words.contains("workload") && !words.contains(" stop "),
                "{words}"
            );
        }
    }

    #[test]
    fn only_what_a_person_started_is_killed() {
        assert_eq!(stops("/user.slice/user-0.slice/session-1.scope"), "kill 7");
        assert_eq!(stops("/user.slice/user-0.slice/user@0.service/app.slice/x.scope"), "kill 7");
        for path in ["/", "/init.scope", "/system.slice/cron.service"] {
            assert!(stops(path).starts_with("find out what starts it"), "{path}: {}", stops(path));
        }
        assert_eq!(stops("/system.slice/chrony.service"), "systemctl disable --now chrony.service");
    }

    #[test]
    fn a_supervisor_among_the_processes_above_is_told_to_stop_it() {
        let cases = [
            ("runsv", "runsv chrony", "sv down chrony"),
            ("s6-supervise", "s6-supervise /run/service/chrony", "s6-svc -d /run/service/chrony"),
            ("supervise-daemo", "supervise-daemon chronyd --start", "rc-service chronyd stop"),
            (
                "supervisord",
                "/usr/bin/python3 /usr/bin/supervisord",
                "take it out of what supervisord starts",
            ),
        ];
        for (comm, line, wanted) in cases {
            let scratch = Scratch::new();
            process(&scratch, 5, comm, line, "0::/\n", 1);
            process(&scratch, 6, "sh", "sh run", "0::/\n", 5);
            process(&scratch, 7, "chronyd", "chronyd -n", "0::/\n", 6);
            assert_eq!(Starter::of(&scratch.path().join("7")).stop(7), wanted);
        }
    }

    #[test]
    fn a_name_that_a_shell_would_understand_otherwise_is_not_shown() {
        assert!(!stops("/docker/$(reboot)").contains("reboot"));
        let scratch = Scratch::new();
        process(&scratch, 5, "runsv", "runsv $(reboot)", "0::/\n", 1);
        process(&scratch, 7, "chronyd", "chronyd", "0::/\n", 5);
        assert_eq!(Starter::of(&scratch.path().join("7")).stop(7), "take it out of what runsv starts");
    }
}
