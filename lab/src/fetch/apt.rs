//! Debian packages through the machine's own apt configuration, without its privileges: packages are
//! downloaded and unpacked, never installed. Where the machine's package lists are missing or stale,
//! the lab keeps lists of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result, output_of};

/// What the lab is made of.
const WANTED: [&str; 4] = ["qemu-system-x86", "busybox-static", "chrony", "linuxptp"];
/// The package that names the current kernel.
const KERNEL: &str = "linux-image-cloud-amd64";

/// Downloads everything into `cache` and unpacks it into `root`; gives the names of the packages.
pub(super) fn fetch(cache: &Path, root: &Path) -> Result<Vec<String>> {
    let mut apt = Apt { private_lists: None };
    eprintln!("lab: resolving packages");
    let mut packages = apt.resolve();
    let downloads = cache.join("debs");
    fs::create_dir_all(&downloads).context(|| format!("making {}", downloads.display()))?;
    let mut done =
        packages.as_ref().map_err(|_| ()).and_then(|names| apt.download(names, &downloads).map_err(|_| ()));
    if done.is_err() {
        eprintln!("lab: the package lists are missing or stale; fetching lists for the lab alone");
        apt.update(&cache.join("apt"))?;
        packages = apt.resolve();
        done = match &packages {
            Ok(names) => {
                apt.download(names, &downloads)?;
                Ok(())
            }
            Err(_) => Err(()),
        };
    }
    let packages = packages?;
    done.map_err(|()| Error::new("the packages could not be downloaded"))?;
    unpack(&downloads, root)?;
    let _ = fs::remove_dir_all(&downloads);
    Ok(packages)
}

/// apt-get and apt-cache with the machine's sources.
struct Apt {
    /// Where the lists are when they aren't the machine's own.
    private_lists: Option<PathBuf>,
}

impl Apt {
    fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        command.env("LC_ALL", "C.UTF-8").args(["-q", "-o", "APT::Sandbox::User=root"]);
        if let Some(directory) = &self.private_lists {
            command.arg("-o").arg(format!("Dir::State::lists={}/lists", directory.display()));
            command.arg("-o").arg(format!("Dir::Cache={}/cache", directory.display()));
        }
        command
    }

    /// Fetches package lists into `directory` and uses them from now on.
    fn update(&mut self, directory: &Path) -> Result<()> {
        for part in ["lists/partial", "cache/archives/partial"] {
            let path = directory.join(part);
            fs::create_dir_all(&path).context(|| format!("making {}", path.display()))?;
        }
        self.private_lists = Some(directory.to_path_buf());
        // A third party's source that fails is no trouble: whether Debian's are there shows at once.
        let _ = output_of(self.command("apt-get").arg("update"));
        Ok(())
    }

    /// The names of all packages that are needed.
    fn resolve(&self) -> Result<Vec<String>> {
        let listing = output_of(
            self.command("apt-cache").args(["depends", "--recurse"]).args(ONLY_DEPENDS).args(WANTED),
        )?;
        let mut names = needed(&String::from_utf8_lossy(&listing));
        let listing = output_of(self.command("apt-cache").arg("depends").args(ONLY_DEPENDS).arg(KERNEL))?;
        names.push(kernel(&String::from_utf8_lossy(&listing)).context(|| {
            format!("apt knows no package {KERNEL}: the lab needs the sources of Debian 12 or newer, amd64")
        })?);
        Ok(names)
    }

    fn download(&self, names: &[String], into: &Path) -> Result<()> {
        eprintln!("lab: downloading {} packages (about 70 MB)", names.len());
        output_of(self.command("apt-get").arg("download").args(names).current_dir(into)).map(drop)
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

fn unpack(downloads: &Path, root: &Path) -> Result<()> {
    eprintln!("lab: unpacking");
    let files = fs::read_dir(downloads).context(|| format!("reading {}", downloads.display()))?;
    for file in files.flatten().map(|entry| entry.path()) {
        if file.extension().is_some_and(|extension| extension == "deb") {
            output_of(Command::new("dpkg-deb").arg("-x").arg(&file).arg(root))?;
        }
    }
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
}
