//! The files that setup brings where no package has.

use hostclock_linux::services::Manager;

/// A file that a package may have brought already, and what it is where none has: where setup writes it, the
/// directories in which a package puts it, and the text.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) name: &'static str,
    /// The directory into which setup writes it: the administrator's.
    pub(super) own: &'static str,
    /// The directories of packages.
    pub(super) packaged: &'static [&'static str],
    pub(super) text: &'static str,
    pub(super) mode: u32,
    /// Only where systemd can't load a module by `modprobe@.service`, which came with version 245.
    pub(super) loads_module: bool,
    /// What it means that something else is in its place, or forbids it: the end of a line.
    pub(super) missed: &'static str,
}

const fn asset(
    name: &'static str,
    own: &'static str,
    packaged: &'static [&'static str],
    text: &'static str,
) -> Asset {
    Asset { name, own, packaged, text, mode: 0o644, loads_module: false, missed: "" }
}

/// Where packages put units.
pub(super) const UNIT_PLACES: &[&str] = &["usr/lib/systemd/system", "lib/systemd/system"];
/// Where an administrator puts them, and so does setup.
pub(super) const OWN_UNITS: &str = "etc/systemd/system";
/// The service itself.
pub(super) const UNIT: &str = "hostclock.service";

/// For systemd.
const SYSTEMD: [Asset; 6] = [
    Asset {
        loads_module: true,
        ..asset(
            "hostclock.conf",
            "etc/modules-load.d",
            &["usr/lib/modules-load.d", "lib/modules-load.d"],
            include_str!("../../../../packaging/systemd/hostclock.modules-load"),
        )
    },
    asset(
        "hostclock.conf",
        "etc/sysusers.d",
        &["usr/lib/sysusers.d"],
        include_str!("../../../../packaging/systemd/hostclock.sysusers"),
    ),
    Asset {
        missed: ": unless another rule lets it, the service's user then can't read the device",
        ..asset(
            "60-hostclock.rules",
            "etc/udev/rules.d",
            &["usr/lib/udev/rules.d", "lib/udev/rules.d"],
            include_str!("../../../../packaging/systemd/60-hostclock.rules"),
        )
    },
    asset(
        "40-hostclock.list",
        "etc/systemd/ntp-units.d",
        &["usr/lib/systemd/ntp-units.d", "lib/systemd/ntp-units.d"],
        include_str!("../../../../packaging/systemd/40-hostclock.list"),
    ),
    asset(UNIT, OWN_UNITS, UNIT_PLACES, include_str!("../../../../packaging/systemd/hostclock.service")),
    asset(
        "hostclock-wait.service",
        OWN_UNITS,
        UNIT_PLACES,
        include_str!("../../../../packaging/systemd/hostclock-wait.service"),
    ),
];

/// For OpenRC.
const OPENRC: [Asset; 1] = [Asset {
    mode: 0o755,
    ..asset("hostclock", "etc/init.d", &[], include_str!("../../../../packaging/openrc/hostclock"))
}];

/// Those of a service manager.
pub(super) const fn of(manager: Manager) -> &'static [Asset] {
    match manager {
        Manager::Systemd => &SYSTEMD,
        Manager::OpenRc => &OPENRC,
    }
}
