//! How wrong a clock was during a stretch in which something went on all the time, and how long after
//! that it was right again.
//!
//! An offset counts as far as a sample proves it: without the sample's uncertainty.

use hostclock_lab_guest::event::Event;
use hostclock_lab_guest::trace::Sample;
use serde::{Deserialize, Serialize};

use super::number;
use super::recovery::size;

/// From here on a clock is wrong, in ns.
const WRONG: u64 = 1_000;
/// Samples further apart than this, in ns, say nothing about the time between them.
const GAP: i64 = 100_000_000;

/// Such a stretch. Offsets are without sign, in ns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Stretch {
    /// What the scenario calls it.
    pub(crate) label: String,
    /// How long it is, in seconds.
    pub(crate) seconds: f64,
    /// How many samples there are of it.
    pub(crate) samples: usize,
    /// The median of what a sample may be off by, in ns: little unless the observer had to bracket.
    pub(crate) uncertainty: i64,
    /// The root mean square of the offset.
    pub(crate) rms: f64,
    /// The largest offset.
    pub(crate) max: u64,
    /// The share of samples off by 1 µs or more, from 0 to 1.
    pub(crate) wrong: f64,
    /// The longest time off by 1 µs or more, from the first such sample to the next better one, in ns.
    pub(crate) longest_wrong: i64,
    /// How often the clock moved by over 1 µs more, from one sample to the next, than any slew can.
    pub(crate) steps: usize,
    /// How long after the stretch the clock was below 1 µs to stay, in ns; `None` if it wasn't while it
    /// was watched.
    pub(crate) right_after: Option<i64>,
    /// How long it was watched after the stretch, in ns.
    pub(crate) watched_after: i64,
    /// How many lines the daemon wrote meanwhile.
    pub(crate) log_lines: usize,
}

/// The stretch of `samples` from the raw time `from` until `to`, and what followed.
pub(crate) fn stretch(label: &str, samples: &[Sample], from: i64, to: i64) -> Stretch {
    let seen = between(samples, from, to);
    let after = between(samples, to, i64::MAX);
    let count = number::count(seen.len()).max(1.0);
    let squares: f64 = seen.iter().map(|sample| number::count(size(sample)).powi(2)).sum();
    let settled = after.iter().rposition(is_wrong).map_or(0, |at| at + 1);
    Stretch {
        label: label.to_owned(),
        seconds: number::count((to - from).unsigned_abs()) / 1e9,
        samples: seen.len(),
        uncertainty: median(seen.iter().map(|sample| sample.uncertainty).collect()),
        rms: (squares / count).sqrt(),
        max: seen.iter().map(size).max().unwrap_or(0),
        wrong: number::count(seen.iter().filter(|sample| is_wrong(sample)).count()) / count,
        longest_wrong: longest_wrong(seen),
        steps: seen.windows(2).filter(|pair| matches!(pair, [one, two] if stepped(one, two))).count(),
        right_after: after.get(settled).map(|sample| sample.raw - to),
        watched_after: after.last().map_or(0, |last| last.raw - to),
        log_lines: 0,
    }
}

/// The samples from the raw time `from` until `to`.
pub(crate) fn between(samples: &[Sample], from: i64, to: i64) -> &[Sample] {
    let at = |raw| samples.partition_point(|sample| sample.raw < raw);
    samples.get(at(from)..at(to)).unwrap_or_default()
}

/// The stretches from each event to the next. Events whose names begin with a dot only end one.
pub(crate) fn by_event(samples: &[Sample], events: &[Event]) -> Vec<Stretch> {
    let ends = events.iter().skip(1).map(|next| next.before).chain([i64::MAX]);
    let named = events.iter().zip(ends).filter(|(event, _)| !event.label.starts_with('.'));
    named.map(|(event, end)| stretch(&event.label, samples, event.after, end)).collect()
}

fn is_wrong(sample: &Sample) -> bool {
    size(sample) >= WRONG
}

fn longest_wrong(samples: &[Sample]) -> i64 {
    let (mut begun, mut longest) = (None, 0);
    let mut last = None;
    for sample in samples {
        if last.replace(sample.raw).is_some_and(|last| sample.raw - last > GAP) {
            begun = None;
        }
        let since = *begun.get_or_insert(sample.raw);
        longest = longest.max(sample.raw - since);
        if !is_wrong(sample) {
            begun = None;
        }
    }
    longest
}

fn median(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// Whether the guest's clock itself, whatever the host's did, moved faster than the kernel can slew it,
/// which is by a tenth.
fn stepped(one: &Sample, two: &Sample) -> bool {
    let shown = |sample: &Sample| sample.reference + sample.offset - sample.raw;
    let slewed = (two.raw - one.raw).unsigned_abs() / 10;
    let uncertain = one.uncertainty.unsigned_abs() + two.uncertainty.unsigned_abs();
    shown(one).abs_diff(shown(two)) > WRONG + slewed + uncertain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample each ms.
    fn trace(offsets: &[i64]) -> Vec<Sample> {
        (0_i64..)
            .zip(offsets)
            .map(|(ms, offset)| Sample {
                raw: ms * 1_000_000,
                reference: 1_800_000_000_000_000_000 + ms * 1_000_000,
                offset: *offset,
                ..Sample::default()
            })
            .collect()
    }

    #[test]
    fn what_went_wrong_is_counted_and_what_came_after_is_timed() {
        let offsets = [9_000, 3, -4_000_000, -4_000_000, 4, 2_000, 5, 3_000, 4, 5];
        let found = stretch("x", &trace(&offsets), 1_000_000, 7_000_000);
        assert_eq!((found.samples, found.max, found.steps), (6, 4_000_000, 2));
        assert!((found.wrong - 0.5).abs() < 1e-9 && (found.seconds - 0.006).abs() < 1e-9);
        assert_eq!(found.longest_wrong, 2_000_000);
        assert_eq!((found.right_after, found.watched_after), (Some(1_000_000), 2_000_000));
    }

    #[test]
    fn a_clock_that_stays_wrong_is_never_right() {
        let found = stretch("x", &trace(&[1, 2_000, 2_000]), 0, 2_000_000);
        assert_eq!((found.right_after, found.longest_wrong), (None, 0));
        assert_eq!(stretch("x", &[], 0, 5).samples, 0);
    }

    #[test]
    fn a_jump_of_the_host_and_a_slew_are_no_steps_of_the_guest() {
        let mut samples = trace(&[0, 90_000, 180_000, 270_000]);
        samples[2].reference += 1_000_000_000;
        samples[2].offset -= 1_000_000_000;
        assert_eq!(stretch("x", &samples, 0, i64::MAX).steps, 0);
    }

    #[test]
    fn what_nobody_saw_is_not_counted_as_wrong() {
        let mut samples = trace(&[9_000, 9_000, 9_000, 9_000]);
        samples[2].raw += 500_000_000;
        samples[3].raw += 500_000_000;
        assert_eq!(stretch("x", &samples, 0, i64::MAX).longest_wrong, 1_000_000);
    }

    #[test]
    fn an_uncertain_sample_is_wrong_only_beyond_its_uncertainty() {
        let mut samples = trace(&[1, 9_000, 1]);
        samples[1].uncertainty = 8_500;
        let found = stretch("x", &samples, 0, i64::MAX);
        assert_eq!((found.max, found.steps, found.uncertainty), (500, 0, 0));
        assert!(found.wrong < 1e-9);
    }
}
