//! Repeatable random numbers: everything in a simulated world follows from one seed.
//!
//! The generator is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
//! generators", 2014): eight bytes of state, no dependency, the same numbers on every machine. It is
//! not for secrets.

use hostclock_core::units::Duration;

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The stream that belongs to `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A stream of its own for one part of the world, so that a part that draws one number more
    /// doesn't change what happens to the others.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        let mixed = name.bytes().fold(self.state ^ GOLDEN, |hash, byte| {
            // FNV-1a, 64 bits.
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut part = Self::new(mixed);
        let _ = part.bits();
        part
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0 ≤ x < 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform between `low` and `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Logarithmically uniform between `low` and `high`, both above zero: each decade is as likely as
    /// any other.
    pub fn decades(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// Normally distributed with this standard deviation (Box and Muller).
    pub fn normal(&mut self, sigma: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        sigma * radius * (core::f64::consts::TAU * self.unit()).cos()
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Plus or minus one.
    pub fn sign(&mut self) -> f64 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// One of `choices`; `None` if there are none.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below a usize")]
    pub fn choice<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let count = choices.len() as u64;
        choices.get(self.bits().checked_rem(count)? as usize)
    }

    /// A span of either sign, between `low` and `high` seconds in magnitude, logarithmically uniform.
    pub fn signed_span(&mut self, low_s: f64, high_s: f64) -> Duration {
        let span = self.span(low_s, high_s);
        if self.chance(0.5) { span } else { -span }
    }

    /// A span between `low` and `high` seconds, logarithmically uniform.
    pub fn span(&mut self, low_s: f64, high_s: f64) -> Duration {
        Duration::from_nanos_f64(self.decades(low_s, high_s) * 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_reference_implementation() {
        // https://prng.di.unimi.it/splitmix64.c with x = 1234567.
        let mut random = Random::new(1_234_567);
        assert_eq!(random.bits(), 6_457_827_717_110_365_317);
        assert_eq!(random.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_normal_distribution_has_its_mean_and_width() {
        let mut random = Random::new(1);
        let drawn: Vec<f64> = (0..100_000).map(|_| random.normal(3.0)).collect();
        let mean = drawn.iter().sum::<f64>() / 1e5;
        let square = drawn.iter().map(|x| x * x).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.05 && (square.sqrt() - 3.0).abs() < 0.05, "{mean} {square}");
    }

    #[test]
    fn parts_of_one_seed_have_streams_of_their_own() {
        let world = Random::new(7);
        assert_eq!(world.part("host").bits(), world.part("host").bits());
        assert_ne!(world.part("host").bits(), world.part("device").bits());
    }
}
