//! Where a module's files are, and whether the administrator forbids it.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use super::modinfo::dependencies;
use crate::inside::inside;

/// No module tree is deeper or has more directories; a link that goes round must not be followed for
/// ever.
const MOST_DIRECTORIES: usize = 4_000;

/// No chain of dependencies is longer; one that goes round must not be followed for ever.
const DEEPEST: usize = 4;

/// Where the modules of all kernels are: everywhere, and on NixOS, whose `modprobe` looks there (`MODULE_DIR`; of the
/// two the first is the running kernel's).
const PLACES: [&str; 3] = [
    "lib/modules",
    "run/booted-system/kernel-modules/lib/modules",
    "run/current-system/kernel-modules/lib/modules",
];

/// The modules of one kernel.
pub(super) struct Tree {
    /// `/lib/modules/<release>`.
    directory: PathBuf,
    /// `/lib/modules`, where small images may put a module without a release.
    above: PathBuf,
}

impl Tree {
    pub(super) fn new(root: &Path, release: &str) -> Self {
        let all = PLACES.map(|place| inside(root, Path::new(place)));
        let above = all.iter().find(|place| place.join(release).is_dir()).cloned();
        let above = above.unwrap_or_else(|| root.join("lib/modules"));
        Self { directory: above.join(release), above }
    }

    /// Whether this kernel's modules are installed at all.
    pub(super) fn is_there(&self) -> bool {
        self.directory.is_dir()
    }

    /// Whether the kernel has `name` within itself.
    pub(super) fn is_built_in(&self, name: &str) -> bool {
        let list = fs::read_to_string(self.directory.join("modules.builtin"));
        list.is_ok_and(|list| list.lines().any(|line| is_module(Path::new(line.trim()), name)))
    }

    /// The files to load for `name`, in the order in which to load them.
    pub(super) fn files_for(&self, name: &str) -> Option<Vec<PathBuf>> {
        let list = fs::read_to_string(self.directory.join("modules.dep")).unwrap_or_default();
        if let Some(files) = with_dependencies(&list, name) {
            return Some(files.iter().map(|file| self.directory.join(file)).collect());
        }
        let mut files = Vec::new();
        self.add(name, &mut files, 0);
        // A file that is needed but isn't there may be within the kernel; the module itself is not.
        files.last().is_some_and(|file: &PathBuf| is_module(file, name)).then_some(files)
    }

    /// Adds the files for `name`, the ones that it depends on first.
    fn add(&self, name: &str, files: &mut Vec<PathBuf>, depth: usize) {
        let Some(file) = self.search(name) else { return };
        if depth < DEEPEST && file.extension().is_some_and(|extension| extension == "ko") {
            for dependency in fs::read(&file).map(|image| dependencies(&image)).unwrap_or_default() {
                self.add(&dependency, files, depth + 1);
            }
        }
        if !files.contains(&file) {
            files.push(file);
        }
    }

    /// Looks through the files themselves, for a tree that `depmod` hasn't seen.
    fn search(&self, name: &str) -> Option<PathBuf> {
        let mut waiting = VecDeque::from([self.directory.clone()]);
        let mut seen = 0;
        while let Some(directory) = waiting.pop_front() {
            seen += 1;
            if seen > MOST_DIRECTORIES {
                break;
            }
            if let Some(file) = within(&directory, name, Some(&mut waiting)) {
                return Some(file);
            }
        }
        within(&self.above, name, None)
    }
}

/// The file of the module in `directory`; its directories are added to `deeper`.
fn within(directory: &Path, name: &str, mut deeper: Option<&mut VecDeque<PathBuf>>) -> Option<PathBuf> {
    for entry in fs::read_dir(directory).ok()?.flatten() {
        // Of the entry itself: links such as `build` lead out of the tree.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            if let Some(deeper) = deeper.as_deref_mut() {
                deeper.push_back(entry.path());
            }
        } else if is_module(&entry.path(), name) {
            return Some(entry.path());
        }
    }
    None
}

/// What `modules.dep` says: `file: dependency dependency …`, each after the ones that need it, all
/// relative to the tree. The result is in the order of loading.
fn with_dependencies<'a>(list: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let (file, dependencies) = list
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(file, _)| is_module(Path::new(file.trim()), name))?;
    Some(dependencies.split_whitespace().rev().chain([file.trim()]).collect())
}

/// Whether `file` is the module `name`, compressed or not.
fn is_module(file: &Path, name: &str) -> bool {
    let Some(file) = file.file_name().and_then(|file| file.to_str()) else { return false };
    let Some((stem, extension)) = file.split_once('.') else { return false };
    matches!(extension, "ko" | "ko.xz" | "ko.zst" | "ko.gz") && same_name(stem, name)
}

/// Module names don't tell `-` from `_`.
pub(super) fn same_name(a: &str, b: &str) -> bool {
    let normal = |c: u8| if c == b'-' { b'_' } else { c };
    a.bytes().map(normal).eq(b.bytes().map(normal))
}

/// The file that forbids to load the module without being told: a blacklist, or an `install` command
/// in its stead.
pub(super) fn forbidden_by(root: &Path, name: &str) -> Option<PathBuf> {
    let cmdline = root.join("proc/cmdline");
    if fs::read_to_string(&cmdline).is_ok_and(|line| command_line_forbids(&line, name)) {
        return Some(cmdline);
    }
    for directory in ["etc/modprobe.d", "run/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d"] {
        let Ok(entries) = fs::read_dir(root.join(directory)) else { continue };
        for file in entries.flatten().map(|entry| entry.path()) {
            if file.extension().is_some_and(|extension| extension == "conf")
                && fs::read_to_string(&file).is_ok_and(|text| configuration_forbids(&text, name))
            {
                return Some(file);
            }
        }
    }
    None
}

fn configuration_forbids(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let mut words = line.split_whitespace();
        matches!(words.next(), Some("blacklist" | "install"))
            && words.next().is_some_and(|word| same_name(word, name))
    })
}

fn command_line_forbids(line: &str, name: &str) -> bool {
    line.split_whitespace().any(|word| match word.split_once('=') {
        Some(("module_blacklist" | "modprobe.blacklist", names)) => {
            names.split(',').any(|listed| same_name(listed, name))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    const LIST: &str = "\
kernel/drivers/net/ptp_kvm_like.ko.xz:
kernel/drivers/ptp/ptp_kvm.ko.xz: kernel/drivers/ptp/ptp.ko.xz kernel/drivers/pps/pps_core.ko.xz
kernel/drivers/ptp/ptp.ko.xz: kernel/drivers/pps/pps_core.ko.xz
";

    #[test]
    fn what_a_module_depends_on_is_loaded_before_it() {
        let files = with_dependencies(LIST, "ptp_kvm").expect("listed");
        let want = ["pps/pps_core.ko.xz", "ptp/ptp.ko.xz", "ptp/ptp_kvm.ko.xz"];
        assert_eq!(files, want.map(|file| format!("kernel/drivers/{file}")));
        assert_eq!(with_dependencies(LIST, "pps_core"), None);
        assert_eq!(with_dependencies("", "ptp_kvm"), None);
        assert_eq!(with_dependencies("nonsense\n:\n: :\n", "ptp_kvm"), None);
    }

    #[test]
    fn a_module_is_known_by_its_whole_name_in_either_spelling() {
        assert!(is_module(Path::new("a/ptp-kvm.ko.zst"), "ptp_kvm"));
        assert!(is_module(Path::new("ptp_kvm.ko"), "ptp-kvm"));
        assert!(!is_module(Path::new("ptp_kvm.ko.bak"), "ptp_kvm"));
        assert!(!is_module(Path::new("xptp_kvm.ko"), "ptp_kvm"));
        assert!(!is_module(Path::new(".."), ""));
    }

    #[test]
    fn a_tree_with_a_list_gives_full_paths() {
        let scratch = Scratch::new();
        scratch.file("lib/modules/6.1/modules.dep", LIST);
        let files = Tree::new(scratch.path(), "6.1").files_for("ptp_kvm").expect("found");
        let last = scratch.path().join("lib/modules/6.1/kernel/drivers/ptp/ptp_kvm.ko.xz");
        assert_eq!(files.last(), Some(&last));
        assert_eq!(files.len(), 3);
    }

    #[test]
    fn nixos_has_its_modules_in_the_system_that_was_booted() {
        let scratch = Scratch::new();
        let (root, kernel) = (scratch.path(), "nix/store/aaaa-kernel-modules");
        scratch
            .file(&format!("{kernel}/lib/modules/6.12/modules.dep"), "kernel/drivers/ptp/ptp_kvm.ko.xz:\n");
        scratch.file("nix/store/bbbb-nixos-system/init", "");
        scratch.file("run/x", "");
        let link =
            |target: &str, path: &str| std::os::unix::fs::symlink(target, root.join(path)).expect("a link");
        assert!(!Tree::new(root, "6.12").is_there());
        link("/nix/store/bbbb-nixos-system", "run/booted-system");
        link("/nix/store/aaaa-kernel-modules", "nix/store/bbbb-nixos-system/kernel-modules");
        let tree = Tree::new(root, "6.12");
        let file = root.join(kernel).join("lib/modules/6.12/kernel/drivers/ptp/ptp_kvm.ko.xz");
        assert_eq!((tree.is_there(), tree.files_for("ptp_kvm")), (true, Some(vec![file])));
    }

    #[test]
    fn a_tree_without_a_list_is_searched_and_then_the_place_above_it() {
        let scratch = Scratch::new();
        let tree = Tree::new(scratch.path(), "6.1");
        assert_eq!(tree.files_for("ptp_kvm"), None);
        let plain = scratch.file("lib/modules/ptp_kvm.ko", "");
        assert_eq!(tree.files_for("ptp_kvm"), Some(vec![plain]));
        let deep = scratch.file("lib/modules/6.1/kernel/drivers/ptp/ptp_kvm.ko", "");
        std::os::unix::fs::symlink("/", scratch.path().join("lib/modules/6.1/build")).expect("a link");
        assert_eq!(tree.files_for("ptp_kvm"), Some(vec![deep]));
    }

    #[test]
    fn without_a_list_a_plain_module_is_asked_what_it_depends_on() {
        let scratch = Scratch::new();
        let tree = Tree::new(scratch.path(), "6.1");
        let kvm = scratch.file("lib/modules/6.1/ptp_kvm.ko", "x\0depends=ptp,builtin\0");
        assert_eq!(tree.files_for("ptp_kvm"), Some(vec![kvm.clone()]));
        let ptp = scratch.file("lib/modules/6.1/ptp.ko", "x\0depends=ptp\0");
        assert_eq!(tree.files_for("ptp_kvm"), Some(vec![ptp, kvm]), "and a circle ends");
    }

    #[test]
    fn a_module_within_the_kernel_is_recognised() {
        let scratch = Scratch::new();
        scratch.file("lib/modules/6.1/modules.builtin", "kernel/drivers/ptp/ptp_kvm.ko\n");
        let tree = Tree::new(scratch.path(), "6.1");
        assert!(tree.is_built_in("ptp_kvm"));
        assert!(!tree.is_built_in("ptp"));
    }

    #[test]
    fn the_administrators_word_counts() {
        let scratch = Scratch::new();
        assert_eq!(forbidden_by(scratch.path(), "ptp_kvm"), None);
        scratch.file("etc/modprobe.d/readme", "blacklist ptp_kvm\n");
        scratch.file("etc/modprobe.d/a.conf", "# blacklist ptp_kvm\noptions ptp_kvm x=1\n");
        assert_eq!(forbidden_by(scratch.path(), "ptp_kvm"), None);
        let file = scratch.file("etc/modprobe.d/b.conf", "install ptp-kvm /bin/false\n");
        assert_eq!(forbidden_by(scratch.path(), "ptp_kvm"), Some(file));
        assert_eq!(forbidden_by(scratch.path(), "ptp"), None);
        assert!(command_line_forbids("quiet module_blacklist=a,ptp_kvm ro", "ptp_kvm"));
        assert!(!command_line_forbids("quiet ptp_kvm ro=ptp_kvm", "ptp_kvm"));
    }
}
