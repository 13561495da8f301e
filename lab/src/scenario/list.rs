//! All scenarios, and who takes part in them.

use super::steady::{self, Source, Wander};
use super::{
    Scenario, clocksource, date, flapping, fork, frozen_hook, host_lies, host_slew, host_step, idle, kill,
    module, pause, reload, restore, rival, start, starve, suspend, truth,
};
use crate::session::PAIRS_A_SECOND;

/// Each program at 1 Hz, and those that people run faster.
const EVERYBODY: &[&str] = &["hostclock", "hostclock-10hz", "chrony", "phc2sys", "phc2sys-10hz"];
/// Each program once.
pub(crate) const AT_ONE_HERTZ: &[&str] = &["hostclock", "chrony", "phc2sys"];

/// All scenarios.
pub(crate) const ALL: [Scenario; 27] = [
    Scenario {
        name: "date",
        about: "somebody sets the clock: date 030112302023, +1 h, -1 h, +0.2 s, -20 ms, +1 us",
        rate: 600,
        daemons: EVERYBODY,
        play: date::play,
    },
    Scenario {
        name: "start",
        about: "the daemon starts on a clock that is wrong by 1 ms to 3 years",
        rate: 500,
        daemons: EVERYBODY,
        play: start::play,
    },
    Scenario {
        name: "steady",
        about: "nothing happens for a minute while the host's frequency wanders as under NTP",
        rate: 1_000,
        daemons: EVERYBODY,
        play: |session, setting| steady::play(session, setting, Wander::Ntp, Source::KvmClock),
    },
    Scenario {
        name: "steady-quiet",
        about: "nothing happens for half a minute, and nobody touches the host's clock",
        rate: 1_000,
        daemons: EVERYBODY,
        play: |session, setting| steady::play(session, setting, Wander::Quiet, Source::KvmClock),
    },
    Scenario {
        name: "steady-warming",
        about: "the host's frequency moves as that of a crystal which warms up",
        rate: 1_000,
        daemons: EVERYBODY,
        play: |session, setting| steady::play(session, setting, Wander::Warming, Source::KvmClock),
    },
    Scenario {
        name: "steady-slewed",
        about: "the host's clock is slewed by 500 ppm for the second third of a minute",
        rate: 1_000,
        daemons: EVERYBODY,
        play: |session, setting| steady::play(session, setting, Wander::Slewed, Source::KvmClock),
    },
    Scenario {
        name: "steady-tsc",
        about: "as steady, on clocksource tsc, where only brackets work",
        rate: PAIRS_A_SECOND,
        daemons: EVERYBODY,
        play: |session, setting| steady::play(session, setting, Wander::Ntp, Source::Tsc),
    },
    Scenario {
        name: "steady-quiet-tsc",
        about: "as steady-quiet, on clocksource tsc",
        rate: PAIRS_A_SECOND,
        daemons: EVERYBODY,
        play: |session, setting| steady::play(session, setting, Wander::Quiet, Source::Tsc),
    },
    Scenario {
        name: "steady-warming-tsc",
        about: "as steady-warming, on clocksource tsc",
        rate: PAIRS_A_SECOND,
        daemons: EVERYBODY,
        play: |session, setting| steady::play(session, setting, Wander::Warming, Source::Tsc),
    },
    Scenario {
        name: "steady-slewed-tsc",
        about: "as steady-slewed, on clocksource tsc",
        rate: PAIRS_A_SECOND,
        daemons: EVERYBODY,
        play: |session, setting| steady::play(session, setting, Wander::Slewed, Source::Tsc),
    },
    Scenario {
        name: "truth",
        about: "how good the lab's truth on clocksource tsc is, beside precise readings",
        rate: 1_000,
        daemons: &["none"],
        play: truth::play,
    },
    Scenario {
        name: "module",
        about: "ptp_kvm is absent at first, loaded later, unloaded and loaded again",
        rate: 1_000,
        daemons: AT_ONE_HERTZ,
        play: module::play,
    },
    Scenario {
        name: "clocksource",
        about: "the guest's clocksource is switched from kvm-clock to tsc and back",
        rate: 1_000,
        daemons: AT_ONE_HERTZ,
        play: clocksource::play,
    },
    Scenario {
        name: "idle",
        about: "what a daemon costs while nothing happens: memory, threads, wake-ups, its host's CPU",
        rate: 0,
        daemons: &[
            "none",
            "hostclock-quiet",
            "hostclock",
            "hostclock-instant",
            "chrony",
            "phc2sys",
            "phc2sys-10hz",
        ],
        play: idle::play,
    },
    Scenario {
        name: "host-step",
        about: "the host's clock is stepped by 0.05 s to 3 years, and has a leap second inserted",
        rate: 1_000,
        daemons: EVERYBODY,
        play: host_step::play,
    },
    Scenario {
        name: "host-slew",
        about: "the host's clock is slewed by 500 ppm and by 10 %",
        rate: 1_000,
        daemons: EVERYBODY,
        play: host_slew::play,
    },
    Scenario {
        name: "host-lies",
        about: "the host's clock runs backwards, stands still, runs fast, jumps about",
        rate: 1_000,
        daemons: EVERYBODY,
        play: host_lies::play,
    },
    Scenario {
        name: "rival",
        about: "somebody else handles the clock too: chronyd, `date -s`, adjtimex",
        rate: 1_000,
        daemons: AT_ONE_HERTZ,
        play: rival::play,
    },
    Scenario {
        name: "kill",
        about: "the daemon is killed at random moments and started again",
        rate: 1_000,
        daemons: AT_ONE_HERTZ,
        play: kill::play,
    },
    Scenario {
        name: "reload",
        about: "ptp_kvm is unloaded and loaded again, five times",
        rate: 1_000,
        daemons: AT_ONE_HERTZ,
        play: reload::play,
    },
    Scenario {
        name: "flapping",
        about: "the guest's clocksource is switched between kvm-clock and tsc each second",
        rate: 1_000,
        daemons: AT_ONE_HERTZ,
        play: flapping::play,
    },
    Scenario {
        name: "pause",
        about: "the guest is stopped for 0.2 s to a minute, and its hypervisor for 5 s",
        rate: 600,
        daemons: AT_ONE_HERTZ,
        play: pause::play,
    },
    Scenario {
        name: "starve",
        about: "the host takes 90 % of the guest's CPU for 30 s, then busy programs in the guest do",
        rate: 100,
        daemons: AT_ONE_HERTZ,
        play: starve::play,
    },
    Scenario {
        name: "frozen-hook",
        about: "the hook's program is on a file system that does not answer, while the clock is spoilt",
        rate: 600,
        daemons: &["hostclock"],
        play: frozen_hook::play,
    },
    Scenario {
        name: "restore",
        about: "the guest's state is saved, and 20 s later the guest is restored from it",
        rate: 600,
        daemons: AT_ONE_HERTZ,
        play: restore::play,
    },
    Scenario {
        name: "fork",
        about: "two guests are made of one saved state",
        rate: 300,
        daemons: AT_ONE_HERTZ,
        play: fork::play,
    },
    Scenario {
        name: "suspend",
        about: "the guest suspends itself to memory, and is woken 5 s later",
        rate: 600,
        daemons: AT_ONE_HERTZ,
        play: suspend::play,
    },
];
