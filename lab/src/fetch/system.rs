//! A whole Debian on a disk, with systemd and chrony: made by mmdebstrap from the machine's mirror, and kept in the
//! cache. It has the kernel modules of the lab's own kernel, and the lab's shell as a service.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Suite, Tree, apt::Apt, cache_directory};
use crate::error::{Context, Error, Result, output_of};

/// How large the disk is, in MiB; most of it stays empty, and takes no place.
const SIZE: &str = "900M";
/// Another number where the recipe changed.
const RECIPE: u32 = 8;

/// chrony, configured as people do today.
const CHRONY: &str = "refclock PHC /dev/ptp0 poll 1\nmakestep 0.1 -1\n";
/// The lab's shell, as soon as ordinary services run.
const SHELL_UNIT: &str = "[Unit]\nDescription=The lab's shell\n[Service]\nExecStart=/usr/local/bin/lab-shell\nStandardOutput=null\nStandardError=null\n[Install]\nWantedBy=multi-user.target\n";
const SHELL: &str = "#!/bin/sh\nexport HOME=/root\nwhile :; do\n    port=/dev/virtio-ports/guest\n    [ -c $port ] && sh <>$port >&0 2>&1\n    sleep 0.1\ndone\n";
/// An ordinary service that needs the right time, and so orders itself after the target that promises it.
const NEEDS_TIME: &str = "[Unit]\nDescription=Something that needs the right time\nWants=time-sync.target\nAfter=time-sync.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'hostclock check --max-error 1ms >/run/needs-time 2>&1; hostclock run --once --observe >>/run/needs-time 2>&1; true'\n[Install]\nWantedBy=multi-user.target\n";

/// The image of a suite's disk, made if it isn't there.
pub(crate) fn disk(tree: &Tree, suite: Suite) -> Result<PathBuf> {
    let cache = cache_directory()?;
    let release = tree.release()?;
    let name = format!("system-{}", suite.name());
    let image = cache.join(format!("{name}.ext4"));
    let stamp = cache.join(format!("{name}.complete"));
    let wanted = format!("{RECIPE} {release}\n");
    if !(image.exists() && fs::read_to_string(&stamp).is_ok_and(|made| made == wanted)) {
        let _ = fs::remove_file(&stamp);
        make(tree, suite, &release, &cache, &image)?;
        fs::write(&stamp, &wanted).context(|| format!("writing {}", stamp.display()))?;
    }
    Ok(image)
}

fn make(tree: &Tree, suite: Suite, release: &str, cache: &Path, image: &Path) -> Result<()> {
    let name = suite.name();
    eprintln!("lab: making a Debian with systemd, {name} (some 100 MB of packages, a minute or two)");
    let files = cache.join("system-files");
    let write = |name: &str, text: &str| {
        fs::write(files.join(name), text).context(|| format!("writing {name} into {}", files.display()))
    };
    fs::create_dir_all(&files).context(|| format!("making {}", files.display()))?;
    write("lab-shell.service", SHELL_UNIT)?;
    write("lab-shell", SHELL)?;
    write("needs-time.service", NEEDS_TIME)?;
    write("chrony.conf", CHRONY)?;
    let modules = tree.find(&[&format!("lib/modules/{release}"), &format!("usr/lib/modules/{release}")])?;
    // mmdebstrap has /proc and others mounted in there, which a plain bind mount leaves out.
    let (files, modules, image) = (files.display(), modules.display(), image.display());
    let last = suite.last();
    let hook = format!(
        "set -e; r=\"$1\"; mkdir -p \"$r/usr/lib/modules\"; cp -a '{modules}' \"$r/usr/lib/modules/\"; \
         chroot \"$r\" depmod {release}; cp '{files}'/*.service \"$r/etc/systemd/system/\"; \
         install -m 755 '{files}/lab-shell' \"$r/usr/local/bin/\"; cp '{files}/chrony.conf' \"$r/etc/chrony/\"; \
         chroot \"$r\" systemctl enable lab-shell.service needs-time.service; \
         chroot \"$r\" systemctl mask apt-daily.timer apt-daily-upgrade.timer; \
         echo guest >\"$r/etc/hostname\"; mkdir -p \"$r/etc/cloud\"; : >\"$r/etc/cloud/cloud-init.disabled\"; \
         echo ptp_kvm >\"$r/etc/modules-load.d/ptp_kvm.conf\"; : >\"$r/etc/fstab\"; \
         rm -f \"$r/usr/sbin/policy-rc.d\"; rm -rf \"$r\"/var/cache/apt/*.bin \"$r\"/var/lib/apt/lists/* \"$r\"/usr/share/locale/* \"$r\"/usr/share/doc/*; \
         rm -f '{image}'; b=$(mktemp -d); mount --bind \"$r\" $b; {last} \
         mke2fs -q -t ext4 -d $b '{image}' {SIZE}; umount $b; rmdir $b"
    );
    let mirror = Apt::default().mirror()?;
    let debian = suite.release();
    let made = output_of(
        Command::new("mmdebstrap")
            .args(["--quiet", "--variant=apt", "--include", &suite.packages()])
            .args(suite.options())
            .arg(format!("--customize-hook={hook}"))
            .args([debian, "/dev/null", &mirror]),
    );
    made.map(drop).map_err(|why| {
        let why = why.to_string();
        let gone = why.contains("does not have a Release file") || why.contains("404");
        let told = if gone { format!("{mirror} has no {debian} any more") } else { why };
        Error::new(format!("the disk with {debian} can't be made: {told}"))
    })
}
