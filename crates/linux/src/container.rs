//! Whether this process is kept apart from the machine: in a container, or in a namespace that has a time or
//! capabilities of its own.

mod wsl;

use std::fs;
use std::path::Path;

pub use wsl::is_wsl;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Isolation {
    /// The container's kind, such as `docker`, where there is one.
    pub container: Option<String>,
    /// The process is in a user namespace of its own: its capabilities say nothing to the system clock.
    pub user_namespace: bool,
    /// The monotonic clocks of this time namespace are off the machine's. `CLOCK_REALTIME` is the machine's all the
    /// same: time_namespaces(7).
    pub time_namespace: bool,
}

impl Isolation {
    /// What the tree under `root` says of this process.
    #[must_use]
    pub fn find(root: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        Self {
            container: container(root),
            user_namespace: !is_whole(&text("proc/self/uid_map")),
            time_namespace: has_offset(&text("proc/self/timens_offsets")),
        }
    }
}

/// The container manager's own marks: systemd writes what it was told (<https://systemd.io/CONTAINER_INTERFACE>),
/// podman and docker leave a file. Such a file may be left in an image that was made from a container's, so none counts
/// in the machine's first PID namespace.
fn container(root: &Path) -> Option<String> {
    if is_first_pid_namespace(root) {
        return None;
    }
    let word = fs::read_to_string(root.join("run/systemd/container")).unwrap_or_default();
    let word = word.trim();
    if !word.is_empty() {
        return Some(word.to_owned());
    }
    [("run/.containerenv", "podman"), (".dockerenv", "docker")]
        .iter()
        .find(|(mark, _)| root.join(mark).exists())
        .map(|(_, name)| (*name).to_owned())
}

/// Whether this is the machine's first PID namespace, as far as /proc says: by its number (`PROC_PID_INIT_INO`,
/// include/linux/proc_ns.h), or because the kernel's own threads are in it.
fn is_first_pid_namespace(root: &Path) -> bool {
    const FIRST: &str = "pid:[4026531836]";
    let namespace = fs::read_link(root.join("proc/self/ns/pid"));
    namespace.is_ok_and(|namespace| namespace == Path::new(FIRST))
        || fs::read_to_string(root.join("proc/2/comm")).is_ok_and(|comm| comm.trim() == "kthreadd")
}

/// Whether a uid_map is that of the first user namespace, which maps all numbers to themselves; so does a kernel
/// without user namespaces, which has no such file.
fn is_whole(map: &str) -> bool {
    map.is_empty() || map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Whether a line such as `monotonic  86400  0` has anything but zeros.
fn has_offset(offsets: &str) -> bool {
    offsets.lines().any(|line| line.split_whitespace().skip(1).any(|number| number != "0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn containers_and_namespaces_are_told_by_what_they_leave() {
        let scratch = Scratch::new();
        assert_eq!(Isolation::find(scratch.path()), Isolation::default());
        scratch.file("proc/self/uid_map", "         0     100000      65536\n");
        scratch.file("proc/self/timens_offsets", "monotonic  0  0\nboottime  86400  0\n");
        scratch.file(".dockerenv", "");
        let container = Some("docker".to_owned());
        assert_eq!(
            Isolation::find(scratch.path()),
            Isolation { container, user_namespace: true, time_namespace: true }
        );
    }

    #[test]
    fn a_mark_that_is_left_from_an_image_is_no_container() {
        for evidence in ["proc/2/comm", "proc/self/ns/pid"] {
            let scratch = Scratch::new();
            scratch.file(".dockerenv", "");
            scratch.file("run/systemd/container", "docker\n");
            let link = scratch.path().join("proc/self/ns/pid");
            fs::create_dir_all(link.parent().expect("a parent")).expect("a directory");
            std::os::unix::fs::symlink("pid:[4026532100]", &link).expect("a link");
            assert_eq!(Isolation::find(scratch.path()).container.as_deref(), Some("docker"));
            if evidence == "proc/2/comm" {
                scratch.file(evidence, "kthreadd\n");
            } else {
                fs::remove_file(&link).expect("removed");
                std::os::unix::fs::symlink("pid:[4026531836]", &link).expect("a link");
            }
            assert_eq!(Isolation::find(scratch.path()).container, None, "{evidence}");
        }
    }

    #[test]
    fn the_first_namespaces_are_nothing_special() {
        assert!(is_whole("         0          0 4294967295\n"));
        assert!(!has_offset("monotonic           0         0\nboottime            0         0\n"));
    }
}
