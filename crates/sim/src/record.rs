//! A witness that remembers everything, and the questions that tests and pictures ask it.

use hostclock_core::notice::Notice;
use hostclock_core::units::Duration;

use crate::simulation::{Sample, Witness};
use crate::truth::TrueTime;
use crate::world::Happening;

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Every sample, in order.
    pub samples: Vec<Sample>,
    /// Everything that happened, in order.
    pub happened: Vec<(TrueTime, Happening)>,
}

/// A step that the daemon made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// When.
    pub at: TrueTime,
    /// What was added to the clock.
    pub by: Duration,
    /// True offset before it, ns.
    pub before_ns: f64,
    /// True offset after it, ns.
    pub after_ns: f64,
}

impl Record {
    /// The daemon's steps since `from`.
    #[must_use]
    pub fn steps(&self, from: TrueTime) -> Vec<Step> {
        let step = |&(at, what): &(TrueTime, Happening)| match what {
            Happening::Stepped { by, before_ns, after_ns } if at >= from => {
                Some(Step { at, by, before_ns, after_ns })
            }
            _ => None,
        };
        self.happened.iter().filter_map(step).collect()
    }

    /// What the daemon told its user since `from`.
    #[must_use]
    pub fn told(&self, from: TrueTime) -> Vec<Notice> {
        let told = |&(at, what): &(TrueTime, Happening)| match what {
            Happening::Told(notice) if at >= from => Some(notice),
            _ => None,
        };
        self.happened.iter().filter_map(told).collect()
    }

    /// The samples since `from`.
    pub fn since(&self, from: TrueTime) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.at >= from)
    }

    /// The largest magnitude of the true offset since `from`, ns.
    #[must_use]
    pub fn worst_ns(&self, from: TrueTime) -> f64 {
        self.since(from).map(|sample| sample.offset_ns.abs()).fold(0.0, f64::max)
    }

    /// Root mean square of the true offset since `from`, ns, each moment weighing as much as the time
    /// to the next.
    #[must_use]
    pub fn rms_ns(&self, from: TrueTime) -> f64 {
        let (mut sum, mut time) = (0.0, 0.0);
        let mut before: Option<&Sample> = None;
        for sample in self.since(from) {
            if let Some(before) = before {
                let span = (sample.at - before.at).as_secs_f64();
                let (a, b) = (before.offset_ns, sample.offset_ns);
                // The integral of a square between two points of a straight line.
                sum += span * (a * a + a * b + b * b) / 3.0;
                time += span;
            }
            before = Some(sample);
        }
        if time > 0.0 { (sum / time).sqrt() } else { 0.0 }
    }

    /// How long after `from` the true offset was within `limit` for good; `None` if it isn't.
    #[must_use]
    pub fn settled_within(&self, from: TrueTime, limit: Duration) -> Option<Duration> {
        let limit = limit.as_nanos_f64();
        let mut settled = None;
        for sample in self.since(from) {
            if sample.offset_ns.abs() > limit {
                settled = None;
            } else if settled.is_none() {
                settled = Some(sample.at - from);
            }
        }
        settled
    }

    /// Samples at which the true offset exceeded what the engine or the kernel said it can't, except
    /// while the daemon could not know better.
    #[must_use]
    pub fn beyond_bound(&self, from: TrueTime) -> Vec<Sample> {
        self.since(from).filter(|sample| sample.exceeds_bound()).copied().collect()
    }
}

impl Witness for Record {
    fn sample(&mut self, sample: &Sample) {
        self.samples.push(*sample);
    }

    fn happened(&mut self, at: TrueTime, what: &Happening) {
        self.happened.push((at, *what));
    }
}
