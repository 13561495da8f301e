//! What started a process, and so what stops it for good: a service, a container, a pod, a supervisor, a person. By its
//! control group, by the names of the processes above it, and by what OpenRC keeps of its services.

mod above;
mod group;
mod openrc;
mod supervisor;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;
use std::path::Path;

/// What started a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starter {
    /// A service: systemd's, such as `chrony.service`, or OpenRC's, such as `chronyd`.
    Service(String),
    /// A container of this manager's, with its name or the start of its number.
    Container {
        /// The manager's command: `docker`, `podman`, `nerdctl`, `crictl`, LXD's `lxc`, `incus`, or `lxc-stop` of LXC
        /// itself.
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

impl Starter {
    /// What started the process of which `directory` is the directory in /proc.
    pub(super) fn of(directory: &Path) -> Self {
        let cgroup = fs::read_to_string(directory.join("cgroup")).unwrap_or_default();
        group::starter(&cgroup)
            .map(|found| found.refined(directory))
            .or_else(|| above::starter(directory))
            .or_else(|| openrc::starter(directory))
            .unwrap_or_else(|| if group::is_session(&cgroup) { Self::Hand } else { Self::Unknown })
    }

    /// The same where the processes above say more than the control group does.
    fn refined(self, directory: &Path) -> Self {
        match self {
            // supervisord, s6 and the like may run in a service, together with other programs of theirs.
            Self::Service(_) => above::supervisor(directory).unwrap_or(self),
            Self::Container { manager: "podman", .. } => above::service_of_conmon(directory).unwrap_or(self),
            Self::Container { manager: "lxc", id } => {
                Self::Container { manager: above::manager_of_lxc(directory).unwrap_or("lxc"), id }
            }
            other => other,
        }
    }

    /// The command that stops `pid` through what started it, or what to do where there is none.
    pub(super) fn stop(&self, pid: u32) -> String {
        match self {
            Self::Service(name) if name.contains('.') => format!("systemctl disable --now {name}"),
            Self::Service(name) => format!("rc-service {name} stop && rc-update del {name}"),
            Self::Container { manager: "lxc-stop", id } => format!("lxc-stop -n {id}"),
            // With `--restart=always` a container that was stopped is started again with docker's daemon (podman does so
            // only where podman-restart.service is enabled, and can't change it before 5.0).
            Self::Container { manager: "docker", id } => {
                format!("docker update --restart=no {id} && docker stop {id}")
            }
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

impl fmt::Display for Starter {
    /// `chrony.service`, `container 4f1c0de0aa00`; nothing where there is nothing to say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => f.write_str(name),
            Self::Container { id, .. } => write!(f, "container {id}"),
            Self::Pod(uid) => write!(f, "pod {uid}"),
            Self::Machine(name) => write!(f, "machine {name}"),
            Self::Supervisor { by, .. } => write!(f, "started by {by}"),
            Self::Hand | Self::Unknown => Ok(()),
        }
    }
}

/// A word that will be shown in a command to copy, unless a shell would understand it otherwise.
fn plain(word: &str) -> Option<String> {
    let is = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@/".contains(&byte);
    (!word.is_empty() && !word.starts_with('-') && word.bytes().all(is)).then(|| word.to_owned())
}

/// The start of a container's number, as its manager shows it.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
