//! From chrony's configuration to ours: each line that has a counterpart becomes a key, and of every other one it is
//! said why it has none. Nothing is lost: all lines stay as comments.
//!
//! The meaning of the directives is that of chrony.conf(5), version 4.5.

mod without;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use hostclock_core::units::{Duration, Frequency};

use crate::config::{show_duration, show_frequency};

/// How deep files may include others.
const DEEPEST: usize = 10;
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
}

/// Reads `file` below `root`, with what it includes, and turns it into a configuration of ours.
///
/// # Errors
/// When the file, or one that it includes, can't be read; in one line.
pub(crate) fn carry_over(root: &Path, file: &Path) -> Result<Carried, String> {
    let mut reader = Reader { root, lines: Vec::new() };
    reader.read(file, 0)?;
    let mut writer = Writer::new(root);
    for (number, line) in reader.lines.iter().enumerate() {
        let later = reader.lines.iter().skip(number + 1);
        writer.line(line, later.into_iter().any(|later| line.gives_way_to(later)));
    }
    Ok(writer.finish(file))
}

/// Of these chrony takes the last.
const LAST_COUNTS: [&str; 4] = ["makestep", "maxslewrate", "maxchange", "driftfile"];

/// A line that says something.
enum Line {
    /// A file begins.
    File(PathBuf),
    /// What includes another file.
    Inclusion(String),
    /// What stands in a file, and its directive.
    Directive(String, String),
}

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

/// Collects the lines of a file and of those that it includes.
struct Reader<'a> {
    root: &'a Path,
    lines: Vec<Line>,
}

/// Makes a configuration of them.
struct Writer<'a> {
    root: &'a Path,
    body: String,
    keys: BTreeMap<&'static str, String>,
    without: Vec<String>,
    refclocks: usize,
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

impl Reader<'_> {
    fn read(&mut self, file: &Path, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("{}: included too deeply: does it include itself?", file.display()));
        }
        let place = below(self.root, file);
        let text = fs::read_to_string(&place)
            .map_err(|error| format!("cannot read {}: {error}", place.display()))?;
        self.lines.push(Line::File(file.to_owned()));
        for line in text.lines() {
            self.line(line, depth)?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str, depth: usize) -> Result<(), String> {
        let line = line.trim();
        // chrony takes all of these for comments.
        if line.is_empty() || line.starts_with(['#', '%', ';', '!']) {
            return Ok(());
        }
        let shown: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut words = line.split_whitespace();
        let directive = words.next().unwrap_or_default().to_ascii_lowercase();
        let arguments: Vec<&str> = words.collect();
        match directive.as_str() {
            "include" => {
                self.lines.push(Line::Inclusion(shown));
                self.include(&arguments, depth)
            }
            "confdir" => {
                self.lines.push(Line::Inclusion(shown));
                self.confdir(&arguments, depth)
            }
            _ => {
                self.lines.push(Line::Directive(shown, directive));
                Ok(())
            }
        }
    }

    /// `include /etc/chrony.d/*.conf`: only the file's name may be a pattern here.
    fn include(&mut self, arguments: &[&str], depth: usize) -> Result<(), String> {
        for pattern in arguments.iter().map(Path::new) {
            let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            match name.split_once('*') {
                None => self.read(pattern, depth + 1)?,
                Some((start, end)) => {
                    let directory = pattern.parent().unwrap_or(Path::new("/"));
                    for file in files(&below(self.root, directory)) {
                        if file.starts_with(start) && file.ends_with(end) {
                            self.read(&directory.join(file), depth + 1)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// All files `*.conf` of the directories; of two with one name the first counts.
    fn confdir(&mut self, arguments: &[&str], depth: usize) -> Result<(), String> {
        let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
        for directory in arguments.iter().map(Path::new) {
            for file in files(&below(self.root, directory)) {
                if file.ends_with(".conf") {
                    found.entry(file.clone()).or_insert_with(|| directory.join(file));
                }
            }
        }
        for file in found.values() {
            self.read(file, depth + 1)?;
        }
        Ok(())
    }
}

impl<'a> Writer<'a> {
    fn new(root: &'a Path) -> Self {
        Self {
            root,
            body: String::new(),
            keys: BTreeMap::new(),
            without: Vec::new(),
            refclocks: 0,
            steps: false,
        }
    }

    /// Writes a line and what becomes of it; nothing where a later one counts.
    fn line(&mut self, line: &Line, overridden: bool) {
        let (shown, directive) = match line {
            Line::File(file) => {
                let _ = writeln!(self.body, "\n## {}", file.display());
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
            return Fate::Without(format!("hostclock reads the hypervisor's clock only, and no {driver}"));
        }
        self.refclocks += 1;
        if self.refclocks > 1 {
            return Fate::Without(
                "one clock is read, the first one here; another only where it is away".to_owned(),
            );
        }
        let path = parameter.split(':').next().unwrap_or_default();
        let mut keys = vec![("device", quoted(device(self.root, path)))];
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
            self.without.push("no refclock PHC: the device is found by its kind".to_owned());
        }
        let text = format!(
            "# Carried over from {} by `hostclock setup --from`. Every key: hostclock config --show\n{}",
            file.display(),
            self.body
        );
        Carried { text, without: self.without }
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

/// The device's path; a bare number's is no promise, so where it is a hypervisor's clock it is found by kind.
fn device(root: &Path, path: &str) -> String {
    let number =
        path.strip_prefix("/dev/ptp").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    let name = path.rsplit('/').next().unwrap_or_default();
    let clock = fs::read_to_string(root.join("sys/class/ptp").join(name).join("clock_name"));
    let foreign = clock
        .is_ok_and(|clock| hostclock_core::source::Kind::of(&clock) == hostclock_core::source::Kind::Other);
    let usual = matches!(path, "/dev/ptp_kvm" | "/dev/ptp_hyperv" | "/dev/ptp_vmware");
    if (number || usual) && !foreign { "auto".to_owned() } else { path.to_owned() }
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

/// A path of the machine, in the tree under `root`.
fn below(root: &Path, path: &Path) -> PathBuf {
    match path.strip_prefix("/") {
        Ok(inner) => root.join(inner),
        // Given by the user, relative to where he is.
        Err(_) => path.to_owned(),
    }
}

/// The names in a directory, sorted.
fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;
    use crate::scratch::Scratch;

    fn folder(name: &str, files: &[(&str, &str)]) -> Scratch {
        let folder = Scratch::new(&format!("chrony-{name}"));
        for (file, text) in files {
            folder.file(file, text);
        }
        folder
    }

    fn carried(name: &str, text: &str) -> Carried {
        let folder = folder(name, &[("etc/chrony.conf", text)]);
        let carried = carry_over(folder.path(), Path::new("/etc/chrony.conf")).expect("readable");
        // Whatever comes out is a configuration of ours.
        let file = folder.file("h.toml", &carried.text).join("h.toml");
        Origin { file: Some(file), ..Origin::default() }.load().expect("valid");
        carried
    }

    fn keys(carried: &Carried) -> Vec<&str> {
        carried.text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect()
    }

    #[test]
    fn the_two_lines_that_people_use_today_are_carried_over() {
        let carried = carried("two", "refclock PHC /dev/ptp0 poll 1\nmakestep 0.1 -1\n");
        assert_eq!(
            keys(&carried),
            ["device = \"auto\"", "poll = \"1s\"", "step-forward = \"100ms\"", "step-backward = \"100ms\""]
        );
        assert_eq!(carried.without, Vec::<String>::new());
        assert!(carried.text.contains("\n# refclock PHC /dev/ptp0 poll 1\ndevice"), "{}", carried.text);
    }

    #[test]
    fn firecrackers_lines_poll_four_times_a_second() {
        let carried = carried(
            "fc",
            "refclock PHC /dev/ptp0 poll 3 dpoll -2 offset 0 stratum 2 refid KVM\nmakestep 1 3\n",
        );
        assert!(keys(&carried).contains(&"poll = \"250ms\""));
        assert!(keys(&carried).contains(&"steps-after-start = 0"));
        assert_eq!(carried.without.len(), 3, "{:?}", carried.without);
    }

    #[test]
    fn debians_own_file_is_told_line_by_line() {
        let debian = folder(
            "debian",
            &[
                (
                    "etc/chrony/chrony.conf",
                    "confdir /etc/chrony/conf.d\npool 2.debian.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\nkeyfile /etc/chrony/chrony.keys\ndriftfile /var/lib/chrony/chrony.drift\nntsdumpdir /var/lib/chrony\nlogdir /var/log/chrony\nmaxupdateskew 100.0\nrtcsync\nmakestep 1 3\nleapsectz right/UTC\n",
                ),
                ("etc/chrony/conf.d/b.conf", "! a comment\nrefclock PHC /dev/ptp_kvm:extpps poll 2\n"),
                ("etc/chrony/conf.d/a.txt", "nonsense\n"),
            ],
        );
        let carried = carry_over(debian.path(), Path::new("/etc/chrony/chrony.conf")).expect("readable");
        assert_eq!(
            keys(&carried),
            [
                "device = \"auto\"",
                "poll = \"1s\"",
                "drift-file = \"/var/lib/hostclock/drift\"",
                "step-forward = \"1s\"",
                "step-backward = \"1s\"",
                "steps-after-start = 0"
            ]
        );
        let told: Vec<_> = carried.without.iter().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(
            told,
            ["pool", "sourcedir", "keyfile", "ntsdumpdir", "logdir", "maxupdateskew", "leapsectz"]
        );
    }

    #[test]
    fn without_makestep_nothing_is_stepped() {
        let carried = carried(
            "never",
            "refclock PHC /dev/ptp_custom tai\nmaxslewrate 1000\nmaxchange 100 1 1\nlock_all\nsched_priority 5\n",
        );
        assert_eq!(
            keys(&carried),
            [
                "device = \"/dev/ptp_custom\"",
                "time-scale = \"tai\"",
                "poll = \"1s\"",
                "slew-limit = \"500ppm\"",
                "fast-slew-limit = \"1000ppm\"",
                "largest-step = \"100s\"",
                "lock-memory = true",
                "step-at-start = false",
                "step-forward = \"never\"",
                "step-backward = \"never\"",
                "undo-foreign-steps = false"
            ]
        );
    }

    #[test]
    fn a_network_cards_clock_is_carried_over_by_its_path() {
        let folder = folder(
            "nic",
            &[("chrony.conf", "refclock PHC /dev/ptp0\n"), ("sys/class/ptp/ptp0/clock_name", "igb\n")],
        );
        let carried = carry_over(folder.path(), Path::new("/chrony.conf")).expect("readable");
        assert!(carried.text.contains("device = \"/dev/ptp0\""), "which hostclock then refuses by name");
    }

    #[test]
    fn of_two_lines_the_last_counts_as_in_chrony() {
        let carried =
            carried("twice", "refclock PHC /dev/ptp0\nmakestep 1 3\nmaxslewrate 5\nmakestep 0.1 -1\n");
        assert!(carried.text.contains("# makestep 1 3\n#   a later line counts, as in chrony\n"));
        assert!(
            carried.text.contains("step-forward = \"100ms\"") && !carried.text.contains("steps-after-start")
        );
        assert!(carried.text.contains("slew-limit = \"5ppm\""), "{}", carried.text);
    }

    #[test]
    fn what_makes_no_sense_is_told_and_what_is_missing_is_an_error() {
        let carried = carried(
            "odd",
            "maxchange soon\nrefclock\nrefclock SHM 0\nfrobnicate\nrefclock PHC /dev/ptp0\nrefclock PHC /dev/ptp1\nmakestep 1 1\n",
        );
        assert_eq!(carried.without.len(), 5, "{:?}", carried.without);
        let folder = folder("loop", &[("a.conf", "include /a.conf\n")]);
        assert!(carry_over(folder.path(), Path::new("/a.conf")).expect_err("a loop").contains("too deeply"));
        assert!(
            carry_over(folder.path(), Path::new("/b.conf")).expect_err("missing").starts_with("cannot read")
        );
    }
}
