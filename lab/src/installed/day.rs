//! The package in the order of a user's day: beside chrony, set up, rebooted, examined, undone, removed.

use super::states::{self, CHRONY_KEEPS, HOSTCLOCK_KEEPS, SAME, SERVICES};
use super::{System, missing, selinux};
use crate::error::Result;
use crate::tests::Tests;

/// Whether systemd-timedated answers: by Debian's policy for SELinux it may not.
const TIMEDATED: &str = "until systemctl is-system-running | grep -qv starting; do sleep 0.5; done; timedatectl show >/dev/null 2>&1 && echo answers";

/// All of it, on a system where nothing has been done yet.
pub(super) fn run(system: &mut System, tests: &mut Tests) -> Result<()> {
    let answers = system.see(TIMEDATED)? == "answers\n";
    if !answers {
        tests.note("timedatectl gets no answer on this system, before there is a hostclock on it: left out");
    }
    beside_chrony(system, tests, answers)?;
    taken_over(system, tests)?;
    the_service(system, tests, answers)?;
    commands(system, tests, answers)?;
    selinux::run(system, tests, "after setup")?;
    after_a_reboot(system, tests)?;
    selinux::run(system, tests, "after a reboot")?;
    doctors_cases(system, tests)?;
    undone(system, tests)?;
    selinux::run(system, tests, "after the undo")?;
    removed(system, tests)
}

/// The package comes to a machine whose clock chrony keeps.
fn beside_chrony(system: &mut System, tests: &mut Tests, answers: bool) -> Result<()> {
    let seen = system.see("apt-get install -y /srv/hostclock.deb; echo exit $?")?;
    tests.expect(
        "the package installs, and leaves chrony its clock",
        seen.contains("exit 0") && seen.contains("`hostclock setup` takes over"),
        &seen,
    );
    let seen = system.see(SERVICES)?;
    tests.expect("hostclock is neither enabled nor running, chrony is", seen == CHRONY_KEEPS, &seen);
    if answers {
        let seen = system.see(&format!("timedatectl set-ntp true && sleep 2; {SERVICES}"))?;
        tests.expect("`timedatectl set-ntp true` leaves chrony its clock", seen == CHRONY_KEEPS, &seen);
    }
    let seen = system.see("hostclock doctor; echo exit $?")?;
    tests.expect(
        "the doctor names chronyd, and finds the device and its readings",
        seen.contains("chronyd (process")
            && seen.contains("the one that is read")
            && seen.contains("PTP_SYS_OFFSET_PRECISE: at most")
            && seen.ends_with("exit 1\n"),
        &seen,
    );
    let seen = system
        .see("timeout 10 hostclock run; echo exit $?; runuser -u nobody -- timeout 10 hostclock run --force; echo exit $?")?;
    tests.expect(
        "`run` refuses beside chronyd (7), and without permission (3)",
        seen.contains("exit 7") && seen.contains("exit 3"),
        &seen,
    );
    Ok(())
}

/// `hostclock setup` takes the clock over, with chrony's two lines.
fn taken_over(system: &mut System, tests: &mut Tests) -> Result<()> {
    system.run(&states::remember())?;
    let seen = system.see("hostclock setup --from /etc/chrony/chrony.conf; echo exit $?")?;
    tests.expect(
        "setup asks before it disables chrony (7)",
        seen.contains("chrony.service") && seen.ends_with("exit 7\n"),
        &seen,
    );
    let seen = system.see("hostclock setup --from /etc/chrony/chrony.conf --dry-run; hostclock status")?;
    tests.expect(
        "a dry run shows the configuration and the commands, and does nothing",
        seen.contains("would write /etc/hostclock/hostclock.toml")
            && seen.contains("step-forward = \"100ms\"")
            && seen.contains("would run: systemctl start hostclock-handover.service")
            && seen.contains("No daemon runs"),
        &seen,
    );
    let seen = system.see("hostclock setup --from /etc/chrony/chrony.conf --yes; echo exit $?")?;
    tests.expect(
        "setup takes over, and the clock is right when it ends",
        seen.ends_with("exit 0\n") && seen.contains("Clock      right"),
        &seen,
    );
    let seen = system.see("hostclock config --show | grep -E '^(device|poll|step-)'")?;
    tests.expect(
        "the two lines of chrony's configuration are carried over",
        seen.contains("poll = \"1s\"")
            && seen.contains("step-forward = \"100ms\"")
            && seen.contains("step-backward = \"100ms\""),
        &seen,
    );
    let seen = system.see(SERVICES)?;
    tests.expect("chrony is disabled and stopped", seen == HOSTCLOCK_KEEPS, &seen);
    let seen = system.see("hostclock setup --from /etc/chrony/chrony.conf --yes; echo exit $?")?;
    tests.expect(
        "a second time there is nothing to do",
        seen.contains("Everything is set up already.") && seen.ends_with("exit 0\n"),
        &seen,
    );
    Ok(())
}

/// What the service is to systemd, and may do.
fn the_service(system: &mut System, tests: &mut Tests, answers: bool) -> Result<()> {
    if answers {
        let seen = system.see("timedatectl show -p NTP -p NTPSynchronized; timedatectl")?;
        tests.expect(
            "timedatectl says that NTP is active and the clock synchronised",
            seen.contains("NTP=yes") && seen.contains("NTPSynchronized=yes"),
            &seen,
        );
    }
    let seen = system.see("systemd-analyze security --no-pager hostclock.service | tail -n 3")?;
    let score = seen
        .split("hostclock.service: ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    tests.note(&format!(
        "systemd-analyze security: {}",
        score.map_or_else(|| "?".to_owned(), |score| score.to_string())
    ));
    tests.expect(
        "its exposure is 1.5 or less by systemd-analyze security",
        score.is_some_and(|score| score <= 1.5),
        &seen,
    );
    let seen = system.see("ps -o user=,cls=,rtprio= -C hostclock; grep CapEff /proc/$(systemctl show -p MainPID --value hostclock)/status; ls -l /dev/ptp0 /dev/ptp_host; runuser -u nobody -- hostclock check --max-error 10us; systemctl show -p NRestarts hostclock; hostclock status")?;
    tests.expect(
        "it runs as its own user, with CAP_SYS_TIME alone and a real-time priority, and reads the device by its group",
        seen.contains("hostclock") && seen.contains("FF      1") && seen.contains("0000000002000000") && seen.contains("root hostclock") && seen.contains("ok: at most") && seen.contains("NRestarts=0\n"),
        &seen,
    );
    let seen = system.see("systemctl show -p DynamicUser hostclock; getent passwd hostclock; ls -ld /var/lib/hostclock; systemctl show -p DynamicUser hostclock-wait")?;
    tests.expect(
        "the user is one of the system's, and owns the service's directory",
        seen.matches("DynamicUser=no\n").count() == 2
            && seen.contains("\nhostclock:x:")
            && seen.contains("hostclock hostclock"),
        &seen,
    );
    // That there is no reader of manual pages is no fault of the units.
    let seen = system.see("systemd-analyze verify hostclock.service hostclock-wait.service 2>&1 | grep -vE \"Command 'man |'\\(man\\)' failed|: Can't show hostclock\"; journalctl -b _PID=1 --no-pager | grep hostclock | grep -iE 'unknown|ignor|deprecat|obsolete|invalid|cycle'")?;
    tests.expect("systemd finds no fault with the units", seen.is_empty(), &seen);
    Ok(())
}

/// What a user does with it on a day.
fn commands(system: &mut System, tests: &mut Tests, answers: bool) -> Result<()> {
    let seen = system.see("hostclock doctor; echo exit $?")?;
    tests.expect(
        "the doctor finds no problem",
        seen.ends_with("exit 0\n") && seen.contains("No problem found."),
        &seen,
    );
    if answers {
        let seen = system.see("timedatectl set-ntp false; sleep 1; systemctl is-active hostclock; timedatectl set-ntp true; sleep 2; systemctl is-active hostclock; systemctl is-enabled hostclock")?;
        tests.expect("`timedatectl set-ntp` drives it", seen == "inactive\nactive\nenabled\n", &seen);
    }
    let seen = system.see("systemctl start chrony; systemctl is-active chrony hostclock hostclock-wait; systemctl start hostclock; systemctl is-active chrony hostclock; systemctl start hostclock-wait")?;
    tests.expect(
        "who starts chrony by hand ends it, and the other way round",
        seen == "active\ninactive\ninactive\ninactive\nactive\n",
        &seen,
    );
    let seen = system.see(&format!(
        "sleep 1; hostclock run --once; echo exit $?; unshare -n hostclock run --once; echo exit $?; {SERVICES}"
    ))?;
    tests.expect(
        "a second one ends with 4, in a network namespace of its own too",
        seen.matches("exit 4\n").count() == 2 && seen.ends_with(HOSTCLOCK_KEEPS),
        &seen,
    );
    let seen = system.see(
        "cp -p /etc/hostclock/hostclock.toml /srv/toml; sed -i 's/^poll = .*/poll = \"2s\"/' /etc/hostclock/hostclock.toml; \
         systemctl reload hostclock; echo exit $?; sleep 1; journalctl -b -u hostclock -o cat --no-pager | tail -n 5; \
         hostclock status --json | grep -o '\"poll_ns\": *[0-9]*'; cp -p /srv/toml /etc/hostclock/hostclock.toml; systemctl reload hostclock; \
         systemctl is-active hostclock",
    )?;
    tests.expect(
        "`systemctl reload` has the configuration read again",
        seen.starts_with("exit 0\n")
            && seen.contains("the configuration was reread")
            && !seen.contains("nothing changed")
            && seen.ends_with("active\n"),
        &seen,
    );
    let seen = system.see(
        "date -s '2001-01-01' >/dev/null; sleep 0.2; hostclock events; hostclock check --max-error 1ms",
    )?;
    tests.expect(
        "an external clock change is undone",
        seen.contains("somebody else set the clock") && seen.contains("ok: at most"),
        &seen,
    );
    Ok(())
}

/// What the boot of a machine with hostclock is like.
fn after_a_reboot(system: &mut System, tests: &mut Tests) -> Result<()> {
    system.reboot()?;
    system.see("until systemctl is-active needs-time.service >/dev/null; do sleep 0.2; done")?;
    let seen = system.see("systemctl show -p ActiveEnterTimestampMonotonic -p ExecMainStartTimestampMonotonic hostclock.service; systemctl show -p ActiveEnterTimestampMonotonic time-sync.target; systemctl show -p ExecMainStartTimestampMonotonic needs-time.service; cat /run/needs-time; journalctl -b -u hostclock --no-pager -o short-monotonic | tail -n 12")?;
    let &[first, second, target, needs] = stamps(&seen).as_slice() else {
        return Err(missing(&format!("when its units started:\n{seen}")));
    };
    let (began, ready) = (first.min(second), first.max(second));
    tests.note(&format!(
        "from exec to synchronised at boot: {} ms, at {:.1} s after the kernel",
        (ready - began) / 1_000,
        ready as f64 / 1e6
    ));
    tests.expect(
        "after a reboot it is synchronised before time-sync.target",
        ready <= target && seen.contains("synchronised"),
        &seen,
    );
    tests.expect(
        "and a service that needs the time starts after that, and finds it right",
        target <= needs && seen.contains("ok: at most"),
        &seen,
    );
    let seen = system.see(
        "systemctl is-active hostclock-wait.service; systemctl show -p ExecMainStartTimestampMonotonic -p ExecMainExitTimestampMonotonic hostclock-wait.service; journalctl -b -u hostclock-wait --no-pager | tail -n 5",
    )?;
    if let [began, ended] = *stamps(&seen) {
        tests.note(&format!("hostclock-wait.service ran for {} ms", ended.saturating_sub(began) / 1_000));
    }
    tests.expect(
        "hostclock-wait.service has seen it right",
        seen.starts_with("active") && seen.contains("ok: at most"),
        &seen,
    );
    Ok(())
}

/// The times since the kernel's start that `systemctl show` prints, in microseconds.
fn stamps(text: &str) -> Vec<u64> {
    text.lines().filter_map(|line| line.split_once("TimestampMonotonic=")?.1.parse().ok()).collect()
}

/// Machines with a problem, as the doctor sees them.
fn doctors_cases(system: &mut System, tests: &mut Tests) -> Result<()> {
    let seen = system.see("runuser -u nobody -- hostclock doctor; echo exit $?")?;
    tests.expect(
        "without privileges the doctor says what it couldn't see",
        seen.contains("unseen") && seen.contains("sudo hostclock doctor") && seen.contains("exit 0"),
        &seen,
    );
    system.run("systemctl stop hostclock; rmmod ptp_kvm")?;
    let seen = system.see("hostclock doctor; echo exit $?")?;
    tests.expect(
        "a module that isn't loaded is named",
        seen.contains("ptp_kvm is not loaded") && seen.ends_with("exit 1\n"),
        &seen,
    );
    // The nested host's own clocksource is no TSC any more, as on a host that is a virtual machine itself.
    let clocksource = "/sys/devices/system/clocksource/clocksource0";
    let others = system.host(&format!("cat {clocksource}/available_clocksource"))?;
    let other = others
        .split_whitespace()
        .find(|name| *name != "tsc")
        .ok_or_else(|| missing("another clocksource"))?
        .to_owned();
    system.host(&format!("echo {other} >{clocksource}/current_clocksource"))?;
    let seen = system.see("hostclock doctor --load-module; echo exit $?")?;
    system.host(&format!("echo tsc >{clocksource}/current_clocksource"))?;
    tests.expect(
        "a host that refuses, because its own clocksource is no TSC, is named",
        seen.contains("ptp_kvm can't be loaded") && seen.contains("the host refuses to tell its time"),
        &seen,
    );
    system.see("modprobe ptp_kvm; udevadm settle; systemctl start hostclock")?;
    let seen = system.see("hostclock wait --timeout 20s; echo exit $?")?;
    tests.expect(
        "when the host tells its time again, the clock is right again",
        seen.ends_with("exit 0\n"),
        &seen,
    );
    Ok(())
}

/// `hostclock setup --undo` gives chrony its clock back.
fn undone(system: &mut System, tests: &mut Tests) -> Result<()> {
    let seen = system.see("hostclock setup --undo; echo exit $?")?;
    tests.expect(
        "undo says that everything is as it was",
        seen.ends_with("Everything is as it was.\nexit 0\n"),
        &seen,
    );
    let seen = system.see(&format!("{SERVICES} || journalctl -b -u chrony --no-pager | tail -n 12"))?;
    tests.expect("chrony is enabled and runs, hostclock is not", seen == CHRONY_KEEPS, &seen);
    let seen = system.see(&states::compare())?;
    tests.expect("every file and link in /etc is as it was, byte for byte", seen == SAME, &seen);
    Ok(())
}

/// The package goes, and leaves nothing.
fn removed(system: &mut System, tests: &mut Tests) -> Result<()> {
    let seen = system.see("apt-get purge -y hostclock; echo exit $?")?;
    tests.expect("the package is purged", seen.ends_with("exit 0\n"), &seen);
    let seen = states::left(system)?;
    tests.expect("and leaves no file and no user", seen.is_empty(), &seen);
    Ok(())
}
