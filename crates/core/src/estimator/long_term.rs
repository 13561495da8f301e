//! The long memory of the host's frequency.

use crate::units::Frequency;

/// Memory of the long-term frequency.
const LONG_TERM_S: f64 = 3_600.0;
/// How much time must have been seen before the long-term frequency means something.
const LONG_TERM_NEEDS_S: f64 = 10.0;

/// Two oscillators, and an NTP daemon that corrects one, are not further apart.
const ANY_OSCILLATORS_PPB: f64 = 1e6;

/// The mean frequency over a long time, every second counting the same until the memory is full.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LongTerm {
    seconds: f64,
    mean: f64,
    variance: f64,
}

impl LongTerm {
    /// Takes in the frequency of the last `dt` seconds, and tells whether it is one to remember.
    pub(super) fn take(&mut self, frequency: f64, variance: f64, dt: f64) -> bool {
        // A frequency that isn't known to 10 ppm yet would spoil the mean for a long time; and one that no oscillator
        // has is a host that is slewed, for once.
        if variance > 1e8 || frequency.abs() > ANY_OSCILLATORS_PPB {
            return false;
        }
        self.seconds = (self.seconds + dt).min(LONG_TERM_S);
        let share = (dt / self.seconds).min(1.0);
        let off = frequency - self.mean;
        self.mean += share * off;
        self.variance += share * ((1.0 - share) * off * off - self.variance);
        true
    }

    pub(super) fn value(&self) -> Option<(Frequency, Frequency)> {
        (self.seconds >= LONG_TERM_NEEDS_S)
            .then(|| (Frequency::from_ppb(self.mean), Frequency::from_ppb(self.variance.max(0.0).sqrt())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slew_of_per_cents_is_not_taken_for_an_oscillator() {
        let mut long_term = LongTerm::default();
        for second in 0..600 {
            let slewed = (300..400).contains(&second);
            long_term.take(if slewed { 1e8 } else { 20_000.0 }, 4.0, 1.0);
        }
        let (mean, spread) = long_term.value().expect("known");
        assert!((mean.as_ppm() - 20.0).abs() < 0.1 && spread.as_ppm() < 0.1, "{mean} {spread}");
    }
}
