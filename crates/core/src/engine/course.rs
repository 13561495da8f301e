//! What is being done about the clock: the state, what is being corrected, and the steps that were made.

use super::conclude::Outcome;
use crate::status::{State, StepCause};
use crate::units::{Duration, RawTime};

/// What is being corrected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disturbance {
    pub(super) cause: StepCause,
    /// When it was reported or seen.
    pub(super) since: RawTime,
}

impl Disturbance {
    /// Whether the user is to hear when it is slewed: of a foreign rate he hears that it is ours again.
    pub(super) fn is_told_when_slewed(self) -> bool {
        self.cause != StepCause::ForeignRate
    }
}

/// A step that was asked for and not verified yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepUnderWay {
    pub(super) cause: StepCause,
    pub(super) before: Duration,
    pub(super) noticed: RawTime,
    pub(super) done: Option<RawTime>,
}

/// The course of things.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    pub(super) state: State,
    pub(super) since: RawTime,
    pub(super) disturbance: Option<Disturbance>,
    pub(super) step: Option<StepUnderWay>,
    /// What the adjustment that is under way makes of the state.
    pub(super) outcome: Option<Outcome>,
    pub(super) start_done: bool,
    pub(super) steps_after_start: u32,
}

impl Course {
    /// At the start.
    pub(super) const fn new(now: RawTime) -> Self {
        Self {
            state: State::Starting,
            since: now,
            disturbance: None,
            step: None,
            outcome: None,
            start_done: false,
            steps_after_start: 0,
        }
    }

    /// It is in `state` from `now` on, if it wasn't.
    pub(super) fn enter(&mut self, state: State, now: RawTime) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }
}
