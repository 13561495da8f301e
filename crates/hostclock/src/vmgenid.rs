//! Whether the hypervisor offers a generation identifier (vmgenid) and the kernel watches it.

use std::fs;
use std::path::Path;

/// Where the kernel's drivers show the devices that they serve.
const DRIVERS: [&str; 2] = ["sys/bus/acpi/drivers/vmgenid", "sys/bus/platform/drivers/vmgenid"];

/// Whether a driver serves one, in the tree under `root`.
pub(crate) fn is_served(root: &Path) -> bool {
    let entries = DRIVERS.iter().filter_map(|directory| fs::read_dir(root.join(directory)).ok());
    // Beside a few files, a driver's directory has a link for each device that it serves.
    entries
        .flatten()
        .flatten()
        .any(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()) && entry.file_name() != "module")
}
