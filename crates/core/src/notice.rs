//! The events that a user wants to read of in the log: one value each, and one line.

use core::fmt;

use serde::Serialize;

use crate::hint::Hint;
use crate::policy::Withheld;
use crate::reading::{Failure, Method};
use crate::status::StepCause;
use crate::units::{Duration, Frequency, Timestamp};

/// How important a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// Of interest to somebody who looks for a fault.
    Debug,
    /// The clock changed its state for the better, or was corrected.
    Info,
    /// Something is amiss.
    Warning,
}

/// Why there are no readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The device is not there any more.
    DeviceGone,
    /// The device is there, and every method fails; this is the failure that says most.
    Failing(Method, Failure),
    /// The readings contradict each other.
    Contradiction,
    /// The host's clock stands still.
    Frozen,
    /// It goes backwards again and again.
    Backwards,
    /// It jumps forward again and again.
    Racing,
}

impl Loss {
    /// Whether there are readings, and they can't be believed.
    #[must_use]
    pub const fn is_unreliable(self) -> bool {
        matches!(self, Self::Contradiction | Self::Frozen | Self::Backwards | Self::Racing)
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeviceGone => f.write_str("the device is gone"),
            Self::Failing(method, failure) => {
                write!(f, "{method} fails: {}", failure.explanation(*method))
            }
            Self::Contradiction => f.write_str("its readings contradict each other"),
            Self::Frozen => f.write_str("it stands still"),
            Self::Backwards => f.write_str("it goes backwards again and again"),
            Self::Racing => f.write_str("it jumps forward again and again, faster than any clock runs"),
        }
    }
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Notice {
    /// The clock was stepped, and a reading after it confirms the result.
    Stepped {
        /// Why.
        cause: StepCause,
        /// System minus reference before.
        before_ns: Duration,
        /// System minus reference after.
        after_ns: Duration,
        /// From the event that told of it to the step's effect.
        took_ns: Duration,
    },
    /// A break is being slewed away.
    Slewing {
        /// System minus reference.
        offset_ns: Duration,
    },
    /// The clock is on the host's time, for the first time or again.
    Synchronised {
        /// System minus reference.
        offset_ns: Duration,
        /// How long it took.
        took_ns: Duration,
    },
    /// The source is gone.
    Holdover {
        /// Why.
        loss: Loss,
    },
    /// The host's clock can't be believed.
    HostUnreliable {
        /// Why.
        loss: Loss,
    },
    /// Somebody else keeps changing the clock.
    Rival {
        /// How many times up to now.
        changes: u32,
        /// Within this time.
        over_ns: Duration,
    },
    /// He doesn't any more.
    RivalGone {
        /// How many times in all.
        changes: u32,
        /// Within this time.
        over_ns: Duration,
    },
    /// Somebody else had changed the clock's rate; it is ours again.
    RateRestored {
        /// By so much.
        by: Frequency,
    },
    /// The hypervisor or the kernel told of something.
    Hinted {
        /// Of what.
        hint: Hint,
    },
    /// Readings come again.
    HoldoverEnded {
        /// How long there were none.
        lasted_ns: Duration,
        /// System minus reference at the end of it.
        offset_ns: Duration,
    },
    /// Another method takes the readings now.
    MethodChanged {
        /// The one before; none at the first reading of a device.
        from: Option<Method>,
        /// The one now.
        to: Method,
        /// Why the better ones aren't used.
        failure: Option<(Method, Failure)>,
    },
    /// The policy doesn't allow a correction.
    Withheld {
        /// Which rule says so.
        cause: Withheld,
        /// System minus reference.
        offset_ns: Duration,
    },
    /// In a dry run: the clock would be stepped now.
    WouldStep {
        /// Why.
        cause: StepCause,
        /// System minus reference.
        offset_ns: Duration,
    },
    /// The kernel refused a change to the clock.
    AdjustRefused {
        /// The errno.
        errno: i32,
    },
    /// A reading that a second one did not confirm was thrown away.
    Outlier {
        /// How far it was off its prediction is not kept: what the host said.
        reference_ns: Timestamp,
    },
}

impl Notice {
    /// How important it is.
    #[must_use]
    pub const fn importance(&self) -> Importance {
        match self {
            Self::Stepped { .. }
            | Self::Synchronised { .. }
            | Self::HoldoverEnded { .. }
            | Self::Slewing { .. } => Importance::Info,
            Self::MethodChanged { failure: None, .. } | Self::WouldStep { .. } => Importance::Info,
            Self::Holdover { .. } | Self::HostUnreliable { .. } | Self::Rival { .. } => Importance::Warning,
            Self::Withheld { .. } | Self::AdjustRefused { .. } => Importance::Warning,
            Self::MethodChanged { .. } | Self::RivalGone { .. } => Importance::Info,
            // What it changes is told as a change of the method.
            Self::Hinted { hint: Hint::Clocksource } => Importance::Debug,
            Self::RateRestored { .. } | Self::Hinted { .. } => Importance::Info,
            Self::Outlier { .. } => Importance::Debug,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stepped { cause, before_ns, after_ns, took_ns } => write!(
                f,
                "stepped the clock: it was {before_ns:+} from the host, now {after_ns:+}, after {took_ns} ({})",
                cause.words()
            ),
            Self::Slewing { offset_ns } => {
                write!(f, "slewing: the clock is {offset_ns:+} from the host")
            }
            Self::Synchronised { offset_ns, took_ns } => {
                write!(f, "synchronised: the clock is {offset_ns:+} from the host, after {took_ns}")
            }
            Self::Holdover { loss } => {
                write!(f, "holdover: {loss}; the clock runs on with its long-term frequency")
            }
            Self::HostUnreliable { loss } => {
                write!(f, "host clock unreliable: {loss}; the clock runs on without it")
            }
            Self::Rival { changes, over_ns } => write!(
                f,
                "somebody else keeps changing this clock: {changes} times in {over_ns}, put right each time"
            ),
            Self::RivalGone { changes, over_ns } => write!(
                f,
                "nobody else has changed this clock for a minute, after {changes} times in {over_ns}"
            ),
            Self::RateRestored { by } => {
                write!(f, "somebody else had changed the clock's rate by {by:+}; it is ours again")
            }
            Self::Hinted { hint } => write!(f, "{}", hint.words()),
            Self::HoldoverEnded { lasted_ns, offset_ns } => {
                write!(f, "holdover ended after {lasted_ns}: the clock is {offset_ns:+} from the host")
            }
            Self::MethodChanged { to, failure: None, .. } => write!(f, "reading by {to}"),
            Self::MethodChanged { to, failure: Some((method, failure)), .. } => {
                write!(f, "reading by {to}, as {method} fails: {}", failure.explanation(*method))
            }
            Self::Withheld { cause, offset_ns } => {
                write!(f, "the clock is {offset_ns:+} from the host: {}", cause.explanation())
            }
            Self::WouldStep { cause, offset_ns } => {
                write!(f, "dry run: would step the clock by {:+} ({})", -*offset_ns, cause.words())
            }
            Self::AdjustRefused { errno } => {
                let why = match *errno {
                    1 => "not permitted: CAP_SYS_TIME is missing, or a security module forbids it",
                    22 => "the kernel takes the values for invalid, such as a time before its own start",
                    _ => "see errno(3)",
                };
                write!(f, "the kernel refused to change the clock (errno {errno}): {why}")
            }
            Self::Outlier { reference_ns } => {
                write!(f, "threw away a reading that a second one did not confirm: {reference_ns}")
            }
        }
    }
}
