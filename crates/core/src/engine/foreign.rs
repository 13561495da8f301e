//! What somebody else did to the clock: a step, or another rate, and what is known of it so far.

use super::applied::LOOK_AGAIN;
use super::course::Disturbance;
use super::{Applied, Engine};
use crate::notice::Notice;
use crate::status::StepCause;
use crate::units::{Duration, Frequency, RawTime};

/// What a reading says of the system clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Foreign {
    /// It is where we left it.
    No,
    /// Somebody else moved it.
    Step {
        /// Whether by a step, or by another rate.
        cause: StepCause,
        /// By this much.
        by: Duration,
        /// When that was noticed.
        since: RawTime,
        /// How fast it may still run away: nobody tells when somebody changes the clock's rate.
        rate: Frequency,
    },
}

impl Foreign {
    /// How fast the clock may still run away.
    pub(super) fn rate(self) -> Frequency {
        match self {
            Self::No => Frequency::ZERO,
            Self::Step { rate, .. } => rate,
        }
    }
}

/// What lay off the system clock's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineDoubt {
    /// A reading.
    Reading,
    /// A look at the clock alone.
    Comparison,
}

/// What is known of a rate that somebody else gave the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum ForeignRate {
    #[default]
    No,
    /// The kernel has it, and it is off ours by this much.
    Found(Frequency),
    /// It is ours again; what the other one did to the clock may still show.
    Restored,
    /// And now it has.
    Shown,
}

impl ForeignRate {
    /// What moved a clock of which nobody told that it was set.
    pub(super) fn cause(self) -> StepCause {
        if self == Self::No { StepCause::ForeignStep } else { StepCause::ForeignRate }
    }

    /// The clock was seen off its line, and that is accounted for.
    pub(super) fn shows(&mut self) {
        if *self == Self::Restored {
            *self = Self::Shown;
        }
    }
}

/// What is known of what others did to the clock, before a reading shows it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traces {
    /// Something lies off the system clock's line, without a hint that somebody set the clock.
    pub(super) line_doubt: Option<LineDoubt>,
    pub(super) rate: ForeignRate,
    /// That the clock was set, before it is seen by how much.
    pub(super) heard: Option<Disturbance>,
}

impl Engine {
    /// Whether a change of somebody else's is taken back whatever the policy says of steps. What another rate did
    /// to the clock was gradual, and is corrected as anything else is once the rate is ours again.
    pub(super) fn takes_back(&self, cause: StepCause) -> bool {
        self.policy.undo_foreign_steps && cause != StepCause::ForeignRate
    }

    /// Somebody else may have changed the rate so lately, or so little, that the clock doesn't show it yet.
    pub(super) fn find_foreign_rate(&mut self, applied: &Applied) {
        let ours = self.clock.kernel.rate;
        let Some(found) = applied.found.filter(|found| *found != ours && self.course.start_done) else {
            return;
        };
        let by = found.as_frequency() - ours.as_frequency();
        let ran_away =
            self.source.last.map_or(0.0, |last| by.as_ratio() * (applied.after - last.raw).as_nanos_f64());
        self.miss(ran_away);
        self.journal.counters.foreign_rates_undone += 1;
        let now = applied.after;
        self.foreign.rate = ForeignRate::Restored;
        self.changed_by_somebody(now, Some(Notice::RateRestored { by }));
        // What it did to the clock meanwhile is not left until the next poll.
        self.timing.schedule.hurry();
        self.timing.wake_at = self.timing.wake_at.min(now + LOOK_AGAIN);
        self.journal.history.disturbed(StepCause::ForeignRate, now, self.time_at(now), Duration::ZERO);
        self.journal.history.over(Duration::ZERO);
    }
}
