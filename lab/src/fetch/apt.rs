//! Debian packages through the machine's own apt configuration, without its privileges: packages are
//! downloaded and unpacked, never installed. Where the machine's package lists are missing or stale,
//! the lab keeps lists of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::error::{Context, Result, output_of};

/// What the lab is made of.
const WANTED: [&str; 4] = ["qemu-system-x86", "busybox-static", "chrony", "linuxptp"];
/// The package that names the current kernel.
const KERNEL: &str = "linux-image-cloud-amd64";

/// Downloads everything into `cache` and unpacks it into `root`; gives the names of the packages.
pub(super) fn fetch(cache: &Path, root: &Path) -> Result<Vec<String>> {
    let mut apt = Apt::default();
    eprintln!("lab: resolving packages");
    let downloads = cache.join("debs");
    let get = |apt: &Apt| {
        let names = [apt.programs()?, apt.kernel()?].concat();
        apt.download(names, &downloads)
    };
    let packages = match get(&apt) {
        Ok(names) => names,
        Err(_) => {
            eprintln!("lab: the package lists are missing or stale; fetching lists for the lab alone");
            apt.update(&cache.join("apt"))?;
            get(&apt)?
        }
    };
    unpack(&downloads, root)?;
    Ok(packages)
}

/// apt-get and apt-cache, with the machine's sources unless told otherwise.
#[derive(Default)]
pub(super) struct Apt {
    /// Options beyond the machine's configuration.
    pub(super) options: Vec<String>,
}

impl Apt {
    fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        command.env("LC_ALL", "C.UTF-8").args(["-q", "-o", "APT::Sandbox::User=root"]);
        for option in &self.options {
            command.arg("-o").arg(option);
        }
        command
    }

    /// Fetches package lists into `directory` and uses them from now on.
    pub(super) fn update(&mut self, directory: &Path) -> Result<()> {
        for part in ["lists/partial", "cache/archives/partial"] {
            let path = directory.join(part);
            fs::create_dir_all(&path).context(|| format!("making {}", path.display()))?;
        }
        self.options.push(format!("Dir::State::lists={}/lists", directory.display()));
        self.options.push(format!("Dir::Cache={}/cache", directory.display()));
        // A third party's source that fails is no trouble: whether Debian's are there shows at once.
        let _ = output_of(self.command("apt-get").arg("update"));
        Ok(())
    }

    /// The names of the packages with programs and their libraries.
    pub(super) fn programs(&self) -> Result<Vec<String>> {
        let listing = output_of(
            self.command("apt-cache").args(["depends", "--recurse"]).args(ONLY_DEPENDS).args(WANTED),
        )?;
        Ok(needed(&String::from_utf8_lossy(&listing)))
    }

    /// The names of the packages with the kernel.
    pub(super) fn kernel(&self) -> Result<Vec<String>> {
        let kernel = kernel(&self.depends_of(KERNEL)?).context(|| {
            format!("apt knows no package {KERNEL}: the lab needs the sources of Debian 12 or newer, amd64")
        })?;
        let mut names = parts(&self.depends_of(&kernel)?);
        names.push(kernel);
        Ok(names)
    }

    fn depends_of(&self, package: &str) -> Result<String> {
        let listing = output_of(self.command("apt-cache").arg("depends").args(ONLY_DEPENDS).arg(package))?;
        Ok(String::from_utf8_lossy(&listing).into_owned())
    }

    /// Downloads the packages called `names`, and gives the names again.
    pub(super) fn download(&self, names: Vec<String>, into: &Path) -> Result<Vec<String>> {
        eprintln!("lab: downloading {} packages", names.len());
        fs::create_dir_all(into).context(|| format!("making {}", into.display()))?;
        output_of(self.command("apt-get").arg("download").args(&names).current_dir(into))?;
        Ok(names)
    }

    /// Where the machine gets Debian from.
    pub(super) fn mirror(&self) -> Result<String> {
        let listing = output_of(self.command("apt-get").args([
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Created-By: Packages",
        ]))?;
        mirror(&String::from_utf8_lossy(&listing))
            .context(|| "the machine's apt sources name no mirror of Debian".into())
    }
}

const ONLY_DEPENDS: [&str; 7] = [
    "--no-recommends",
    "--no-suggests",
    "--no-conflicts",
    "--no-breaks",
    "--no-replaces",
    "--no-enhances",
    "--no-pre-depends",
];

/// From `apt-cache depends --recurse`: the wanted packages, their data and their libraries. What
/// else they depend on serves their installation, which doesn't happen here.
fn needed(listing: &str) -> Vec<String> {
    let mut names: Vec<String> = listing
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_alphanumeric()) && !line.contains(':'))
        .filter(|name| {
            WANTED.contains(name)
                || ["lib", "qemu-system-", "seabios", "zlib1g"].iter().any(|start| name.starts_with(start))
        })
        .filter(|name| !name.starts_with("libperl"))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// From `apt-cache depends linux-image-cloud-amd64`: the package with the kernel itself.
fn kernel(listing: &str) -> Option<String> {
    let name = listing.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-image-"))?;
    Some(format!("linux-image-{}", name.trim()))
}

/// From `apt-cache depends` of a kernel's package: the packages that hold it where that one doesn't, as in
/// Debian's newer kernels.
fn parts(listing: &str) -> Vec<String> {
    let names = listing.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names
        .filter(|name| {
            name.starts_with("linux-binary-")
                || name.starts_with("linux-modules-")
                || name
                    .strip_prefix("linux-base-")
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
        .map(str::to_owned)
        .collect()
}

/// From the addresses of repositories: the first that is Debian itself, and not its security updates.
fn mirror(listing: &str) -> Option<String> {
    listing
        .lines()
        .map(str::trim)
        .find(|address| address.trim_end_matches('/').ends_with("/debian"))
        .map(str::to_owned)
}

/// Unpacks what is in `downloads`, and removes it.
pub(super) fn unpack(downloads: &Path, root: &Path) -> Result<()> {
    eprintln!("lab: unpacking");
    let files = fs::read_dir(downloads).context(|| format!("reading {}", downloads.display()))?;
    for file in files.flatten().map(|entry| entry.path()) {
        if file.extension().is_some_and(|extension| extension == "deb") {
            output_of(Command::new("dpkg-deb").arg("-x").arg(&file).arg(root))?;
        }
    }
    let _ = fs::remove_dir_all(downloads);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_programs_and_their_libraries_are_fetched() {
        let listing = "chrony\n  Depends: adduser\n |Depends: libc6\nadduser\nlibc6\nlibc6:i386\n<virtual>\nlibc6\nperl\nlibperl5.36\n";
        assert_eq!(needed(listing), ["chrony", "libc6"]);
    }

    #[test]
    fn the_kernel_is_the_one_that_the_metapackage_names() {
        let listing = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-40-cloud-amd64\n";
        assert_eq!(kernel(listing).as_deref(), Some("linux-image-6.1.0-40-cloud-amd64"));
        assert_eq!(kernel(""), None);
    }

    #[test]
    fn a_newer_kernel_comes_in_parts() {
        let listing = "linux-image-7.3\n  PreDepends: linux-base\n  Depends: linux-base-7.3\n |Depends: dracut\n  Depends: linux-binary-7.3\n  Depends: linux-modules-7.3\n  Depends: linux-base-cloud-amd64\n";
        assert_eq!(parts(listing), ["linux-base-7.3", "linux-binary-7.3", "linux-modules-7.3"]);
    }

    #[test]
    fn the_mirror_is_the_one_that_the_machine_uses() {
        let listing = "https://a.example/apt/\nhttp://b.example/debian-security/\nhttp://b.example/debian/\n";
        assert_eq!(mirror(listing).as_deref(), Some("http://b.example/debian/"));
        assert_eq!(mirror(""), None);
    }
}
