//! The system clock: where it was left, how fast it was told to run, and how soon it does as it is told.

use crate::adjust::{Adjustment, KernelState};
use crate::line::SystemLine;
use crate::units::{Duration, Frequency, RawTime};

/// The system clock.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    /// What the kernel said last.
    pub(super) kernel: KernelState,
    pub(super) line: Option<SystemLine>,
    /// From a reading to the effect of the adjustment that answers it.
    pub(super) lag: Duration,
    /// When the adjustment that was asked for should take effect.
    pub(super) effect_expected: RawTime,
    /// How much faster than the host the clock runs, until the next reading.
    pub(super) slew: Frequency,
    /// How fast the clock may run away until the next adjustment, by an external change of its rate.
    pub(super) running_away: Frequency,
    /// In the modes that only observe: how fast the system clock was seen to run against the raw counter, and so
    /// how fast its offset grows by itself.
    pub(super) rate_seen: Frequency,
    pub(super) running_free: Frequency,
    /// The adjustment that was asked for last.
    pub(super) asked: Adjustment,
}

impl Clock {
    /// One that nobody has read yet, in the state `kernel`.
    pub(super) fn new(now: RawTime, kernel: KernelState) -> Self {
        Self {
            kernel,
            line: None,
            lag: Duration::ZERO,
            effect_expected: now,
            slew: Frequency::ZERO,
            running_away: Frequency::ZERO,
            rate_seen: kernel.rate.as_frequency(),
            running_free: Frequency::ZERO,
            asked: Adjustment { step: None, rate: None, health: None, tai_offset: None },
        }
    }
}
