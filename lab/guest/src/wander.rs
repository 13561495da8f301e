//! The nested host's clock as somebody keeps it, or nobody: a frequency that is never the same for long.

use std::f64::consts::TAU;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use hostclock_core::adjust::{Adjustment, KernelRate};
use hostclock_core::units::Frequency;
use hostclock_lab_guest::random::Random;

use crate::change::{NOTHING, adjust};

/// In which way the frequency changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// As under NTP: off, with a slow swing and small random steps, once a second
    Ntp,
    /// As a crystal that warms up: exponentially, by 3 ppm with a time constant of 2 minutes
    Warming,
    /// As while somebody puts the clock right: 500 ppm faster, after 20 s for 20 s
    Slewed,
}

/// What the oscillator is off by all the time, ppm.
const BASE_PPM: f64 = 20.0;
/// A slow swing, as with temperature: amplitude in ppm and period in seconds.
const SWING_PPM: f64 = 0.5;
const SWING_SECONDS: f64 = 60.0;
/// The random walk's largest step in a second, and how far it may go, ppm.
const STEP_PPM: f64 = 0.02;
const WALK_LIMIT_PPM: f64 = 0.2;
/// By how much the frequency of a crystal that warms up changes in the end, and how soon.
const WARMING_PPM: f64 = 3.0;
const WARMING_SECONDS: f64 = 120.0;
/// By how much, from when and until when a clock is slewed.
const SLEW_PPM: f64 = 500.0;
const SLEW_FROM: f64 = 20.0;
const SLEW_UNTIL: f64 = 40.0;

/// Changes the clock's frequency, for ever, as if that had been going on for so many seconds already; below 0,
/// the frequency stays as it is at the beginning until then.
///
/// # Errors
/// When the clock can't be adjusted.
pub(crate) fn wander(kind: Kind, seed: u64, elapsed: i32) -> io::Result<()> {
    let mut walk = Walk { random: Random::new(seed), ppm: 0.0 };
    if kind == Kind::Ntp {
        for _ in 0..elapsed {
            walk.next();
        }
    }
    let (started, period) = (Instant::now(), kind.period());
    let mut next = started;
    let mut last = None;
    loop {
        let seconds = (f64::from(elapsed) + started.elapsed().as_secs_f64()).max(0.0);
        let ppm = kind.ppm(seconds) + if kind == Kind::Ntp { walk.next() } else { 0.0 };
        let rate = KernelRate::nearest(Frequency::from_ppm(ppm));
        if last.replace(rate) != Some(rate) {
            adjust(&Adjustment { rate: Some(rate), ..NOTHING })?;
        }
        next += period;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

impl Kind {
    /// How often the frequency is set. A crystal warms up smoothly: a step of it is below 1.3 ppb.
    fn period(self) -> Duration {
        Duration::from_millis(if self == Self::Ntp { 1_000 } else { 50 })
    }

    /// The frequency after so many seconds, but for what is random.
    fn ppm(self, seconds: f64) -> f64 {
        match self {
            // Set at the beginning of each second.
            Self::Ntp => BASE_PPM + SWING_PPM * (TAU * seconds.round() / SWING_SECONDS).sin(),
            Self::Warming => BASE_PPM + WARMING_PPM * (1.0 - (-seconds / WARMING_SECONDS).exp()),
            Self::Slewed if (SLEW_FROM..SLEW_UNTIL).contains(&seconds) => BASE_PPM + SLEW_PPM,
            Self::Slewed => BASE_PPM,
        }
    }
}

/// A bounded random walk with a seed.
struct Walk {
    random: Random,
    ppm: f64,
}

impl Walk {
    fn next(&mut self) -> f64 {
        let step = STEP_PPM * (2.0 * self.random.uniform() - 1.0);
        self.ppm = (self.ppm + step).clamp(-WALK_LIMIT_PPM, WALK_LIMIT_PPM);
        self.ppm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_moves_within_its_bounds_and_repeats_with_its_seed() {
        let path = |seed| {
            let mut walk = Walk { random: Random::new(seed), ppm: 0.0 };
            (0..5_000).map(|_| walk.next()).collect::<Vec<_>>()
        };
        let walk = path(7);
        assert!(walk.windows(2).all(|pair| (pair[1] - pair[0]).abs() <= STEP_PPM + 1e-12));
        assert!(walk.iter().all(|ppm| ppm.abs() <= WALK_LIMIT_PPM));
        assert!(walk.iter().any(|ppm| *ppm > 0.05) && walk.iter().any(|ppm| *ppm < -0.05));
        assert_eq!(walk, path(7));
    }

    #[test]
    fn a_crystal_warms_up_by_what_it_should_and_in_small_steps() {
        let step = Kind::Warming.period().as_secs_f64();
        let seconds: Vec<f64> = (0..20_000).map(|count| f64::from(count) * step).collect();
        let path: Vec<f64> = seconds.iter().map(|time| Kind::Warming.ppm(*time)).collect();
        assert!(path.windows(2).all(|pair| (0.0..0.0013).contains(&(pair[1] - pair[0]))));
        assert!((path[19_999] - path[0] - WARMING_PPM).abs() < 0.001);
        assert!((Kind::Warming.ppm(WARMING_SECONDS) - path[0] - 1.896).abs() < 0.001);
    }

    #[test]
    fn a_slew_begins_and_ends_when_it_should() {
        let path = [0.0, 19.9, 20.0, 39.9, 40.0].map(|seconds| Kind::Slewed.ppm(seconds) - BASE_PPM);
        assert_eq!(path, [0.0, 0.0, SLEW_PPM, SLEW_PPM, 0.0]);
    }
}
