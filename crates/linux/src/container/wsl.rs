//! The Windows Subsystem for Linux. It isn't a container of the machine's, but one virtual machine for all
//! distributions.

use std::fs;
use std::path::Path;

/// Whether this is the Windows Subsystem for Linux: all of its distributions share one kernel and one clock, which a
/// chronyd in another PID namespace of the same virtual machine keeps (src/linux/init/main.cpp of microsoft/WSL). Its
/// kernel has one of these words in its release, also where somebody built it; systemd goes by them too, and counts it
/// as a container (`detect_container`, src/basic/virt.c).
#[must_use]
pub fn is_wsl(root: &Path) -> bool {
    let release = fs::read_to_string(root.join("proc/sys/kernel/osrelease")).unwrap_or_default();
    release.to_ascii_lowercase().contains("microsoft") || release.contains("WSL")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn the_windows_subsystem_is_known_by_its_kernel() {
        let scratch = Scratch::new();
        assert!(!is_wsl(scratch.path()));
        for (release, wanted) in [
            ("6.6.87.2-microsoft-standard-WSL2\n", true),
            ("4.4.0-19041-Microsoft\n", true),
            ("6.1.21.2-WSL2-custom\n", true),
            ("6.8.0-1031-azure\n", false),
        ] {
            scratch.file("proc/sys/kernel/osrelease", release);
            assert_eq!(is_wsl(scratch.path()), wanted, "{release}");
        }
    }
}
