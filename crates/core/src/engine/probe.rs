//! The light look between two polls. A guest that was stopped, or whose host's clock was set, learns of it
//! only by reading; so one reading is taken now and then, and while it fits the prediction nothing else is
//! done: no correction, nothing written. What doesn't fit is followed by an ordinary reading at once.
//!
//! How often is the user's choice ([`crate::policy::Policy::probe`]), but a reading that is expensive on this
//! machine is taken less often: probes never take more than 1/256 of a processor.

use super::{Action, Engine, is_plausible};
use crate::policy::Mode;
use crate::reading::{Method, Reading};
use crate::units::{Duration, RawTime};

/// The share of a processor that probes may take, as its inverse.
const FRUGALITY: i64 = 256;
/// A probe that is pre-empted says nothing of what a reading costs: one alone raises that by this part at most.
const CAUTION: i64 = 8;

/// What is known of probes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Probing {
    /// When the one under way was begun.
    began: RawTime,
    /// How long one takes, about.
    cost: Duration,
}

impl Probing {
    fn learn_cost(&mut self, cost: Duration) {
        let most =
            self.cost + Duration::from_nanos(self.cost.as_nanos() / CAUTION) + Duration::from_nanos(100);
        self.cost = if cost > most { most } else { (self.cost.times(3) + cost).half().half() };
    }
}

impl Engine {
    /// When to wake up, when there is nothing to correct before `until`.
    pub(super) fn wake_for_probe(&self, now: RawTime, until: RawTime) -> RawTime {
        let (Some(interval), left) = (self.probe_interval(), (until - now).as_nanos()) else { return until };
        // Evenly, and none of them longer than that.
        let parts = left / interval.as_nanos().max(1) + i64::from(left % interval.as_nanos().max(1) != 0);
        if parts > 1 { now + Duration::from_nanos(left / parts) } else { until }
    }

    /// Whether a wake-up at `now` is for a probe and not for a poll; the probe then counts as begun.
    pub(super) fn begin_probe(&mut self, now: RawTime) -> Option<Action> {
        let interval = self.probe_interval()?;
        if self.timing.wake_at - now < Duration::from_nanos(interval.as_nanos() / 8) {
            return None;
        }
        self.timing.probing.began = now;
        self.source.last.map(|last| Action::Probe(last.method))
    }

    pub(super) fn on_probe(&mut self, now: RawTime, reading: &Reading) -> Action {
        self.journal.counters.probes += 1;
        self.timing.probing.learn_cost(now - self.timing.probing.began);
        if is_plausible(now, reading) && self.is_expected(reading) {
            self.source.trust.is_well(reading.raw);
            Action::Wait(self.timing.wake_at)
        } else if reading.method == Method::Precise {
            // As good as any other.
            self.on_reading(now, *reading)
        } else {
            Action::Read
        }
    }

    /// The time between probes; `None` when there is nothing to compare with, or nobody wants it.
    fn probe_interval(&self) -> Option<Duration> {
        let wanted = self.source.present
            && self.policy.mode == Mode::Control
            && self.source.failures == 0
            && self.source.estimator.is_some()
            && self.clock.line.is_some()
            && !self.course.state.is_holding();
        wanted.then(|| self.policy.probe.max(self.timing.probing.cost.times(FRUGALITY)))
    }

    /// Whether the system clock is as near to the host's as was said. A host or a system clock that moved shows in
    /// that, too; which of them it was is for a reading to find out. Halfway to what was said to be the most, it is
    /// time to say it anew; and beyond the accuracy that the user asked for, a longer interval was too long.
    fn is_expected(&self, reading: &Reading) -> bool {
        let bound = self.max_error(reading.raw).map_or(Duration::ZERO, Duration::half);
        let wanted = self.policy.accuracy.filter(|_| self.timing.interval > self.policy.poll);
        reading.offset().abs() <= wanted.map_or(bound, |accuracy| accuracy.min(bound)) + reading.uncertainty
    }

    /// Whether the process may be woken a little late, with others: the clock is right, and nothing is under
    /// way. Gives by how much.
    #[must_use]
    pub fn may_be_late_by(&self) -> Option<Duration> {
        let at_rest = self.course.state == crate::status::State::Synchronised
            && self.course.disturbance.is_none()
            && self.timing.interval == self.timing.pace.interval();
        at_rest.then(|| Duration::from_nanos(self.policy.probe.min(self.timing.interval).as_nanos() / 8))
    }
}
