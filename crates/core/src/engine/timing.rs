//! When to look next, and how.

use super::probe::Probing;
use crate::discipline::Schedule;
use crate::pace::Pace;
use crate::units::{Duration, RawTime};

/// The times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    pub(super) schedule: Schedule,
    /// The time between readings in force: the policy's, or a longer one where it asks for an accuracy.
    pub(super) pace: Pace,
    /// The time to the next.
    pub(super) interval: Duration,
    pub(super) wake_at: RawTime,
    pub(super) probing: Probing,
    /// Since the last event from outside, the kernel was told a second time how wrong the clock may be.
    pub(super) retold: bool,
    pub(super) steps_in_a_row: u32,
}

impl Timing {
    /// At the start, with readings that are to be `poll` apart.
    pub(super) fn new(now: RawTime, poll: Duration) -> Self {
        Self {
            schedule: Schedule::default(),
            pace: Pace::new(poll),
            interval: poll,
            wake_at: now,
            probing: Probing::default(),
            retold: false,
            steps_in_a_row: 0,
        }
    }
}
