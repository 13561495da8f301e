//! Loading a kernel module: `ptp_kvm` has no alias that would load it by itself.
//!
//! The kernel is asked directly, so that a machine without module tools will do; only a compressed
//! module that the kernel can't unpack goes to `modprobe`. What the administrator has forbidden in
//! modprobe.d is not loaded.
#![allow(unsafe_code, reason = "finit_module(2)")]

mod find;
mod modinfo;
mod presence;
mod tool;

use std::ffi::CStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::errno::Errno;
use find::Tree;
pub use presence::{Presence, are_any_installed, are_installed, presence, release};

/// What came of the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was there before, as a module or within the kernel.
    Already,
    /// It is there now.
    Loaded,
    /// The process lacks `CAP_SYS_MODULE`, or the kernel's lockdown forbids it.
    NotPermitted,
    /// This machine has no such module, which is usual in containers and small images.
    NotFound,
    /// The administrator doesn't want it: the file that says so.
    Forbidden(PathBuf),
    /// The module is there, but it doesn't want to work here: why, in words. For `ptp_kvm` it means
    /// that this isn't a KVM guest, or that the host doesn't offer its clock.
    Refused(String),
}

/// Makes sure that the module `name` is loaded, with what it depends on.
#[must_use]
pub fn load(name: &str) -> Outcome {
    let root = Path::new("/");
    if is_loaded(name) {
        return Outcome::Already;
    }
    let Some(release) = release(root) else { return Outcome::NotFound };
    let tree = Tree::new(root, &release);
    if tree.is_built_in(name) {
        return Outcome::Already;
    }
    if let Some(file) = find::forbidden_by(root, name) {
        return Outcome::Forbidden(file);
    }
    let Some(files) = tree.files_for(name) else { return Outcome::NotFound };
    for file in &files {
        let opened = match File::open(file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Outcome::NotFound,
            Err(error) => return refused(file, Errno::of(&error)),
        };
        match insert(&opened, is_compressed(file)) {
            Ok(()) | Err(Errno(libc::EEXIST)) => {}
            Err(Errno(libc::EPERM | libc::EACCES)) => return Outcome::NotPermitted,
            // Kernels before 5.17 don't know the flag, later ones may be built without unpacking, or
            // for another format.
            Err(errno) if is_compressed(file) => {
                return tool::modprobe(name).unwrap_or_else(|| refused(file, errno));
            }
            Err(errno) => return refused(file, errno),
        }
    }
    Outcome::Loaded
}

fn refused(file: &Path, errno: Errno) -> Outcome {
    let file = file.display();
    Outcome::Refused(match errno.0 {
        libc::ENOENT => format!("loading {file}: a module that it depends on is missing"),
        libc::ENOEXEC => format!("loading {file}: it was built for another kernel, or isn't signed"),
        _ => format!("loading {file}: {errno}"),
    })
}

/// Whether `/proc/modules` has it. A module within the kernel isn't there.
fn is_loaded(name: &str) -> bool {
    fs::read_to_string("/proc/modules").is_ok_and(|modules| lists(&modules, name))
}

/// The first word of each line is a module's name, and the fifth its state: a module that is still
/// coming or already going isn't loaded.
fn lists(modules: &str, name: &str) -> bool {
    let live = |line: &str| {
        let mut words = line.split_whitespace();
        words.next().is_some_and(|word| find::same_name(word, name)) && words.nth(3) == Some("Live")
    };
    modules.lines().any(live)
}

fn is_compressed(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension != "ko")
}

fn insert(file: &File, compressed: bool) -> Result<(), Errno> {
    /// `MODULE_INIT_COMPRESSED_FILE`, include/uapi/linux/module.h, Linux 5.17.
    const COMPRESSED_FILE: libc::c_int = 4;
    const NO_PARAMETERS: &CStr = c"";
    let flags = if compressed { COMPRESSED_FILE } else { 0 };
    // SAFETY: the kernel reads the parameters as a string with a zero byte at its end, which a CStr
    // is, and the module from the descriptor, which is open until the call has returned.
    let done =
        unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), NO_PARAMETERS.as_ptr(), flags) };
    if done < 0 { Err(Errno::last()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_live_module_is_loaded() {
        let modules = "ptp_kvm 12288 0 - Live 0xffffffffc0000000\n\
            ptp 40960 1 ptp_kvm, Live 0xffffffffc0000000\n\
            virtio_net 90112 0 - Loading 0xffffffffc0000000 (E)\n";
        assert!(lists(modules, "ptp_kvm"));
        assert!(lists(modules, "ptp-kvm"));
        assert!(lists(modules, "ptp"));
        assert!(!lists(modules, "virtio_net"));
        assert!(!lists(modules, "kvm"));
        assert!(!lists("", "ptp_kvm"));
    }

    #[test]
    fn compression_is_told_by_the_name() {
        assert!(!is_compressed(Path::new("/lib/modules/6.1/ptp_kvm.ko")));
        assert!(is_compressed(Path::new("/lib/modules/6.1/ptp_kvm.ko.xz")));
    }

    #[test]
    fn a_module_that_no_machine_has_is_not_found() {
        assert_eq!(load("hostclock_no_such_module"), Outcome::NotFound);
    }
}
