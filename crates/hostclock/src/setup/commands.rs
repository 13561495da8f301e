//! The commands that a running machine needs beside its files: services, udev, users.

use std::path::Path;
use std::process::Command;

use hostclock_linux::services::Manager;

use super::plan::USER;
use crate::output::complain;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Stops a service.
pub(super) fn stop(manager: Manager, service: &str) -> Vec<String> {
    match manager {
        Manager::Systemd => words(&format!("systemctl stop {service}")),
        Manager::OpenRc => words(&format!("rc-service --ifstarted {service} stop")),
    }
}

/// Starts a service again.
pub(super) fn start_service(manager: Manager, service: &str) -> Vec<String> {
    match manager {
        Manager::Systemd => words(&format!("systemctl start {service}")),
        Manager::OpenRc => words(&format!("rc-service {service} start")),
    }
}

/// Starts our own.
pub(super) fn start(manager: Manager) -> Vec<String> {
    match manager {
        // It tells systemd that it is ready when the clock is right, which `started` waits for itself.
        Manager::Systemd => words("systemctl start --no-block hostclock.service"),
        Manager::OpenRc => words("rc-service --ifstopped hostclock start"),
    }
}

/// What makes a running machine take note of the files.
pub(super) fn after(manager: Manager) -> Vec<Vec<String>> {
    match manager {
        Manager::Systemd => [
            "systemctl daemon-reload",
            "udevadm control --reload",
            "modprobe -q ptp_kvm",
            "udevadm trigger --action=change --subsystem-match=ptp --subsystem-match=misc --settle",
        ]
        .map(words)
        .to_vec(),
        Manager::OpenRc => vec![words("modprobe -q ptp_kvm")],
    }
}

/// Makes the service's user, by the file that describes him.
pub(super) fn make_user(root: &Path) -> Vec<String> {
    words(&format!("systemd-sysusers {}hostclock.conf", elsewhere(root, "--root=")))
}

/// Removes him.
pub(super) fn remove_user(root: &Path) -> Vec<String> {
    words(&format!("userdel {}{USER}", elsewhere(root, "--prefix ")))
}

/// The option that leads to an image; nothing on the running machine.
fn elsewhere(root: &Path, option: &str) -> String {
    if root == Path::new("/") { String::new() } else { format!("{option}{} ", root.display()) }
}

/// Runs a command; one that fails, or isn't there, is told of and no reason to stop half-way. Whether it succeeded.
pub(super) fn run(command: &[String]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return false };
    let line = command.join(" ");
    match Command::new(program).args(arguments).status() {
        Ok(status) if status.success() => return true,
        // Not every machine has the module, and whoever asks why has the doctor.
        _ if program == "modprobe" => {}
        Ok(status) => complain(&format!("`{line}` failed ({status})")),
        Err(error) => complain(&format!("`{line}` could not be run: {error}")),
    }
    false
}
