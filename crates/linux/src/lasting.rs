//! Whether what is written into /etc, and a program put beside it, is still there after a reboot or an update of this
//! system: many systems make their files anew from a configuration or an image.
//!
//! By what the tree of files says, and on a running machine by its mounts; nothing is tried.

mod mounts;

use std::fs;
use std::path::Path;

use crate::distribution::Distribution;
use crate::inside::without_links;
use mounts::Mounts;

/// Whether units, rules and settings written into /etc last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// As on any ordinary system.
    Yes,
    /// What is in /etc lasts; the program and a package need another way than usual.
    InEtc {
        /// What kind of system it is.
        system: &'static str,
        /// That way, in a sentence.
        advice: &'static str,
    },
    /// It doesn't.
    Not {
        /// What kind of system it is.
        system: String,
        /// Why what is written doesn't last, in a sentence.
        why: String,
        /// What to do in its place.
        advice: String,
    },
}

/// The ordinary place for a program that no package brought, below the root.
const LOCAL: &str = "usr/local/bin";
/// The place where /usr is read-only: Flatcar's, and writable elsewhere too.
const OPTIONAL: &str = "opt/bin";

/// What NixOS is told; the program lies beside the configuration, and `${./hostclock}` copies it into the store.
const NIXOS: &str = "in a module of /etc/nixos, with the program beside it: boot.kernelModules = [ \"ptp_kvm\" ]; \
    services.chrony.enable = false; services.timesyncd.enable = false; systemd.services.hostclock = { \
    wantedBy = [ \"multi-user.target\" ]; unitConfig.DefaultDependencies = false; \
    after = [ \"systemd-modules-load.service\" ]; before = [ \"sysinit.target\" \"shutdown.target\" ]; \
    conflicts = [ \"shutdown.target\" ]; serviceConfig = { Type = \"notify\"; ExecStart = \"${./hostclock} run\"; \
    Restart = \"always\"; CapabilityBoundingSet = \"CAP_SYS_TIME\"; RuntimeDirectory = \"hostclock\"; \
    StateDirectory = \"hostclock\"; }; };";

/// What an owner of an image does with any system that doesn't keep what is written.
const BUILD_IN: &str =
    "build it into the image: hostclock setup --root DIRECTORY, where DIRECTORY holds the image's files";

/// Whether what `hostclock setup` writes lasts on the system whose tree begins at `root`. Its mounts are read only
/// where it is `running`.
#[must_use]
pub fn find(root: &Path, running: bool) -> Lasts {
    let distribution = Distribution::find(root);
    let mounts = if running { Mounts::find(root) } else { Mounts::default() };
    of_distribution(root, &distribution, &mounts).unwrap_or_else(|| of_mounts(&distribution, &mounts))
}

/// Where a program that no package brings belongs on the system whose tree begins at `root`: `usr/local/bin`, or
/// `opt/bin` where that can't be written.
#[must_use]
pub fn place_for_program(root: &Path, running: bool) -> &'static str {
    if Distribution::find(root).is("flatcar") {
        return OPTIONAL;
    }
    if !running {
        return LOCAL;
    }
    let place = without_links(root, Path::new(LOCAL));
    match Mounts::find(root).holding(&place) {
        Some(mount) if mount.read_only => OPTIONAL,
        _ => LOCAL,
    }
}

/// What the makers of the system say.
fn of_distribution(root: &Path, distribution: &Distribution, mounts: &Mounts) -> Option<Lasts> {
    let has = |path: &str| root.join(path).symlink_metadata().is_ok();
    let not = |system: &str, why: &str, advice: &str| Lasts::Not {
        system: system.to_owned(),
        why: why.to_owned(),
        advice: advice.to_owned(),
    };
    if has("etc/NIXOS") || distribution.is("nixos") {
        return Some(not(
            "NixOS",
            "it makes its units and rules from its configuration, and /etc/systemd/system is read-only",
            NIXOS,
        ));
    }
    match distribution.id.as_str() {
        "bottlerocket" => Some(not(
            "Bottlerocket",
            "it makes /etc anew from its settings at each boot, in memory, and takes no services of its owner's",
            "leave the clock to its chronyd; its servers are a setting: apiclient set --json '{\"ntp\": {\"time-servers\": [\"169.254.169.123\"]}}'",
        )),
        "cos" => Some(not(
            "Container-Optimized OS",
            "/etc is in memory, and empty of changes after each boot",
            "put the program into /var/lib/google, which lasts and where programs may run, and have cloud-init make the service at each boot: the instance's metadata user-data with write_files: /etc/systemd/system/hostclock.service, and runcmd: systemctl daemon-reload, systemctl start hostclock",
        )),
        "flatcar" => Some(Lasts::InEtc {
            system: "Flatcar",
            advice: "/usr is read-only: the program belongs into /opt/bin. New machines get it from their Butane (Ignition) configuration: storage.files with /opt/bin/hostclock, systemd.units with hostclock.service",
        }),
        _ if has("run/ostree-booted") || has("ostree") => Some(of_ostree(root)),
        _ if has("usr/sbin/transactional-update")
            && mounts
                .holding(&without_links(root, Path::new("usr")))
                .is_some_and(|mount| mount.read_only) =>
        {
            Some(Lasts::InEtc {
                system: "transactional-update",
                advice: "/usr is read-only: a package comes with `transactional-update pkg install FILE.rpm` and a reboot",
            })
        }
        _ => None,
    }
}

/// ostree, and bootc, which is built on it.
fn of_ostree(root: &Path) -> Lasts {
    let settings = fs::read_to_string(root.join("usr/lib/ostree/prepare-root.conf")).unwrap_or_default();
    if is_transient(&settings) {
        return Lasts::Not {
            system: "ostree".to_owned(),
            why: "/etc is made anew from the image at each boot (/usr/lib/ostree/prepare-root.conf: transient)".to_owned(),
            advice: "build it into the image, in its Containerfile: install the package, then RUN hostclock setup --root / --yes".to_owned(),
        };
    }
    Lasts::InEtc {
        system: "ostree",
        advice: "/usr is read-only: a package comes as a layer, with `rpm-ostree install FILE.rpm` and a reboot, or in the Containerfile of a bootc image",
    }
}

/// Whether `[etc]` has `transient = true`: ostree-prepare-root(1).
fn is_transient(settings: &str) -> bool {
    let mut in_etc = false;
    settings.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            in_etc = line == "[etc]";
        }
        let value = line.strip_prefix("transient").and_then(|rest| rest.trim_start().strip_prefix('='));
        in_etc && value.is_some_and(|value| matches!(value.trim(), "true" | "1" | "yes"))
    })
}

/// What the mounts of a running machine say.
fn of_mounts(distribution: &Distribution, mounts: &Mounts) -> Lasts {
    let Some(etc) = mounts.holding(Path::new("/etc")) else { return Lasts::Yes };
    let (in_memory, read_only) = (mounts.is_in_memory(etc), etc.read_only);
    if !in_memory && !read_only {
        return Lasts::Yes;
    }
    if in_memory && !read_only && distribution.is("alpine") {
        return Lasts::InEtc {
            system: "diskless Alpine",
            advice: "/ is in memory: `lbu include /usr/local/bin/hostclock` and `lbu commit` keep the program and /etc",
        };
    }
    let system = if distribution.name.is_empty() { "this system" } else { &distribution.name };
    let why = if read_only {
        "/etc is mounted read-only".to_owned()
    } else {
        format!("/etc is in memory ({}): what is written there is gone after a reboot", etc.kind)
    };
    Lasts::Not { system: system.to_owned(), why, advice: BUILD_IN.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::scratch::Scratch;

    fn system(lasts: &Lasts) -> (&'static str, &str) {
        match lasts {
            Lasts::Yes => ("yes", ""),
            Lasts::InEtc { system, .. } => ("in etc", system),
            Lasts::Not { system, .. } => ("not", system),
        }
    }

    fn of(files: &[(&str, &str)], running: bool) -> Lasts {
        find(Scratch::with(files).path(), running)
    }

    const ROOT: &str = "21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n";
    const MOUNTS: &str = "proc/self/mountinfo";

    #[test]
    fn an_ordinary_system_keeps_what_is_written() {
        for (release, mounts) in [("ID=debian\n", ROOT), ("ID=fedora\n", ""), ("", ROOT)] {
            let files = [("etc/os-release", release), (MOUNTS, mounts)];
            assert_eq!((of(&files, true), of(&files, false)), (Lasts::Yes, Lasts::Yes), "{release}");
        }
    }

    #[test]
    fn systems_that_make_their_files_anew_are_known_by_name() {
        for (release, want) in [
            ("ID=nixos\n", ("not", "NixOS")),
            ("ID=bottlerocket\n", ("not", "Bottlerocket")),
            ("ID=cos\n", ("not", "Container-Optimized OS")),
            ("ID=flatcar\nID_LIKE=coreos\n", ("in etc", "Flatcar")),
        ] {
            for running in [true, false] {
                let lasts = of(&[("etc/os-release", release), (MOUNTS, ROOT)], running);
                assert_eq!(system(&lasts), want);
            }
        }
        let Lasts::Not { advice, .. } = of(&[("etc/NIXOS", "")], false) else { panic!("NixOS by its mark") };
        assert!(advice.contains("boot.kernelModules = [ \"ptp_kvm\" ];"), "{advice}");
        assert_eq!(advice.matches('{').count(), advice.matches('}').count(), "{advice}");
    }

    #[test]
    fn ostree_keeps_etc_unless_it_is_transient() {
        let conf = "usr/lib/ostree/prepare-root.conf";
        let booted = ("run/ostree-booted", "");
        assert_eq!(system(&of(&[booted], true)), ("in etc", "ostree"));
        assert_eq!(system(&of(&[("ostree/repo/config", "")], false)), ("in etc", "ostree"));
        let transient = "[composefs]\nenabled = true\n[etc]\ntransient = true\n";
        assert_eq!(system(&of(&[booted, (conf, transient)], true)), ("not", "ostree"));
        let root_only = "[root]\ntransient=true\n[etc]\n#transient=true\ntransient = false\n";
        assert_eq!(system(&of(&[booted, (conf, root_only)], true)), ("in etc", "ostree"));
    }

    #[test]
    fn transactional_systems_are_those_whose_usr_is_read_only() {
        let tool = ("usr/sbin/transactional-update", "");
        assert_eq!(of(&[tool, (MOUNTS, ROOT)], true), Lasts::Yes, "installed on an ordinary Tumbleweed");
        let mounts = "21 1 0:29 / / ro - btrfs /dev/vda3 rw,subvol=/@\n\
            22 21 0:29 / /etc rw - btrfs /dev/vda3 rw,subvol=/etc\n\
            23 21 0:29 / /usr/local rw - btrfs /dev/vda3 rw,subvol=/@/usr/local\n";
        let files = [tool, (MOUNTS, mounts)];
        assert_eq!(system(&of(&files, true)), ("in etc", "transactional-update"));
        assert_eq!(place_for_program(Scratch::with(&files).path(), true), "usr/local/bin");
    }

    #[test]
    fn the_mount_that_holds_etc_decides_on_a_running_machine() {
        let name = ("etc/os-release", "ID=custom\nPRETTY_NAME=\"Custom 1\"\n");
        let memory = format!("{ROOT}22 21 0:20 / /etc rw - tmpfs tmpfs rw\n");
        let files = [name, (MOUNTS, memory.as_str())];
        assert_eq!((system(&of(&files, true)), of(&files, false)), (("not", "Custom 1"), Lasts::Yes));
        let Lasts::Not { why, .. } = of(&[(MOUNTS, "21 1 8:1 / / rw - erofs /dev/sda1 ro\n")], true) else {
            panic!("read-only")
        };
        assert_eq!(why, "/etc is mounted read-only");
        let overlay = "21 1 0:30 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/run/rw/up,workdir=/run/rw/w\n\
            22 21 0:31 / /run rw - tmpfs tmpfs rw\n";
        assert_eq!(system(&of(&[(MOUNTS, overlay)], true)), ("not", "this system"));
        let alpine = [("etc/os-release", "ID=alpine\n"), (MOUNTS, "1 1 0:2 / / rw - tmpfs tmpfs rw\n")];
        assert_eq!(system(&of(&alpine, true)), ("in etc", "diskless Alpine"));
    }

    #[test]
    fn a_program_goes_where_it_can_be_written() {
        let read_only = format!("{ROOT}22 21 8:2 / /usr ro - ext4 /dev/sda2 ro\n");
        let tree = Scratch::with(&[(MOUNTS, read_only.as_str()), ("usr/bin/sh", "")]);
        assert_eq!(place_for_program(tree.path(), true), "opt/bin");
        assert_eq!(place_for_program(tree.path(), false), "usr/local/bin", "an image can be written");
        symlink("../var/usrlocal", tree.path().join("usr/local")).expect("a link");
        assert_eq!(
            place_for_program(tree.path(), true),
            "usr/local/bin",
            "a link of its own, as ostree has it"
        );
        tree.file("etc/os-release", "ID=flatcar\n");
        assert_eq!(place_for_program(tree.path(), false), "opt/bin");
    }
}
