//! The process that emulates both machines, and the directory of its sockets and consoles.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{Parts, image};
use crate::error::{Context, Error, Result};

/// The host must run on its TSC, or KVM refuses the clock pairing (EOPNOTSUPP).
const COMMAND_LINE: &str = "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable clocksource=tsc";
/// With two CPUs, QEMU 7.2 and 10.0 lose the nested guest's second level of address translation now and then while
/// another CPU works for its disk: the guest dies of a triple fault, within a minute of reading files (docs/lab.md).
const CPUS_WITH_DISKS: &str = "1";
/// Where a lab keeps its sockets and consoles, in the directory for temporary files: this and its
/// process number.
const DIRECTORY: &str = "hostclock-lab.";
const HOST_IMAGE: &str = "host.cpio";
/// The ports between the lab and the machines.
const PORTS: [&str; 4] = ["host", "guest", "guest-console", "second"];

/// The emulator's process and its files.
pub(super) struct Emulator {
    process: RefCell<Child>,
    directory: PathBuf,
}

impl Emulator {
    /// Starts it.
    pub(super) fn start(parts: &Parts) -> Result<Self> {
        let tree = &parts.host;
        remove_leftovers();
        let directory = std::env::temp_dir().join(format!("{DIRECTORY}{}", std::process::id()));
        fs::create_dir_all(&directory).context(|| format!("making {}", directory.display()))?;
        let image = directory.join(HOST_IMAGE);
        let content = image::host(parts, &image::guest(parts)?)?;
        fs::write(&image, content).context(|| format!("writing {}", image.display()))?;
        let log = File::create(directory.join("qemu.log")).context(|| "making the emulator's log".into())?;
        let mut command = tree.command(&tree.find(&["usr/bin/qemu-system-x86_64"])?);
        for directory in ["usr/share/qemu", "usr/share/seabios"] {
            command.arg("-L").arg(tree.find(&[directory])?);
        }
        command.args(["-accel", "tcg,thread=multi", "-M", "q35", "-cpu", "max,+svm,+npt"]);
        command.args(["-smp", if parts.disks.is_empty() { "2" } else { CPUS_WITH_DISKS }]);
        // Saved states of guests are kept in memory.
        let memory = if parts.newer.is_some() { "3072" } else { "2048" };
        command.args(["-m", memory, "-display", "none", "-nodefaults", "-no-user-config", "-no-reboot"]);
        command.arg("-serial").arg(format!("file:{}", directory.join("host-console.log").display()));
        command.args(["-device", "virtio-serial-pci"]);
        for port in PORTS {
            let socket = directory.join(port);
            command
                .arg("-chardev")
                .arg(format!("socket,id={port},path={},server=on,wait=off", socket.display()));
            command.arg("-device").arg(format!("virtserialport,chardev={port},name={port}"));
        }
        for (number, disk) in parts.disks.iter().enumerate() {
            command.arg("-drive").arg(format!(
                "file={},if=none,id=disk{number},format=raw,snapshot=on,cache=unsafe",
                disk.display()
            ));
            command.args(["-device", &format!("virtio-blk-pci,drive=disk{number}")]);
        }
        command.arg("-kernel").arg(tree.kernel()?).arg("-initrd").arg(&image).args(["-append", COMMAND_LINE]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = command.spawn().context(|| "starting setpriv (package util-linux) with QEMU".into())?;
        let emulator = Self { process: RefCell::new(process), directory };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !PORTS.iter().all(|port| emulator.socket(port).exists()) {
            if let Some(reason) = emulator.ended() {
                return Err(emulator.failed(&reason));
            }
            if Instant::now() > deadline {
                return Err(emulator.failed("QEMU opened no sockets in 20 s"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(emulator)
    }

    /// Removes what is needed no longer once the host is up: its image is in its memory.
    pub(super) fn booted(&self) {
        let _ = fs::remove_file(self.directory.join(HOST_IMAGE));
    }

    fn socket(&self, port: &str) -> PathBuf {
        self.directory.join(port)
    }

    /// Connects to `port`.
    pub(super) fn connect(&self, port: &str) -> Result<UnixStream> {
        UnixStream::connect(self.socket(port)).context(|| format!("connecting to the port {port}"))
    }

    /// Writes what comes from `port` to a file, for as long as the emulator lives.
    pub(super) fn log(&self, port: &str) -> Result<()> {
        let mut from = self.connect(port)?;
        let path = self.directory.join(format!("{port}.log"));
        let mut to = File::create(&path).context(|| format!("making {}", path.display()))?;
        std::thread::spawn(move || io::copy(&mut from, &mut to));
        Ok(())
    }

    /// Why the machines can't go on, if they can't.
    pub(super) fn stopped(&self) -> Option<String> {
        self.ended().or_else(|| self.panicked())
    }

    /// Whether and how QEMU has ended.
    pub(super) fn ended(&self) -> Option<String> {
        let status = self.process.borrow_mut().try_wait().ok().flatten()?;
        Some(format!("QEMU ended ({status})"))
    }

    /// Waits for QEMU to end, where its ports say that it is about to.
    pub(super) fn await_end(&self) {
        let deadline = Instant::now() + Duration::from_secs(2);
        while self.ended().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn panicked(&self) -> Option<String> {
        let logs = ["host-console.log", "guest-console.log"];
        logs.iter()
            .find(|log| last_lines(&self.directory.join(log), 100).contains("Kernel panic"))
            .map(|log| format!("kernel panic ({log})"))
    }

    /// An error with the last lines of all that was written.
    pub(super) fn failed(&self, what: &str) -> Error {
        let mut text = what.to_owned();
        if let Some(reason) = self.stopped() {
            text.push_str(&format!(" ({reason})"));
        }
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
