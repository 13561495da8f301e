//! The quick start by its own words.

use super::System;
use crate::error::Result;
use crate::tests::Tests;

/// Each command that is printed there, in order, in a guest where nothing has been
/// done yet. Other distributions' ways to install are left out, and what is written as root is run as root.
pub(super) fn run(system: &mut System, tests: &mut Tests) -> Result<()> {
    system.run("printf '#!/bin/sh\\nexec \"$@\"\\n' >/usr/local/bin/sudo; chmod 755 /usr/local/bin/sudo")?;
    let page = include_str!("../../../docs/quick-start.md");
    let mut shell = false;
    for line in page.lines() {
        if let Some(language) = line.strip_prefix("```") {
            shell = language == "sh";
            continue;
        }
        let elsewhere = ["sudo dnf", "sudo install"].iter().any(|start| line.starts_with(start));
        if !shell || elsewhere {
            continue;
        }
        let seen = system.see(&format!("cd /srv; {line}; echo exit $?"))?;
        // At that point of the page chrony keeps the clock, which is a problem to the doctor.
        let wanted = if line.contains("doctor") { "exit 1\n" } else { "exit 0\n" };
        let told = !line.contains("hostclock events") || seen.contains("somebody else set the clock");
        tests.expect(&format!("quick start: `{line}`"), seen.ends_with(wanted) && told, &seen);
    }
    Ok(())
}
