//! The PTP devices that the machine has, as sysfs lists them.
//!
//! Which of them gives the host's time is not decided here: see `hostclock_core::source`.

use std::fs;
use std::io;
use std::path::Path;

use hostclock_core::source::Candidate;

/// One device under `/sys/class/ptp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The number in the device's name; it may differ after the next boot.
    pub index: u32,
    /// Where the device node is expected: `/dev/ptpN`. It may be missing in a container.
    pub path: String,
    /// What the driver calls the clock, such as `KVM virtual PTP`.
    pub clock_name: String,
    /// The network interface that the device belongs to; the first by name where there are several.
    pub interface: Option<String>,
}

impl Found {
    /// The device as `hostclock_core::source` wants to see it.
    #[must_use]
    pub fn into_candidate(self) -> Candidate {
        Candidate { path: self.path, clock_name: self.clock_name, interface: self.interface }
    }
}

/// Every PTP device, by number. `sys_root` is `/sys`.
///
/// A kernel without PTP support has none, which is no error; nor is a device that vanishes while the
/// list is made: it is left out.
///
/// # Errors
/// When the class's directory exists but can't be read.
pub fn list(sys_root: &Path) -> io::Result<Vec<Found>> {
    let entries = match fs::read_dir(sys_root.join("class/ptp")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Some(index) = entry.file_name().to_str().and_then(index_of) else { continue };
        let Ok(clock_name) = fs::read_to_string(entry.path().join("clock_name")) else { continue };
        found.push(Found {
            index,
            path: format!("/dev/ptp{index}"),
            clock_name: clock_name.trim().to_owned(),
            interface: first_name(&entry.path().join("device/net")),
        });
    }
    found.sort_by_key(|device| device.index);
    Ok(found)
}

/// The number in `ptpN`.
fn index_of(name: &str) -> Option<u32> {
    name.strip_prefix("ptp")?.parse().ok()
}

fn first_name(directory: &Path) -> Option<String> {
    let names = fs::read_dir(directory).ok()?;
    names.flatten().filter_map(|entry| entry.file_name().into_string().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn device(root: &Path, name: &str, clock_name: Option<&str>, interfaces: &[&str]) {
        let directory = root.join("class/ptp").join(name);
        fs::create_dir_all(&directory).expect("a directory");
        if let Some(clock_name) = clock_name {
            fs::write(directory.join("clock_name"), format!("{clock_name}\n")).expect("a file");
        }
        for interface in interfaces {
            fs::create_dir_all(directory.join("device/net").join(interface)).expect("a directory");
        }
    }

    #[test]
    fn devices_come_sorted_by_number_with_their_names_trimmed() {
        let root = Scratch::new();
        device(root.path(), "ptp10", Some("KVM virtual PTP"), &[]);
        device(root.path(), "ptp2", Some("ena-ptp-05"), &["ens6", "ens5"]);
        let found = list(root.path()).expect("readable");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].index, 2);
        assert_eq!(found[0].interface.as_deref(), Some("ens5"));
        assert_eq!(found[1].path, "/dev/ptp10");
        assert_eq!(found[1].clock_name, "KVM virtual PTP");
        assert_eq!(found[1].interface, None);
    }

    #[test]
    fn a_device_that_vanishes_meanwhile_and_foreign_entries_are_left_out() {
        let root = Scratch::new();
        device(root.path(), "ptp0", None, &[]);
        device(root.path(), "ptpx", Some("what"), &[]);
        device(root.path(), "other", Some("what"), &[]);
        assert_eq!(list(root.path()).expect("readable"), []);
    }

    #[test]
    fn a_kernel_without_ptp_has_no_devices() {
        let root = Scratch::new();
        assert_eq!(list(root.path()).expect("readable"), []);
    }

    #[test]
    fn this_machine_can_be_asked() {
        list(Path::new("/sys")).expect("readable");
    }
}
