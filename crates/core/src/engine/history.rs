//! The last disturbances: what, when, how large, and how long it took to put them right. A fixed number of
//! entries, and none of them allocates.

use super::Engine;
use crate::hint::{Hint, Hints};
use crate::notice::Loss;
use crate::status::{Correction, EventKind, EventStatus, StepCause};
use crate::units::{Duration, RawTime, Timestamp};

/// How many are kept.
const KEPT: usize = 24;
/// The same again within this time is counted, and no entry of its own.
const AGAIN: Duration = Duration::from_secs(10);

/// One entry.
#[derive(Clone, Copy, Debug)]
struct Entry {
    kind: EventKind,
    noticed: RawTime,
    /// What the host's clock said then.
    time: Timestamp,
    offset: Option<Duration>,
    correction: Correction,
    took: Option<Duration>,
    times: u32,
    hints: Hints,
    loss: Option<Loss>,
}

impl Entry {
    /// One that has only begun.
    fn new(kind: EventKind, noticed: RawTime, time: Timestamp) -> Self {
        Self {
            kind,
            noticed,
            time,
            offset: None,
            correction: Correction::None,
            took: None,
            times: 1,
            hints: Hints::default(),
            loss: None,
        }
    }
}

/// The entries, the newest first.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    entries: [Option<Entry>; KEPT],
}

impl History {
    fn push(&mut self, entry: Entry) {
        self.entries.rotate_right(1);
        if let Some(first) = self.entries.first_mut() {
            *first = Some(entry);
        }
    }

    fn newest(&mut self) -> Option<&mut Entry> {
        self.entries.first_mut()?.as_mut()
    }

    /// The clock was disturbed; `time` is the host's at `noticed`.
    pub(super) fn disturbed(
        &mut self,
        cause: StepCause,
        noticed: RawTime,
        time: Timestamp,
        offset: Duration,
    ) {
        let kind = EventKind::from(cause);
        if let Some(last) = self.newest() {
            let told_before = last.kind == EventKind::Hint && noticed - last.noticed < AGAIN;
            let again = last.kind == kind
                && kind.is_foreign()
                && noticed - last.noticed < AGAIN.times(i64::from(last.times.min(6)));
            if again {
                last.times = last.times.saturating_add(1);
                last.offset = Some(offset);
                return;
            }
            if told_before {
                // What was told of has come to pass.
                *last = Entry { kind, offset: Some(offset), took: None, ..*last };
                return;
            }
        }
        self.push(Entry { offset: Some(offset), ..Entry::new(kind, noticed, time) });
    }

    /// Now it is seen what a rate has done that was overwritten before.
    pub(super) fn foreign_rate_shows(&mut self, offset: Duration) {
        if let Some(last) = self.newest().filter(|last| last.kind == EventKind::ForeignRate) {
            *last = Entry { offset: Some(offset), took: None, ..*last };
        }
    }

    /// How the last disturbance is put right.
    pub(super) fn corrected_by(&mut self, correction: Correction) {
        if let Some(last) = self.newest().filter(|last| last.took.is_none()) {
            last.correction = correction;
        }
    }

    /// The last disturbance is over, `took` after it was noticed.
    pub(super) fn over(&mut self, took: Duration) {
        if let Some(last) = self.newest().filter(|last| last.kind.is_disturbance()) {
            // Of several that are one entry, the longest counts.
            last.took = Some(last.took.filter(|_| last.times > 1).map_or(took, |before| before.max(took)));
        }
    }

    /// The same, unless it was over already.
    pub(super) fn over_if_not_yet(&mut self, took: Duration) {
        if self.newest().is_some_and(|last| last.took.is_none()) {
            self.over(took);
        }
    }

    /// There are no readings any more, or none that can be believed.
    pub(super) fn lost(&mut self, noticed: RawTime, time: Timestamp, loss: Loss) {
        let kind = if loss.is_unreliable() { EventKind::HostUnreliable } else { EventKind::Holdover };
        self.push(Entry { loss: Some(loss), ..Entry::new(kind, noticed, time) });
    }

    /// There are readings again, which found the clock off by `offset`.
    pub(super) fn found_again(&mut self, lasted: Duration, offset: Duration) {
        let lost = self.entries.iter_mut().flatten().find(|entry| entry.loss.is_some());
        if let Some(entry) = lost.filter(|entry| entry.took.is_none()) {
            entry.took = Some(lasted);
            entry.offset = Some(offset);
        }
    }

    /// Somebody told of something.
    pub(super) fn told(&mut self, hint: Hint, noticed: RawTime, time: Timestamp) {
        if let Some(last) = self.newest().filter(|last| noticed - last.noticed < AGAIN) {
            let told_before = last.kind == EventKind::Hint;
            // Whatever it was, it may have been noticed before it was told.
            if told_before || hint != Hint::Clocksource {
                last.times = last.times.saturating_add(u32::from(told_before));
                last.hints.add(hint);
                return;
            }
        }
        let mut entry = Entry::new(EventKind::Hint, noticed, time);
        entry.hints.add(hint);
        self.push(entry);
    }

    /// For the status, the oldest first.
    pub(super) fn report(&self, now: RawTime) -> Vec<EventStatus> {
        let one = |entry: &Entry| EventStatus {
            kind: entry.kind,
            time: entry.time.to_string(),
            age_s: (now - entry.noticed).as_secs_f64(),
            offset_ns: entry.offset.map(Duration::as_nanos_f64),
            correction: entry.correction,
            took_us: entry.took.map(|took| took.as_nanos_f64() / 1e3),
            times: entry.times,
            hints: entry.hints.iter().collect(),
            reason: entry.loss.map(|loss| loss.to_string()),
        };
        self.entries.iter().flatten().map(one).rev().collect()
    }
}

impl Engine {
    /// The time by the host's clock at `raw`, as well as it is known.
    pub(super) fn time_at(&self, raw: RawTime) -> Timestamp {
        match (&self.source.estimator, &self.clock.line) {
            (Some(estimator), _) => estimator.at(raw).reference,
            (None, Some(line)) => line.system_at(raw).0,
            (None, None) => Timestamp::from_nanos(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> (RawTime, Timestamp) {
        (RawTime::from_nanos(ms * 1_000_000), Timestamp::from_nanos(ms * 1_000_000))
    }

    #[test]
    fn the_same_again_and_again_is_one_entry_with_its_worst_recovery() {
        let mut history = History::default();
        for n in 0..100 {
            let (raw, time) = at(n * 300);
            history.disturbed(StepCause::ForeignStep, raw, time, Duration::from_secs(n));
            history.corrected_by(Correction::Step);
            history.over(Duration::from_micros(if n == 50 { 900 } else { 300 }));
        }
        let events = history.report(at(30_000).0);
        assert_eq!(events.len(), 1);
        let event = events.first().expect("one");
        assert_eq!((event.times, event.took_us, event.offset_ns), (100, Some(900.0), Some(99e9)));
        assert_eq!(event.correction, Correction::Step);
    }

    #[test]
    fn what_was_told_and_what_came_of_it_is_one_entry_in_either_order() {
        let mut history = History::default();
        let (raw, time) = at(1_000);
        history.told(Hint::Disrupted, raw, time);
        history.disturbed(StepCause::HostMoved, at(1_001).0, time, Duration::from_secs(-18));
        history.over(Duration::from_micros(400));
        history.told(Hint::Forked, at(1_200).0, time);
        let events = history.report(at(2_000).0);
        assert_eq!(events.len(), 1);
        let event = events.first().expect("one");
        assert_eq!(event.hints, [Hint::Disrupted, Hint::Forked]);
        assert_eq!((event.kind, event.took_us), (EventKind::HostMoved, Some(400.0)));
    }

    #[test]
    fn a_holdover_keeps_its_reason_and_its_length() {
        let mut history = History::default();
        history.lost(at(0).0, at(0).1, Loss::DeviceGone);
        history.disturbed(StepCause::Holdover, at(5_000).0, at(5_000).1, Duration::from_micros(3));
        history.found_again(Duration::from_secs(5), Duration::from_micros(3));
        let events = history.report(at(6_000).0);
        let lost = events.first().expect("two");
        assert_eq!((lost.kind, lost.took_us), (EventKind::Holdover, Some(5e6)));
        assert_eq!(lost.reason.as_deref(), Some("the device is gone"));
    }

    #[test]
    fn only_the_last_ones_are_kept() {
        let mut history = History::default();
        for n in 0..100 {
            history.disturbed(StepCause::HostMoved, at(n * 1_000).0, at(n * 1_000).1, Duration::from_secs(n));
        }
        let events = history.report(at(100_000).0);
        assert_eq!(events.len(), KEPT);
        assert_eq!(events.last().and_then(|event| event.offset_ns), Some(99e9));
    }
}
