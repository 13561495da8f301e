//! What a process belongs to by its control groups: cgroups(7), the text of /proc/PID/cgroup.

use super::{Starter, plain, short};

/// Services from which people start programs, and those that start what others ask for: what runs in one isn't that
/// service, and to stop it would end more. Whole names, without `.service`.
const HOSTS_OF_OTHERS: [&str; 16] = [
    "cron",
    "crond",
    "cronie",
    "anacron",
    "docker",
    "containerd",
    "podman",
    "k3s",
    "k3s-agent",
    "rke2-server",
    "rke2-agent",
    "supervisor",
    "supervisord",
    "runit",
    "monit",
    "local", // OpenRC's /etc/local.d
];
/// The same by the beginning of their names, and of those from which people start programs the sessions.
const FAMILIES_OF_HOSTS: [&str; 5] = ["runsvdir", "s6-", "snap.docker.", "crio", "rc-local"];
const SESSIONS: [&str; 6] = ["user@", "ssh", "getty@", "serial-getty@", "console-getty", "container-getty@"];

/// What a control group says of who started what is in it.
enum Word {
    Is(Starter),
    /// Services further down aren't this machine's manager's, or not its own.
    Hosts,
}

/// A service, a container, a pod or a machine.
pub(super) fn starter(cgroup: &str) -> Option<Starter> {
    let mut service = None;
    for (by, path) in paths(cgroup) {
        match along(by, path) {
            Some(found @ Starter::Service(_)) => service = service.or(Some(found)),
            // Where the hierarchies are separate, the others may be finer than the service manager's.
            Some(other) => return Some(other),
            None => {}
        }
    }
    service
}

/// Whether it is a person's session.
pub(super) fn is_session(cgroup: &str) -> bool {
    let of_session = |part: &str| {
        let name = part.strip_prefix("openrc.").unwrap_or(part);
        name.starts_with("session-") || is_session_host(name)
    };
    paths(cgroup).any(|(_, path)| path.split('/').any(of_session))
}

/// Who made a hierarchy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// The unified one, or systemd's.
    Manager,
    OpenRc,
    /// One of a resource's.
    Controller,
}

/// The hierarchies and the paths in them that say anything.
fn paths(cgroup: &str) -> impl Iterator<Item = (By, &str)> {
    cgroup.lines().filter_map(|line| {
        // `0::/path`, or `9:name=systemd:/path` where the hierarchies are separate; the other may be there as well.
        let mut fields = line.splitn(3, ':');
        let by = match (fields.next()?, fields.next()?) {
            ("0", "") | (_, "name=systemd") => By::Manager,
            (_, "name=openrc") => By::OpenRc,
            _ => By::Controller,
        };
        fields.next().filter(|path| *path != "/").map(|path| (by, path))
    })
}

/// The first part of a path that says something: what lies below a container is the container's own.
fn along(by: By, path: &str) -> Option<Starter> {
    let mut above = "";
    let mut hosts = false;
    for part in path.split('/') {
        if let Some(found) = pod(part).or_else(|| container(part, above)) {
            return Some(found);
        }
        match service(by, part, above) {
            Some(Word::Is(found)) if !hosts => return Some(found),
            Some(Word::Hosts) => hosts = true,
            _ => {}
        }
        above = part;
    }
    None
}

/// `chrony.service`; OpenRC's are `/openrc.chronyd` or `/rc/chronyd` (sh/rc-cgroup.sh), and in a hierarchy of its own
/// `/chronyd`.
fn service(by: By, part: &str, above: &str) -> Option<Word> {
    let (name, shown) = match by {
        By::Manager => match part.strip_suffix(".service") {
            Some(name) => (name, part),
            None => {
                part.strip_prefix("openrc.").or((above == "rc").then_some(part)).map(|name| (name, name))?
            }
        },
        By::OpenRc => (part, part),
        By::Controller => return None,
    };
    if let Some(machine) = name.strip_prefix("systemd-nspawn@") {
        return Some(plain(&unescaped(machine)).map_or(Word::Hosts, |name| Word::Is(Starter::Machine(name))));
    }
    let hosts = HOSTS_OF_OTHERS.contains(&name)
        || FAMILIES_OF_HOSTS.iter().any(|start| name.starts_with(start))
        || is_session_host(name);
    let named = plain(shown).filter(|_| !hosts);
    named.map_or((!name.is_empty()).then_some(Word::Hosts), |name| Some(Word::Is(Starter::Service(name))))
}

fn is_session_host(name: &str) -> bool {
    SESSIONS.iter().any(|start| name.starts_with(start))
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
    if part.ends_with(".service") || part.ends_with(".slice") {
        return None;
    }
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let named = MANAGERS.iter().find_map(|(start, manager)| Some((*manager, name.strip_prefix(start)?)));
    let (manager, id) = match (named, above) {
        (Some((manager, id)), _) => (manager, id),
        (None, "docker") => ("docker", name),
        (None, "lxc") => ("lxc", name),
        _ => {
            let machine = name.strip_prefix("machine-").filter(|_| part.ends_with(".scope"))?;
            return plain(&unescaped(machine)).map(Starter::Machine);
        }
    };
    let id = if manager == "lxc" { id } else { short(id) };
    plain(id).map(|id| Starter::Container { manager, id })
}

/// A unit's name says `\x2d` for a hyphen: systemd.unit(5).
fn unescaped(name: &str) -> String {
    name.replace("\\x2d", "-")
}

/// `kubepods-besteffort-pod<UID with _>.slice`, or `pod<UID>` below `kubepods`.
fn pod(part: &str) -> Option<Starter> {
    let name = part.strip_suffix(".slice").unwrap_or(part);
    let uid = match name.strip_prefix("kubepods") {
        Some(rest) => rest.split_once("-pod").map(|(_, uid)| uid)?,
        None => name.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    let is_uid = uid.len() >= 32 && uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_uid.then_some(Starter::Pod(uid))
}
