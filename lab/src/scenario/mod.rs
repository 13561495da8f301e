//! Scenarios: what is done to a guest whose clock a daemon keeps. One scenario is one file with one
//! function; add it to [`ALL`] and every command knows it.

mod clocksource;
mod date;
mod flapping;
mod fork;
mod host_lies;
mod host_slew;
mod host_step;
mod idle;
mod kill;
mod module;
mod pause;
mod reload;
mod restore;
mod rival;
mod start;
mod starve;
mod steady;
mod steps;
mod suspend;

use std::time::Duration;

use crate::daemon::{self, Daemon};
use crate::error::{Error, Result};
use crate::result::Findings;
use crate::session::{Patience, Session};

pub(crate) use date::{DEMO, jumps, rehearse};
pub(crate) use steps::NOT_RUNNING;

/// What a scenario is told.
pub(crate) struct Setting {
    /// The daemon that keeps the clock.
    pub(crate) daemon: Daemon,
    /// Counts the runs, from 0: chooses the host's wander and the moments within a poll.
    pub(crate) run: u32,
    /// How long each disturbance is watched.
    pub(crate) patience: Patience,
    /// A clock that did not come back while it was watched is waited for before the next disturbance,
    /// so that each begins with a clock that is right.
    pub(crate) wait_for_calm: bool,
}

impl Setting {
    /// For measuring. hostclock's recoveries are over in a moment; its peers' take long, and some
    /// never end.
    pub(crate) fn thorough(daemon: Daemon, run: u32) -> Self {
        let most = Duration::from_secs(if daemon.is_hostclock() { 4 } else { 12 });
        let patience = Patience { least: Duration::from_millis(2_500), most };
        Self { daemon, run, patience, wait_for_calm: true }
    }

    /// For testing and showing.
    pub(crate) fn brief(daemon: Daemon) -> Self {
        Self { wait_for_calm: false, ..Self::thorough(daemon, 0) }
    }

    /// Whether it is for measuring.
    pub(crate) fn is_thorough(&self) -> bool {
        self.wait_for_calm
    }

    /// How often something is done in a run whose worst case counts. Daemons that take long to come back get
    /// one chance.
    pub(crate) fn repeats(&self) -> u32 {
        if self.is_thorough() && self.daemon.is_hostclock() { 3 } else { 1 }
    }

    /// The patience of somebody who watches.
    pub(crate) fn short(daemon: &Daemon) -> Patience {
        let most = Duration::from_secs(if daemon.is_hostclock() { 4 } else { 6 });
        Patience { least: Duration::from_millis(1_500), most }
    }
}

/// A scenario.
pub(crate) struct Scenario {
    /// What it is called on the command line and in files.
    pub(crate) name: &'static str,
    /// What it does, in a line.
    pub(crate) about: &'static str,
    /// Observer samples a second; 0 for no observer.
    pub(crate) rate: u32,
    /// The daemons that it compares unless told otherwise.
    pub(crate) daemons: &'static [&'static str],
    /// Does it.
    pub(crate) play: fn(&mut Session, &Setting) -> Result<Findings>,
}

/// Those that need a guest which hears when it is restored, or is saved in the first place: another
/// hypervisor and another kernel than Debian 12's.
const WITH_NEWER_GUEST: [&str; 3] = ["restore", "fork", "suspend"];

impl Scenario {
    /// Whether the guest and its hypervisor have to be newer than the host.
    pub(crate) fn needs_newer_guest(&self) -> bool {
        WITH_NEWER_GUEST.contains(&self.name)
    }
}

const EVERYBODY: &[&str] = &["hostclock", "hostclock-10hz", "chrony", "phc2sys", "phc2sys-10hz"];
const AT_ONE_HERTZ: &[&str] = &["hostclock", "chrony", "phc2sys"];

/// All scenarios.
pub(crate) const ALL: [Scenario; 18] = [
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
        about: "nothing happens for a minute while the host's frequency wanders",
        rate: 1_000,
        daemons: EVERYBODY,
        play: steady::play,
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

/// The scenario called `name`.
pub(crate) fn named(name: &str) -> Result<&'static Scenario> {
    ALL.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|scenario| scenario.name).collect();
        Error::new(format!("no scenario is called {name:?}; there are {}", names.join(", ")))
    })
}

/// The daemons in a comma-separated list.
pub(crate) fn daemons(list: &str) -> Result<Vec<Daemon>> {
    if list == "all" {
        return Ok(daemon::ALL.to_vec());
    }
    list.split(',').map(|name| Daemon::named(name.trim())).collect()
}
