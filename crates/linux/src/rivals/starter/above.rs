//! What is found among the processes above one: a supervisor, or the process that a container's manager keeps beside
//! each container.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Starter, group, plain, short, supervisor};

/// How many processes above one are read.
const HIGHEST: usize = 16;

/// A process above the one in question.
pub(super) struct Above {
    /// Its directory in /proc.
    pub(super) directory: PathBuf,
    /// Its name, which the kernel cuts after 15 bytes.
    pub(super) comm: String,
    /// Its command line.
    pub(super) words: Vec<String>,
}

impl Above {
    fn at(directory: PathBuf) -> Self {
        let comm = fs::read_to_string(directory.join("comm")).unwrap_or_default().trim().to_owned();
        let line = fs::read(directory.join("cmdline")).unwrap_or_default();
        let words = line
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        Self { directory, comm, words }
    }

    /// The word after `option`, as far as it can be shown.
    fn after(&self, option: &str) -> Option<String> {
        let at = self.words.iter().position(|word| word == option)?;
        self.words.get(at + 1).and_then(|word| plain(word))
    }
}

/// The processes above the one with this directory in /proc, its parent first; process 1 is the last.
fn all(directory: &Path) -> impl Iterator<Item = Above> {
    let proc = directory.parent().unwrap_or(directory).to_owned();
    let mut current = directory.to_owned();
    let next = move || {
        let parent = super::super::parent(&current).filter(|parent| *parent > 0)?;
        current = proc.join(parent.to_string());
        Some(Above::at(current.clone()))
    };
    std::iter::from_fn(next).take(HIGHEST)
}

/// The next one above that starts again what ends.
pub(super) fn starter(directory: &Path) -> Option<Starter> {
    all(directory).find_map(|above| supervisor::starter(&above, directory).or_else(|| keeper(&above)))
}

/// The next supervisor above: it stops one program, and the service in which it runs all of them.
pub(super) fn supervisor(directory: &Path) -> Option<Starter> {
    all(directory).find_map(|above| supervisor::starter(&above, directory))
}

/// The service in which conmon keeps a container of podman's, as `podman generate systemd` writes it: it starts the
/// container again.
pub(super) fn service_of_conmon(directory: &Path) -> Option<Starter> {
    let conmon = all(directory).find(|above| above.comm == "conmon")?;
    let cgroup = fs::read_to_string(conmon.directory.join("cgroup")).ok()?;
    group::starter(&cgroup).filter(|starter| matches!(starter, Starter::Service(_)))
}

/// The command of what made a container by liblxc: LXC itself, LXD or Incus. Its monitor's title is
/// `[lxc monitor] /var/lib/lxc NAME`, with the directory of the one that made it (`lxcapi_start`,
/// src/lxc/lxccontainer.c).
pub(super) fn manager_of_lxc(directory: &Path) -> Option<&'static str> {
    all(directory).find_map(|above| {
        let title = above.words.first()?.strip_prefix("[lxc monitor] ")?;
        Some(if title.contains("/incus/") {
            "incus"
        } else if title.contains("/lxd/") {
            "lxc"
        } else {
            "lxc-stop"
        })
    })
}

/// What the manager's process beside a container says of that.
fn keeper(above: &Above) -> Option<Starter> {
    let of = |by: &str| Some(Starter::Supervisor { by: by.to_owned(), command: None });
    let container = |manager, id: String| Some(Starter::Container { manager, id: short(&id).to_owned() });
    match above.comm.as_str() {
        // `containerd-shim-runc-v2 -namespace moby -id <number>`: docker's, Kubernetes' or nerdctl's.
        "containerd-shim" => match (above.after("-namespace").as_deref(), above.after("-id")) {
            (Some("moby"), Some(id)) => container("docker", id),
            (Some("k8s.io"), _) => of("Kubernetes"),
            (Some("default"), Some(id)) => container("nerdctl", id),
            _ => of("containerd"),
        },
        // `conmon --api-version 1 -c <number>`.
        "conmon" => match above.after("-c") {
            Some(id) => container("podman", id),
            None => of("podman"),
        },
        _ => None,
    }
}
