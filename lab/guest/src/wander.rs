//! The nested host's clock as NTP would keep it: a frequency that is never the same for long.

use std::f64::consts::TAU;
use std::io;
use std::thread;
use std::time::Duration;

use hostclock_core::adjust::{Adjustment, KernelRate};
use hostclock_core::units::Frequency;
use hostclock_lab_guest::random::Random;

use crate::change::{NOTHING, adjust};

/// What the oscillator is off by all the time, ppm.
const BASE_PPM: f64 = 20.0;
/// A slow swing, as with temperature: amplitude in ppm and period in seconds.
const SWING_PPM: f64 = 0.5;
const SWING_SECONDS: f64 = 60.0;
/// The random walk's largest step in a second, and how far it may go, ppm.
const STEP_PPM: f64 = 0.02;
const WALK_LIMIT_PPM: f64 = 0.2;

/// Changes the clock's frequency each second, for ever.
///
/// # Errors
/// When the clock can't be adjusted.
pub(crate) fn wander(seed: u64) -> io::Result<()> {
    let mut walk = Walk { random: Random::new(seed), ppm: 0.0 };
    let mut second = 0.0;
    loop {
        let swing = SWING_PPM * (TAU * second / SWING_SECONDS).sin();
        let rate = KernelRate::nearest(Frequency::from_ppm(BASE_PPM + swing + walk.next()));
        adjust(&Adjustment { rate: Some(rate), ..NOTHING })?;
        thread::sleep(Duration::from_secs(1));
        second += 1.0;
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
}
