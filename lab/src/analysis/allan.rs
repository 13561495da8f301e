//! The overlapping Allan deviation of a clock's offset: how much its frequency, averaged over a time τ,
//! differs from one such time to the next.
//!
//! With phases x sampled each τ₀ and τ = mτ₀ it is the root of `Σ(x[i+2m] − 2x[i+m] + x[i])²` over all i, divided
//! by 2τ² and their number (W. J. Riley, Handbook of Frequency Stability Analysis, NIST Special Publication 1065,
//! 5.2.4). A number without a unit: seconds a second.

use hostclock_lab_guest::trace::Sample;

use super::number::{count, float, index};

/// In so many steps τ grows tenfold.
const PER_DECADE: i32 = 5;

/// (τ in seconds, deviation), for τ from the average distance of the samples to a third of their span. The observer's
/// samples lie unevenly, by what its sleep is late, so the offset is taken at even distances between them.
pub(crate) fn deviation(samples: &[Sample]) -> Vec<(f64, f64)> {
    let Some((period, phases)) = evenly(samples) else { return Vec::new() };
    let longest = phases.len() / 3;
    let mut found: Vec<(f64, f64)> = Vec::new();
    let mut last = 0;
    for step in 0.. {
        let factor = index(10_f64.powf(f64::from(step) / f64::from(PER_DECADE)));
        if factor > longest {
            break;
        }
        if factor != last {
            let tau = count(factor) * period;
            let second_differences = phases
                .iter()
                .zip(phases.iter().skip(factor))
                .zip(phases.iter().skip(2 * factor))
                .map(|((one, two), three)| (three - 2.0 * two + one) * 1e-9);
            let squares: f64 = second_differences.map(|x| x * x).sum();
            let number = count(phases.len() - 2 * factor);
            found.push((tau, (squares / (2.0 * tau * tau * number)).sqrt()));
            last = factor;
        }
    }
    found
}

/// The average distance of the samples in seconds, and the offset, in ns, at just that distance.
fn evenly(samples: &[Sample]) -> Option<(f64, Vec<f64>)> {
    let (first, last) = (samples.first()?, samples.last()?);
    let parts = samples.len().checked_sub(1).filter(|parts| *parts > 0)?;
    let period = float(last.raw - first.raw) / count(parts);
    let mut rest = samples.windows(2).peekable();
    let mut phases = Vec::with_capacity(samples.len());
    for number in 0..=parts {
        let at = count(number) * period;
        let since = |sample: &Sample| float(sample.raw - first.raw);
        // The pair that it lies between; the last one, where it is just beyond.
        while rest.peek().is_some_and(|pair| matches!(pair, [_, two] if since(two) < at)) {
            if rest.len() == 1 {
                break;
            }
            rest.next();
        }
        let Some([one, two]) = rest.peek() else { return None };
        let share = ((at - since(one)) / (since(two) - since(one)).max(1.0)).clamp(0.0, 1.0);
        phases.push(float(one.offset) + share * float(two.offset - one.offset));
    }
    Some((period / 1e9, phases))
}

#[cfg(test)]
mod tests {
    use hostclock_lab_guest::random::Random;

    use super::*;

    /// A sample each ms or so, with the offset that each time gives.
    fn trace(offset: impl Fn(f64) -> f64) -> Vec<Sample> {
        let mut random = Random::new(3);
        let at = |ms: i32, late: f64| f64::from(ms) * 1e6 + 1e5 * late;
        let times = (0..3_000).map(|ms| at(ms, random.uniform()));
        let sample = |ns: f64| Sample {
            raw: super::super::number::whole(ns),
            offset: super::super::number::whole(offset(ns)),
            ..Sample::default()
        };
        times.map(sample).collect()
    }

    #[test]
    fn a_constant_frequency_has_none_and_a_drift_grows_with_time() {
        let constant = deviation(&trace(|ns| ns * 20e-6));
        assert!(constant.iter().all(|(tau, deviation)| *deviation < 2e-9 / tau));
        // The frequency grows by 1 ppm a second: τ/√2 of that.
        let drifting = deviation(&trace(|ns| 0.5e-6 * ns * ns / 1e9));
        let (tau, last) = drifting.last().unwrap();
        assert!((0.6..1.01).contains(tau), "{tau}");
        assert!((last / (1e-6 * tau / 2_f64.sqrt()) - 1.0).abs() < 0.02, "{last}");
    }

    #[test]
    fn white_phase_noise_falls_as_one_over_tau() {
        let found = deviation(&trace(|ns| if (ns / 1e6).sin() > 0.0 { 100.0 } else { -100.0 }));
        assert!((found[0].0 - 0.001).abs() < 1e-5);
        assert!(found.windows(2).all(|pair| pair[1].0 > pair[0].0));
        assert!(found[0].1 > 10.0 * found.last().unwrap().1);
    }

    #[test]
    fn too_few_samples_have_none() {
        assert!(deviation(&[]).is_empty() && deviation(&trace(|_| 0.0)[..2]).is_empty());
    }
}
