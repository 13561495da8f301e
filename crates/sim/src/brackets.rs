//! What the estimator makes of brackets that were recorded on a real device, each beside a precise reading that tells how
//! far it is off: `lab record` in the lab's guest makes them.

use std::fmt;
use std::str::FromStr;

use hostclock_core::estimator::{Estimator, Surprise};
use hostclock_core::reading::{Method, Reading};
use hostclock_core::units::{Duration, RawTime, Timestamp};

/// A bracket, and a precise reading right after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The bracket.
    pub bracket: Reading,
    /// What is so.
    pub precise: Reading,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let numbers: Vec<i64> = line
            .split_whitespace()
            .map(|word| word.parse().map_err(|_| format!("{word:?} is no number")))
            .collect::<Result<_, _>>()?;
        let [raw, system, reference, half, raw_2, system_2, reference_2, half_2] = numbers[..] else {
            return Err(format!("there are {} numbers, not eight", numbers.len()));
        };
        let reading = |raw, system, reference, half, method| Reading {
            raw: RawTime::from_nanos(raw),
            system: Timestamp::from_nanos(system),
            reference: Timestamp::from_nanos(reference),
            uncertainty: Duration::from_nanos(half),
            tied_within: Duration::ZERO,
            method,
        };
        Ok(Self {
            bracket: reading(raw, system, reference, half, Method::SysOffset),
            precise: reading(raw_2, system_2, reference_2, half_2, Method::Precise),
        })
    }
}

/// How far the host's clock was from where it was expected, ns.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Of the readings themselves: their mean, and how far they scatter about it.
    pub readings: (f64, f64),
    /// Of the estimate right after each, likewise.
    pub estimates: (f64, f64),
    /// Of what was predicted for the next reading, likewise.
    pub predictions: (f64, f64),
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, (mean, scatter)) in
            [("readings", self.readings), ("estimates", self.estimates), ("predictions", self.predictions)]
        {
            writeln!(f, "{name:<12} off by {mean:>8.1} ns in the mean, {scatter:>7.1} ns rms about it")?;
        }
        Ok(())
    }
}

/// What comes of `pairs`, but for the first `settling`; `None` if there are no more.
#[must_use]
pub fn figures(pairs: &[Pair], settling: usize) -> Option<Figures> {
    let mut estimator = Estimator::new(&pairs.first()?.bracket, None);
    if pairs.len() <= settling {
        return None;
    }
    let (mut sums, mut passed_over) = ([Sum::default(); 3], false);
    for (number, Pair { bracket, precise }) in pairs.iter().enumerate() {
        let off = |estimator: &Estimator| {
            let at = estimator.at(precise.raw);
            (at.reference - precise.reference).as_nanos_f64() + at.fraction_ns
        };
        let predicted = off(&estimator);
        // The engine takes such a one again, and there is no other here.
        passed_over = !passed_over && estimator.surprise(bracket) == Surprise::Unlikely;
        if !passed_over {
            estimator.update(bracket);
        }
        if number >= settling {
            let [readings, estimates, predictions] = &mut sums;
            readings.take((precise.offset() - bracket.offset()).as_nanos_f64());
            estimates.take(off(&estimator));
            predictions.take(predicted);
        }
    }
    let [readings, estimates, predictions] = sums.map(Sum::value);
    Some(Figures { readings, estimates, predictions })
}

#[derive(Clone, Copy, Default)]
struct Sum {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Sum {
    fn take(&mut self, value: f64) {
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    /// The mean, and the root mean square about it.
    fn value(self) -> (f64, f64) {
        let count = self.count.max(1.0);
        let mean = self.sum / count;
        (mean, (self.squares / count - mean * mean).max(0.0).sqrt())
    }
}
