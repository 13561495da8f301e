//! The two initial RAM disks: the guest's, with the daemons in it, and the nested host's, with QEMU
//! and the guest's image in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::Parts;
use super::cpio::Archive;
use crate::daemon;
use crate::error::{Context, Result};
use crate::fetch::Tree;

/// Modules of the nested host, besides those that they need.
const HOST_MODULES: [&str; 5] = ["kvm", "kvm_amd", "virtio_pci", "virtio_console", "virtio_blk"];
/// Modules that the guest's init loads, besides those that they need.
const GUEST_MODULES: [&str; 4] = ["virtio_mmio", "virtio_console", "ptp_kvm", "fuse"];
const NEWER_GUEST_MODULES: [&str; 4] = ["virtio_pci", "virtio_console", "ptp_kvm", "ptp_vmclock"];
/// Only what it takes to find the disk; the rest is for udev to load.
const INSTALLED_GUEST_MODULES: [&str; 4] = ["virtio_mmio", "virtio_blk", "ext4", "virtio_console"];

/// The guest's image.
pub(super) fn guest(parts: &Parts) -> Result<Vec<u8>> {
    let (tree, programs) = (parts.guest(), &parts.programs);
    if !parts.disks.is_empty() {
        let mut image = Image::new(tree, include_str!("../init/installed.sh"))?;
        image.modules(&INSTALLED_GUEST_MODULES)?;
        return Ok(image.finish());
    }
    let mut image = Image::new(tree, include_str!("../init/guest.sh"))?;
    image.modules(if parts.newer.is_some() { &NEWER_GUEST_MODULES } else { &GUEST_MODULES })?;
    image.archive.program("bin/lab", &read(&programs.guest)?);
    if let Some(hostclock) = &programs.hostclock {
        image.archive.program("bin/hostclock", &read(hostclock)?);
    }
    image.dynamic("usr/sbin/chronyd", &tree.find(&["usr/sbin/chronyd"])?)?;
    image.dynamic("usr/sbin/phc2sys", &tree.find(&["usr/sbin/phc2sys"])?)?;
    image.archive.directory("var/lib/chrony");
    let rival = (daemon::RIVAL, daemon::rival_configuration());
    let configured = daemon::ALL.iter().filter_map(|daemon| Some((daemon.name, daemon.configuration()?)));
    for (name, configuration) in configured.chain([rival]) {
        image.archive.file(&format!("etc/{name}.conf"), configuration.as_bytes());
    }
    Ok(image.finish())
}

/// The nested host's image, which carries the guest's and its hypervisor.
pub(super) fn host(parts: &Parts, guest: &[u8]) -> Result<Vec<u8>> {
    let mut image = Image::new(&parts.host, include_str!("../init/host.sh"))?;
    image.modules(&HOST_MODULES)?;
    image.archive.program("bin/lab", &read(&parts.programs.guest)?);
    image.tree = parts.guest();
    image.dynamic("usr/bin/qemu-system-x86_64", &image.tree.find(&["usr/bin/qemu-system-x86_64"])?)?;
    for directory in ["usr/share/seabios", "usr/share/qemu"] {
        image.firmware(&image.tree.find(&[directory])?)?;
    }
    image.archive.file("guest/vmlinuz", &read(&image.tree.kernel()?)?);
    image.archive.file("guest/initrd", guest);
    Ok(image.finish())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).context(|| format!("reading {}", path.display()))
}

struct Image<'a> {
    tree: &'a Tree,
    archive: Archive,
    libraries: BTreeMap<String, PathBuf>,
}

impl<'a> Image<'a> {
    fn new(tree: &'a Tree, init: &str) -> Result<Self> {
        let mut archive = Archive::default();
        archive.console();
        archive.program("init", init.as_bytes());
        archive.program("bin/busybox", &read(&tree.find(&["bin/busybox", "usr/bin/busybox"])?)?);
        archive.program("bin/link-ports", include_bytes!("../init/link-ports.sh"));
        archive.file("etc/passwd", b"root:x:0:0:root:/:/bin/sh\n");
        archive.file("etc/group", b"root:x:0:\n");
        Ok(Self { tree, archive, libraries: BTreeMap::new() })
    }

    fn modules(&mut self, names: &[&str]) -> Result<()> {
        let modules = self.tree.modules()?.with_dependencies(names)?;
        let mut order = String::new();
        for (name, content) in modules {
            self.archive.file(&format!("modules/{name}.ko"), &content);
            order.push_str(&name);
            order.push('\n');
        }
        self.archive.file("modules/order", order.as_bytes());
        Ok(())
    }

    /// Adds a program and remembers the libraries that it loads.
    fn dynamic(&mut self, path: &str, program: &Path) -> Result<()> {
        self.archive.program(path, &read(program)?);
        self.libraries.extend(self.tree.libraries(program)?);
        Ok(())
    }

    fn firmware(&mut self, directory: &Path) -> Result<()> {
        let entries = fs::read_dir(directory).context(|| format!("reading {}", directory.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if path.is_file() && [".bin", ".rom"].iter().any(|end| name.ends_with(end)) {
                self.archive.file(&format!("usr/share/qemu/{name}"), &read(&path)?);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Vec<u8> {
        for (name, path) in &self.libraries {
            if let Ok(content) = fs::read(path) {
                self.archive.program(&format!("lib/x86_64-linux-gnu/{name}"), &content);
            }
        }
        if !self.libraries.is_empty() {
            let loader = "ld-linux-x86-64.so.2";
            self.archive.symlink(&format!("lib64/{loader}"), &format!("/lib/x86_64-linux-gnu/{loader}"));
        }
        self.archive.finish()
    }
}
