//! What happened lately, in the status document.

use serde::{Deserialize, Serialize};

use super::StepCause;
use crate::hint::Hint;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventStatus {
    /// What.
    pub kind: EventKind,
    /// When it was noticed, by the host's clock.
    pub time: String,
    /// Seconds since.
    pub age_s: f64,
    /// System minus reference, as it was found; `null` where there was nothing to find.
    pub offset_ns: Option<f64>,
    /// How it was put right.
    pub correction: Correction,
    /// From noticing it to the clock being right, or to readings coming again; `null` until then.
    pub took_us: Option<f64>,
    /// How many times, one soon after the other; the figures are the last one's, the time the longest.
    pub times: u32,
    /// Who told of it.
    pub hints: Vec<Hint>,
    /// Why there were no readings, where there were none.
    pub reason: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The daemon started on a clock that was wrong.
    Start,
    /// Somebody else set the clock.
    ForeignStep,
    /// Somebody else changed the clock's rate.
    ForeignRate,
    /// The machine woke from sleep.
    Resumed,
    /// The machine was stopped, or the host's clock was set.
    HostMoved,
    /// The clock had drifted when readings came again.
    Drifted,
    /// There were no readings.
    Holdover,
    /// The host's clock could not be believed.
    HostUnreliable,
    /// The hypervisor or the kernel told of something, and the clock was right all the same.
    Hint,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Start,
        Self::ForeignStep,
        Self::ForeignRate,
        Self::Resumed,
        Self::HostMoved,
        Self::Drifted,
        Self::Holdover,
        Self::HostUnreliable,
        Self::Hint,
    ];

    /// What happened, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Start => "started on a wrong clock",
            Self::ForeignStep => "somebody else set the clock",
            Self::ForeignRate => "somebody else changed the rate",
            Self::Resumed => "woke from sleep",
            Self::HostMoved => "stopped, or the host's clock was set",
            Self::Drifted => "drifted without a source",
            Self::Holdover => "no source",
            Self::HostUnreliable => "host clock unreliable",
            Self::Hint => "told of something",
        }
    }

    /// Whether somebody in this machine did it.
    #[must_use]
    pub const fn is_foreign(self) -> bool {
        matches!(self, Self::ForeignStep | Self::ForeignRate)
    }

    /// Whether the clock was moved by it.
    #[must_use]
    pub const fn is_disturbance(self) -> bool {
        !matches!(self, Self::Holdover | Self::HostUnreliable)
    }
}

impl From<StepCause> for EventKind {
    fn from(cause: StepCause) -> Self {
        match cause {
            StepCause::Start => Self::Start,
            StepCause::ForeignStep => Self::ForeignStep,
            StepCause::ForeignRate => Self::ForeignRate,
            StepCause::Resumed => Self::Resumed,
            StepCause::HostMoved => Self::HostMoved,
            StepCause::Holdover => Self::Drifted,
            StepCause::HostUnreliable => Self::HostUnreliable,
        }
    }
}

/// How an offset was corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// Not at all, or not yet.
    None,
    /// By a step.
    Step,
    /// By running faster or slower.
    Slew,
}

impl Correction {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::Step => "stepped",
            Self::Slew => "slewed",
        }
    }
}

/// Somebody else who changes the clock again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RivalStatus {
    /// How many times.
    pub changes: u32,
    /// Seconds since the first time.
    pub since_s: f64,
    /// Seconds since the last.
    pub last_s: f64,
    /// Who runs on this machine and might be it.
    pub suspects: Vec<String>,
}
