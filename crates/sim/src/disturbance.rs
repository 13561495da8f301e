//! What can happen to a guest, as values: one [`Disturbance`] is one thing that happens, at once or
//! for a while.

use core::fmt;

use hostclock_core::reading::Failure;
use hostclock_core::units::{Duration, Frequency};

use crate::device::{Clocksource, Lie};

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Disturbance {
    /// A program in the guest sets the system clock by this much.
    ForeignStep(Duration),
    /// A program in the guest sets the system clock's rate.
    ForeignRate(Frequency),
    /// A program in the guest writes the kernel's status word, `STA_*` of `<sys/timex.h>`.
    ForeignStatus(u32),
    /// A program in the guest has the kernel slew the system clock by this much, at 500 ppm: `adjtime(3)`.
    ForeignSlew(Duration),
    /// The kernel refuses every adjustment with this errno, for this long.
    Refused(i32, Duration),
    /// The guest is stopped, and its counter with it (`stop` and `cont`, a snapshot that is restored).
    Pause(Duration),
    /// The guest sleeps for so long, and its counter with it; when it wakes, the kernel sets the clock by that and
    /// by what it is wrong about it.
    Suspend(Duration, Duration),
    /// The guest gets no processor, but its counter counts on (`SIGSTOP` of the hypervisor).
    Starve(Duration),
    /// The guest's processes wait for milliseconds, for this long.
    Load(Duration),
    /// The host's clock is set by this much.
    HostStep(Duration),
    /// The host's clock is slewed at this rate, for this long.
    HostSlew(Frequency, Duration),
    /// The guest moves to another host: it stands still this long, its oscillator's frequency changes
    /// to this, the host's clock differs by this much.
    Migration(Duration, Frequency, Duration),
    /// The device is away for this long (`rmmod`, and `insmod` later).
    DeviceGone(Duration),
    /// Every method fails, for this long.
    Fault(Failure, Duration),
    /// Nine readings in ten fail with `EAGAIN`, for this long.
    Busy(Duration),
    /// The guest's clocksource is this one from now on.
    Clocksource(Clocksource),
    /// The device lies, for this long.
    Lie(Lie, Duration),
    /// The daemon is killed, and started again this much later.
    Kill(Duration),
}

impl Disturbance {
    /// What kind of thing it is, in a word or two.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::ForeignStep(_) => "foreign step",
            Self::ForeignRate(_) => "foreign rate",
            Self::ForeignStatus(_) => "foreign status",
            Self::ForeignSlew(_) => "foreign slew",
            Self::Refused(_, _) => "refused",
            Self::Pause(_) => "pause",
            Self::Suspend(_, _) => "sleep",
            Self::Starve(_) => "starvation",
            Self::Load(_) => "overload",
            Self::HostStep(_) => "host step",
            Self::HostSlew(_, _) => "host slew",
            Self::Migration(_, _, _) => "migration",
            Self::DeviceGone(_) => "device gone",
            Self::Fault(_, _) => "device fails",
            Self::Busy(_) => "device busy",
            Self::Clocksource(_) => "clocksource",
            Self::Lie(_, _) => "device lies",
            Self::Kill(_) => "daemon killed",
        }
    }

    /// Whether readings may be worse than usual for some seconds afterwards, until the best method is
    /// tried again.
    #[must_use]
    pub const fn concerns_device(self) -> bool {
        matches!(
            self,
            Self::DeviceGone(_)
                | Self::Fault(_, _)
                | Self::Busy(_)
                | Self::Clocksource(_)
                | Self::Lie(_, _)
                | Self::Kill(_)
        )
    }

    /// Whether the guest does nothing while it lasts.
    #[must_use]
    pub const fn stops_guest(self) -> bool {
        matches!(self, Self::Pause(_) | Self::Suspend(_, _) | Self::Starve(_) | Self::Migration(_, _, _))
    }

    /// How long it lasts; zero for what happens at once.
    #[must_use]
    pub const fn lasts(self) -> Duration {
        match self {
            Self::ForeignStep(_)
            | Self::ForeignRate(_)
            | Self::ForeignStatus(_)
            | Self::ForeignSlew(_)
            | Self::HostStep(_)
            | Self::Clocksource(_) => Duration::ZERO,
            Self::Refused(_, span) => span,
            Self::Pause(span) | Self::Suspend(span, _) | Self::Starve(span) | Self::Load(span) => span,
            Self::HostSlew(_, span) => span,
            Self::Migration(span, _, _) | Self::DeviceGone(span) | Self::Fault(_, span) => span,
            Self::Busy(span) | Self::Lie(_, span) | Self::Kill(span) => span,
        }
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForeignStep(by) => write!(f, "somebody sets the clock by {by:+}"),
            Self::ForeignRate(rate) => write!(f, "somebody sets the clock's rate to {rate:+}"),
            Self::ForeignStatus(status) => write!(f, "somebody writes the status word {status:#06x}"),
            Self::ForeignSlew(by) => write!(f, "somebody has the kernel slew the clock by {by:+}"),
            Self::Refused(errno, span) => {
                write!(f, "the kernel refuses adjustments (errno {errno}) for {span}")
            }
            Self::Pause(span) => write!(f, "the guest is paused for {span}"),
            Self::Suspend(span, by) => {
                write!(f, "the guest sleeps for {span}, and its kernel is {by:+} off about it")
            }
            Self::Starve(span) => write!(f, "the guest gets no processor for {span}"),
            Self::Load(span) => write!(f, "the guest is overloaded for {span}"),
            Self::HostStep(by) => write!(f, "the host's clock is set by {by:+}"),
            Self::HostSlew(rate, span) => write!(f, "the host's clock is slewed by {rate:+} for {span}"),
            Self::Migration(span, frequency, by) => write!(
                f,
                "the guest moves to another host in {span}: oscillator {frequency:+}, clock {by:+} away"
            ),
            Self::DeviceGone(span) => write!(f, "the device is gone for {span}"),
            Self::Fault(failure, span) => write!(f, "every reading fails ({failure:?}) for {span}"),
            Self::Busy(span) => write!(f, "the device is busy for {span}"),
            Self::Clocksource(Clocksource::Tsc) => f.write_str("the clocksource becomes tsc"),
            Self::Clocksource(Clocksource::KvmClock) => f.write_str("the clocksource becomes kvm-clock"),
            Self::Lie(lie, span) => write!(f, "the device lies ({lie:?}) for {span}"),
            Self::Kill(span) => write!(f, "the daemon is killed, and started again after {span}"),
        }
    }
}
