//! Many lives, side by side on every processor.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use hostclock_core::units::Duration;

use crate::judge::{Judge, Recovery, Violation};
use crate::life::Life;
use crate::scenario::Scenario;
use crate::simulation::Simulation;
use crate::tally::Tally;

/// What came of one life.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// How long it was, in seconds.
    pub seconds: f64,
    /// How much happened in it.
    pub disturbances: usize,
    /// What was broken.
    pub violations: Vec<Violation>,
    /// The recoveries.
    pub recoveries: Vec<Recovery>,
}

impl Outcome {
    /// Of `life`, which `judge` has seen to its end.
    fn of(life: &Life, mut judge: Judge) -> Self {
        judge.conclude();
        Self {
            seed: life.seed,
            seconds: life.end.as_secs_f64(),
            disturbances: life.plan.len(),
            violations: judge.violations,
            recoveries: judge.recoveries,
        }
    }
}

/// Lives `life`, and says what came of it.
#[must_use]
pub fn live(life: &Life) -> Outcome {
    lived(life, Judge::new(life))
}

/// The same before a judge who forgives whatever a step does that undoes another's.
#[must_use]
pub fn live_forgiven(life: &Life) -> Outcome {
    lived(life, Judge::forgiving(life))
}

fn lived(life: &Life, mut judge: Judge) -> Outcome {
    Simulation::of(life).run_until(life.end, &mut judge);
    Outcome::of(life, judge)
}

/// Lives the life in `scenario` that belongs to `seed`: what came of it, and its figures. A promise that is broken
/// is a rule that is.
#[must_use]
pub fn play(scenario: Scenario, seed: u64) -> (Outcome, Tally) {
    let life = scenario.life(seed);
    let mut both = (Judge::new(&life), scenario.tally(&life));
    Simulation::of(&life).run_until(life.end, &mut both);
    let (judge, tally) = both;
    let mut outcome = Outcome::of(&life, judge);
    let broken = scenario.broken(&tally).into_iter().map(|what| Violation { at: life.end, what });
    outcome.violations.extend(broken);
    (outcome, tally)
}

/// Lives the lives of these seeds, each as `live` says, side by side; `each` hears of them as they end, in any
/// order.
pub fn campaign<T: Send>(
    seeds: core::ops::Range<u64>,
    live: impl Fn(u64) -> T + Sync,
    mut each: impl FnMut(T),
) {
    let next = AtomicU64::new(seeds.start);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (sender, receiver) = channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next, end, live) = (sender.clone(), &next, seeds.end, &live);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || sender.send(live(seed)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for outcome in receiver {
            each(outcome);
        }
    });
}

/// Recoveries of one kind in figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// How many.
    pub count: usize,
    /// The median.
    pub median: Duration,
    /// The longest.
    pub worst: Duration,
}

/// The figures of every kind of disturbance that stood alone, by name.
#[must_use]
pub fn figures(recoveries: &[Recovery]) -> Vec<(&'static str, Figures)> {
    let mut kinds: Vec<&'static str> = recoveries.iter().map(|recovery| recovery.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let of = |kind| {
        let mut took: Vec<Duration> = recoveries
            .iter()
            .filter(|recovery| recovery.kind == kind)
            .map(|recovery| recovery.took)
            .collect();
        took.sort_unstable();
        let median = took.get(took.len() / 2).copied().unwrap_or_default();
        Figures { count: took.len(), median, worst: took.last().copied().unwrap_or_default() }
    };
    kinds.into_iter().map(|kind| (kind, of(kind))).collect()
}
