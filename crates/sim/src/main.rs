//! The simulator's command line: many lives, or one again.

mod compare;
mod tell;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hostclock_core::units::Duration;
use hostclock_sim::campaign::{Outcome, campaign, figures, live, play};
use hostclock_sim::judge::{Judge, Recovery};
use hostclock_sim::life::Life;
use hostclock_sim::picture::draw;
use hostclock_sim::record::Record;
use hostclock_sim::scenario::Scenario;
use hostclock_sim::simulation::Simulation;
use hostclock_sim::tally::Tally;
use tell::Teller;

/// A line of output. Whoever reads it may stop early.
macro_rules! say {
    ($($words:tt)*) => {
        if writeln!(std::io::stdout(), $($words)*).is_err() {
            std::process::exit(1);
        }
    };
}
pub(crate) use say;

/// A world in which the truth is known, for the engine of hostclock (docs/simulator.md)
#[derive(Parser)]
#[command(name = "hostclock-sim", max_term_width = 100)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Live many random lives, and tell of each one that broke a rule; exits with 1 if one did
    Campaign {
        /// How many
        #[arg(long, value_name = "N")]
        lives: u64,
        /// How long each one is, about, if it isn't a scenario's
        #[arg(long, value_name = "H", default_value_t = 1.0)]
        hours: f64,
        /// The first one's seed
        #[arg(long, value_name = "SEED", default_value_t = 0)]
        from: u64,
        /// Of one kind of trouble: a scenario's name, or `all` for so many of each
        #[arg(long, value_name = "NAME", value_parser = scenarios)]
        scenario: Option<Chosen>,
    },
    /// Compare the engine's steady clock with a filter that is told every noise: rms in ns, seed by seed
    Steady {
        /// How many seeds
        #[arg(long, value_name = "N", default_value_t = 5)]
        seeds: u64,
        /// Seconds between readings
        #[arg(long, value_name = "S", default_value_t = 1.0)]
        poll: f64,
        /// For how long, in hours
        #[arg(long, value_name = "H", default_value_t = 1.0)]
        hours: f64,
        /// With a kernel that runs its clock at whole units of its multiplier only
        #[arg(long)]
        rounding: bool,
        /// One regime after the other instead, quiet and noisy: each is watched when it is a minute old
        #[arg(long)]
        changing: bool,
    },
    /// Compare how far the clock is off after 90 minutes alone with a filter that is told every noise, after an hour
    /// with the host: medians
    Holdover {
        /// How many seeds
        #[arg(long, value_name = "N", default_value_t = 200)]
        seeds: u64,
    },
    /// Read seldom, or as seldom as an accuracy allows, in several worlds: medians
    Polling {
        /// How many seeds
        #[arg(long, value_name = "N", default_value_t = 9)]
        seeds: u64,
    },
    /// Look at what the estimator makes of brackets that were recorded in the lab's guest
    Brackets {
        /// What `lab record` printed
        file: PathBuf,
        /// So many don't count
        #[arg(long, value_name = "N", default_value_t = 60)]
        settling: usize,
    },
    /// Say what the engine does in many lives, random ones and each scenario's, as a number for each: two versions that
    /// print the same did the same at the same moments
    Actions {
        /// How many of each
        #[arg(long, value_name = "N", default_value_t = 40)]
        lives: u64,
    },
    /// Live one life again, and tell it line by line
    Replay {
        /// Which one
        seed: u64,
        /// How long it is, about, if it isn't a scenario's
        #[arg(long, value_name = "H", default_value_t = 1.0)]
        hours: f64,
        /// It is this scenario's
        #[arg(long, value_name = "NAME", value_parser = scenario)]
        scenario: Option<Scenario>,
        /// Tell every sample from this second on
        #[arg(long, value_name = "S", default_value_t = 0.0)]
        after: f64,
        /// And until this one
        #[arg(long, value_name = "S", default_value_t = 0.0)]
        before: f64,
        /// Draw these seconds instead, or those around the first rule that was broken
        #[arg(long, value_name = "FILE.svg")]
        picture: Option<PathBuf>,
    },
}

#[derive(Clone)]
struct Chosen(Vec<Scenario>);

fn scenario(name: &str) -> Result<Scenario, String> {
    let names = Scenario::ALL.map(Scenario::name).join(", ");
    Scenario::named(name).ok_or_else(|| format!("there are {names}"))
}

fn scenarios(name: &str) -> Result<Chosen, String> {
    if name == "all" { Ok(Chosen(Scenario::ALL.to_vec())) } else { Ok(Chosen(vec![scenario(name)?])) }
}

fn main() -> ExitCode {
    let fine = match Options::parse().command {
        Command::Campaign { lives, hours, from, scenario: None } => run_campaign(from..from + lives, hours),
        Command::Campaign { lives, from, scenario: Some(chosen), .. } => {
            play_all(&chosen.0, from..from + lives)
        }
        Command::Steady { seeds, poll, hours, rounding, changing } => {
            compare::steady(seeds, poll, hours, rounding, changing);
            true
        }
        Command::Holdover { seeds } => {
            compare::holdover(seeds);
            true
        }
        Command::Polling { seeds } => {
            compare::polling(seeds);
            true
        }
        Command::Brackets { file, settling } => compare::brackets(&file, settling),
        Command::Actions { lives } => {
            actions(lives);
            true
        }
        Command::Replay { seed, hours, scenario, after, before, picture } => {
            let life = scenario.map_or_else(|| Life::new(seed, hours), |scenario| scenario.life(seed));
            let window = (after, before);
            match picture {
                Some(file) => draw_life(&life, window, &file),
                None => replay(&life, scenario, window),
            }
        }
    };
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells of a life that broke a rule, and how to live it again.
fn tell_of(outcome: &Outcome, options: &str) -> bool {
    let Some(first) = outcome.violations.first() else { return false };
    say!("seed {}: after {:.6} s {}", outcome.seed, first.at.as_secs_f64(), first.what);
    say!("    again: hostclock-sim replay {0} {options} [--picture {0}.svg]", outcome.seed);
    true
}

fn run_campaign(seeds: core::ops::Range<u64>, hours: f64) -> bool {
    let (lives, mut failed, mut seconds, mut disturbances) = (seeds.end - seeds.start, 0, 0.0, 0);
    let mut recoveries: Vec<Recovery> = Vec::new();
    let one = |seed| live(&Life::new(seed, hours));
    campaign(seeds, one, |outcome| {
        failed += u64::from(tell_of(&outcome, &format!("--hours {hours}")));
        seconds += outcome.seconds;
        disturbances += outcome.disturbances;
        recoveries.extend(outcome.recoveries);
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
    failed == 0
}

/// So many of a scenario's lives that broke a rule are told of.
const TOLD: u64 = 3;

fn play_all(chosen: &[Scenario], seeds: core::ops::Range<u64>) -> bool {
    let lives = seeds.end - seeds.start;
    let mut all_failed = 0;
    say!("{:12} {:>6} {:>8}  off by over 1 us at a stretch      largest offset", "", "lives", "broken");
    say!("{:12} {:>6} {:>8}  median of lives, longest of all     median, of all", "", "", "a rule");
    for scenario in chosen {
        let mut failed = 0;
        let mut tallies: Vec<Tally> = Vec::new();
        campaign(
            seeds.clone(),
            |seed| play(*scenario, seed),
            |(outcome, tally)| {
                let broken = !outcome.violations.is_empty();
                if broken && failed < TOLD {
                    tell_of(&outcome, &format!("--scenario {}", scenario.name()));
                }
                failed += u64::from(broken);
                tallies.push(tally);
            },
        );
        all_failed += failed;
        let longest = spread(tallies.iter().map(|tally| tally.longest));
        let largest = spread(tallies.iter().map(|tally| Duration::from_nanos_f64(tally.largest_ns)));
        say!(
            "{:12} {lives:6} {failed:8}  {:>15}, {:>15}  {:>10}, {:>10}",
            scenario.name(),
            longest.0.to_string(),
            longest.1.to_string(),
            largest.0.to_string(),
            largest.1.to_string()
        );
    }
    all_failed == 0
}

/// The median, and the most.
pub(crate) fn spread(spans: impl Iterator<Item = Duration>) -> (Duration, Duration) {
    let mut spans: Vec<Duration> = spans.collect();
    spans.sort_unstable();
    let at = |place: usize| spans.get(place).copied().unwrap_or_default();
    (at(spans.len() / 2), at(spans.len().saturating_sub(1)))
}

fn replay(life: &Life, scenario: Option<Scenario>, window: (f64, f64)) -> bool {
    say!("seed {}: {:#?}\n{:#?}", life.seed, life.model, life.policy);
    let tally = scenario.map_or(Tally::new(life.end, life.end), |scenario| scenario.tally(life));
    let mut witnesses = (Teller::new(life, window), tally);
    Simulation::of(life).run_until(life.end, &mut witnesses);
    let (teller, tally) = witnesses;
    let broken = scenario.map(|scenario| scenario.broken(&tally)).unwrap_or_default();
    for what in &broken {
        say!("{:14.6}  !!! {what}", life.end.as_secs_f64());
    }
    teller.conclude() && broken.is_empty()
}

/// Draws a stretch of one life.
/// What the engine does in each of so many lives.
fn actions(lives: u64) {
    /// Of a random one, in hours.
    const HOURS: f64 = 0.3;
    let done = |life: &Life| {
        let mut simulation = Simulation::of(life);
        simulation.run_until(life.end, &mut ());
        simulation.world.digest().value()
    };
    let print = |name: &str, life: &(dyn Fn(u64) -> Life + Sync)| {
        let mut all = Vec::new();
        campaign(0..lives, |seed| (seed, done(&life(seed))), |one| all.push(one));
        all.sort_unstable();
        for (seed, number) in all {
            say!("{name} {seed} {number:016x}");
        }
    };
    print("random", &|seed| Life::new(seed, HOURS));
    for scenario in Scenario::ALL {
        print(scenario.name(), &|seed| scenario.life(seed));
    }
}

fn draw_life(life: &Life, window: (f64, f64), file: &PathBuf) -> bool {
    let mut witnesses = (Judge::new(life), Record::default());
    Simulation::of(life).run_until(life.end, &mut witnesses);
    let (mut judge, record) = witnesses;
    judge.conclude();
    let violations = &judge.violations;
    let window = match violations.first() {
        _ if window.1 > window.0 => window,
        Some(first) => (first.at.as_secs_f64() - 3.0, first.at.as_secs_f64() + 2.0),
        None => (0.0, life.end.as_secs_f64()),
    };
    let svg = draw(&record, violations, window, &format!("seed {}", life.seed));
    let name = file.display();
    if let Err(error) = std::fs::write(file, svg) {
        eprintln!("hostclock-sim: writing {name}: {error}");
        return false;
    }
    say!("wrote {name}: {} rules broken, {:.3} s to {:.3} s", violations.len(), window.0, window.1);
    true
}
