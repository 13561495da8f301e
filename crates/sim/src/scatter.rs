//! The noises of a frequency that don't add up: white, and flickering (IEEE Std 1139).

use hostclock_core::units::Frequency;

use crate::random::Random;

/// The time constants, in seconds, of the noises that together flicker. Each is of the first order (white noise through
/// a low pass), four times as slow as the last one, and of the same variance s², which is the square of the Allan
/// deviation's floor: each has the spectral density 4 s² τ / (1 + (2πfτ)²), their sum s² / (f ln 4), and of flicker
/// noise h / f the floor is 2 ln 2 h.
pub(crate) const FLICKER: [f64; 11] =
    [1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0];

/// A noise, in steps of the same length.
#[derive(Clone, Debug)]
pub(crate) struct Scatter {
    white_ppb: f64,
    flicker_ppb: f64,
    step_s: f64,
    parts: [f64; FLICKER.len()],
    random: Random,
}

impl Scatter {
    /// Steps of `step_s` seconds; `white` is times the square root of a second, `flicker` the Allan deviation's floor.
    pub(crate) fn new(white: Frequency, flicker: Frequency, step_s: f64, mut random: Random) -> Self {
        let flicker_ppb = flicker.as_ppb();
        let parts = FLICKER.map(|_| random.normal(flicker_ppb));
        Self { white_ppb: white.as_ppb(), flicker_ppb, step_s, parts, random }
    }

    /// The next step's mean frequency, in ppb.
    pub(crate) fn next_ppb(&mut self) -> f64 {
        if self.flicker_ppb == 0.0 && self.white_ppb == 0.0 {
            return 0.0;
        }
        for (part, constant_s) in self.parts.iter_mut().zip(FLICKER) {
            let kept = (-self.step_s / constant_s).exp();
            *part = kept * *part + self.random.normal(self.flicker_ppb * (1.0 - kept * kept).sqrt());
        }
        self.parts.iter().sum::<f64>() + self.random.normal(self.white_ppb / self.step_s.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Allan deviation of the frequency over `tau` steps of half a second, from a hundred of such means and more.
    fn deviation(scatter: &mut Scatter, tau: usize) -> f64 {
        let mut mean = || (0..tau).map(|_| scatter.next_ppb()).sum::<f64>() / tau as f64;
        let means: Vec<f64> = (0..400).map(|_| mean()).collect();
        let squares: f64 = means.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
        (squares / 2.0 / (means.len() - 1) as f64).sqrt()
    }

    #[test]
    fn flicker_has_the_same_allan_deviation_over_every_time_and_white_noise_falls_with_its_root() {
        let new = |white, flicker| {
            Scatter::new(Frequency::from_ppb(white), Frequency::from_ppb(flicker), 0.5, Random::new(3))
        };
        for tau in [20, 200, 2_000] {
            let flicker = deviation(&mut new(0.0, 0.3), tau);
            assert!((0.25..0.35).contains(&flicker), "{flicker} over {tau}");
            let white = deviation(&mut new(1.0, 0.0), tau) * (0.5 * tau as f64).sqrt();
            assert!((0.9..1.1).contains(&white), "{white} over {tau}");
        }
    }
}
