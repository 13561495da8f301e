//! The last values of something, and their mean without the largest and the smallest.

/// How many.
pub(super) const RECENT: usize = 32;
/// One in so many of them, the largest, and as many of the smallest, don't count.
const TRIMMED: usize = 8;

/// The values, as they came and by size: sorting them for each mean would take longer than all that is done with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    values: [f64; RECENT],
    sorted: [f64; RECENT],
    oldest: usize,
    count: usize,
}

impl Recent {
    /// None yet.
    pub(super) const fn none() -> Self {
        Self { values: [0.0; RECENT], sorted: [0.0; RECENT], oldest: 0, count: 0 }
    }

    /// All of them `value`.
    pub(super) const fn all(value: f64) -> Self {
        Self { values: [value; RECENT], sorted: [value; RECENT], oldest: 0, count: RECENT }
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// One more; the oldest is forgotten if there is no room.
    pub(super) fn take(&mut self, value: f64) {
        let Some(oldest) = self.values.get_mut(self.oldest) else { return };
        let forgotten = core::mem::replace(oldest, value);
        self.oldest = (self.oldest + 1) % RECENT;
        let kept = if self.count == RECENT {
            let at = self.sorted.partition_point(|other| other.total_cmp(&forgotten).is_lt());
            self.sorted.copy_within((at + 1).min(RECENT).., at);
            RECENT - 1
        } else {
            self.count += 1;
            self.count - 1
        };
        let smaller = |other: &f64| other.total_cmp(&value).is_lt();
        let at = self.sorted.get(..kept).map_or(0, |sorted| sorted.partition_point(smaller));
        self.sorted.copy_within(at..kept, at + 1);
        if let Some(free) = self.sorted.get_mut(at) {
            *free = value;
        }
    }

    /// The mean of those in the middle; 0 of none.
    #[expect(clippy::cast_precision_loss, reason = "32 at most")]
    pub(super) fn trimmed_mean(&self) -> f64 {
        let trimmed = self.count / TRIMMED;
        let kept = self.sorted.get(trimmed..self.count - trimmed).unwrap_or_default();
        kept.iter().sum::<f64>() / kept.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_that_of_the_last_ones_without_the_largest_and_the_smallest() {
        let mut recent = Recent::none();
        assert_eq!(recent.trimmed_mean(), 0.0);
        let mut all = Vec::new();
        for n in 0_i64..200 {
            let value = f64::from(u32::try_from(n * n * 7_919 % 101).expect("small")) - 50.0;
            all.push(value);
            recent.take(value);
            let mut last = all.get(all.len().saturating_sub(RECENT)..).expect("there").to_vec();
            last.sort_unstable_by(f64::total_cmp);
            let trimmed = last.len() / TRIMMED;
            let kept = last.get(trimmed..last.len() - trimmed).expect("there");
            let mean = kept.iter().sum::<f64>() / kept.len() as f64;
            assert!((recent.trimmed_mean() - mean).abs() < 1e-9, "{n}: {recent:?}");
            assert_eq!(recent.count(), last.len());
        }
    }

    #[test]
    fn none_is_none_and_all_are_one() {
        assert_eq!((Recent::none().count(), Recent::all(3.0).count()), (0, RECENT));
        let mut recent = Recent::all(3.0);
        recent.take(f64::NAN);
        recent.take(f64::INFINITY);
        assert_eq!(recent.trimmed_mean(), 3.0);
    }
}
