//! A straight line through points, by least squares.

/// `base + slope * x`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Its value at 0.
    pub(crate) base: f64,
    /// How much it rises.
    pub(crate) slope: f64,
}

impl Line {
    /// The line through `points`; `None` with less than two different x.
    pub(crate) fn through(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Self> {
        let (count, sum_x, sum_y) = points
            .clone()
            .fold((0.0, 0.0, 0.0), |(count, x, y), point| (count + 1.0, x + point.0, y + point.1));
        let (mean_x, mean_y) = (sum_x / count, sum_y / count);
        let (xx, xy) = points.fold((0.0, 0.0), |(xx, xy), (x, y): (f64, f64)| {
            (xx + (x - mean_x).powi(2), xy + (x - mean_x) * (y - mean_y))
        });
        let slope = xy / xx;
        slope.is_finite().then_some(Self { base: mean_y - slope * mean_x, slope })
    }

    /// Its value at `x`.
    pub(crate) fn at(&self, x: f64) -> f64 {
        self.base + self.slope * x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_through_scattered_points_and_none_through_one() {
        let line = Line::through([(0.0, 1.0), (1.0, 4.0), (2.0, 5.0), (3.0, 8.0)].into_iter()).unwrap();
        assert!((line.slope - 2.2).abs() < 1e-9 && (line.at(1.5) - 4.5).abs() < 1e-9, "{line:?}");
        assert!(Line::through([(3.0, 1.0)].into_iter()).is_none() && Line::through([].into_iter()).is_none());
    }
}
