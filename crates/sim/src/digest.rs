//! Everything that the daemon does in a life, as one number: two versions of the engine that give the same number did the
//! same at the same moments.

use hostclock_core::adjust::Adjustment;
use hostclock_core::units::RawTime;

/// The number: FNV-1a over 64-bit words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// The number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Takes in a word.
    pub const fn take(&mut self, word: i64) {
        let word = u64::from_ne_bytes(word.to_ne_bytes());
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    }

    /// Takes in what is said.
    pub fn take_text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.take(i64::from(byte)));
    }

    /// Takes in a call, and when it was made.
    pub(crate) const fn call(&mut self, which: i64, now: RawTime) {
        self.take(which);
        self.take(now.as_nanos());
    }

    /// Takes in what the kernel was asked for.
    pub(crate) fn adjustment(&mut self, adjustment: &Adjustment) {
        let Adjustment { step, rate, health, tai_offset } = *adjustment;
        self.take(step.map_or(i64::MIN, |step| step.as_nanos()));
        self.take(rate.map_or(i64::MIN, |rate| rate.tick));
        self.take(rate.map_or(i64::MIN, |rate| rate.freq));
        self.take(health.map_or(i64::MIN, |health| i64::from(health.synchronised)));
        self.take(health.map_or(i64::MIN, |health| health.max_error.as_nanos()));
        self.take(health.map_or(i64::MIN, |health| health.est_error.as_nanos()));
        self.take(i64::from(tai_offset.unwrap_or(-1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_word_is_another_number() {
        let of = |words: &[i64]| {
            let mut digest = Digest::default();
            words.iter().for_each(|word| digest.take(*word));
            digest.value()
        };
        assert_eq!(of(&[1, 2]), of(&[1, 2]));
        assert!(of(&[1, 2]) != of(&[2, 1]) && of(&[1]) != of(&[1, 0]) && of(&[]) != of(&[0]));
    }
}
