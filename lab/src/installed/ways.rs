//! Other ways to come and go: no device, a device that is another's, a tarball before the package, an upgrade, a purge
//! without an undo before it. All on one system, each leaving it as it was.

use super::System;
use super::states::{self, CHRONY, CHRONY_KEEPS, CHRONY_RUNS, HOSTCLOCK_KEEPS, PROGRAM, SAME, SERVICES};
use crate::error::Result;
use crate::tests::Tests;

/// The program as one has it from the tarball.
pub(super) const FROM_TARBALL: &str = "dpkg-deb --fsys-tarfile /srv/hostclock.deb | tar -xO ./usr/bin/hostclock >/srv/hostclock; chmod 755 /srv/hostclock";
const INSTALL: &str = "apt-get install -y /srv/hostclock.deb; echo exit $?";
const PURGE: &str = "apt-get purge -y hostclock; echo exit $?";
/// Waits for what a command started without waiting for it.
pub(super) const SETTLED: &str =
    "udevadm settle; while systemctl list-jobs --no-legend 2>/dev/null | grep -q .; do sleep 0.2; done";

/// All of them, on a system where nothing has been done yet.
pub(super) fn run(system: &mut System, tests: &mut Tests) -> Result<()> {
    system.see(super::services::BOOTED)?;
    system.run(FROM_TARBALL)?;
    without_device(system, tests)?;
    system.run(&states::remember())?;
    anothers_device(system, tests)?;
    from_tarball(system, tests)?;
    upgraded(system, tests)
}

/// A machine whose hypervisor offers no clock: chrony has another source there.
fn without_device(system: &mut System, tests: &mut Tests) -> Result<()> {
    system.run(
        "cp -p /etc/chrony/chrony.conf /srv/chrony.conf; echo local >/etc/chrony/chrony.conf; \
         echo 'install ptp_kvm /bin/false' >/etc/modprobe.d/without.conf; systemctl stop chrony; rmmod ptp_kvm; \
         systemctl start chrony",
    )?;
    system.run(&states::remember())?;
    let seen =
        system.see(&format!("/srv/hostclock setup --yes; echo exit $?; {CHRONY}; {}", states::compare()))?;
    tests.expect(
        "without a device setup ends with 5 and changes nothing",
        seen.ends_with(&format!("exit 5\n{CHRONY_RUNS}{SAME}")),
        &seen,
    );
    let seen = system.see(&format!("{INSTALL}; {SETTLED}; {SERVICES}"))?;
    tests.expect(
        "there the package installs, and is not enabled",
        seen.contains("exit 0\n") && seen.ends_with(CHRONY_KEEPS),
        &seen,
    );
    let seen = system.see(&format!("{PURGE}; {}", states::compare()))?;
    let rest = states::left(system)?;
    tests.expect(
        "and goes without a trace",
        seen.ends_with(&format!("exit 0\n{SAME}")) && rest.is_empty(),
        &format!("{seen}{rest}"),
    );
    system.run(
        "rm /etc/modprobe.d/without.conf; systemctl stop chrony; modprobe ptp_kvm; udevadm settle; \
         cp -p /srv/chrony.conf /etc/chrony/chrony.conf; systemctl start chrony",
    )?;
    Ok(())
}

/// A rule of the administrator's that comes later gives the device to chrony's group.
fn anothers_device(system: &mut System, tests: &mut Tests) -> Result<()> {
    let rule = "/etc/udev/rules.d/90-ptp-kvm.rules";
    let apply =
        "udevadm control --reload; udevadm trigger --action=change --subsystem-match=ptp; udevadm settle";
    system.run(&format!(
        "printf '%s\\n' 'SUBSYSTEM==\"ptp\", ATTR{{clock_name}}==\"KVM virtual PTP\", SYMLINK+=\"ptp_kvm\", GROUP=\"_chrony\", MODE=\"0660\"' >{rule}; {apply}"
    ))?;
    system.run(INSTALL)?;
    let seen = system.see(&format!("hostclock setup --yes; echo exit $?; {SERVICES}; hostclock doctor"))?;
    tests.expect(
        "a later rule that gives the device to another group is named, and chrony keeps its clock",
        seen.contains(rule) && seen.contains(&format!("exit 1\n{CHRONY_KEEPS}")),
        &seen,
    );
    system.run(PURGE)?;
    let seen = system.see(&format!("rm {rule}; {apply}; {CHRONY}; {}", states::compare()))?;
    tests.expect("and nothing else has changed", seen == format!("{CHRONY_RUNS}{SAME}"), &seen);
    Ok(())
}

/// Set up from a tarball; then the package comes.
fn from_tarball(system: &mut System, tests: &mut Tests) -> Result<()> {
    let seen = system.see(&format!("/srv/hostclock setup --yes; echo exit $?; {SERVICES}; {PROGRAM}"))?;
    tests.expect(
        "setup from a tarball takes over",
        seen.ends_with(&format!("exit 0\n{HOSTCLOCK_KEEPS}/usr/local/bin/hostclock\n")),
        &seen,
    );
    let seen = system
        .see(&format!("{INSTALL}; {SETTLED}; {SERVICES}; {PROGRAM}; hostclock check --max-error 1ms"))?;
    tests.expect(
        "a package that is installed later runs its own program",
        seen.contains("exit 0\n")
            && seen.contains(&format!("{HOSTCLOCK_KEEPS}/usr/bin/hostclock\n"))
            && seen.contains("ok: at most"),
        &seen,
    );
    purged(system, tests, "after a tarball")
}

/// A newer package over one that runs.
fn upgraded(system: &mut System, tests: &mut Tests) -> Result<()> {
    let seen = system.see(&format!("{INSTALL}; hostclock setup --yes; echo exit $?; {SERVICES}"))?;
    tests.expect(
        "setup from the package takes over",
        seen.ends_with(&format!("exit 0\n{HOSTCLOCK_KEEPS}")),
        &seen,
    );
    system.run(&format!(
        "mv /srv/before /srv/before-install; {}; cd /srv; rm -rf newer; dpkg-deb -R hostclock.deb newer; \
         sed -i 's/^Version: .*/&+newer/' newer/DEBIAN/control; echo newer >>newer/usr/bin/hostclock; \
         dpkg-deb --root-owner-group -Zgzip -z1 -b newer newer.deb",
        states::remember()
    ))?;
    for (name, package) in [("the same package", "hostclock.deb"), ("a newer package", "newer.deb")] {
        let seen = system.see(&format!(
            "before=$(systemctl show -p MainPID --value hostclock); dpkg -i /srv/{package}; echo exit $?; hostclock check --max-error 1ms; \
             after=$(systemctl show -p MainPID --value hostclock); [ $before != $after ] && echo restarted; \
             cmp /usr/bin/hostclock /proc/$after/exe && echo its program; tail -c 6 /proc/$after/exe | tr -cd 'a-z\\n'; {SERVICES}; {}",
            states::compare()
        ))?;
        let is_newer = seen.contains("\nnewer\n") == (package == "newer.deb");
        tests.expect(
            &format!(
                "{name} over it restarts the service, whose clock stays right, and changes nothing else"
            ),
            seen.contains("exit 0\nok: at most")
                && seen.contains("restarted\nits program\n")
                && is_newer
                && seen.ends_with(&format!("{HOSTCLOCK_KEEPS}{SAME}")),
            &seen,
        );
    }
    system.run("mv /srv/before-install /srv/before")?;
    purged(system, tests, "after setup")
}

/// Purged without an undo before it.
fn purged(system: &mut System, tests: &mut Tests, after: &str) -> Result<()> {
    let seen = system.see(&format!("{PURGE}; {SETTLED}; {CHRONY}; {}", states::compare()))?;
    let rest = states::left(system)?;
    tests.expect(
        &format!("a purge {after} gives chrony its clock back, and leaves nothing"),
        seen.ends_with(&format!("exit 0\n{CHRONY_RUNS}{SAME}")) && rest.is_empty(),
        &format!("{seen}{rest}"),
    );
    Ok(())
}
