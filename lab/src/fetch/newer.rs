//! A newer hypervisor and kernel, for what Debian 12's don't have: `vmclock` in QEMU, `ptp_vmclock` in the
//! kernel. They come from Debian's backports, through sources, lists and a package status of the lab's own,
//! so that neither what the machine has installed nor what its sources offer matters; only the mirror is the
//! machine's.

use std::fs;
use std::path::Path;

use super::apt::{self, Apt};
use crate::error::{Context, Result};

/// QEMU 10, and the libraries that it is built for.
const HYPERVISOR: [&str; 2] = ["bookworm", "bookworm-backports"];
/// Kernel 7. Nothing else may come from there: it would need newer libraries.
const KERNEL: [&str; 1] = ["trixie-backports"];
/// Part of every Debian.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Downloads everything into `cache` and unpacks it into `root`; gives the names of the packages.
pub(super) fn fetch(cache: &Path, root: &Path) -> Result<Vec<String>> {
    eprintln!("lab: a newer hypervisor and kernel (about 100 MB)");
    let mirror = Apt::default().mirror()?;
    let hypervisor = apt(&cache.join("apt-newer"), &mirror, &HYPERVISOR)?;
    let kernel = apt(&cache.join("apt-newer-kernel"), &mirror, &KERNEL)?;
    let downloads = cache.join("debs-newer");
    let mut packages = hypervisor.download(hypervisor.programs()?, &downloads)?;
    packages.extend(kernel.download(kernel.kernel()?, &downloads)?);
    apt::unpack(&downloads, root)?;
    Ok(packages)
}

/// apt with nothing but `suites` of `mirror`, and its lists, in `directory`. The last suite is preferred.
fn apt(directory: &Path, mirror: &str, suites: &[&str]) -> Result<Apt> {
    fs::create_dir_all(directory).context(|| format!("making {}", directory.display()))?;
    let write = |name: &str, content: &str| {
        let path = directory.join(name);
        fs::write(&path, content).context(|| format!("writing {}", path.display())).map(|()| path)
    };
    let sources = write("sources.list", &sources(mirror, suites))?;
    let status = write("status", "")?;
    let mut options = vec![
        format!("Dir::Etc::sourcelist={}", sources.display()),
        "Dir::Etc::sourceparts=-".to_owned(),
        format!("Dir::State::status={}", status.display()),
    ];
    options.extend(suites.last().map(|suite| format!("APT::Default-Release={suite}")));
    let mut apt = Apt { options };
    apt.update(directory)?;
    Ok(apt)
}

fn sources(mirror: &str, suites: &[&str]) -> String {
    suites.iter().map(|suite| format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_suites_come_from_one_mirror() {
        let text = sources("http://b.example/debian/", &HYPERVISOR);
        assert_eq!(text.matches("http://b.example/debian/ ").count(), 2);
        assert!(text.ends_with(" bookworm-backports main\n"));
    }
}
