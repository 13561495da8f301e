//! The daemons that the lab compares, each as the command that a person would start.

use crate::error::{Error, Result};

/// A daemon with its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Daemon {
    /// What it is called on the command line, in files and in tables.
    pub(crate) name: &'static str,
    /// What it is called in a legend.
    pub(crate) title: &'static str,
    /// Which program, and how it is set.
    program: Program,
    /// Seconds between two readings of the device, 0 for none or for as many as it takes.
    pub(crate) poll: f64,
    /// After so many seconds on a clock that was right it is as good as it gets.
    pub(crate) settling: u64,
}

/// A program with its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Program {
    /// hostclock with these lines as its configuration.
    Hostclock(&'static str),
    /// chronyd, whose reference clock has these options.
    Chrony(&'static str),
    /// phc2sys with these options.
    Phc2sys(&'static str),
    /// None at all.
    Nothing,
}

use Program::{Chrony, Hostclock, Nothing, Phc2sys};

/// All daemons, in the order of tables and legends. Who reads as often as somebody else settles for as long.
pub(crate) const ALL: [Daemon; 21] = [
    of("hostclock-1us", "hostclock, accuracy 1 us", Hostclock(ONE_MICROSECOND), 0.0, 60),
    of("hostclock-16s", "hostclock, poll 16 s", Hostclock("poll = \"16s\""), 16.0, 90),
    of("hostclock", "hostclock, poll 1 s (default)", Hostclock("poll = \"1s\""), 1.0, 20),
    of("hostclock-4hz", "hostclock, poll 0.25 s", Hostclock("poll = \"250ms\""), 0.25, 12),
    of("hostclock-8hz", "hostclock, poll 0.125 s", Hostclock("poll = \"125ms\""), 0.125, 8),
    of("hostclock-10hz", "hostclock, poll 0.1 s", Hostclock("poll = \"100ms\""), 0.1, 8),
    of("hostclock-16hz", "hostclock, poll 62.5 ms", Hostclock("poll = \"62.5ms\""), 0.0625, 8),
    of("hostclock-quiet", "hostclock, quiet", Hostclock("responsiveness = \"quiet\""), 1.0, 20),
    of("hostclock-instant", "hostclock, instant", Hostclock("responsiveness = \"instant\""), 1.0, 20),
    of("chrony-poll4", "chrony, poll 4 (default)", Chrony("poll 4 dpoll 0"), 1.0, 90),
    of("chrony-poll3", "chrony, poll 3 dpoll -2", Chrony("poll 3 dpoll -2"), 0.25, 60),
    of("chrony", "chrony, poll 1", Chrony("poll 1"), 1.0, 30),
    of("chrony-poll0", "chrony, poll 0", Chrony("poll 0"), 1.0, 20),
    of("chrony-16hz", "chrony, poll -4 dpoll -4", Chrony("poll -4 dpoll -4"), 0.0625, 8),
    of("phc2sys", "phc2sys, 1 Hz", Phc2sys("-R 1"), 1.0, 20),
    of("phc2sys-linreg", "phc2sys, 1 Hz, linreg", Phc2sys("-R 1 -E linreg"), 1.0, 20),
    of("phc2sys-8hz", "phc2sys, 8 Hz", Phc2sys("-R 8"), 0.125, 30),
    of("phc2sys-8hz-linreg", "phc2sys, 8 Hz, linreg", Phc2sys("-R 8 -E linreg"), 0.125, 30),
    of("phc2sys-10hz", "phc2sys, 10 Hz", Phc2sys("-R 10"), 0.1, 30),
    of("phc2sys-10hz-linreg", "phc2sys, 10 Hz, linreg", Phc2sys("-R 10 -E linreg"), 0.1, 30),
    of("none", "no daemon", Nothing, 0.0, 5),
];

/// The time between readings goes by what is asked for, and nothing else wakes the daemon up.
const ONE_MICROSECOND: &str = "accuracy = \"1us\"\nresponsiveness = \"quiet\"";

const fn of(name: &'static str, title: &'static str, program: Program, poll: f64, settling: u64) -> Daemon {
    Daemon { name, title, program, poll, settling }
}

/// What every chronyd is told besides its reference clock.
const CHRONY_CONFIGURATION: &str = "makestep 0.1 -1\ncmdport 0\nport 0\nuser root\n";

impl Daemon {
    /// The daemon called `name`.
    pub(crate) fn named(name: &str) -> Result<Self> {
        ALL.into_iter().find(|daemon| daemon.name == name).ok_or_else(|| {
            let names: Vec<&str> = ALL.iter().map(|daemon| daemon.name).collect();
            Error::new(format!("no daemon is called {name:?}; there are {}", names.join(", ")))
        })
    }

    /// Whether it is hostclock, in whatever setting.
    pub(crate) fn is_hostclock(&self) -> bool {
        matches!(self.program, Hostclock(_))
    }

    /// The command that runs it in the foreground, if there is anything to run.
    pub(crate) fn command(&self) -> Option<String> {
        let name = self.name;
        match self.program {
            Hostclock(_) => Some(format!("/bin/hostclock run --config /etc/{name}.conf")),
            Chrony(_) => Some(format!("/usr/sbin/chronyd -d -f /etc/{name}.conf")),
            // -q: there is no system log here, and phc2sys would look for it with each line.
            Phc2sys(options) => {
                Some(format!("/usr/sbin/phc2sys -s /dev/ptp0 -c CLOCK_REALTIME -O 0 -S 0.1 {options} -m -q"))
            }
            Nothing => None,
        }
    }

    /// Its configuration, `/etc/NAME.conf`, if it reads one.
    pub(crate) fn configuration(&self) -> Option<String> {
        match self.program {
            Hostclock(lines) => Some(format!("{lines}\n")),
            Chrony(options) => Some(chrony(options, self.name)),
            Phc2sys(_) | Nothing => None,
        }
    }
}

/// The configuration of a chronyd which calls itself `name`: it is the only one of that name.
fn chrony(options: &str, name: &str) -> String {
    format!("refclock PHC /dev/ptp0 {options}\n{CHRONY_CONFIGURATION}pidfile /run/{name}.pid\n")
}

/// chronyd as somebody else's, beside the daemon that keeps the clock.
pub(crate) const RIVAL: &str = "chrony-rival";

/// The configuration of [`RIVAL`].
pub(crate) fn rival_configuration() -> String {
    chrony("poll 1", RIVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_is_found_by_its_name_and_a_wrong_name_lists_the_right_ones() {
        assert_eq!(Daemon::named("chrony").unwrap().title, "chrony, poll 1");
        assert!(Daemon::named("ntpd").unwrap_err().to_string().contains("phc2sys-10hz"));
    }

    #[test]
    fn each_daemon_has_a_name_of_its_own_and_reads_the_configuration_of_that_name() {
        for (number, daemon) in ALL.iter().enumerate() {
            assert!(ALL.iter().skip(number + 1).all(|other| other.name != daemon.name), "{}", daemon.name);
            if daemon.configuration().is_some() {
                let command = daemon.command().unwrap();
                assert!(command.contains(&format!("/etc/{}.conf", daemon.name)), "{command}");
            }
        }
    }
}
