//! The other ways to have hostclock started, in the examples' own words: `runit`, `OpenRC`, `cloud-init`, an initramfs.

use super::System;
use crate::error::Result;
use crate::tests::Tests;

/// Where the package puts its examples.
const EXAMPLES: &str = "/usr/share/doc/hostclock/examples";
pub(super) const BOOTED: &str = "until systemctl is-system-running | grep -qv starting; do sleep 0.5; done";

/// Runs the tests on a system where nothing has been done yet.
pub(super) fn run(system: &mut System, tests: &mut Tests) -> Result<()> {
    system.see(BOOTED)?;
    system.run("apt-get install -y /srv/hostclock.deb >/dev/null 2>&1; systemctl stop chrony")?;
    runit(system, tests)?;
    openrc(system, tests)?;
    cloud_init(system, tests)?;
    initramfs(system, tests)
}

fn runit(system: &mut System, tests: &mut Tests) -> Result<()> {
    let service = "/etc/sv/hostclock";
    system.run(&format!(
        "mkdir -p {service}; install -m 755 {EXAMPLES}/runit/* {service}/; runsv {service} >/run/runsv.log 2>&1 &"
    ))?;
    let seen = system.see(&format!(
        "hostclock wait --timeout 10s; pkill -9 -x hostclock; sleep 2; sv status {service}; \
         hostclock wait --timeout 10s; sv exit {service}; sleep 1; pgrep -x hostclock || echo ended; cat /run/runsv.log"
    ))?;
    tests.expect(
        "runit starts it, starts it again when it was killed, and ends it",
        seen.matches("ok: at most").count() == 2
            && seen.contains("run: /etc/sv/hostclock")
            && seen.contains("\nended\n"),
        &seen,
    );
    Ok(())
}

/// This system was started by systemd: the directories that OpenRC's own boot makes are made here.
fn openrc(system: &mut System, tests: &mut Tests) -> Result<()> {
    let state = "starting started stopping inactive wasinactive failed hotplugged daemons options exclusive scheduled tmp";
    system.run(&format!(
        "for d in {state}; do mkdir -p /run/openrc/$d; done; touch /run/openrc/softlevel; \
         install -m 755 {EXAMPLES}/openrc/hostclock /etc/init.d/hostclock"
    ))?;
    let seen = system.see(
        "rc-service -D hostclock start; hostclock wait --timeout 10s; rc-service -D hostclock reload; sleep 1; \
         pkill -9 -x hostclock; sleep 7; rc-service hostclock status; hostclock wait --timeout 10s; \
         rc-service -D hostclock stop; sleep 1; pgrep -x hostclock || echo ended; rm /etc/init.d/hostclock",
    )?;
    tests.expect(
        "OpenRC starts it, reloads it, starts it again when it was killed, and ends it",
        seen.matches("ok: at most").count() == 2
            && seen.contains("Reloading hostclock's configuration ... [ ok ]")
            && seen.contains("status: started")
            && seen.contains("\nended\n"),
        &seen,
    );
    Ok(())
}

/// The first boot of an image that has chrony, the package, and the example among cloud-init's own configuration.
fn cloud_init(system: &mut System, tests: &mut Tests) -> Result<()> {
    system.run(&format!(
        "cp {EXAMPLES}/cloud-init/hostclock.cfg /etc/cloud/cloud.cfg.d/99-hostclock.cfg; \
         echo 'datasource_list: [NoCloud]' >/etc/cloud/cloud.cfg.d/90-lab.cfg; seed=/var/lib/cloud/seed/nocloud; \
         mkdir -p $seed; echo 'instance-id: lab' >$seed/meta-data; echo '#cloud-config' >$seed/user-data; \
         rm /etc/cloud/cloud-init.disabled"
    ))?;
    system.reboot()?;
    let seen = system.see(&format!(
        "{BOOTED}; systemctl is-enabled hostclock; systemctl is-active hostclock; systemctl is-enabled chrony; \
         systemctl is-active chrony; cat /etc/hostclock/hostclock.toml; hostclock check --max-error 1ms; \
         grep -a hostclock /var/log/cloud-init-output.log"
    ))?;
    tests.expect(
        "cloud-init's ntp module writes its configuration, and it takes over from the image's chrony",
        seen.starts_with("enabled\nactive\ndisabled\ninactive\n")
            && seen.contains("Written by cloud-init")
            && seen.contains("ok: at most"),
        &seen,
    );
    system.run("touch /etc/cloud/cloud-init.disabled").map(drop)
}

fn initramfs(system: &mut System, tests: &mut Tests) -> Result<()> {
    let script = "/etc/initramfs-tools/scripts/init-top/hostclock";
    let hook = "/etc/initramfs-tools/hooks/hostclock";
    // What it writes is kept; and this kernel's modules and its disk are named, as nothing can be found out here.
    system.run(&format!(
        "cd /etc/initramfs-tools; install -m 755 {EXAMPLES}/initramfs/hostclock.hook {hook}; \
         sed 's,--log-level warn,2>/run/in-the-initramfs,' {EXAMPLES}/initramfs/hostclock.script >{script}; \
         chmod 755 {script}; sed -i 's/^MODULES=.*/MODULES=list/' initramfs.conf; \
         printf 'virtio_mmio\\nvirtio_blk\\next4\\n' >>modules; printf 'ROOT=/dev/vda\\n' >conf.d/lab; \
         echo CONFIG_RD_GZIP=y >/boot/config-$(uname -r); mkinitramfs -o /boot/initrd.lab $(uname -r); sync"
    ))?;
    system.host(
        "mkdir -p /mnt; mount -t ext4 -o ro,noload /dev/vda /mnt; cp /mnt/boot/initrd.lab /guest/initrd; umount /mnt",
    )?;
    system.reboot()?;
    let seen = system.see("cat /run/in-the-initramfs")?;
    tests.expect(
        "in an initramfs it puts the clock right before there is a root file system",
        seen.contains("synchronised"),
        &seen,
    );
    Ok(())
}
