//! The commands that a running machine needs beside its files: services, udev, users.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use hostclock_linux::services::Manager;

/// The service's user.
pub(super) const USER: &str = "hostclock";
/// Where programs for root are, though `su` without `-` leaves them out of PATH.
const PLACES: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// A command, word by word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command(pub(super) Vec<String>);

impl fmt::Display for Command {
    /// As one would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.0.iter().enumerate() {
            let plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:@/=+,".contains(&byte));
            let space = if index > 0 { " " } else { "" };
            match plain && !word.is_empty() {
                true => write!(f, "{space}{word}")?,
                false => write!(f, "{space}'{}'", word.replace('\'', "'\\''"))?,
            }
        }
        Ok(())
    }
}

/// A command of these words.
pub(super) fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> Command {
    Command(words.into_iter().map(str::to_owned).collect())
}

fn words(line: &str) -> Command {
    command(line.split_whitespace())
}

/// Makes systemd read its units again.
pub(super) fn reread_units() -> Command {
    words("systemctl daemon-reload")
}

/// Makes systemd-timedated, where it runs, read the list of clock services again: it keeps what it read at its start for
/// half a minute after it was last asked, and `timedatectl set-ntp` would mean another one till then.
pub(super) fn reread_clock_services() -> Command {
    words("systemctl try-restart systemd-timedated.service")
}

/// Starts a service, and waits until it has.
pub(super) fn start(manager: Manager, service: &str) -> Command {
    match manager {
        Manager::Systemd => command(["systemctl", "start", service]),
        Manager::OpenRc => command(["rc-service", service, "start"]),
    }
}

/// Ends a service and starts it anew.
pub(super) fn restart(manager: Manager, service: &str) -> Command {
    match manager {
        Manager::Systemd => command(["systemctl", "restart", service]),
        Manager::OpenRc => command(["rc-service", service, "restart"]),
    }
}

/// Ends a service.
pub(super) fn stop(manager: Manager, service: &str) -> Command {
    match manager {
        Manager::Systemd => command(["systemctl", "stop", service]),
        Manager::OpenRc => command(["rc-service", "--ifstarted", service, "stop"]),
    }
}

/// Whether a service runs.
pub(super) fn runs(manager: Manager, service: &str) -> Command {
    match manager {
        Manager::Systemd => command(["systemctl", "is-active", "--quiet", service]),
        Manager::OpenRc => command(["rc-service", "--quiet", service, "status"]),
    }
}

/// What gives the clock devices their owners, as the rules say now. `anew`: as if they had just come, so that what a
/// rule gave and no rule gives any more is taken back.
pub(super) fn apply_rules(anew: bool) -> [Command; 2] {
    let action = if anew { "add" } else { "change" };
    [
        words("udevadm control --reload"),
        words(&format!(
            "udevadm trigger --action={action} --subsystem-match=ptp --subsystem-match=misc --settle"
        )),
    ]
}

/// Makes the service's user, by the file that describes it.
pub(super) fn make_user(root: &Path) -> Command {
    let mut made = command(["systemd-sysusers"]);
    if root != Path::new("/") {
        made.0.push(format!("--root={}", root.display()));
    }
    made.0.push("hostclock.conf".to_owned());
    made
}

/// Removes it.
pub(super) fn remove_user(root: &Path) -> Command {
    of_accounts("userdel", root, &[])
}

/// Removes the group of the same name, which `userdel` leaves where `USERGROUPS_ENAB` in login.defs(5) isn't `yes`.
pub(super) fn remove_group(root: &Path) -> Command {
    of_accounts("groupdel", root, &[])
}

/// Makes that group again, with its number, which `userdel` takes for the user's own.
pub(super) fn make_group(root: &Path, number: u32) -> Command {
    of_accounts("groupadd", root, &["--gid", &number.to_string()])
}

/// A command of the shadow utilities about the service's user.
fn of_accounts(program: &str, root: &Path, options: &[&str]) -> Command {
    let mut made = command([program]);
    if root != Path::new("/") {
        made.0.extend(["--prefix".to_owned(), root.display().to_string()]);
    }
    made.0.extend(options.iter().map(|option| (*option).to_owned()));
    made.0.push(USER.to_owned());
    made
}

/// The directories in which commands are looked for: those of PATH, and then those of root's.
pub(super) fn search_path() -> OsString {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let own = std::env::split_paths(&own).filter(|place| place.is_absolute());
    let mut places: Vec<PathBuf> = own.collect();
    for place in PLACES.map(PathBuf::from) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    // Only a colon in one of them could make this fail, and splitting took those out.
    std::env::join_paths(places).unwrap_or_default()
}

/// The file of a program.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&search_path()).map(|place| place.join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_a_shell_would_take_apart_is_quoted() {
        let command = make_user(Path::new("/mnt/my image"));
        assert_eq!(command.to_string(), "systemd-sysusers '--root=/mnt/my image' hostclock.conf");
        assert_eq!(command.0.len(), 3);
        assert_eq!(make_user(Path::new("/")).to_string(), "systemd-sysusers hostclock.conf");
    }

    #[test]
    fn programs_for_root_are_found_whatever_the_path_is() {
        let found: Vec<PathBuf> = std::env::split_paths(&search_path()).collect();
        assert!(PLACES.iter().all(|place| found.contains(&PathBuf::from(place))), "{found:?}");
        assert!(find("sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(find("hostclock-no-such-program"), None);
    }
}
