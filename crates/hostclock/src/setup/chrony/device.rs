//! The device of a `refclock PHC` line.

use std::path::Path;

use hostclock_core::source::{Candidate, Kind, SourceConfig, choose};
use hostclock_linux::discover;

/// The device's path, and what the user should know of it. A bare number's path is no promise, so where a hypervisor's
/// clock is there, that one is found by its kind.
pub(super) fn device(root: &Path, path: &str) -> (String, Option<String>) {
    let auto = || "auto".to_owned();
    let number =
        path.strip_prefix("/dev/ptp").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let usual = matches!(path, "/dev/ptp_kvm" | "/dev/ptp_hyperv" | "/dev/ptp_vmware");
    if !path.starts_with('/') {
        let remark = format!(
            "refclock PHC {path}: to chrony that is a network card's clock; here a name without a / is the clock_name of a \
             device (`hostclock sources` lists them)"
        );
        return (path.to_owned(), Some(remark));
    }
    if !number && !usual {
        return (path.to_owned(), None);
    }
    let devices: Vec<Candidate> = discover::list(&root.join("sys"))
        .unwrap_or_default()
        .into_iter()
        .map(discover::Found::into_candidate)
        .collect();
    let named = devices.iter().find(|device| device.path == path);
    let Some(foreign) = named.filter(|device| Kind::of(&device.clock_name) == Kind::Other) else {
        return (auto(), None);
    };
    let whose = foreign.interface.as_ref().map_or_else(
        || format!("\"{}\" today, of an unknown kind", foreign.clock_name),
        |interface| format!("the clock of network card {interface} today"),
    );
    match choose(&devices, &SourceConfig::default()).ok().and_then(|choice| devices.get(choice.index)) {
        Some(taken) => {
            let remark = format!(
                "refclock PHC {path}: that is {whose}, as the numbers change from boot to boot; taken: \"{}\", by its \
                 kind",
                taken.clock_name
            );
            (auto(), Some(remark))
        }
        None => (path.to_owned(), None),
    }
}
