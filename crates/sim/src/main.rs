//! The simulator's command line: many lives, or one again.
//!
//! `campaign --lives N [--hours H] [--from SEED]` lives N lives and fails when one of them broke a
//! rule; `replay SEED [--hours H]` tells one life, with every sample between two of its seconds if
//! asked (`--after S --before S`); `--picture FILE` draws these seconds, or those around the first rule that
//! was broken.

use std::io::Write as _;
use std::process::ExitCode;

use hostclock_core::notice::Notice;
use hostclock_sim::campaign::{Outcome, campaign, figures};
use hostclock_sim::judge::Judge;
use hostclock_sim::life::Life;
use hostclock_sim::picture::draw;
use hostclock_sim::record::Record;
use hostclock_sim::simulation::{Sample, Simulation, Witness};
use hostclock_sim::truth::TrueTime;
use hostclock_sim::world::Happening;

/// A line of output. Whoever reads it may stop early.
macro_rules! say {
    ($($words:tt)*) => {
        if writeln!(std::io::stdout(), $($words)*).is_err() {
            std::process::exit(1);
        }
    };
}

const USAGE: &str = "usage: hostclock-sim campaign --lives N [--hours H] [--from SEED]
       hostclock-sim replay SEED [--hours H] [--after S --before S] [--picture FILE.svg]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let place = words.iter().position(|word| word == name)?;
        words.get(place + 1)?.parse::<f64>().ok()
    };
    let hours = number("--hours").unwrap_or(1.0);
    let whole = |name| number(name).filter(|n| n.fract() == 0.0 && (0.0..1e15).contains(n)).map(|n| n as u64);
    match words.first().map(String::as_str) {
        Some("campaign") => match whole("--lives") {
            Some(lives) => run_campaign(whole("--from").unwrap_or(0), lives, hours),
            None => usage(),
        },
        Some("replay") => match words.get(1).and_then(|word| word.parse().ok()) {
            Some(seed) => {
                let window = (number("--after").unwrap_or(0.0), number("--before").unwrap_or(0.0));
                match word_after(&words, "--picture") {
                    Some(file) => picture(seed, hours, window, file),
                    None => replay(seed, hours, window),
                }
            }
            None => usage(),
        },
        _ => usage(),
    }
}

fn word_after<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    let place = words.iter().position(|word| word == name)?;
    words.get(place + 1).map(String::as_str)
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn run_campaign(from: u64, lives: u64, hours: f64) -> ExitCode {
    let (mut failed, mut seconds, mut disturbances) = (0, 0.0, 0);
    let mut recoveries = Vec::new();
    campaign(from..from + lives, hours, |outcome: Outcome| {
        seconds += outcome.seconds;
        disturbances += outcome.disturbances;
        recoveries.extend(outcome.recoveries);
        if let Some(first) = outcome.violations.first() {
            failed += 1;
            say!("seed {}: after {:.6} s {}", outcome.seed, first.at.as_secs_f64(), first.what);
            say!("    again: hostclock-sim replay {0} --hours {hours} [--picture {0}.svg]", outcome.seed);
        }
    });
    say!(
        "{lives} lives, {:.0} h, {disturbances} disturbances; {failed} lives broke a rule",
        seconds / 3_600.0
    );
    say!("right again after a disturbance that stood alone:");
    for (kind, figures) in figures(&recoveries) {
        say!(
            "  {kind:14} {:6} times, median {:>10}, worst {:>10}",
            figures.count,
            figures.median.to_string(),
            figures.worst.to_string()
        );
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn replay(seed: u64, hours: f64, window: (f64, f64)) -> ExitCode {
    let life = Life::new(seed, hours);
    say!("seed {seed}: {:#?}\n{:#?}", life.model, life.policy);
    let mut simulation = Simulation::of(&life);
    let mut teller = Teller { judge: Judge::new(&life), told: 0, window, last: None };
    simulation.run_until(life.end, &mut teller);
    teller.judge.conclude();
    teller.tell_violations();
    if teller.told == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Draws a stretch of one life.
fn picture(seed: u64, hours: f64, window: (f64, f64), file: &str) -> ExitCode {
    let life = Life::new(seed, hours);
    let mut simulation = Simulation::of(&life);
    let mut seen = Seen { judge: Judge::new(&life), record: Record::default() };
    simulation.run_until(life.end, &mut seen);
    seen.judge.conclude();
    let violations = &seen.judge.violations;
    let window = match violations.first() {
        _ if window.1 > window.0 => window,
        Some(first) => (first.at.as_secs_f64() - 3.0, first.at.as_secs_f64() + 2.0),
        None => (0.0, life.end.as_secs_f64()),
    };
    let svg = draw(&seen.record, violations, window, &format!("seed {seed}"));
    match std::fs::write(file, svg) {
        Ok(()) => {
            say!("wrote {file}: {} rules broken, {:.3} s to {:.3} s", violations.len(), window.0, window.1);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("hostclock-sim: writing {file}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Remembers everything, and judges it.
struct Seen {
    judge: Judge,
    record: Record,
}

impl Witness for Seen {
    fn sample(&mut self, sample: &Sample) {
        self.judge.sample(sample);
        self.record.sample(sample);
    }

    fn happened(&mut self, at: TrueTime, what: &Happening) {
        self.judge.happened(at, what);
        self.record.happened(at, what);
    }
}

/// Tells what happens, line by line.
struct Teller {
    judge: Judge,
    told: usize,
    window: (f64, f64),
    last: Option<Sample>,
}

impl Teller {
    fn tell_violations(&mut self) {
        for violation in self.judge.violations.iter().skip(self.told) {
            say!("{:14.6}  !!! {}", violation.at.as_secs_f64(), violation.what);
        }
        self.told = self.judge.violations.len();
    }
}

impl Witness for Teller {
    fn sample(&mut self, sample: &Sample) {
        self.judge.sample(sample);
        self.tell_violations();
        // A line where the state changes, or the offset by much.
        let close = (self.window.0..self.window.1).contains(&sample.at.as_secs_f64());
        let telling = close
            || self.last.is_none_or(|last| {
                let far = |ns: f64| ns.abs().max(50.0).log2().floor();
                last.state != sample.state || far(last.offset_ns) != far(sample.offset_ns)
            });
        if telling {
            let state = sample.state.map_or("no daemon", |state| state.word());
            let bound = sample.bound.map_or("-".to_owned(), |bound| bound.to_string());
            let kernel = sample.kernel_bound.map_or("unsync".to_owned(), |bound| bound.to_string());
            say!(
                "{:14.6}  {:+.0} ns, bound {bound}, kernel {kernel}, {state}{}",
                sample.at.as_secs_f64(),
                sample.offset_ns,
                if sample.unnoticed { ", not noticed yet" } else { "" },
            );
            self.last = Some(*sample);
        }
    }

    fn happened(&mut self, at: TrueTime, what: &Happening) {
        let at_s = at.as_secs_f64();
        match what {
            Happening::Disturbed(what) => say!("{at_s:14.6}  *** {what}"),
            Happening::Over(what) => say!("{at_s:14.6}  *** over: {what}"),
            Happening::Stepped { by, before_ns, after_ns } => {
                say!("{at_s:14.6}  --> step by {by:+}: {before_ns:+.0} ns, then {after_ns:+.0} ns");
            }
            Happening::Told(notice) => tell(at_s, notice),
            Happening::Started => say!("{at_s:14.6}  *** the daemon starts"),
            Happening::Runaway => say!("{at_s:14.6}  !!! it runs away"),
        }
        self.judge.happened(at, what);
        self.tell_violations();
    }
}

fn tell(at_s: f64, notice: &Notice) {
    say!("{at_s:14.6}      \"{notice}\"");
}
