//! What the host's own clock did, as the guest's observer saw it: by the difference between the host's
//! clock and the guest's raw counter, which nobody can touch.

use hostclock_lab_guest::trace::Sample;

use super::line::Line;
use super::number::{float, whole};

/// Less is no step: a host's wandering frequency moves it by nanoseconds between two samples, and a
/// slew by at most a tenth of the time between them.
const LEAST: u64 = 10_000_000;

/// The raw time of the last sample before the host's clock jumped, if it did within `samples`.
pub(crate) fn jump(samples: &[Sample]) -> Option<i64> {
    samples.windows(2).find_map(|pair| {
        let [one, two] = pair else { return None };
        let slewed = (two.raw - one.raw).unsigned_abs() / 5;
        (ahead(one).abs_diff(ahead(two)) > LEAST + slewed).then_some(one.raw)
    })
}

/// The host's clock minus the guest's raw counter.
fn ahead(sample: &Sample) -> i64 {
    sample.reference.saturating_sub(sample.raw)
}

/// The host's clock as it would have gone on, had nobody touched it: a straight line through what the
/// observer saw of it before. Good to nanoseconds over as many seconds as it was seen for, as long as
/// the host's frequency doesn't wander.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truth {
    /// Where the line begins.
    raw: i64,
    ahead: i64,
    /// How far it lies above that, in ns, so many ns later.
    line: Line,
}

impl Truth {
    /// The line through `samples` (least squares); `None` with less than two moments.
    pub(crate) fn of(samples: &[Sample]) -> Option<Self> {
        let first = samples.first()?;
        let points = samples.iter().map(|s| (float(s.raw - first.raw), float(ahead(s) - ahead(first))));
        Some(Self { raw: first.raw, ahead: ahead(first), line: Line::through(points)? })
    }

    /// What the host's clock would have shown.
    pub(crate) fn at(&self, raw: i64) -> i64 {
        raw + self.ahead + whole(self.line.at(float(raw - self.raw)))
    }

    /// The raw time at which it would have shown `reference`.
    pub(crate) fn when(&self, reference: i64) -> i64 {
        let passed = float(reference - self.at(self.raw));
        self.raw + whole(passed / (1.0 + self.line.slope))
    }

    /// The samples with this in place of what the host showed from the raw time `from` until `to`: the
    /// offsets from it, and whether the kernel was wrong about them.
    pub(crate) fn instead(&self, samples: &[Sample], from: i64, to: i64) -> Vec<Sample> {
        let told = |at: Option<usize>| at.and_then(|at| samples.get(at)).map_or(0, |s| s.max_error_us);
        let replaced = |(at, sample): (usize, &Sample)| {
            if !(from..to).contains(&sample.raw) {
                return *sample;
            }
            let reference = self.at(sample.raw);
            let offset = sample.reference + sample.offset - reference;
            // The two are not read at one instant: who has just put the clock right and said so is honest.
            let limit = sample.max_error_us.max(told(at.checked_sub(1))).max(told(Some(at + 1)));
            let lie = sample.synchronised && offset.abs() - sample.uncertainty > limit.saturating_mul(1_000);
            Sample { reference, offset, lie, ..*sample }
        };
        samples.iter().enumerate().map(replaced).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000_000_000_000;

    /// A sample each ms of a host that is 20 ppm fast, and a guest that is right.
    fn trace(count: i64) -> Vec<Sample> {
        (0..count)
            .map(|ms| Sample {
                raw: 77 + ms * 1_000_000,
                reference: START + ms * 1_000_020,
                ..Sample::default()
            })
            .collect()
    }

    #[test]
    fn a_step_of_the_host_is_told_from_its_slews_and_from_a_gap_between_samples() {
        let mut samples = trace(10);
        for sample in &mut samples[6..] {
            sample.raw += 400_000_000;
            sample.reference += 440_000_000;
        }
        assert_eq!(jump(&samples), None);
        for sample in &mut samples[3..] {
            sample.reference -= 50_000_000;
        }
        assert_eq!(jump(&samples), Some(2_000_077));
    }

    #[test]
    fn the_line_goes_on_where_the_host_lies() {
        let mut samples = trace(3_000);
        let truth = Truth::of(&samples[..2_000]).unwrap();
        let (from, to) = (truth.when(START + 2_000_040_000), truth.when(START + 2_500_050_000));
        assert_eq!((from, to), (2_000_000_077, 2_500_000_077));
        // The host jumps by an hour, and the guest follows after 100 ms.
        for sample in &mut samples[2_000..2_500] {
            sample.reference += 3_600_000_000_000;
            sample.offset = -3_600_000_000_000;
            sample.synchronised = true;
        }
        for sample in &mut samples[2_100..2_500] {
            sample.offset = 0;
        }
        let seen = truth.instead(&samples, from, to);
        assert!(seen[2_000..2_100].iter().all(|sample| sample.offset.abs() <= 1 && !sample.lie));
        assert!(seen[2_100..2_500].iter().all(|sample| sample.lie));
        assert!((seen[2_200].offset - 3_600_000_000_000).abs() <= 1);
        assert_eq!(seen[2_500..], samples[2_500..]);
    }

    #[test]
    fn one_moment_makes_no_line() {
        assert!(Truth::of(&trace(1)).is_none() && Truth::of(&[]).is_none());
    }
}
