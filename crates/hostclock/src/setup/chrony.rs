//! From chrony's configuration to ours: each line that has a counterpart becomes a key, and of every other one it is
//! said why it has none. Nothing is lost: all lines stay as comments.
//!
//! The meaning of the directives is that of chrony.conf(5), version 4.5.

mod device;
mod read;
mod without;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use hostclock_core::units::{Duration, Frequency};

use crate::config::{show_duration, show_frequency};
use device::device;
use read::Line;

/// chrony polls a reference clock every 2^0 seconds, if nobody says otherwise.
const DEFAULT_DPOLL: i32 = 0;
const DEFAULT_POLL: i32 = 4;

/// What became of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Our configuration, with each line of chrony's as a comment.
    pub(crate) text: String,
    /// What has no counterpart, a line each: the directive and why.
    pub(crate) without: Vec<String>,
    /// What was carried over and is worth a thought, a line each.
    pub(crate) remarks: Vec<String>,
}

/// Reads `file` below `root`, with what it includes, and turns it into a configuration of ours.
///
/// # Errors
/// When the file, or one that it includes, can't be read; in one line.
pub(crate) fn carry_over(root: &Path, file: &Path) -> Result<Carried, String> {
    let lines = read::lines(root, file)?;
    let mut writer = Writer::new(root);
    for (number, line) in lines.iter().enumerate() {
        let later = lines.iter().skip(number + 1);
        writer.line(line, later.into_iter().any(|later| line.gives_way_to(later)));
    }
    Ok(writer.finish(file))
}

/// Of these chrony takes the last.
const LAST_COUNTS: [&str; 4] = ["makestep", "maxslewrate", "maxchange", "driftfile"];

impl Line {
    fn gives_way_to(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Directive(_, own), Self::Directive(_, other)) => {
                own == other && LAST_COUNTS.contains(&own.as_str())
            }
            _ => false,
        }
    }
}

/// Makes a configuration of them.
struct Writer<'a> {
    root: &'a Path,
    body: String,
    keys: BTreeMap<&'static str, String>,
    without: Vec<String>,
    remarks: Vec<String>,
    refclocks: usize,
    /// Reference clocks of other kinds.
    others: usize,
    /// Servers, pools and peers, or files with such.
    servers: usize,
    steps: bool,
}

/// What becomes of one line.
enum Fate {
    /// It is a key; or several.
    Keys(Vec<(&'static str, String)>),
    /// Nothing has to be said: hostclock does so anyway.
    Anyway(&'static str),
    /// There is nothing like it: why.
    Without(String),
}

impl<'a> Writer<'a> {
    fn new(root: &'a Path) -> Self {
        Self {
            root,
            body: String::new(),
            keys: BTreeMap::new(),
            without: Vec::new(),
            remarks: Vec::new(),
            refclocks: 0,
            others: 0,
            servers: 0,
            steps: false,
        }
    }

    /// Writes a line and what becomes of it; nothing where a later one counts.
    fn line(&mut self, line: &Line, overridden: bool) {
        let (shown, directive) = match line {
            Line::File(file) => {
                let _ = writeln!(self.body, "\n## {}", in_a_comment(file));
                return;
            }
            Line::Inclusion(shown) => {
                let _ = writeln!(self.body, "# {shown}");
                return;
            }
            Line::Directive(shown, directive) => (shown, directive),
        };
        let _ = writeln!(self.body, "# {shown}");
        if overridden {
            let _ = writeln!(self.body, "#   a later line counts, as in chrony");
            return;
        }
        let arguments: Vec<&str> = shown.split_whitespace().skip(1).collect();
        match self.fate(directive, &arguments) {
            Fate::Keys(keys) => {
                for (key, value) in keys {
                    let _ = writeln!(self.body, "{}", set(&mut self.keys, key, value));
                }
            }
            Fate::Anyway(what) => {
                let _ = writeln!(self.body, "#   {what}");
            }
            Fate::Without(why) => {
                let _ = writeln!(self.body, "#   no counterpart: {why}");
                self.without.push(format!("{shown}: {why}"));
            }
        }
    }

    fn fate(&mut self, directive: &str, arguments: &[&str]) -> Fate {
        let without = |why: &str| Fate::Without(why.to_owned());
        if matches!(directive, "server" | "pool" | "peer" | "sourcedir") {
            self.servers += 1;
        }
        match directive {
            "refclock" => self.refclock(arguments),
            "makestep" => self.makestep(arguments),
            "maxslewrate" => number(arguments).map_or_else(
                || without("it needs a number"),
                |ppm| {
                    // As much as hostclock allows; chrony's own default is 83333.
                    let ppm = ppm.clamp(1.0, 90_000.0);
                    let ordinary = ppm.min(500.0);
                    Fate::Keys(vec![
                        ("slew-limit", quoted(show_frequency(Frequency::from_ppm(ordinary)))),
                        ("fast-slew-limit", quoted(show_frequency(Frequency::from_ppm(ppm)))),
                    ])
                },
            ),
            "maxchange" => match seconds(arguments) {
                Some(limit) => Fate::Keys(vec![("largest-step", quoted(show_duration(limit)))]),
                None => without("it needs a number of seconds"),
            },
            "driftfile" => Fate::Keys(vec![("drift-file", quoted("/var/lib/hostclock/drift".to_owned()))]),
            "rtcsync" => Fate::Anyway(
                "hostclock does so anyway: the kernel keeps the RTC right while the clock is synchronised",
            ),
            "lock_all" => Fate::Keys(vec![("lock-memory", "true".to_owned())]),
            "sched_priority" => {
                Fate::Anyway("the service's unit gives it a real-time priority: CPUSchedulingPriority=")
            }
            _ => without(without::reason(directive).unwrap_or("this directive is not known here")),
        }
    }

    fn refclock(&mut self, arguments: &[&str]) -> Fate {
        let (Some(driver), Some(parameter)) = (arguments.first(), arguments.get(1)) else {
            return Fate::Without("it names no driver and device".to_owned());
        };
        if !driver.eq_ignore_ascii_case("PHC") {
            self.others += 1;
            return Fate::Without(format!("hostclock reads the hypervisor's clock only, and no {driver}"));
        }
        self.refclocks += 1;
        if self.refclocks > 1 {
            return Fate::Without(
                "one clock is read, the first one here; another only where it is away".to_owned(),
            );
        }
        let path = parameter.split(':').next().unwrap_or_default();
        let (device, remark) = device(self.root, path);
        self.remarks.extend(remark);
        let mut keys = vec![("device", quoted(device))];
        let (mut poll, mut dpoll) = (DEFAULT_POLL, DEFAULT_DPOLL);
        let mut options = arguments.iter().skip(2);
        while let Some(option) = options.next() {
            let mut value = || options.next().copied().unwrap_or_default();
            match option.to_ascii_lowercase().as_str() {
                "poll" => poll = value().parse().unwrap_or(poll),
                "dpoll" => dpoll = value().parse().unwrap_or(dpoll),
                "tai" => keys.push(("time-scale", quoted("tai".to_owned()))),
                "offset" => {
                    let offset = value();
                    if offset.parse() == Ok(0.0) {
                        continue;
                    }
                    self.without.push(format!("refclock … offset {offset}: a constant correction is not made here: the bound on the error contains what a reading may be off"));
                }
                name @ ("refid" | "stratum" | "precision" | "delay" | "maxdispersion" | "filter" | "rate" | "lock" | "width"
                | "minsamples" | "maxsamples" | "maxlockage") => {
                    let value = value();
                    self.without.push(format!("refclock … {name} {value}: there is one source, and its noise is learnt from the readings"));
                }
                "noselect" => self.without.push("refclock … noselect: to look on without touching the clock is a flag: hostclock run --observe".to_owned()),
                other => self.without.push(format!("refclock … {other}: there is one source, with nothing to select")),
            }
        }
        // What chrony calls the poll is how often it uses several readings together; hostclock uses each one.
        let exponent = dpoll.min(poll).clamp(-4, 6);
        let every = Duration::from_nanos_f64(2f64.powi(exponent) * 1e9);
        keys.push(("poll", quoted(show_duration(every))));
        Fate::Keys(keys)
    }

    fn makestep(&mut self, arguments: &[&str]) -> Fate {
        let (Some(threshold), Some(limit)) =
            (seconds(arguments), arguments.get(1).and_then(|limit| limit.parse::<i64>().ok()))
        else {
            return Fate::Without("it needs a threshold in seconds and a number of updates".to_owned());
        };
        self.steps = true;
        let threshold = quoted(show_duration(threshold));
        let mut keys = vec![("step-forward", threshold.clone()), ("step-backward", threshold)];
        if limit >= 0 {
            // In the first updates only: that is the step at the start.
            keys.push(("steps-after-start", "0".to_owned()));
            self.remarks.push(format!(
                "makestep … {limit}: as with chrony, nothing is stepped after the start, so that a clock that is wrong \
                 after a pause or a restore is slewed for minutes or hours; without steps-after-start = 0 it is right at \
                 once"
            ));
        }
        Fate::Keys(keys)
    }

    fn finish(mut self, file: &Path) -> Carried {
        if !self.steps {
            let _ = writeln!(
                self.body,
                "\n# There is no makestep: chrony slews everything, however long it takes."
            );
            for (key, value) in [
                ("step-at-start", "false"),
                ("step-forward", "\"never\""),
                ("step-backward", "\"never\""),
                ("undo-foreign-steps", "false"),
            ] {
                let _ = writeln!(self.body, "{}", set(&mut self.keys, key, value.to_owned()));
            }
            self.without.push(
                "no makestep: nothing is ever stepped, as with chrony; without these keys hostclock would step what is wrong by over 1 ms forward or 100 ms backward"
                    .to_owned(),
            );
        }
        if self.refclocks == 0 {
            let other = match (self.others, self.servers) {
                (1.., 0) => " (the other refclock was the only source of time in this file)",
                _ => "",
            };
            self.without.push(format!("no refclock PHC: the device is found by its kind{other}"));
        }
        let text = format!(
            "# Carried over from {} by `hostclock setup --from`. Every key: hostclock config --show\n{}",
            in_a_comment(file),
            self.body
        );
        Carried { text, without: self.without, remarks: self.remarks }
    }
}

/// A line that sets `key`; a comment where it was set before.
fn set(keys: &mut BTreeMap<&'static str, String>, key: &'static str, value: String) -> String {
    match keys.get(key) {
        Some(_) => format!("#   {key} = {value}: set above already, and that is kept"),
        None => {
            keys.insert(key, value.clone());
            format!("{key} = {value}")
        }
    }
}

/// A path in a comment, which ends with its line.
fn in_a_comment(path: &Path) -> String {
    path.display().to_string().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn quoted(text: String) -> String {
    format!("\"{}\"", text.replace(['"', '\\'], "?"))
}

fn number(arguments: &[&str]) -> Option<f64> {
    arguments.first()?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The first argument, in seconds; at least the microsecond that a threshold needs.
fn seconds(arguments: &[&str]) -> Option<Duration> {
    let seconds = number(arguments).filter(|seconds| *seconds >= 0.0)?;
    Some(Duration::from_nanos_f64(seconds * 1e9).max(Duration::from_micros(1)))
}

#[cfg(test)]
mod tests;
