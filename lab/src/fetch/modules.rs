//! Kernel modules: where each one is, what it needs first, and its plain (uncompressed) content.
//! The packages carry no `modules.dep`, so what a module needs is read from the module itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result, output_of};

/// The modules of one kernel.
pub(crate) struct Modules {
    files: BTreeMap<String, PathBuf>,
    built_in: BTreeSet<String>,
    busybox: PathBuf,
}

impl Modules {
    /// Finds the modules below `directory` (`lib/modules/RELEASE`).
    pub(super) fn index(directory: &Path, busybox: PathBuf) -> Result<Self> {
        let mut files = BTreeMap::new();
        let mut waiting = vec![directory.to_path_buf()];
        while let Some(next) = waiting.pop() {
            for entry in fs::read_dir(&next).context(|| format!("reading {}", next.display()))?.flatten() {
                let path = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    waiting.push(path);
                } else if let Some(name) = module_name(&path) {
                    files.insert(name, path);
                }
            }
        }
        let list = fs::read_to_string(directory.join("modules.builtin")).unwrap_or_default();
        let built_in = list.lines().filter_map(|line| module_name(Path::new(line))).collect();
        Ok(Self { files, built_in, busybox })
    }

    /// `names` and all that they need, in the order in which they have to be loaded. What is built
    /// into the kernel is left out.
    pub(crate) fn with_dependencies(&self, names: &[&str]) -> Result<Vec<(String, Vec<u8>)>> {
        let mut loaded = Vec::new();
        for name in names {
            self.add(name, &mut loaded)?;
        }
        Ok(loaded)
    }

    fn add(&self, name: &str, loaded: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
        if self.built_in.contains(name) || loaded.iter().any(|(known, _)| known == name) {
            return Ok(());
        }
        let path = self.files.get(name).ok_or_else(|| {
            Error::new(format!("the kernel has no module {name}: run `hostclock-lab prepare --refresh`"))
        })?;
        let content = if path.extension().is_some_and(|extension| extension == "xz") {
            output_of(Command::new(&self.busybox).arg("xzcat").arg(path))?
        } else {
            fs::read(path).context(|| format!("reading {}", path.display()))?
        };
        for needed in dependencies(&content) {
            self.add(&needed, loaded)?;
        }
        loaded.push((name.to_owned(), content));
        Ok(())
    }
}

/// `kvm_amd` for `kernel/arch/x86/kvm/kvm-amd.ko.xz`.
fn module_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".ko").or_else(|| name.strip_suffix(".ko.xz"))?;
    Some(stem.replace('-', "_"))
}

/// What a module's `.modinfo` says that it depends on.
fn dependencies(content: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = content.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let value = content.get(at + KEY.len()..).unwrap_or_default();
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let value = String::from_utf8_lossy(value);
    value.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_known_by_its_kernel_name() {
        assert_eq!(module_name(Path::new("a/kvm-amd.ko")).as_deref(), Some("kvm_amd"));
        assert_eq!(module_name(Path::new("a/ptp_kvm.ko.xz")).as_deref(), Some("ptp_kvm"));
        assert_eq!(module_name(Path::new("a/modules.order")), None);
    }

    #[test]
    fn what_a_module_needs_is_read_from_it() {
        assert_eq!(
            dependencies(b"\x7fELF\0license=GPL\0depends=kvm,virtio-ring\0name=x\0"),
            ["kvm", "virtio_ring"]
        );
        assert!(dependencies(b"\0depends=\0").is_empty());
        assert!(dependencies(b"nothing").is_empty());
    }
}
