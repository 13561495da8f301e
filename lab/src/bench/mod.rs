//! The bench: everything that is compared with hostclock's peers, in one run of an hour and a half. One seed for all: each
//! daemon meets the same host.

mod about;

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::daemon::Daemon;
use crate::error::{Context, Error, Result};
use crate::fetch;
use crate::play::{Haste, play_runs};
use crate::programs::Programs;
use crate::report::{self, ABOUT};
use crate::scenario::{self, AT_ONE_HERTZ};

/// A part of the bench: some scenarios, each with its daemons.
struct Part {
    /// What it is called on the command line.
    name: &'static str,
    /// The scenarios and who takes part in them.
    scenarios: &'static [(&'static str, &'static [&'static str])],
    /// How much time is spent on it.
    haste: Haste,
}

/// Every program, at every rate.
const AT_EVERY_RATE: &[&str] = &[
    "hostclock-1us",
    "hostclock-16s",
    "hostclock",
    "hostclock-4hz",
    "hostclock-8hz",
    "hostclock-10hz",
    "hostclock-16hz",
    "chrony-poll4",
    "chrony-poll3",
    "chrony",
    "chrony-poll0",
    "chrony-16hz",
    "phc2sys",
    "phc2sys-linreg",
    "phc2sys-8hz",
    "phc2sys-8hz-linreg",
    "phc2sys-10hz",
    "phc2sys-10hz-linreg",
];
/// Each of them at two rates.
const AT_TWO_RATES: &[&str] =
    &["hostclock-1us", "hostclock", "hostclock-10hz", "chrony", "phc2sys", "phc2sys-10hz"];
const QUIETLY: &[&str] = &["hostclock-1us", "hostclock", "chrony", "phc2sys"];
const COSTLY: &[&str] = &[
    "none",
    "hostclock-1us",
    "hostclock-quiet",
    "hostclock",
    "hostclock-10hz",
    "chrony",
    "phc2sys",
    "phc2sys-10hz",
];

/// All parts, in the order in which they are played.
const PARTS: [Part; 9] = [
    Part { name: "truth", scenarios: &[("truth", &["none"])], haste: Haste::None },
    Part {
        name: "quiet",
        scenarios: &[("steady-quiet", QUIETLY), ("steady-quiet-tsc", AT_ONE_HERTZ)],
        haste: Haste::None,
    },
    Part {
        name: "ntp",
        scenarios: &[("steady", AT_EVERY_RATE), ("steady-tsc", AT_ONE_HERTZ)],
        haste: Haste::None,
    },
    Part {
        name: "warming",
        scenarios: &[("steady-warming", AT_TWO_RATES), ("steady-warming-tsc", AT_ONE_HERTZ)],
        haste: Haste::None,
    },
    Part {
        name: "slewed",
        scenarios: &[("steady-slewed", AT_TWO_RATES), ("steady-slewed-tsc", AT_ONE_HERTZ)],
        haste: Haste::None,
    },
    Part { name: "jumps", scenarios: &[("date", AT_ONE_HERTZ)], haste: Haste::None },
    Part { name: "pauses", scenarios: &[("pause", AT_ONE_HERTZ)], haste: Haste::Some },
    Part { name: "start", scenarios: &[("start", AT_ONE_HERTZ)], haste: Haste::None },
    Part { name: "cost", scenarios: &[("idle", COSTLY)], haste: Haste::None },
];

/// What somebody in a hurry sees of each scenario.
const QUICK: &[&str] = AT_ONE_HERTZ;

/// The parts in a comma-separated list of their names.
fn chosen(list: Option<&str>) -> Result<Vec<&'static Part>> {
    let named = |name: &str| {
        PARTS.iter().find(|part| part.name == name).ok_or_else(|| {
            let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
            Error::new(format!("no part is called {name:?}; there are {}", names.join(", ")))
        })
    };
    match list {
        None | Some("all") => Ok(PARTS.iter().collect()),
        Some(list) => list.split(',').map(|name| named(name.trim())).collect(),
    }
}

/// Plays the parts in `list`, or all, and writes documents, tables and pictures to `out`.
pub(crate) fn bench(out: &Path, list: Option<&str>, seed: u32, quick: bool) -> Result<()> {
    let parts = chosen(list)?;
    let started = Instant::now();
    fs::create_dir_all(out).context(|| format!("making {}", out.display()))?;
    let command = command(list, seed, quick);
    let programs = Programs::build(true)?;
    let hostclock = programs.hostclock.context(|| "cargo built no hostclock".into())?;
    let about = about::about(&command, &fetch::prepare(false)?, &hostclock)?;
    let path = out.join(ABOUT);
    fs::write(&path, about).context(|| format!("writing {}", path.display()))?;
    for part in parts {
        for (name, daemons) in part.scenarios {
            let all = daemons.iter().filter(|name| !quick || QUICK.contains(name) || daemons.len() == 1);
            let daemons = all.map(|name| Daemon::named(name)).collect::<Result<Vec<_>>>()?;
            let haste = if quick { Haste::Some } else { part.haste };
            play_runs(scenario::named(name)?, &daemons, seed..seed.saturating_add(1), haste, out)?;
            eprintln!("lab: {} min since the start", started.elapsed().as_secs() / 60);
        }
    }
    print!("{}", report::report(out)?);
    Ok(())
}

/// What makes the same results again.
fn command(list: Option<&str>, seed: u32, quick: bool) -> String {
    let mut command = "hostclock-lab bench".to_owned();
    if let Some(list) = list {
        command.push_str(&format!(" --parts {list}"));
    }
    if seed > 0 {
        command.push_str(&format!(" --seed {seed}"));
    }
    if quick {
        command.push_str(" --quick");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_part_names_exists() {
        for part in &PARTS {
            for (name, daemons) in part.scenarios {
                scenario::named(name).unwrap();
                assert!(daemons.iter().all(|name| Daemon::named(name).is_ok()), "{}", part.name);
            }
        }
    }

    #[test]
    fn parts_are_chosen_by_name_and_a_wrong_name_lists_the_right_ones() {
        assert_eq!(chosen(None).unwrap().len(), PARTS.len());
        assert_eq!(chosen(Some("all")).unwrap().len(), PARTS.len());
        assert_eq!(chosen(Some("cost, ntp")).unwrap().len(), 2);
        assert!(chosen(Some("speed")).err().unwrap().to_string().contains("warming"));
        assert_eq!(command(Some("ntp"), 0, true), "hostclock-lab bench --parts ntp --quick");
    }
}
