//! What a correction made of the clock's state, once it has been made: said to the user, and counted.

use super::Engine;
use super::course::{Disturbance, StepUnderWay};
use crate::notice::Notice;
use crate::status::{Correction, State, StepCause};
use crate::units::{Duration, RawTime};

/// What an adjustment will have made of the clock once the kernel has taken it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    /// Whether the clock is on the host's time.
    pub(super) close: bool,
    pub(super) offset: Duration,
}

impl Engine {
    /// The clock is steered, or observed, as decided: what that makes of the state.
    pub(super) fn conclude(&mut self, now: RawTime, outcome: Outcome) {
        let before = self.course.state;
        if !outcome.close {
            let slewing = if matches!(before, State::Starting | State::Acquiring) {
                State::Acquiring
            } else {
                State::Recovering
            };
            self.journal.history.corrected_by(Correction::Slew);
            if self.course.disturbance.is_some_and(Disturbance::is_told_when_slewed)
                && self.journal.told.slewing()
            {
                self.journal.notices.push(Notice::Slewing { offset_ns: outcome.offset });
            }
            self.course.enter(slewing, now);
            return;
        }
        self.course.enter(State::Synchronised, now);
        let disturbance = self.course.disturbance.take();
        if let Some(Disturbance { since, .. }) = disturbance {
            self.journal.history.over_if_not_yet(now - since);
        }
        let slewed = self.journal.told.slewed();
        let first = self.journal.statistics.first_synchronised(now);
        if first || slewed || before == State::Unsynchronised {
            let since = match disturbance {
                Some(disturbance) if !first => disturbance.since,
                _ => self.started,
            };
            self.journal
                .notices
                .push(Notice::Synchronised { offset_ns: outcome.offset, took_ns: now - since });
        }
    }

    pub(super) fn conclude_step(&mut self, offset: Duration) {
        if let Some(StepUnderWay { cause, before, noticed, done: Some(done) }) = self.course.step.take() {
            self.journal.told.stepped(cause, before, offset, done);
            let took = done - noticed;
            self.journal.history.over(took);
            let stepped = Notice::Stepped { cause, before_ns: before, after_ns: offset, took_ns: took };
            if matches!(cause, StepCause::ForeignStep | StepCause::ForeignRate) {
                self.changed_by_somebody(done, Some(stepped));
            } else {
                self.journal.notices.push(stepped);
            }
            self.journal.statistics.step_took(took);
        }
    }
}
