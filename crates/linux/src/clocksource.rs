//! The kernel's clocksource: what `CLOCK_REALTIME` and `CLOCK_MONOTONIC_RAW` count with.
//!
//! It matters because `ptp_kvm` on x86 gives a precise cross timestamp only while the guest counts
//! with `kvm-clock`, and because anyone may change it at any time.

use std::fs;
use std::io;
use std::path::Path;

const DIRECTORY: &str = "devices/system/clocksource/clocksource0";

/// The name of the clocksource in use, such as `kvm-clock` or `tsc`. `sys_root` is `/sys`.
///
/// # Errors
/// When sysfs isn't there or can't be read.
pub fn current(sys_root: &Path) -> io::Result<String> {
    let text = fs::read_to_string(sys_root.join(DIRECTORY).join("current_clocksource"))?;
    Ok(text.trim().to_owned())
}

/// The names of the clocksources that the kernel would accept, in the kernel's order. `sys_root` is
/// `/sys`.
///
/// # Errors
/// When sysfs isn't there or can't be read.
pub fn available(sys_root: &Path) -> io::Result<Vec<String>> {
    let text = fs::read_to_string(sys_root.join(DIRECTORY).join("available_clocksource"))?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn the_clocksource_is_read_from_the_tree_that_is_given() {
        let root = Scratch::new();
        let directory = root.path().join(DIRECTORY);
        fs::create_dir_all(&directory).expect("a directory");
        fs::write(directory.join("current_clocksource"), "kvm-clock\n").expect("a file");
        fs::write(directory.join("available_clocksource"), "kvm-clock tsc \n").expect("a file");
        assert_eq!(current(root.path()).expect("readable"), "kvm-clock");
        assert_eq!(available(root.path()).expect("readable"), ["kvm-clock", "tsc"]);
    }

    #[test]
    fn a_tree_without_clocksources_is_an_error() {
        let root = Scratch::new();
        assert!(current(root.path()).is_err());
        assert!(available(root.path()).is_err());
    }
}
