//! How a clock came back from a disturbance.
//!
//! Time counts from just before the change took effect to the first sample from which on the offset
//! stays below the limit, until the next event. A recovery is therefore never reported shorter than it
//! was, and up to one sampling period longer. The limit is 1 µs, or half of a jump that is smaller
//! than 2 µs.

use hostclock_lab_guest::event::Event;
use hostclock_lab_guest::trace::Sample;
use serde::{Deserialize, Serialize};

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
/// How finely a curve divides each factor of ten of time.
const BINS_PER_DECADE: f64 = 40.0;

/// How one disturbance went. Times are in ns after it; offsets are system minus reference in ns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recovery {
    /// What the scenario calls the disturbance.
    pub(crate) label: String,
    /// The first offset at or over the limit after it, if a sample caught one.
    pub(crate) jump: Option<i64>,
    /// When the offset was below 1 ms to stay.
    pub(crate) under_1ms: Option<i64>,
    /// When the offset was below the limit to stay: 1 µs, or half of a jump that is smaller than 2 µs.
    pub(crate) under_1us: Option<i64>,
    /// How long it was watched.
    pub(crate) watched: i64,
    /// Changes of the offset by more than 1 µs between two samples, after it was first below 1 µs.
    pub(crate) later_steps: usize,
    /// The largest offset after it was first below 1 µs, without sign.
    pub(crate) worst_later: u64,
    /// (seconds after the disturbance, largest offset in ns without sign), thinned out.
    pub(crate) curve: Vec<(f64, u64)>,
}

/// How the clock came back from `event`, seen until the raw time `until`.
pub(crate) fn recovery(samples: &[Sample], event: &Event, until: i64) -> Recovery {
    let from = samples.partition_point(|sample| sample.raw < event.before);
    let to = samples.partition_point(|sample| sample.raw < until);
    let seen = samples.get(from..to).unwrap_or_default();
    let mut found = Recovery { label: event.label.clone(), ..Recovery::default() };
    let Some(last) = seen.last() else { return found };
    let start = event.before;
    let after: Vec<&Sample> = seen.iter().collect();
    let limit = event.amount.map_or(MICROSECOND, |amount| MICROSECOND.min(amount.unsigned_abs() / 2));
    let wrong = after.iter().position(|sample| size(sample) >= limit);
    found.jump = wrong.and_then(|at| after.get(at)).map(|sample| sample.offset);
    found.watched = last.raw - start;
    let stays = |limit| stays_below(&after, limit).map(|sample| sample.raw - start);
    (found.under_1ms, found.under_1us) = (stays(MILLISECOND), stays(limit));
    let back = after.iter().skip(wrong.unwrap_or(0)).skip_while(|sample| size(sample) >= limit);
    let back: Vec<&&Sample> = back.collect();
    found.later_steps =
        back.windows(2).filter(|pair| matches!(pair, [one, two] if moved(one, two) > MICROSECOND)).count();
    found.worst_later = back.iter().map(|sample| size(sample)).max().unwrap_or(0);
    found.curve = curve(&after, start);
    found
}

/// How far off the clock is at least, whatever the uncertainty of the sample.
pub(super) fn size(sample: &Sample) -> u64 {
    sample.offset.unsigned_abs().saturating_sub(sample.uncertainty.unsigned_abs())
}

/// By how much the offset changed at least.
fn moved(one: &Sample, two: &Sample) -> u64 {
    let uncertainty = one.uncertainty.unsigned_abs() + two.uncertainty.unsigned_abs();
    one.offset.abs_diff(two.offset).saturating_sub(uncertainty)
}

/// The first sample from which on all are below `limit`.
fn stays_below<'a>(samples: &[&'a Sample], limit: u64) -> Option<&'a Sample> {
    let bad = samples.iter().rposition(|sample| size(sample) >= limit);
    samples.get(bad.map_or(0, |at| at + 1)).copied()
}

fn curve(samples: &[&Sample], start: i64) -> Vec<(f64, u64)> {
    let mut points: Vec<(f64, u64)> = Vec::new();
    let mut current = None;
    for sample in samples {
        let seconds = seconds(sample.raw - start).max(1e-6);
        let bin = (seconds.log10() * BINS_PER_DECADE).floor();
        match points.last_mut() {
            Some((_, offset)) if current == Some(bin) => *offset = (*offset).max(size(sample)),
            _ => points.push((seconds, size(sample))),
        }
        current = Some(bin);
    }
    // Where it ended, though the last bin holds the largest.
    points.extend(samples.last().map(|last| (seconds(last.raw - start), size(last))));
    points
}

#[expect(clippy::cast_precision_loss, reason = "a span within one recording, exact up to 104 days")]
fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample each half millisecond, with the offsets given.
    fn trace(offsets: &[i64]) -> Vec<Sample> {
        let reference = 1_800_000_000_000_000_000;
        (0_i64..)
            .zip(offsets)
            .map(|(i, offset)| Sample {
                raw: i * 500_000,
                reference: reference + i * 500_000,
                offset: *offset,
                ..Sample::default()
            })
            .collect()
    }

    fn event(before: i64) -> Event {
        Event { label: "x".into(), before, after: before, amount: None, seen: Vec::new() }
    }

    #[test]
    fn the_time_ends_at_the_first_sample_that_stays_good() {
        let found = recovery(&trace(&[1, 1, 200_000_000, 5_000, 3, 2_000, 4, 5]), &event(900_000), i64::MAX);
        assert_eq!(found.jump, Some(200_000_000));
        assert_eq!(found.under_1ms, Some(600_000));
        assert_eq!(found.under_1us, Some(2_100_000));
        assert_eq!((found.later_steps, found.worst_later), (2, 2_000));
        assert_eq!(found.watched, 2_600_000);
    }

    #[test]
    fn a_clock_that_is_wrong_at_the_end_has_not_come_back() {
        let found = recovery(&trace(&[1, 5_000, 3, 5_000]), &event(0), i64::MAX);
        assert_eq!((found.under_1us, found.under_1ms), (None, Some(0)));
        assert_eq!(recovery(&[], &event(0), i64::MAX).under_1us, None);
    }

    #[test]
    fn a_jump_of_a_microsecond_has_to_be_undone_too() {
        let jump = Event { amount: Some(1_000), ..event(400_000) };
        let found = recovery(&trace(&[1, 995, 994, 3]), &jump, i64::MAX);
        assert_eq!((found.jump, found.under_1us, found.worst_later), (Some(995), Some(1_100_000), 3));
    }

    #[test]
    fn an_uncertain_sample_proves_nothing() {
        let mut samples = trace(&[1, 9_000, 3, 4_000, 5]);
        samples[3].uncertainty = 3_500;
        let found = recovery(&samples, &event(400_000), i64::MAX);
        assert_eq!((found.under_1us, found.later_steps, found.worst_later), (Some(600_000), 0, 500));
    }

    #[test]
    fn what_comes_after_the_next_event_does_not_count() {
        let found = recovery(&trace(&[1, 9_000, 3, 4, 9_000]), &event(400_000), 2_000_000);
        assert_eq!((found.under_1us, found.later_steps), (Some(600_000), 0));
    }

    #[test]
    fn a_recovery_between_two_samples_is_bounded_by_the_next_one() {
        let found = recovery(&trace(&[1, 2, 3, 4]), &event(600_000), i64::MAX);
        assert_eq!((found.jump, found.under_1us), (None, Some(400_000)));
    }
}
