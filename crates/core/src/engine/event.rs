//! What the engine is told, and what it answers.

use crate::adjust::{Adjustment, KernelRate, KernelState};
use crate::hint::Hint;
use crate::notice::Loss;
use crate::reading::{Failure, Method, Reading};
use crate::units::{RawTime, Timestamp};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// The moment of [`Action::Wait`] has come.
    Wake,
    /// The kernel says that the clock was set, and it wasn't us.
    ClockSet,
    /// The hypervisor or the kernel told of something that may have moved a clock.
    Hint(Hint),
    /// There is a device to read.
    SourceFound,
    /// There is none any more.
    SourceLost(Loss),
    /// The program is about to end: leave the clock so that it runs on well by itself.
    Ending,
    /// The answer to [`Action::Read`].
    Reading(Reading),
    /// The other answer to it: every method failed.
    ReadFailed(Method, Failure),
    /// The answer to [`Action::Probe`].
    Probed(Reading),
    /// The other answer to it.
    ProbeFailed,
    /// The answer to [`Action::Inspect`].
    Inspected(Option<KernelState>),
    /// The answer to [`Action::Compare`].
    Compared(RawTime, Timestamp),
    /// The answer to [`Action::Adjust`].
    Adjusted(Applied),
    /// The other answer to it, with the errno.
    AdjustRefused(i32),
}

/// An adjustment that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The raw counter before the call.
    pub before: RawTime,
    /// The raw counter after it.
    pub after: RawTime,
    /// The rate that the kernel had before, where that was asked.
    pub found: Option<KernelRate>,
    /// What the kernel says now.
    pub kernel: KernelState,
}

/// What is to be done. There is always exactly one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Action {
    /// Take a reading and hand it in.
    Read,
    /// Take one reading by this method as cheaply as it can be had, and hand it in.
    Probe(Method),
    /// Ask the kernel what it does with the system clock.
    Inspect,
    /// Look at the raw counter and the system clock at one instant, without a device.
    Compare,
    /// Change the system clock and hand in the result.
    Adjust(Adjustment),
    /// Wait for any event, until this moment at the latest.
    Wait(RawTime),
}
