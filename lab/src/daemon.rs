//! The daemons that the lab compares, each as the command that a person would start.

use crate::error::{Error, Result};

/// A daemon with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Daemon {
    /// What it is called on the command line, in files and in tables.
    pub(crate) name: &'static str,
    /// What it is called in a legend.
    pub(crate) title: &'static str,
    /// The command that runs it in the foreground, empty for none.
    pub(crate) command: &'static str,
}

/// All daemons, in the order of tables and legends.
pub(crate) const ALL: [Daemon; 8] = [
    Daemon {
        name: "hostclock",
        title: "hostclock, poll 1 s",
        command: "/bin/hostclock run --config /etc/hostclock-1s.toml",
    },
    Daemon {
        name: "hostclock-10hz",
        title: "hostclock, poll 0.1 s",
        command: "/bin/hostclock run --config /etc/hostclock-100ms.toml",
    },
    Daemon {
        name: "hostclock-quiet",
        title: "hostclock, quiet",
        command: "/bin/hostclock run --config /etc/hostclock-quiet.toml",
    },
    Daemon {
        name: "hostclock-instant",
        title: "hostclock, instant",
        command: "/bin/hostclock run --config /etc/hostclock-instant.toml",
    },
    Daemon { name: "chrony", title: "chrony, poll 1", command: "/usr/sbin/chronyd -d -f /etc/chrony.conf" },
    Daemon {
        name: "phc2sys",
        title: "phc2sys, 1 Hz",
        command: "/usr/sbin/phc2sys -s /dev/ptp0 -c CLOCK_REALTIME -O 0 -S 0.1 -R 1 -m",
    },
    Daemon {
        name: "phc2sys-10hz",
        title: "phc2sys, 10 Hz",
        command: "/usr/sbin/phc2sys -s /dev/ptp0 -c CLOCK_REALTIME -O 0 -S 0.1 -R 10 -m",
    },
    Daemon { name: "none", title: "no daemon", command: "" },
];

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
        self.name.starts_with("hostclock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_is_found_by_its_name_and_a_wrong_name_lists_the_right_ones() {
        assert_eq!(Daemon::named("chrony").unwrap().title, "chrony, poll 1");
        assert!(Daemon::named("ntpd").unwrap_err().to_string().contains("phc2sys-10hz"));
    }
}
