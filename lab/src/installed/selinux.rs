//! What is different where SELinux enforces a policy.

use super::System;
use crate::error::Result;
use crate::fetch::Suite;
use crate::tests::Tests;

/// Everything that the policy refused, since the boot.
const REFUSED: &str = "{ ausearch --message AVC,USER_AVC,SELINUX_ERR --start boot 2>/dev/null; dmesg; } | grep -E 'avc: +denied|security_compute|invalid context' | sort -u";

/// Whether it is enforced, and hostclock is refused nothing by it. Nothing on other systems.
pub(super) fn run(system: &mut System, tests: &mut Tests, when: &str) -> Result<()> {
    if system.suite != Suite::Selinux {
        return Ok(());
    }
    let seen = system.see("getenforce")?;
    tests.expect(&format!("SELinux enforces its policy {when}"), seen == "Enforcing\n", &seen);
    let refused = system.see(REFUSED)?;
    let ours: Vec<&str> = refused.lines().filter(|line| line.contains("hostclock")).collect();
    tests.note(&format!("refused to others {when}: {}", refused.lines().count() - ours.len()));
    tests.expect(&format!("and hostclock is refused nothing {when}"), ours.is_empty(), &ours.join("\n"));
    let seen = system.see("ps -o label= -C hostclock; ls -Z /usr/bin/hostclock /run/hostclock /var/lib/hostclock /dev/ptp0 2>&1")?;
    tests.note(&format!("contexts {when}: {}", seen.trim_end().replace('\n', "; ")));
    Ok(())
}
