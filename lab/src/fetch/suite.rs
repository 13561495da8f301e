//! The Debians in which the package is tried: what each is made of, and how its kernel is started.

use clap::ValueEnum;

use crate::machine::Platform;

/// /bin and the like are links, as Debian's installer makes them; packages do so only since Debian 12.
const MERGED_USR: &str = "--setup-hook=for d in bin sbin lib lib32 lib64 libx32; do mkdir -p \"$1/usr/$d\"; ln -s usr/$d \"$1/$d\"; done";
/// An image of unstable on a mirror is valid for a week, and one of a suite that is no longer supported not at all.
const STALE_LISTS: &str = "--aptopt=Acquire::Check-Valid-Until \"false\"";

/// A Debian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// Debian 11: systemd 247
    Bullseye,
    /// Debian 12: systemd 252
    Bookworm,
    /// Debian 13: systemd 257
    Trixie,
    /// What is to be the next Debian
    Unstable,
    /// Debian 13 with SELinux enforcing, by selinux-policy-default
    Selinux,
}

impl Suite {
    /// What it is called on the command line, in the cache, and in the tests' names.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What Debian's mirrors call it.
    pub(super) fn release(self) -> &'static str {
        match self {
            Suite::Bullseye => "bullseye",
            Suite::Bookworm => "bookworm",
            Suite::Trixie | Suite::Selinux => "trixie",
            Suite::Unstable => "unstable",
        }
    }

    /// The packages in it beside Debian's essential ones.
    pub(super) fn packages(self) -> String {
        let common = "systemd-sysv,udev,dbus,kmod,chrony,procps,iproute2,init-system-helpers,passwd,strace";
        let own = match self {
            Suite::Bullseye => "policykit-1",
            Suite::Bookworm => "polkitd,openrc,runit,cloud-init,initramfs-tools",
            Suite::Trixie | Suite::Unstable => "polkitd",
            Suite::Selinux => "polkitd,selinux-policy-default,policycoreutils,selinux-utils,auditd",
        };
        format!("{common},{own}")
    }

    /// What mmdebstrap has to be told beside them.
    pub(super) fn options(self) -> &'static [&'static str] {
        match self {
            Suite::Bullseye => &[MERGED_USR, STALE_LISTS],
            Suite::Unstable => &[STALE_LISTS],
            Suite::Bookworm | Suite::Trixie | Suite::Selinux => &[],
        }
    }

    /// Commands of a shell that come last, when all files are there; `$b` is their root, and nothing is mounted in it.
    pub(super) fn last(self) -> &'static str {
        match self {
            // What `fixfiles relabel` does, which needs a kernel with SELinux.
            Suite::Selinux => {
                "sed -i s/^SELINUX=.*/SELINUX=enforcing/ $b/etc/selinux/config; \
                 chroot $b setfiles -F /etc/selinux/default/contexts/files/file_contexts / >/dev/null;"
            }
            _ => "",
        }
    }

    /// The machine that boots it.
    pub(crate) fn platform(self) -> Platform {
        match self {
            Suite::Selinux => Platform::InstalledWithSelinux,
            _ => Platform::Installed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_called_as_debian_calls_it() {
        let names: Vec<_> = Suite::value_variants().iter().map(|suite| suite.name()).collect();
        assert_eq!(names, ["bullseye", "bookworm", "trixie", "unstable", "selinux"]);
        assert_eq!(Suite::Unstable.release(), "unstable");
    }
}
