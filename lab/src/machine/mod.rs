//! The lab's two machines. QEMU emulates an AMD CPU with SVM in software and boots a kernel on it,
//! the **host**; its kvm-amd boots a second kernel, the **guest**, where the real `ptp_kvm` makes
//! real hypercalls. Dropping a [`Lab`] ends both.

mod cpio;
mod emulator;
mod image;
mod shell;

use std::rc::Rc;
use std::time::{Duration, Instant};

use emulator::Emulator;
pub(crate) use shell::Shell;

use crate::error::{Error, Result};
use crate::fetch::Tree;
use crate::programs::Programs;

const HOST_LIMIT: Duration = Duration::from_secs(90);
const GUEST_LIMIT: Duration = Duration::from_secs(90);
/// `norandmaps`: the emulator translates code anew for each address that it is seen at, which would be
/// 50 ms for each start of a position-independent program. Real machines don't.
const GUEST_COMMAND_LINE: &str = "console=ttyS0 quiet panic=-1 noxsave norandmaps mitigations=off";

/// A nested host with a guest in it, both up.
pub(crate) struct Lab {
    /// The nested host's shell.
    pub(crate) host: Shell,
    /// The guest's shell.
    pub(crate) guest: Shell,
    emulator: Rc<Emulator>,
}

impl Lab {
    /// Boots both machines.
    pub(crate) fn boot(tree: &Tree, programs: &Programs) -> Result<Self> {
        let started = Instant::now();
        let emulator = Rc::new(Emulator::start(tree, programs)?);
        let mut host = Shell::connect("host", &emulator)?;
        let mut guest = Shell::connect("guest", &emulator)?;
        emulator.log("guest-console")?;
        host.wait(HOST_LIMIT)?;
        emulator.booted();
        eprintln!("lab: the nested host is up ({:.1} s)", started.elapsed().as_secs_f64());
        host.run(&guest_command())?;
        host.run("lab relay /run/guest.sock /dev/ports/guest >/run/relay.log 2>&1 &")?;
        if let Err(error) = guest.wait(GUEST_LIMIT) {
            let said = host.run("tail -n 15 /run/qemu.log /run/relay.log").unwrap_or_default();
            return Err(Error::new(format!("{error}\n--- in the host:\n{said}")));
        }
        eprintln!("lab: the guest is up ({:.1} s)", started.elapsed().as_secs_f64());
        Ok(Self { host, guest, emulator })
    }

    /// Whether the machines have ended by themselves.
    pub(crate) fn ended(&self) -> bool {
        self.emulator.ended().is_some()
    }
}

/// The command that starts the guest on the host.
///
/// `ioeventfd=off`: after a pause QEMU makes an event file for each queue before the CPU goes on, while the
/// guest's counter goes on already; emulated, that takes up to 60 ms.
fn guest_command() -> String {
    format!(
        "qemu-system-x86_64 -accel kvm -M microvm,x-option-roms=off,rtc=on -bios qboot.rom -cpu host -m 512 -nodefaults \
         -no-user-config -display none -no-reboot -L /usr/share/qemu -serial file:/dev/ports/guest-console \
         -pidfile /run/qemu.pid -monitor unix:/run/monitor.sock,server=on,wait=off \
         -chardev socket,id=guest,path=/run/guest.sock,server=on,wait=off \
         -global virtio-mmio.ioeventfd=off -device virtio-serial-device -device virtserialport,chardev=guest,name=guest \
         -kernel /guest/vmlinuz -initrd /guest/initrd -append '{GUEST_COMMAND_LINE}' >/run/qemu.log 2>&1 &"
    )
}
