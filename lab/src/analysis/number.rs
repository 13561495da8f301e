//! Numbers of an analysis, as the arithmetic wants them.

/// A count or a span in ns as a number to calculate with; exact up to 2^53, which is 104 days.
#[expect(clippy::cast_precision_loss, reason = "exact up to 104 days")]
pub(crate) fn float(value: i64) -> f64 {
    value as f64
}

/// The same of a count of things, or a size.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, which no list has entries")]
pub(crate) fn count(value: impl TryInto<u64>) -> f64 {
    value.try_into().unwrap_or(u64::MAX) as f64
}

/// The nearest whole number.
#[expect(clippy::cast_possible_truncation, reason = "rounded, and `as` from f64 saturates")]
pub(crate) fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// The nearest count, 0 for what is below.
pub(crate) fn index(value: f64) -> usize {
    usize::try_from(whole(value)).unwrap_or(0)
}
