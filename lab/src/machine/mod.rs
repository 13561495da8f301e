//! The lab's two machines. QEMU emulates an AMD CPU with SVM in software and boots a kernel on it,
//! the **host**; its kvm-amd boots a second kernel, the **guest**, where the real `ptp_kvm` makes
//! real hypercalls. Dropping a [`Lab`] ends both.

mod cpio;
mod emulator;
mod hypervisor;
mod image;
mod shell;
mod snapshot;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use emulator::Emulator;
use hypervisor::Beginning;
pub(crate) use hypervisor::{FIRST, Place, Platform, SECOND};
pub(crate) use shell::Shell;

use crate::error::{Error, Result};
use crate::fetch::Tree;
use crate::programs::Programs;

const HOST_LIMIT: Duration = Duration::from_secs(90);
const GUEST_LIMIT: Duration = Duration::from_secs(90);
/// A whole system takes longer.
const INSTALLED_LIMIT: Duration = Duration::from_secs(300);

/// What the machines are made of.
pub(crate) struct Parts {
    /// The emulator, and the nested host.
    pub(crate) host: Tree,
    /// The guest and its hypervisor, where they are not the host's.
    pub(crate) newer: Option<Tree>,
    /// Programs for both.
    pub(crate) programs: Programs,
    /// Disks that the guest gets, the one that it boots from first; without any it lives in its memory. What is
    /// written to them is lost.
    pub(crate) disks: Vec<PathBuf>,
}

impl Parts {
    /// Those of the guest and its hypervisor.
    pub(crate) fn guest(&self) -> &Tree {
        self.newer.as_ref().unwrap_or(&self.host)
    }
}

/// A nested host with a guest in it, both up.
pub(crate) struct Lab {
    /// The nested host's shell.
    pub(crate) host: Shell,
    /// The guest's shell.
    pub(crate) guest: Shell,
    /// The shell of a second guest.
    second: Option<Shell>,
    platform: Platform,
    emulator: Rc<Emulator>,
}

impl Lab {
    /// Boots both machines.
    pub(crate) fn boot(parts: &Parts) -> Result<Self> {
        Self::boot_as(parts, if parts.newer.is_some() { Platform::Pc } else { Platform::Micro })
    }

    /// Boots both, the guest as a machine of that kind.
    pub(crate) fn boot_as(parts: &Parts, platform: Platform) -> Result<Self> {
        let started = Instant::now();
        let emulator = Rc::new(Emulator::start(parts)?);
        let mut host = Shell::connect("host", &emulator)?;
        let mut guest = Shell::connect("guest", &emulator)?;
        emulator.log("guest-console")?;
        host.wait(HOST_LIMIT)?;
        emulator.booted();
        eprintln!("lab: the nested host is up ({:.1} s)", started.elapsed().as_secs_f64());
        host.run(&hypervisor::command(platform, FIRST, Beginning::Boot))?;
        host.run(&hypervisor::relay(FIRST))?;
        if let Err(error) = guest.wait(limit(platform)) {
            let said = host.run("tail -n 15 /run/qemu.log /run/relay.log").unwrap_or_default();
            return Err(Error::new(format!("{error}\n--- in the host:\n{said}")));
        }
        eprintln!("lab: the guest is up ({:.1} s)", started.elapsed().as_secs_f64());
        Ok(Self { host, guest, second: None, platform, emulator })
    }

    /// Whether the machines have ended by themselves.
    pub(crate) fn ended(&self) -> bool {
        self.emulator.ended().is_some()
    }
}

/// How long a guest may take to boot.
fn limit(platform: Platform) -> Duration {
    match platform {
        Platform::Installed | Platform::InstalledWithSelinux => INSTALLED_LIMIT,
        _ => GUEST_LIMIT,
    }
}
