//! The unpacked packages: where their files are, which libraries a program needs, and how to run a
//! program from there on this machine with those libraries instead of the machine's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Modules;
use crate::error::{Context, Error, Result, output_of};

const LIBRARY_DIRECTORIES: [&str; 2] = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];
const LOADER: &str = "ld-linux-x86-64.so.2";

/// The root of the unpacked packages.
pub(crate) struct Tree {
    root: PathBuf,
    loader: PathBuf,
    library_path: String,
}

impl Tree {
    /// The packages under `root`.
    pub(super) fn open(root: PathBuf) -> Result<Self> {
        let directories: Vec<PathBuf> =
            LIBRARY_DIRECTORIES.iter().map(|directory| root.join(directory)).collect();
        let loader = directories.iter().map(|directory| directory.join(LOADER)).find(|path| path.exists());
        let loader = loader.context(|| {
            format!("{} holds no {LOADER}: run `hostclock-lab prepare --refresh`", root.display())
        })?;
        let library_path =
            directories.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":");
        Ok(Self { root, loader, library_path })
    }

    /// The first of `candidates` (paths below the root) that exists.
    pub(crate) fn find(&self, candidates: &[&str]) -> Result<PathBuf> {
        candidates.iter().map(|path| self.root.join(path)).find(|path| path.exists()).ok_or_else(|| {
            Error::new(format!(
                "none of {} in {}: run `hostclock-lab prepare --refresh`",
                candidates.join(", "),
                self.root.display()
            ))
        })
    }

    /// A command that runs `program` (a path in the tree) with the tree's libraries.
    pub(crate) fn command(&self, program: &Path) -> Command {
        // The kernel kills the command when the lab ends in whatever way, so that no machine of the
        // lab outlives it.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(&self.loader).arg("--library-path").arg(&self.library_path);
        command.arg(program);
        command.env("QEMU_MODULE_DIR", self.root.join("usr/lib/x86_64-linux-gnu/qemu"));
        command
    }

    /// Every library that `program` loads, by file name, with the dynamic loader.
    pub(crate) fn libraries(&self, program: &Path) -> Result<BTreeMap<String, PathBuf>> {
        let listing = output_of(
            Command::new(&self.loader)
                .arg("--library-path")
                .arg(&self.library_path)
                .arg("--list")
                .arg(program),
        )?;
        let mut libraries = libraries(&String::from_utf8_lossy(&listing))
            .context(|| format!("{} misses a library", program.display()))?;
        libraries.insert(LOADER.to_owned(), self.loader.clone());
        Ok(libraries)
    }

    /// The newest kernel in the tree: `boot/vmlinuz-RELEASE`, or in Debian's newer packages
    /// `usr/lib/modules/RELEASE/vmlinuz`.
    pub(crate) fn kernel(&self) -> Result<PathBuf> {
        let in_boot = entries(&self.root.join("boot")).into_iter().filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"))
        });
        let beside_modules = entries(&self.root.join("usr/lib/modules"))
            .into_iter()
            .map(|release| release.join("vmlinuz"))
            .filter(|path| path.exists());
        in_boot.max().or_else(|| beside_modules.max()).context(|| {
            format!("no kernel in {}: run `hostclock-lab prepare --refresh`", self.root.display())
        })
    }

    /// The kernel's release, as `uname -r` gives it.
    pub(crate) fn release(&self) -> Result<String> {
        let kernel = self.kernel()?;
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let file = name(&kernel).unwrap_or_default();
        Ok(match file.strip_prefix("vmlinuz-") {
            Some(release) => release.to_owned(),
            None => kernel.parent().and_then(name).unwrap_or_default(),
        })
    }

    /// The kernel's modules.
    pub(crate) fn modules(&self) -> Result<Modules> {
        let release = self.release()?;
        let directory =
            self.find(&[&format!("lib/modules/{release}"), &format!("usr/lib/modules/{release}")])?;
        Modules::index(&directory, self.find(&["bin/busybox", "usr/bin/busybox"])?)
    }
}

/// What is in a directory; nothing where there is none.
fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

/// Reads the loader's `--list`: `libc.so.6 => /path/libc.so.6 (0x…)`.
fn libraries(listing: &str) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for line in listing.lines() {
        let Some((name, rest)) = line.trim().split_once(" => ") else { continue };
        let path = rest.split_once(" (").map_or(rest, |(path, _)| path);
        if path.contains("not found") {
            return Err(Error::new(name));
        }
        if !name.contains('/') {
            found.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_is_named() {
        let listing =
            "\tlinux-vdso.so.1 (0x1)\n\tlibm.so.6 => /x/libm.so.6 (0x2)\n\t/lib64/ld.so => /x/ld.so (0x3)\n";
        let found = libraries(listing).unwrap();
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("libm.so.6".to_owned(), PathBuf::from("/x/libm.so.6"))]
        );
        assert_eq!(libraries("\tliba.so => not found\n").unwrap_err().to_string(), "liba.so");
    }
}
