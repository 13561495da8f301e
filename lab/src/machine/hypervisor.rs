//! How the nested host runs a guest: the command that starts QEMU, and where it can be reached.

/// `norandmaps`: the emulator translates code anew for each address that it is seen at, which would be
/// 50 ms for each start of a position-independent program. Real machines don't.
const COMMAND_LINE: &str = "console=ttyS0 quiet panic=-1 noxsave norandmaps mitigations=off";

/// What kind of machine the guest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// QEMU's `microvm`: up in a moment.
    Micro,
    /// An ordinary PC (`q35`).
    Pc,
    /// As [`Platform::Micro`], with the nested host's disks.
    Installed,
    /// The same, and its kernel has SELinux enforce a policy.
    InstalledWithSelinux,
    /// One that is told when it has been restored: by `vmgenid` and `vmclock`. The latter carries no time.
    PcToldOfRestores,
}

/// Where a guest's hypervisor can be reached, in the nested host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The socket of the guest's port.
    pub(super) socket: &'static str,
    /// The port of the host that this goes on to.
    pub(super) port: &'static str,
    /// The socket of the monitor.
    pub(crate) monitor: &'static str,
    /// The file with the number of the process, which is there as long as the process is.
    pub(crate) pid: &'static str,
    /// Where the guest's console goes.
    console: &'static str,
}

/// Of the guest.
pub(crate) const FIRST: Place = Place {
    socket: "/run/guest.sock",
    port: "/dev/ports/guest",
    monitor: "/run/monitor.sock",
    pid: "/run/qemu.pid",
    console: "file:/dev/ports/guest-console",
};

/// Of a second guest, made from the saved state of the first.
pub(crate) const SECOND: Place = Place {
    socket: "/run/second.sock",
    port: "/dev/ports/second",
    monitor: "/run/second-monitor.sock",
    pid: "/run/second.pid",
    console: "null",
};

/// What a hypervisor begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// The guest boots.
    Boot,
    /// It waits for a saved state, and then for leave to go on.
    Wait,
}

/// The command that starts a hypervisor.
///
/// `ioeventfd=off`: after a pause QEMU makes an event file for each queue before the CPU goes on, while the
/// guest's counter goes on already; emulated, that takes up to 60 ms.
pub(super) fn command(platform: Platform, place: Place, beginning: Beginning) -> String {
    let (machine, port) = match platform {
        Platform::Micro => (
            "microvm,x-option-roms=off,rtc=on -bios qboot.rom -m 512",
            "-global virtio-mmio.ioeventfd=off -device virtio-serial-device",
        ),
        Platform::Installed | Platform::InstalledWithSelinux => (
            "microvm,x-option-roms=off,rtc=on -bios qboot.rom -m 512",
            "-global virtio-mmio.ioeventfd=off -device virtio-serial-device \
             -drive file=/dev/vda,if=none,id=system,format=raw,cache=unsafe -device virtio-blk-device,drive=system \
             -drive file=/dev/vdb,if=none,id=load,format=raw,readonly=on -device virtio-blk-device,drive=load",
        ),
        // Little memory, because all of it is saved.
        Platform::Pc => ("q35 -m 256", "-device virtio-serial-pci,ioeventfd=off"),
        Platform::PcToldOfRestores => (
            "q35 -m 256 -device vmclock -device vmgenid,guid=auto",
            "-device virtio-serial-pci,ioeventfd=off",
        ),
    };
    let security = match platform {
        Platform::InstalledWithSelinux => " security=selinux selinux=1 enforcing=1",
        _ => "",
    };
    let begin = match beginning {
        Beginning::Boot => "",
        Beginning::Wait => "-S -incoming defer",
    };
    let Place { socket, monitor, pid, console, .. } = place;
    format!(
        "qemu-system-x86_64 -accel kvm -M {machine} -cpu host -nodefaults -no-user-config -display none \
         -no-reboot -L /usr/share/qemu -serial {console} -pidfile {pid} \
         -monitor unix:{monitor},server=on,wait=off \
         -chardev socket,id=guest,path={socket},server=on,wait=off \
         {port} -device virtserialport,chardev=guest,name=guest {begin} \
         -kernel /guest/vmlinuz -initrd /guest/initrd -append '{COMMAND_LINE}{security}' >>/run/qemu.log 2>&1 &"
    )
}

/// The command that carries a guest's port on to the lab, whichever hypervisor there is.
pub(super) fn relay(place: Place) -> String {
    format!("lab relay {} {} >>/run/relay.log 2>&1 &", place.socket, place.port)
}
