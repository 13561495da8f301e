//! The engine beside the best that there could be, as tables.

use std::io::Write as _;
use std::path::Path;

use hostclock_core::units::{Duration, Frequency};
use hostclock_sim::brackets::{self, Figures, Pair};
use hostclock_sim::campaign::campaign;
use hostclock_sim::holdover::Setup as Alone;
use hostclock_sim::kernel::Rounding;
use hostclock_sim::polling::{self, worlds};
use hostclock_sim::steady::{Regime, Setup};

use crate::{say, spread};

/// The four set-ups of chrony's figures: walks of 1e-9 and 1e-8 per root second, readings good to 1 and 50 ns.
const SETUPS: [(f64, f64); 4] = [(1.0, 1.0), (1.0, 50.0), (10.0, 1.0), (10.0, 50.0)];
/// Both noises change, each alone, and both against each other.
const CHANGES: [(f64, f64); 8] =
    [(1.0, 1.0), (10.0, 50.0), (1.0, 1.0), (1.0, 50.0), (10.0, 1.0), (1.0, 50.0), (1.0, 1.0), (10.0, 1.0)];

/// Prints how close a clock stays to its host: a line for each set-up and seed, or for each regime and seed.
pub(crate) fn steady(seeds: u64, poll: f64, hours: f64, rounding: bool, changing: bool) {
    let settling_s = if changing { 60.0 } else { 600.0_f64.max(60.0 * poll) };
    let regime = |(wander_ppb, jitter_ns)| Regime {
        wander: Frequency::from_ppb(wander_ppb),
        jitter_ns,
        settling_s,
        watched_s: hours * 3_600.0,
    };
    let poll = Duration::from_nanos_f64(poll * 1e9);
    say!("{:>8} {:>7} {:>5} {:>12} {:>12} {:>7}", "wander", "jitter", "seed", "engine", "reference", "ratio");
    let compare = |regimes: &[Regime], seed| {
        let setup = Setup { regimes, poll, rounding: rounding.then(Rounding::default) };
        for ((regime, engine), reference) in regimes.iter().zip(setup.engine(seed)).zip(setup.reference(seed))
        {
            say!(
                "{:>5} ppb {:>4} ns {seed:>5} {:>9.2} ns {:>9.2} ns {:>7.3}",
                regime.wander.as_ppb(),
                regime.jitter_ns,
                engine.rms_ns,
                reference.rms_ns,
                engine.rms_ns / reference.rms_ns
            );
        }
    };
    if changing {
        let regimes = CHANGES.map(regime);
        (0..seeds).for_each(|seed| compare(&regimes, seed));
    } else {
        for regime in SETUPS.map(regime) {
            (0..seeds).for_each(|seed| compare(&[regime], seed));
        }
    }
}

/// White noise, flicker and walk of the frequency, in ppb, and the readings' jitter, in ns.
const NOISES: [(f64, f64, f64, f64); 6] = [
    (0.0, 0.0, 1.0, 1.0),
    (0.0, 0.0, 10.0, 50.0),
    (1.0, 0.3, 0.0, 1.0),
    (10.0, 0.3, 0.0, 50.0),
    (0.1, 1.0, 0.0, 1.0),
    (1.0, 0.3, 0.01, 1.0),
];

/// Prints how far a clock is off that ran alone for 90 minutes, after an hour with its host: a line for each set-up.
pub(crate) fn holdover(seeds: u64) {
    say!(
        "{:>9} {:>9} {:>9} {:>7} {:>13} {:>13} {:>7}",
        "white",
        "flicker",
        "walk",
        "jitter",
        "engine",
        "reference",
        "ratio"
    );
    for (white, flicker, wander, jitter_ns) in NOISES {
        let setup = Alone {
            white: Frequency::from_ppb(white),
            flicker: Frequency::from_ppb(flicker),
            wander: Frequency::from_ppb(wander),
            jitter_ns,
            with_s: 3_600,
            without_s: 5_400,
        };
        let median = |error: fn(&Alone, u64) -> f64| {
            let mut errors = Vec::new();
            campaign(
                0..seeds,
                |seed| Duration::from_nanos_f64(error(&setup, seed)).abs(),
                |one| errors.push(one),
            );
            spread(errors.into_iter()).0.as_nanos_f64()
        };
        let (engine, reference) = (median(Alone::engine), median(Alone::reference));
        say!(
            "{white:>5} ppb {flicker:>5} ppb {wander:>5} ppb {jitter_ns:>4} ns {:>10.2} us {:>10.2} us {:>7.3}",
            engine / 1e3,
            reference / 1e3,
            engine / reference
        );
    }
}

/// What to ask for: a poll, and an accuracy.
const ASKED: [(Duration, Option<Duration>); 7] = [
    (Duration::from_secs(1), None),
    (Duration::from_secs(4), None),
    (Duration::from_secs(16), None),
    (Duration::from_secs(64), None),
    (Duration::from_secs(1), Some(Duration::from_nanos(100))),
    (Duration::from_secs(1), Some(Duration::from_micros(1))),
    (Duration::from_secs(1), Some(Duration::from_micros(10))),
];

/// Prints how close the clock stays at long intervals, how seldom readings are taken for an accuracy, and what becomes of
/// the clock then: a line for each world and what is asked for.
pub(crate) fn polling(seeds: u64) {
    say!(
        "{:>17} {:>11} {:>10} {:>12} {:>12} {:>8}",
        "world",
        "asked for",
        "interval",
        "rms",
        "at most",
        "beyond"
    );
    for (name, model) in worlds() {
        for (poll, accuracy) in ASKED {
            let setup = polling::Setup { poll, accuracy, settling_s: 600.0, watched_s: 7_200.0 };
            let mut seen = Vec::new();
            campaign(0..seeds, |seed| setup.keep(&model, seed), |one| seen.push(one));
            let median = |of: fn(&polling::Figures) -> f64| {
                let mut values: Vec<f64> = seen.iter().map(of).collect();
                values.sort_by(f64::total_cmp);
                values.get(values.len() / 2).copied().unwrap_or_default()
            };
            say!(
                "{name:>17} {:>11} {:>8.1} s {:>9.1} ns {:>9.0} ns {:>6.2} %",
                accuracy.map_or_else(|| format!("poll {poll}"), |accuracy| accuracy.to_string()),
                median(|one| one.interval_s),
                median(|one| one.offset.rms_ns),
                median(|one| one.offset.max_ns),
                100.0 * median(|one| one.beyond)
            );
        }
    }
}

/// Tells what the estimator makes of the brackets in `file`; false if that can't be told.
pub(crate) fn brackets(file: &Path, settling: usize) -> bool {
    let figures = recorded(file, settling);
    match &figures {
        Ok(figures) => say!("{figures}"),
        Err(why) => eprintln!("hostclock-sim: {}: {why}", file.display()),
    }
    figures.is_ok()
}

fn recorded(file: &Path, settling: usize) -> Result<Figures, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let pairs: Result<Vec<Pair>, String> = text.lines().map(str::parse).collect();
    let pairs = pairs.map_err(|why| format!("{why} (does it have precise readings?)"))?;
    brackets::figures(&pairs, settling).ok_or_else(|| format!("there are only {} pairs", pairs.len()))
}
