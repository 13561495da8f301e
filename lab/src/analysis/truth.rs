//! How good pairs of counter and clock are as the truth, where there is another: beside precise readings, and
//! across the moments at which the guest's clocksource is switched.
//!
//! On kvm-clock the difference between the two is taken as it is. On tsc there are no precise readings; but with no
//! daemon and an untouched host, the offset is a straight line for as long as the clocksource stays, and at a switch
//! it goes on where it was, less the moment that the kernel takes between its last reading of the old counter and its
//! first of the new one (`change_clocksource`, kernel/time/timekeeping.c, Linux 6.1). What is lost there makes the pairs'
//! line begin below the precise one and end above the next, so it falls out of the mean of both as far as it is the
//! same in both directions: to some hundred ns, in emulation. That the pairs' own constant error on tsc is far
//! smaller follows from what they are: the same instructions of the vDSO read the same counter in both machines, each
//! within its bracket.

use hostclock_lab_guest::trace::Sample;
use serde::{Deserialize, Serialize};

use super::line::Line;
use super::number::{count, float};
use super::stretch::between;

/// The error of pairs, in ns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Truth {
    /// On kvm-clock, how many pairs were compared with precise readings.
    pub(crate) compared: usize,
    /// The mean of pairs minus precise readings there.
    pub(crate) bias: f64,
    /// The root mean square about that.
    pub(crate) rms: f64,
    /// The median of what a pair can be off by at most, on either clocksource.
    pub(crate) limit: f64,
    /// How many stretches there were on tsc.
    pub(crate) stretches: usize,
    /// The same constant error on tsc, the mean over the stretches.
    pub(crate) tsc_bias: f64,
    /// How far a stretch is from that at most.
    pub(crate) tsc_spread: f64,
    /// The root mean square about the straight line.
    pub(crate) tsc_rms: f64,
    /// What the clock loses at a switch, the mean.
    pub(crate) lost: f64,
    /// The mean of the observer's own brackets minus the truth, on tsc.
    pub(crate) bracket_bias: f64,
}

/// A precise reading is better than this, in ns, and a bracket never is.
const PRECISE: i64 = 10;
/// What lies so near a switch, in ns, belongs to neither side.
const MARGIN: i64 = 50_000_000;
/// Two readings further apart than this, in ns, say nothing about the time between them.
const NEAR: i64 = 20_000_000;

/// The error of `pairs`, seen beside the observer's samples. The raw times of both differ: they meet at the
/// host's time.
pub(crate) fn truth(pairs: &[Sample], observed: &[Sample]) -> Truth {
    let by_host = |samples: &[Sample]| -> Vec<Sample> {
        samples.iter().map(|sample| Sample { raw: sample.reference, ..*sample }).collect()
    };
    let (pairs, observed) = (by_host(pairs), by_host(observed));
    let differences: Vec<f64> = pairs.iter().filter_map(|pair| beside(pair, &observed)).collect();
    let (bias, rms) = mean_and_rms(&differences);
    let mut limits: Vec<i64> = pairs.iter().map(|pair| pair.uncertainty).collect();
    limits.sort_unstable();
    let limit = limits.get(limits.len() / 2).copied().map_or(0.0, float);
    let mut found = Truth { compared: differences.len(), bias, rms, limit, ..Truth::default() };
    let parts: Vec<&[Sample]> = observed.chunk_by(|one, two| precise(one) == precise(two)).collect();
    let (mut biases, mut losses, mut rests, mut brackets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for three in parts.windows(3) {
        let [before, on_tsc, after] = three else { continue };
        let Some((from, to)) = boundary(before, on_tsc).zip(boundary(on_tsc, after)) else { continue };
        let inner = between(&pairs, from + MARGIN, to - MARGIN);
        let lines = (Drift::of(before), Drift::of(inner), Drift::of(after));
        let (Some(before), Some(line), Some(after)) = lines else { continue };
        if precise_line(three) {
            let (begins, ends) = (line.at(from) - before.at(from), line.at(to) - after.at(to));
            biases.push(f64::midpoint(begins, ends));
            losses.push((ends - begins) / 2.0);
            rests.extend(inner.iter().map(|pair| float(pair.offset) - line.at(pair.raw)));
            let bracketed = between(on_tsc, from + MARGIN, to - MARGIN).iter();
            brackets.extend(bracketed.map(|sample| float(sample.offset) - line.at(sample.raw)));
        }
    }
    found.stretches = biases.len();
    found.tsc_bias = mean_and_rms(&biases).0;
    found.tsc_spread = biases.iter().map(|bias| (bias - found.tsc_bias).abs()).fold(0.0, f64::max);
    found.tsc_rms = mean_and_rms(&rests).1;
    found.lost = mean_and_rms(&losses).0;
    found.bracket_bias = mean_and_rms(&brackets).0 + found.tsc_bias;
    found
}

fn precise(sample: &Sample) -> bool {
    sample.uncertainty <= PRECISE
}

/// Whether a stretch of brackets lies between two of precise readings.
fn precise_line(three: &[&[Sample]]) -> bool {
    three.iter().map(|part| part.first().is_some_and(precise)).eq([true, false, true])
}

/// The middle between the end of one stretch and the beginning of the next.
fn boundary(one: &[Sample], two: &[Sample]) -> Option<i64> {
    let (last, first) = (one.last()?.raw, two.first()?.raw);
    Some(last + (first - last) / 2)
}

/// A pair minus what the precise readings on both sides of it say, where they do.
fn beside(pair: &Sample, observed: &[Sample]) -> Option<f64> {
    let next = observed.partition_point(|sample| sample.raw <= pair.raw);
    let (one, two) = (observed.get(next.checked_sub(1)?)?, observed.get(next)?);
    if !(precise(one) && precise(two)) || two.raw - one.raw > NEAR {
        return None;
    }
    let share = float(pair.raw - one.raw) / float(two.raw - one.raw);
    Some(float(pair.offset - one.offset) - share * float(two.offset - one.offset))
}

fn mean_and_rms(values: &[f64]) -> (f64, f64) {
    let number = count(values.len()).max(1.0);
    let mean = values.iter().sum::<f64>() / number;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / number).sqrt())
}

/// A straight line of the offset over time.
struct Drift {
    first: Sample,
    line: Line,
}

impl Drift {
    fn of(samples: &[Sample]) -> Option<Self> {
        let first = *samples.first()?;
        let points = samples.iter().map(|s| (float(s.raw - first.raw), float(s.offset - first.offset)));
        Some(Self { first, line: Line::through(points)? })
    }

    fn at(&self, raw: i64) -> f64 {
        float(self.first.offset) + self.line.at(float(raw - self.first.raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample each ms for 3 s; on tsc in the middle one, where the offset grows faster and starts 400 ns lower. Pairs
    /// lie by `error` above the truth there, and by 25 ns elsewhere.
    fn recordings(error: i64) -> (Vec<Sample>, Vec<Sample>) {
        let truth = |ms: i64| match ms / 1_000 {
            0 => ms,
            1 => 1_000 - 400 + (ms - 1_000) * 3,
            _ => 4_000 - 800 + (ms - 2_000),
        };
        let on_tsc = |ms: i64| (1_000..2_000).contains(&ms);
        let at = |ms: i64, more: i64| Sample {
            reference: ms * 1_000_000,
            offset: truth(ms) + more,
            ..Sample::default()
        };
        let pairs = (0..3_000).map(|ms| at(ms, if on_tsc(ms) { error } else { 25 })).collect();
        let observed = (0..3_000).map(|ms| match on_tsc(ms) {
            true => Sample { uncertainty: 5_000, ..at(ms, 1_500) },
            false => at(ms, 0),
        });
        (pairs, observed.collect())
    }

    #[test]
    fn the_error_of_pairs_is_found_on_both_clocksources() {
        let (pairs, observed) = recordings(40);
        let found = truth(&pairs, &observed);
        assert!((found.bias - 25.0).abs() < 1e-6 && found.rms < 1e-6 && found.compared > 1_900);
        assert_eq!(found.stretches, 1);
        // The moment of a switch is known to half a ms, in which the offset changes by a ns.
        assert!((found.tsc_bias - 40.0).abs() < 1.5, "{found:?}");
        assert!((found.lost - 400.0).abs() < 1.5 && found.tsc_rms < 1e-6, "{found:?}");
        assert!((found.bracket_bias - 1_500.0).abs() < 1.5, "{found:?}");
    }

    #[test]
    fn without_precise_readings_nothing_is_compared() {
        let (pairs, _) = recordings(40);
        assert_eq!(truth(&pairs, &[]), Truth::default());
    }
}
