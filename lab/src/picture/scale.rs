//! A logarithmic scale: values to places on the page.

/// Maps `low ..= high` to `from ..= to`; values beyond are moved to the nearer end.
pub(super) struct Scale {
    /// The value at `from`.
    pub(super) low: f64,
    /// The value at `to`.
    pub(super) high: f64,
    /// The place of `low`.
    pub(super) from: f64,
    /// The place of `high`.
    pub(super) to: f64,
}

impl Scale {
    /// The place of `value`.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value.clamp(self.low, self.high) / self.low).ln() / (self.high / self.low).ln();
        self.from + share * (self.to - self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_factor_of_ten_is_equally_far_and_nothing_leaves_the_page() {
        let scale = Scale { low: 1.0, high: 100.0, from: 200.0, to: 0.0 };
        let places = [0.0, 1.0, 10.0, 100.0, 1e9].map(|value| scale.at(value).round());
        assert_eq!(places, [200.0, 200.0, 100.0, 0.0, 0.0]);
    }
}
