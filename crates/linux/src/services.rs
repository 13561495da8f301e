//! Which services start with the machine, by the links that their manager keeps: without asking it, and so in an
//! image as well.

mod links;

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::inside::{inside, without_links};
pub use links::{Link, links};

/// Where a unit's file may be, the one that wins first: systemd.unit(5).
const UNITS: [&str; 5] = [
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];
/// The target of a link that masks.
const NULL: &str = "/dev/null";

/// What starts services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// systemd.
    Systemd,
    /// OpenRC.
    OpenRc,
}

/// The manager of the tree under `root`; of a running machine the one that runs.
#[must_use]
pub fn manager(root: &Path) -> Option<Manager> {
    let has = |path: &str| inside(root, Path::new(path)).exists();
    if has("run/systemd/system") {
        Some(Manager::Systemd)
    } else if has("run/openrc") {
        Some(Manager::OpenRc)
    } else if has("usr/lib/systemd/systemd") || has("lib/systemd/systemd") {
        Some(Manager::Systemd)
    } else if has("sbin/openrc") || has("usr/sbin/openrc") {
        Some(Manager::OpenRc)
    } else {
        None
    }
}

/// The name of hostclock's own service.
#[must_use]
pub const fn own(manager: Manager) -> &'static str {
    match manager {
        Manager::Systemd => "hostclock.service",
        Manager::OpenRc => "hostclock",
    }
}

/// The file that describes the service `name`, below `root`; `None` where it isn't installed. A masked one is the
/// link to /dev/null.
#[must_use]
pub fn file(root: &Path, name: &str) -> Option<PathBuf> {
    let places: &[&str] = if name.contains('.') { &UNITS } else { &["etc/init.d"] };
    places
        .iter()
        .map(|place| Path::new(place).join(name))
        .find(|path| at(root, path).symlink_metadata().is_ok())
}

/// Where `path` of the tree is; the last part may be a link, and stays one.
fn at(root: &Path, path: &Path) -> PathBuf {
    let above = inside(root, path.parent().unwrap_or(Path::new("")));
    above.join(path.file_name().unwrap_or_default())
}

/// Whether the service `name` starts containers, in the tree under `root`: a program that it started is then in a
/// control group of the container manager's, and ends with it all the same.
#[must_use]
pub fn starts_containers(root: &Path, name: &str) -> bool {
    const MANAGERS: [&str; 8] =
        ["docker", "podman", "nerdctl", "ctr", "crictl", "runc", "docker-compose", "podman-compose"];
    /// Of a command in a shell, and of systemd.service(5).
    const AROUND: [char; 9] = ['"', '\'', '(', ')', '@', '-', ':', '+', '!'];
    let starts = |text: &str| {
        text.lines().filter_map(|line| line.trim().strip_prefix("ExecStart")?.split_once('=')).any(
            |(_, command)| {
                // Not always the first word: `/usr/bin/env docker`, `/bin/sh -c "exec docker run …"`.
                command.split_whitespace().filter(|word| !word.starts_with("--")).any(|word| {
                    let word = word.trim_matches(AROUND);
                    MANAGERS.contains(&word.rsplit('/').next().unwrap_or_default())
                })
            },
        )
    };
    let read = |path: PathBuf| fs::read_to_string(inside(root, &path)).unwrap_or_default();
    let drop_ins = UNITS.iter().flat_map(|place| {
        let directory = Path::new(place).join(format!("{name}.d"));
        let entries = fs::read_dir(root.join(&directory)).into_iter().flatten().flatten();
        entries.map(move |entry| directory.join(entry.file_name()))
    });
    file(root, name).into_iter().chain(drop_ins).any(|path| starts(&read(path)))
}

/// The link to /dev/null by which the service `name` is masked, below `root`, so that nothing can start it:
/// systemd.unit(5). One in a directory that doesn't win masks nothing; OpenRC has no such thing.
#[must_use]
pub fn masked_by(root: &Path, name: &str) -> Option<PathBuf> {
    let path = file(root, name).filter(|_| name.contains('.'))?;
    let link = fs::read_link(at(root, &path)).ok()?;
    // Another name of a service that is masked is masked as well.
    (link == Path::new(NULL) || without_links(root, &path) == Path::new(NULL)).then_some(path)
}

/// Whether the service `name` starts with the machine, in the tree under `root`, as far as that can be read.
#[must_use]
pub fn is_enabled(root: &Path, name: &str) -> bool {
    enabled(root, name).unwrap_or(false)
}

/// The same, for certain.
fn enabled(root: &Path, name: &str) -> io::Result<bool> {
    // A link that is left of a package that was removed starts nothing.
    Ok(masked_by(root, name).is_none() && file(root, name).is_some() && !links(root, name)?.is_empty())
}

/// The services of other clock daemons, for systemd; what waits for them first, as it would start them.
const RIVALS: [&str; 14] = [
    "chrony-wait.service",
    "ntp-wait.service",
    "chrony.service",
    "chronyd.service",
    "chronyd-restricted.service",
    "systemd-timesyncd.service",
    "ntp.service",
    "ntpd.service",
    "ntpsec.service",
    "ntpd-rs.service",
    "openntpd.service",
    "ptpd.service",
    "phc2sys.service",
    "timemaster.service",
];
/// The same for OpenRC.
const OPENRC_RIVALS: [&str; 5] = ["chronyd", "ntpd", "openntpd", "ntp-client", "ptpd"];

/// The services of other clock daemons that start with the machine.
///
/// # Errors
/// When a directory of links can't be read.
pub fn enabled_rivals(root: &Path) -> io::Result<Vec<&'static str>> {
    let names: &[&str] = match manager(root) {
        Some(Manager::Systemd) => &RIVALS,
        Some(Manager::OpenRc) => &OPENRC_RIVALS,
        None => &[],
    };
    let mut found: Vec<&'static str> = Vec::new();
    for name in names.iter().copied() {
        if !enabled(root, name)? {
            continue;
        }
        // Debian's chronyd.service is another name of chrony.service.
        let alias = fs::read_link(at(root, &file(root, name).unwrap_or_default())).is_ok_and(|target| {
            found.iter().any(|other| target.file_name().is_some_and(|file| file == *other))
        });
        if !alias {
            found.push(name);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::scratch::Scratch;

    fn tree(files: &[&str], symlinks: &[(&str, &str)]) -> Scratch {
        let scratch = Scratch::new();
        let parent = |path: &Path| fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        for file in files {
            scratch.file(file, "");
        }
        for (link, target) in symlinks {
            let link = scratch.path().join(link);
            parent(&link);
            symlink(target, link).expect("a link");
        }
        scratch
    }

    /// Debian's chrony, as its package installs it.
    fn debian() -> Scratch {
        tree(
            &["usr/lib/systemd/systemd", "usr/lib/systemd/system/chrony.service"],
            &[
                (
                    "etc/systemd/system/multi-user.target.wants/chrony.service",
                    "/usr/lib/systemd/system/chrony.service",
                ),
                ("etc/systemd/system/chronyd.service", "/usr/lib/systemd/system/chrony.service"),
            ],
        )
    }

    #[test]
    fn all_links_of_a_service_are_found_its_other_names_among_them() {
        let tree = debian();
        let paths: Vec<_> = links(tree.path(), "chrony.service")
            .expect("readable")
            .into_iter()
            .map(|link| link.path)
            .collect();
        assert_eq!(
            paths,
            [
                Path::new("etc/systemd/system/chronyd.service"),
                Path::new("etc/systemd/system/multi-user.target.wants/chrony.service")
            ]
        );
        assert_eq!(
            enabled_rivals(tree.path()).expect("readable"),
            ["chrony.service"],
            "one daemon, one name"
        );
    }

    #[test]
    fn what_a_package_or_another_target_starts_is_found_too() {
        let tree = tree(
            &["usr/lib/systemd/systemd", "usr/lib/systemd/system/chrony.service"],
            &[
                ("usr/lib/systemd/system/multi-user.target.wants/chrony.service", "../chrony.service"),
                ("lib", "usr/lib"),
            ],
        );
        let found = links(tree.path(), "chrony.service").expect("readable");
        assert!(matches!(found.as_slice(), [link] if link.is_a_packages()), "{found:?}");
        assert!(is_enabled(tree.path(), "chrony.service"));
        let upheld = tree_of_upholds();
        assert_eq!(enabled_rivals(upheld.path()).expect("readable"), ["ntp.service"]);
    }

    fn tree_of_upholds() -> Scratch {
        tree(
            &["usr/lib/systemd/systemd", "usr/lib/systemd/system/ntp.service"],
            &[("etc/systemd/system/x.target.upholds/ntp.service", "/usr/lib/systemd/system/ntp.service")],
        )
    }

    #[test]
    fn an_images_absolute_links_lead_to_its_own_files() {
        let tree = tree(
            &["var/ul/systemd/systemd", "var/ul/systemd/system/chrony.service"],
            &[
                ("usr/lib", "/var/ul"),
                (
                    "etc/systemd/system/multi-user.target.wants/chrony.service",
                    "/usr/lib/systemd/system/chrony.service",
                ),
            ],
        );
        assert_eq!(file(tree.path(), "chrony.service"), Some("usr/lib/systemd/system/chrony.service".into()));
        assert_eq!(manager(tree.path()), Some(Manager::Systemd));
        assert_eq!(enabled_rivals(tree.path()).expect("readable"), ["chrony.service"]);
    }

    #[test]
    fn what_is_masked_or_not_installed_does_not_start() {
        let tree = debian();
        symlink("/dev/null", tree.path().join("etc/systemd/system/chrony.service")).expect("a link");
        assert!(!is_enabled(tree.path(), "chrony.service"));
        let left = tree_with_a_link_left();
        assert_eq!(enabled_rivals(left.path()).expect("readable"), Vec::<&str>::new());
    }

    #[test]
    fn a_mask_counts_in_the_directory_that_wins() {
        let tree = debian();
        let mask = |place: &str| {
            let link = tree.path().join(place);
            fs::create_dir_all(link.parent().expect("a parent")).expect("a directory");
            symlink("/dev/null", link).expect("a link");
        };
        let masked = |name: &str| masked_by(tree.path(), name);
        assert_eq!(masked("chrony.service"), None);
        mask("lib/systemd/system/chrony.service");
        assert_eq!(masked("chrony.service"), None, "/usr/lib comes first");
        let runtime = PathBuf::from("run/systemd/system/chrony.service");
        mask("run/systemd/system/chrony.service");
        assert_eq!(masked("chrony.service"), Some(runtime), "`systemctl mask --runtime`");
        tree.file("etc/systemd/system/chrony.service", "[Service]\n");
        assert_eq!(masked("chrony.service"), None, "an administrator's unit is before that");
        fs::remove_file(tree.path().join("etc/systemd/system/chrony.service")).expect("removed");
        symlink("chrony.service", tree.path().join("run/systemd/system/time.service")).expect("a link");
        assert_eq!(masked("time.service"), Some(PathBuf::from("run/systemd/system/time.service")));
        assert_eq!(masked("ntp.service"), None, "not installed");
    }

    fn tree_with_a_link_left() -> Scratch {
        tree(
            &["usr/lib/systemd/systemd"],
            &[("etc/systemd/system/multi-user.target.wants/ntp.service", "/lib/systemd/system/ntp.service")],
        )
    }

    #[test]
    fn a_service_that_starts_a_container_is_known_by_its_command() {
        let tree = debian();
        let unit = |text: &str| {
            tree.file("etc/systemd/system/chrony.service", text);
            starts_containers(tree.path(), "chrony.service")
        };
        assert!(unit("[Service]\nExecStart=-/usr/bin/docker run --name chrony chrony chronyd -d\n"));
        assert!(unit("[Service]\nExecStart=podman start -a chrony\n"));
        assert!(unit("[Service]\nExecStart=/usr/bin/env docker run chrony\n"));
        assert!(unit("[Service]\nExecStartPre=/bin/true\nExecStart=/bin/sh -c \"exec docker run chrony\"\n"));
        assert!(!unit("[Unit]\nAfter=docker.service\n[Service]\nExecStart=/usr/sbin/chronyd --docker\n"));
        assert!(!unit("[Service]\nExecStart=/usr/sbin/chronyd -u chrony\n"));
        let drop_in = "etc/systemd/system/chrony.service.d/override.conf";
        tree.file(drop_in, "[Service]\nExecStart=\nExecStart=/usr/bin/podman run chrony\n");
        assert!(starts_containers(tree.path(), "chrony.service"), "by a drop-in");
        assert!(!starts_containers(tree.path(), "ntp.service"));
    }

    #[test]
    fn openrc_has_its_runlevels() {
        let tree = tree(
            &["sbin/openrc", "etc/init.d/chronyd", "etc/init.d/ntpd"],
            &[("etc/runlevels/default/chronyd", "/etc/init.d/chronyd")],
        );
        assert_eq!(manager(tree.path()), Some(Manager::OpenRc));
        assert_eq!(enabled_rivals(tree.path()).expect("readable"), ["chronyd"]);
        assert_eq!(links(tree.path(), "chronyd").expect("readable").len(), 1);
        assert!(file(tree.path(), "ntpd").is_some() && !is_enabled(tree.path(), "ntpd"));
    }

    #[test]
    fn a_tree_without_a_manager_has_no_services() {
        let tree = Scratch::new();
        assert_eq!(
            (manager(tree.path()), enabled_rivals(tree.path()).expect("readable")),
            (None, Vec::new())
        );
        assert_eq!(links(tree.path(), "chrony.service").expect("readable"), []);
    }
}
