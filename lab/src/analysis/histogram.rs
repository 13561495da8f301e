//! How often a clock was off by how much.

use serde::{Deserialize, Serialize};

use super::number::{count, float, index};

/// Offsets counted in bins of equal width, in ns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Histogram {
    /// Where the first bin begins.
    pub(crate) from: f64,
    /// How wide each is.
    pub(crate) width: f64,
    /// How many offsets are in each.
    pub(crate) counts: Vec<u64>,
    /// How many lie below the first.
    pub(crate) below: u64,
    /// How many lie above the last.
    pub(crate) above: u64,
}

/// At most so many bins.
const BINS: usize = 60;
/// On each side this share of the offsets may lie outside, so that single ones don't widen all bins.
const OUTSIDE: f64 = 0.002;

/// The histogram of `offsets` in ns.
pub(crate) fn histogram(offsets: impl Iterator<Item = i64>) -> Histogram {
    let mut offsets: Vec<i64> = offsets.collect();
    offsets.sort_unstable();
    let at = |share: f64| offsets.get(index(share * (count(offsets.len()) - 1.0))).copied();
    let Some((low, high)) = at(OUTSIDE).zip(at(1.0 - OUTSIDE)) else { return Histogram::default() };
    // Whole ns a bin: else some would hold more of the observer's whole numbers than others.
    let width = (float(high - low + 1) / count(BINS)).ceil();
    let bins = (float(high - low + 1) / width).ceil();
    let from = float(low) - 0.5;
    let mut found = Histogram { from, width, counts: vec![0; index(bins)], below: 0, above: 0 };
    for offset in offsets {
        let bin = ((float(offset) - from) / width).floor();
        match found.counts.get_mut(index(bin.max(0.0))) {
            Some(_) if bin < 0.0 => found.below += 1,
            Some(number) => *number += 1,
            None => found.above += 1,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_offset_is_counted_once_and_single_ones_do_not_widen_the_bins() {
        let many = (0..10_000).map(|number| number % 100 - 50);
        let found = histogram(many.chain([-1_000_000, 1_000_000]));
        assert_eq!((found.below, found.above), (1, 1));
        assert_eq!(found.counts, [200; 50]);
        assert!((found.from + 50.5).abs() < 1e-9 && (found.width - 2.0).abs() < 1e-9);
    }

    #[test]
    fn no_offsets_and_equal_ones_are_no_trouble() {
        assert_eq!(histogram(std::iter::empty()), Histogram::default());
        assert_eq!(histogram([7, 7, 7].into_iter()).counts, [3]);
    }
}
