//! The lab's two machines. QEMU emulates an AMD CPU with SVM in software and boots a kernel on it,
//! the **host**; its kvm-amd boots a second kernel, the **guest**, where the real `ptp_kvm` makes
//! real hypercalls. Dropping a [`Lab`] ends both.

mod cpio;
mod image;
mod shell;

use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

pub(crate) use shell::Shell;

use crate::error::{Context, Error, Result};
use crate::fetch::Tree;
use crate::programs::Programs;

const HOST_LIMIT: Duration = Duration::from_secs(90);
const GUEST_LIMIT: Duration = Duration::from_secs(90);
/// The host must run on its TSC, or KVM refuses the clock pairing (EOPNOTSUPP).
const HOST_COMMAND_LINE: &str = "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable clocksource=tsc";
///
/// `norandmaps`: the emulator translates code anew for each address that it is seen at, which would be
/// 50 ms for each start of a position-independent program. Real machines don't.
const GUEST_COMMAND_LINE: &str = "console=ttyS0 quiet panic=-1 noxsave norandmaps mitigations=off";
/// Where a lab keeps its sockets and consoles, in the directory for temporary files: this and its
/// process number.
const DIRECTORY: &str = "hostclock-lab.";
const HOST_IMAGE: &str = "host.cpio";
/// The ports between the lab and the machines.
const PORTS: [&str; 3] = ["host", "guest", "guest-console"];

/// A nested host with a guest in it, both up.
pub(crate) struct Lab {
    /// The nested host's shell.
    pub(crate) host: Shell,
    /// The guest's shell.
    pub(crate) guest: Shell,
    #[expect(dead_code, reason = "kept for its Drop, which ends the machines")]
    emulator: Emulator,
}

impl Lab {
    /// Boots both machines.
    pub(crate) fn boot(tree: &Tree, programs: &Programs) -> Result<Self> {
        let started = Instant::now();
        let emulator = Emulator::start(tree, programs)?;
        let mut host = Shell::connect("host", &emulator.socket("host"))?;
        let mut guest = Shell::connect("guest", &emulator.socket("guest"))?;
        emulator.log("guest-console")?;
        emulator.wait_for(&mut host, HOST_LIMIT)?;
        // It is in the machine's memory now.
        let _ = fs::remove_file(emulator.directory.join(HOST_IMAGE));
        eprintln!("lab: the nested host is up ({:.1} s)", started.elapsed().as_secs_f64());
        host.run(&guest_command())?;
        host.run("lab relay /run/guest.sock /dev/ports/guest >/run/relay.log 2>&1 &")?;
        if let Err(error) = emulator.wait_for(&mut guest, GUEST_LIMIT) {
            let said = host.run("tail -n 15 /run/qemu.log /run/relay.log").unwrap_or_default();
            return Err(Error::new(format!("{error}\n--- in the host:\n{said}")));
        }
        eprintln!("lab: the guest is up ({:.1} s)", started.elapsed().as_secs_f64());
        Ok(Self { host, guest, emulator })
    }
}

/// The command that starts the guest on the host.
fn guest_command() -> String {
    format!(
        "qemu-system-x86_64 -accel kvm -M microvm,x-option-roms=off,rtc=on -bios qboot.rom -cpu host -m 512 -nodefaults \
         -no-user-config -display none -no-reboot -L /usr/share/qemu -serial file:/dev/ports/guest-console \
         -monitor unix:/run/monitor.sock,server=on,wait=off \
         -chardev socket,id=guest,path=/run/guest.sock,server=on,wait=off \
         -device virtio-serial-device -device virtserialport,chardev=guest,name=guest \
         -kernel /guest/vmlinuz -initrd /guest/initrd -append '{GUEST_COMMAND_LINE}' >/run/qemu.log 2>&1 &"
    )
}

/// The emulator's process and its files.
struct Emulator {
    process: RefCell<Child>,
    directory: PathBuf,
}

impl Emulator {
    fn start(tree: &Tree, programs: &Programs) -> Result<Self> {
        remove_leftovers();
        let directory = std::env::temp_dir().join(format!("{DIRECTORY}{}", std::process::id()));
        fs::create_dir_all(&directory).context(|| format!("making {}", directory.display()))?;
        let image = directory.join(HOST_IMAGE);
        let content = image::host(tree, programs, &image::guest(tree, programs)?)?;
        fs::write(&image, content).context(|| format!("writing {}", image.display()))?;
        let log = File::create(directory.join("qemu.log")).context(|| "making the emulator's log".into())?;
        let mut command = tree.command(&tree.find(&["usr/bin/qemu-system-x86_64"])?);
        for directory in ["usr/share/qemu", "usr/share/seabios"] {
            command.arg("-L").arg(tree.find(&[directory])?);
        }
        command.args(["-accel", "tcg,thread=multi", "-M", "q35", "-cpu", "max,+svm,+npt", "-smp", "2"]);
        command.args(["-m", "2048", "-display", "none", "-nodefaults", "-no-user-config", "-no-reboot"]);
        command.arg("-serial").arg(format!("file:{}", directory.join("host-console.log").display()));
        command.args(["-device", "virtio-serial-pci"]);
        for port in PORTS {
            let socket = directory.join(port);
            command
                .arg("-chardev")
                .arg(format!("socket,id={port},path={},server=on,wait=off", socket.display()));
            command.arg("-device").arg(format!("virtserialport,chardev={port},name={port}"));
        }
        command
            .arg("-kernel")
            .arg(tree.kernel()?)
            .arg("-initrd")
            .arg(&image)
            .args(["-append", HOST_COMMAND_LINE]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = command.spawn().context(|| "starting setpriv (package util-linux) with QEMU".into())?;
        let emulator = Self { process: RefCell::new(process), directory };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !PORTS.iter().all(|port| emulator.socket(port).exists()) {
            if let Some(reason) = emulator.ended() {
                return Err(emulator.failed(&Error::new(reason)));
            }
            if Instant::now() > deadline {
                return Err(emulator.failed(&Error::new("QEMU opened no sockets in 20 s")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(emulator)
    }

    fn socket(&self, port: &str) -> PathBuf {
        self.directory.join(port)
    }

    /// Writes what comes from `port` to a file, for as long as the emulator lives.
    fn log(&self, port: &str) -> Result<()> {
        let mut from = UnixStream::connect(self.socket(port)).context(|| format!("connecting to {port}"))?;
        let path = self.directory.join(format!("{port}.log"));
        let mut to = File::create(&path).context(|| format!("making {}", path.display()))?;
        std::thread::spawn(move || io::copy(&mut from, &mut to));
        Ok(())
    }

    /// Waits until `shell` answers.
    fn wait_for(&self, shell: &mut Shell, limit: Duration) -> Result<()> {
        let stop = || self.ended().or_else(|| self.panicked());
        shell.attempt(limit, "true", &stop).map(drop).map_err(|error| self.failed(&error))
    }

    fn ended(&self) -> Option<String> {
        let status = self.process.borrow_mut().try_wait().ok().flatten()?;
        Some(format!("QEMU ended ({status})"))
    }

    fn panicked(&self) -> Option<String> {
        let logs = ["host-console.log", "guest-console.log"];
        logs.iter()
            .find(|log| last_lines(&self.directory.join(log), 100).contains("Kernel panic"))
            .map(|log| format!("kernel panic ({log})"))
    }

    /// The error of a boot that failed, with the last lines of all that was written.
    fn failed(&self, error: &Error) -> Error {
        let mut text = format!("the boot failed: {error}");
        for log in ["qemu.log", "host-console.log", "guest-console.log"] {
            let lines = last_lines(&self.directory.join(log), 15);
            if !lines.trim().is_empty() {
                text.push_str(&format!("\n--- the end of {log}:\n{lines}"));
            }
        }
        Error::new(text)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let mut process = self.process.borrow_mut();
        let _ = process.kill();
        let _ = process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Removes what labs left behind that were killed.
fn remove_leftovers() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(DIRECTORY)?.parse::<u32>().ok());
        if number.is_some_and(|number| !Path::new(&format!("/proc/{number}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn last_lines(path: &Path, count: usize) -> String {
    let content = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
}
