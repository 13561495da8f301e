//! The report of a run, to be kept.

use std::fs;
use std::path::Path;

use super::System;
use crate::error::{Context, Result, output_of};
use crate::tests::Tests;

/// What the system is, for the report's first lines.
const ABOUT: &str = "echo \"Debian: $(cat /etc/debian_version)\"; systemctl --version | head -n 1; \
     echo \"kernel: $(uname -r)\"; echo \"chrony: $(dpkg-query -W -f '${Version}' chrony)\"; \
     command -v getenforce >/dev/null && echo \"SELinux: $(dpkg-query -W -f '${Version}' selinux-policy-default)\"; true";

/// What the system is.
pub(super) fn about(system: &mut System) -> Result<String> {
    system.see(ABOUT)
}

/// Writes it.
pub(super) fn write(path: &Path, suite: &str, killed: bool, about: &str, tests: &Tests) -> Result<()> {
    let date = output_of(std::process::Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let commit = output_of(std::process::Command::new("git").args(["describe", "--always", "--dirty"]));
    let commit = commit.unwrap_or_default();
    let flags = if killed { " KILLED=1" } else { "" };
    let text = format!(
        "make check-installed SUITE={suite}{flags}\ndate: {}\nrevision: {}\n{about}\n{}",
        String::from_utf8_lossy(&date).trim(),
        String::from_utf8_lossy(&commit).trim(),
        tests.text()
    );
    fs::write(path, text).context(|| format!("writing {}", path.display()))
}
