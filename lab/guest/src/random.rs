//! Random numbers that repeat with their seed (xorshift64*; Vigna, "An experimental exploration of
//! Marsaglia's xorshift generators, scrambled").

/// A sequence of them.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The sequence of `seed`, of which the lowest bit doesn't count.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed | 1 }
    }

    /// The next one, from 0 to 1.
    pub fn uniform(&mut self) -> f64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let [.., high, low] = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes().map(f64::from);
        (high * 256.0 + low) / 65_535.0
    }
}
