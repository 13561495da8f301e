//! How well an undisturbed clock is kept, and whether the kernel was told the truth about it.

use hostclock_lab_guest::trace::Sample;
use serde::{Deserialize, Serialize};

use super::allan;
use super::histogram::{Histogram, histogram};
use super::number::{count, float};

/// An undisturbed stretch. Offsets are system minus reference in ns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Steady {
    /// How long the stretch is, in seconds.
    pub(crate) seconds: f64,
    /// The mean offset.
    pub(crate) mean: f64,
    /// The root mean square of the offset (about zero, not about the mean).
    pub(crate) rms: f64,
    /// The root mean square about the mean; 0 in documents that don't say.
    #[serde(default)]
    pub(crate) rms_about_mean: f64,
    /// The largest offset without sign.
    pub(crate) max: u64,
    /// (τ in seconds, overlapping Allan deviation of the offset).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allan: Vec<(f64, f64)>,
    /// How often it was off by how much.
    #[serde(default)]
    pub(crate) histogram: Histogram,
    /// (seconds, smallest, largest) offset in each part of the stretch, for a picture.
    pub(crate) envelope: Vec<(f64, i64, i64)>,
}

/// What the kernel said of the clock, against what was so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Honesty {
    /// Samples in all.
    pub(crate) samples: usize,
    /// Samples with `STA_UNSYNC` clear.
    pub(crate) synchronised: usize,
    /// Samples with `STA_UNSYNC` set after one with it clear.
    #[serde(default)]
    pub(crate) lost: usize,
    /// Samples in which the kernel called the clock synchronised to within `maxerror` while it was
    /// further off.
    pub(crate) lies: usize,
    /// Samples with `STA_UNSYNC` clear and `maxerror` 0.
    pub(crate) claims_perfection: usize,
    /// Whether the last sample has `STA_UNSYNC` clear.
    pub(crate) ends_synchronised: bool,
    /// The median `maxerror` of synchronised samples, in µs.
    pub(crate) median_max_error_us: i64,
}

const ENVELOPE_PARTS: usize = 300;

/// The stretch of `samples` from the raw time `from` on.
pub(crate) fn steady(samples: &[Sample], from: i64) -> Steady {
    let start = samples.partition_point(|sample| sample.raw < from);
    let seen = samples.get(start..).unwrap_or_default();
    let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return Steady::default() };
    let number = count(seen.len());
    let sum: f64 = seen.iter().map(|sample| float(sample.offset)).sum();
    let mean = sum / number;
    let about_mean: f64 = seen.iter().map(|sample| (float(sample.offset) - mean).powi(2)).sum();
    let squares: f64 = seen.iter().map(|sample| float(sample.offset).powi(2)).sum();
    let part = seen.len().div_ceil(ENVELOPE_PARTS).max(1);
    let envelope = seen
        .chunks(part)
        .filter_map(|chunk| {
            let offsets = || chunk.iter().map(|sample| sample.offset);
            Some((float(chunk.first()?.raw - first.raw) / 1e9, offsets().min()?, offsets().max()?))
        })
        .collect();
    Steady {
        seconds: float(last.raw - first.raw) / 1e9,
        mean,
        rms: (squares / number).sqrt(),
        rms_about_mean: (about_mean / number).sqrt(),
        allan: allan::deviation(seen),
        histogram: histogram(seen.iter().map(|sample| sample.offset)),
        max: seen.iter().map(|sample| sample.offset.unsigned_abs()).max().unwrap_or(0),
        envelope,
    }
}

/// What the kernel said in all of `samples`.
pub(crate) fn honesty(samples: &[Sample]) -> Honesty {
    let synchronised = || samples.iter().filter(|sample| sample.synchronised);
    let mut errors: Vec<i64> = synchronised().map(|sample| sample.max_error_us).collect();
    errors.sort_unstable();
    Honesty {
        samples: samples.len(),
        synchronised: errors.len(),
        lost: samples.iter().skip_while(|s| !s.synchronised).filter(|s| !s.synchronised).count(),
        lies: samples.iter().filter(|sample| sample.lie).count(),
        claims_perfection: synchronised().filter(|sample| sample.max_error_us == 0).count(),
        ends_synchronised: samples.last().is_some_and(|sample| sample.synchronised),
        median_max_error_us: errors.get(errors.len() / 2).copied().unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(raw: i64, offset: i64) -> Sample {
        Sample { raw, offset, synchronised: true, max_error_us: 7, ..Sample::default() }
    }

    #[test]
    fn rms_is_about_zero_and_the_settling_time_does_not_count() {
        let samples = [at(0, 1_000_000), at(1_000_000_000, 3), at(2_000_000_000, -5), at(3_000_000_000, 4)];
        let found = steady(&samples, 500_000_000);
        assert!((found.rms - (50.0_f64 / 3.0).sqrt()).abs() < 1e-9);
        assert!((found.seconds - 2.0).abs() < 1e-9);
        assert!((found.mean - 2.0 / 3.0).abs() < 1e-9);
        assert!((found.rms_about_mean.powi(2) + found.mean.powi(2) - found.rms.powi(2)).abs() < 1e-9);
        assert_eq!((found.max, found.envelope.len()), (5, 3));
        assert_eq!(steady(&[], 0), Steady::default());
    }

    #[test]
    fn a_claim_of_perfection_and_a_lie_are_counted() {
        let lie = Sample { lie: true, ..at(1, 9_000) };
        let perfect = Sample { max_error_us: 0, ..at(2, 1) };
        let not_yet = Sample { synchronised: false, ..at(0, 9) };
        let found = honesty(&[not_yet, lie, not_yet, perfect]);
        assert_eq!((found.synchronised, found.lost, found.lies, found.claims_perfection), (2, 1, 1, 1));
        assert!(found.ends_synchronised);
    }
}
