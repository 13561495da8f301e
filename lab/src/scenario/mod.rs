//! Scenarios: what is done to a guest whose clock a daemon keeps. One scenario is one file with one
//! function; add it to [`ALL`] and every command knows it.

mod clocksource;
mod date;
mod flapping;
mod fork;
mod frozen_hook;
mod host_lies;
mod host_slew;
mod host_step;
mod idle;
mod kill;
mod list;
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
mod truth;

use std::time::Duration;

use crate::daemon::{self, Daemon};
use crate::error::{Error, Result};
use crate::result::Findings;
use crate::session::{Patience, Session};

pub(crate) use date::{DEMO, jumps, rehearse};
pub(crate) use list::{ALL, AT_ONE_HERTZ};
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
