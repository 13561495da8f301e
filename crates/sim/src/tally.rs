//! What a stretch of a life comes to in figures: how wrong the clock was, for how long, and what the daemon did.

use hostclock_core::units::Duration;

use crate::simulation::{Sample, Witness};
use crate::truth::TrueTime;
use crate::world::Happening;

/// Off by more than this counts as wrong, in ns.
const WRONG_NS: f64 = 1_000.0;

/// The figures of one stretch. What was seen at one moment counts until the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    stretch: (TrueTime, TrueTime),
    last: Option<(TrueTime, bool)>,
    wrong_since: Option<TrueTime>,
    /// The largest magnitude of the true offset, ns.
    pub largest_ns: f64,
    /// How long the clock was off by more than 1 µs, all in all.
    pub wrong: Duration,
    /// The longest time at a stretch that it was.
    pub longest: Duration,
    /// Steps that the daemon made.
    pub steps: u32,
    /// Times that the daemon told its user something.
    pub notices: u32,
}

impl Tally {
    /// Of what happens from `from` to `until`.
    #[must_use]
    pub const fn new(from: TrueTime, until: TrueTime) -> Self {
        Self {
            stretch: (from, until),
            last: None,
            wrong_since: None,
            largest_ns: 0.0,
            wrong: Duration::ZERO,
            longest: Duration::ZERO,
            steps: 0,
            notices: 0,
        }
    }

    /// How long the stretch is.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.stretch.1 - self.stretch.0
    }

    fn is_within(&self, at: TrueTime) -> bool {
        (self.stretch.0..=self.stretch.1).contains(&at)
    }
}

impl Witness for Tally {
    fn sample(&mut self, sample: &Sample) {
        if !self.is_within(sample.at) {
            return;
        }
        let wrong = sample.offset_ns.abs() > WRONG_NS;
        self.largest_ns = self.largest_ns.max(sample.offset_ns.abs());
        if let Some((at, true)) = self.last {
            self.wrong += sample.at - at;
        }
        let since =
            if wrong { Some(*self.wrong_since.get_or_insert(sample.at)) } else { self.wrong_since.take() };
        if let Some(since) = since {
            self.longest = self.longest.max(sample.at - since);
        }
        self.last = Some((sample.at, wrong));
    }

    fn happened(&mut self, at: TrueTime, what: &Happening) {
        if self.is_within(at) {
            self.steps += u32::from(matches!(what, Happening::Stepped { .. }));
            self.notices += u32::from(matches!(what, Happening::Told(_)));
        }
    }
}
