//! What readings of a device are like, by each of its methods: a few are taken, one after the other.

use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::source::SourceConfig;

use crate::source;

/// How many readings are taken by each method.
const READINGS: usize = 16;

/// What readings by one method are like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Measured {
    /// The smallest uncertainty of several.
    pub(in super::super) uncertainty_ns: f64,
    /// How they scatter around a straight line: standard deviation.
    pub(in super::super) scatter_ns: f64,
    /// System minus host, by the last.
    pub(in super::super) offset_ns: f64,
}

pub(in super::super) type Methods = Vec<(Method, Result<Measured, Failure>)>;

/// Every method of the device that a daemon would choose.
pub(in super::super) fn measure(config: &SourceConfig, tai_offset: Option<i32>) -> Result<Methods, String> {
    let source = source::open(config, tai_offset).map_err(|unusable| unusable.reason)?;
    Ok(Method::ALL.map(|method| (method, several(|| source.read(method)))).into())
}

/// A few readings, one after the other. A method that is only busy now and then works.
fn several(mut read: impl FnMut() -> Result<Reading, Failure>) -> Result<Measured, Failure> {
    let mut readings: Vec<Reading> = Vec::with_capacity(READINGS);
    let mut failure = Failure::Busy;
    for _ in 0..READINGS {
        match read() {
            Ok(reading) => readings.push(reading),
            Err(Failure::Busy) => {}
            Err(other) => {
                failure = other;
                break;
            }
        }
    }
    summed_up(&readings).ok_or(failure)
}

fn summed_up(readings: &[Reading]) -> Option<Measured> {
    let (first, last) = (readings.first()?, readings.last()?);
    let points: Vec<(f64, f64)> = readings
        .iter()
        .map(|reading| {
            ((reading.raw - first.raw).as_nanos_f64(), (reading.offset() - first.offset()).as_nanos_f64())
        })
        .collect();
    let uncertainties = readings.iter().map(|reading| reading.uncertainty.as_nanos_f64());
    Some(Measured {
        uncertainty_ns: uncertainties.fold(f64::INFINITY, f64::min),
        scatter_ns: scatter(&points),
        offset_ns: last.offset().as_nanos_f64(),
    })
}

/// The standard deviation of points around their least-squares line.
fn scatter(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    if points.len() < 3 {
        return 0.0;
    }
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let xx: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let xy: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let slope = if xx > 0.0 { xy / xx } else { 0.0 };
    let rest: f64 = points.iter().map(|point| (point.1 - y - slope * (point.0 - x)).powi(2)).sum();
    (rest / (count - 2.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_drift_is_no_scatter() {
        let line: Vec<_> = (0..10).map(|x| (f64::from(x), 3.0 * f64::from(x))).collect();
        assert!(scatter(&line) < 1e-9);
        let jagged: Vec<_> = (0..10).map(|x| (f64::from(x), if x % 2 == 0 { 1.0 } else { -1.0 })).collect();
        assert!((scatter(&jagged) - 1.1).abs() < 0.1, "{}", scatter(&jagged));
        assert_eq!(scatter(&[(0.0, 1.0), (1.0, 5.0)]), 0.0);
    }
}
