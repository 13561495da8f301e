//! What is asked of the system again and again: who keeps the clock, and whether /etc is as it was.

use super::System;
use crate::error::Result;

/// Prints who is enabled and who runs, hostclock first: a line each.
pub(super) const SERVICES: &str = "systemctl is-enabled hostclock; systemctl is-active hostclock; systemctl is-enabled chrony; systemctl is-active chrony";
/// What [`SERVICES`] prints where chrony keeps the clock, and hostclock is installed.
pub(super) const CHRONY_KEEPS: &str = "disabled\ninactive\nenabled\nactive\n";
/// What it prints where hostclock keeps it.
pub(super) const HOSTCLOCK_KEEPS: &str = "enabled\nactive\ndisabled\ninactive\n";
/// Prints whether chrony is enabled and runs, where hostclock may not be installed.
pub(super) const CHRONY: &str = "systemctl is-enabled chrony; systemctl is-active chrony";
/// What that prints where it does.
pub(super) const CHRONY_RUNS: &str = "enabled\nactive\n";
/// Prints the file of the program that the service runs.
pub(super) const PROGRAM: &str = "readlink /proc/$(systemctl show -p MainPID --value hostclock)/exe";
/// Prints each file whose name has to do with hostclock, and its user. The lab's own files lie in /srv.
const REST: &str = "find / -xdev -name '*hostclock*' ! -path '/srv/*' ! -path '/proc/*' ! -path '/sys/*' ! -path '/var/lib/dpkg/*' \
     ! -path '/var/log/*'; find /run -name '*hostclock*' ! -path '/run/systemd/*'; grep -H hostclock /etc/passwd /etc/group; true";

/// Every file and link in /etc, with its bytes or where it leads, its mode, its owner and, where there are any, its
/// label for SELinux; but what systemd-sysusers leaves of its own where the machine loses its power (`.#passwd…`).
const SNAPSHOT: &str = "cd / && find etc -xdev ! -name '*-' ! -name .pwd.lock ! -name '.#*' -printf '%y %m %u %g %Z %p %l\\n' 2>/dev/null | sort; \
     find etc -xdev -type f ! -name '*-' ! -name .pwd.lock ! -name '.#*' -print0 | sort -z | xargs -0 sha256sum";

/// The command that writes down /etc as it is now, to be compared with it later.
pub(super) fn remember() -> String {
    format!("{{ {SNAPSHOT}; }} >/srv/before")
}

/// The command that prints what is different, or that nothing is: [`SAME`].
pub(super) fn compare() -> String {
    format!("{{ {SNAPSHOT}; }} >/srv/after; diff /srv/before /srv/after && echo the same")
}

/// What [`compare`] prints if nothing is different.
pub(super) const SAME: &str = "the same\n";

/// Whatever is left of hostclock; empty where nothing is.
pub(super) fn left(system: &mut System) -> Result<String> {
    system.see(REST)
}
