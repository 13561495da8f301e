//! Where a module is, without loading it.

use std::fs;
use std::path::{Path, PathBuf};

use super::find::{Tree, forbidden_by};
use crate::inside::inside;

/// Where a module is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Loaded, as a module.
    Loaded,
    /// Within the kernel.
    BuiltIn,
    /// It can be loaded: the file.
    Loadable(PathBuf),
    /// It is there, but the administrator doesn't want it loaded: the file that says so.
    Forbidden(PathBuf),
    /// This kernel's modules don't have it.
    Absent,
}

/// Where the module `name` of the kernel `release` is, in the tree under `root`.
#[must_use]
pub fn presence(root: &Path, release: &str, name: &str) -> Presence {
    if fs::read_to_string(root.join("proc/modules")).is_ok_and(|modules| super::lists(&modules, name)) {
        return Presence::Loaded;
    }
    let tree = Tree::new(root, release);
    if tree.is_built_in(name) {
        return Presence::BuiltIn;
    }
    let Some(file) = tree.files_for(name).and_then(|mut files| files.pop()) else { return Presence::Absent };
    match forbidden_by(root, name) {
        Some(forbids) => Presence::Forbidden(forbids),
        None => Presence::Loadable(file),
    }
}

/// Whether the modules of the kernel `release` are installed in the tree under `root`, whichever they are. Of a kernel
/// that comes from outside, as in most microVMs and containers, they aren't.
#[must_use]
pub fn are_installed(root: &Path, release: &str) -> bool {
    Tree::new(root, release).is_there()
}

/// Whether the modules of any kernel are installed: those of the one that runs aren't any more when it was updated.
#[must_use]
pub fn are_any_installed(root: &Path) -> bool {
    let entries = fs::read_dir(inside(root, Path::new("lib/modules"))).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().join("modules.dep")).any(|list| list.exists())
}

/// The kernel's release (`uname -r`), by the tree under `root`; in one that is no running machine's, that of its
/// only kernel.
#[must_use]
pub fn release(root: &Path) -> Option<String> {
    if let Ok(text) = fs::read_to_string(root.join("proc/sys/kernel/osrelease")) {
        return Some(text.trim().to_owned());
    }
    let entries = fs::read_dir(root.join("lib/modules")).ok()?;
    let mut kernels = entries.flatten().filter(|entry| entry.path().is_dir());
    let kernel = kernels.next()?.file_name().into_string().ok()?;
    kernels.next().is_none().then_some(kernel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_module_is_found_wherever_it_is() {
        let scratch = Scratch::new();
        let root = scratch.path();
        let here = |name: &str| presence(root, "6.1", name);
        assert_eq!(here("ptp_kvm"), Presence::Absent);
        assert!(!are_installed(root, "6.1"));
        let file = scratch.file("lib/modules/6.1/kernel/drivers/ptp/ptp_kvm.ko", "");
        assert_eq!(here("ptp_kvm"), Presence::Loadable(file));
        assert!(are_installed(root, "6.1"));
        let forbids = scratch.file("etc/modprobe.d/no.conf", "blacklist ptp_kvm\n");
        assert_eq!(here("ptp_kvm"), Presence::Forbidden(forbids));
        scratch.file("proc/modules", "ptp_kvm 12288 0 - Live 0x0\n");
        assert_eq!(here("ptp_kvm"), Presence::Loaded);
        scratch.file("lib/modules/6.1/modules.builtin", "kernel/drivers/ptp/ptp_vmclock.ko\n");
        assert_eq!(here("ptp_vmclock"), Presence::BuiltIn);
    }

    #[test]
    fn an_image_with_one_kernel_says_which() {
        let scratch = Scratch::new();
        assert_eq!(release(scratch.path()), None);
        assert!(!are_any_installed(scratch.path()));
        scratch.file("lib/modules/6.1/modules.dep", "");
        assert!(are_any_installed(scratch.path()));
        assert_eq!(release(scratch.path()).as_deref(), Some("6.1"));
        scratch.file("lib/modules/6.2/modules.dep", "");
        assert_eq!(release(scratch.path()), None);
        scratch.file("proc/sys/kernel/osrelease", "6.3\n");
        assert_eq!(release(scratch.path()).as_deref(), Some("6.3"));
    }
}
