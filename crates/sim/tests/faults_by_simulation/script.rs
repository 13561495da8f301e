//! What happens to a scripted guest, and when. All times are on the raw counter, in seconds since the script began.

use hostclock_core::units::{Duration, Frequency};

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// The guest is paused, and its counter with it: on the counter, the host's clock jumps forward.
    Pause(Duration),
    /// The host's clock is set by this much.
    HostStep(Duration),
    /// The host's clock runs at this rate against the counter from now on.
    HostRate(Frequency),
    /// The device says the same time again and again, or doesn't any more.
    Frozen(bool),
    /// The device gives its last reading again until that is so old, as one does that keeps a sample.
    Repeats(Duration),
    /// Every reading fails, or doesn't any more.
    Fails(bool),
    /// All brackets of the next reading take so much longer: after the host's clock is read, or before it if negative.
    Longer(Duration),
    /// The counter of the next reading is tied to the system clock within the one only, and is off by the other.
    BadTie(Duration, Duration),
    /// A program makes the system clock run this much faster.
    ForeignRate(Frequency),
    /// A program has the kernel slew the system clock: `adjtime(3)`.
    ForeignSlew(Duration),
    /// A program writes the kernel's status word, `STA_*` of `<sys/timex.h>`.
    ForeignStatus(u32),
    /// The kernel refuses adjustments with this errno, or doesn't any more.
    Refused(Option<i32>),
}

impl Change {
    /// Whether it moves a clock, or the rate of one.
    pub(crate) const fn moves_a_clock(self) -> bool {
        matches!(
            self,
            Self::Pause(_)
                | Self::HostStep(_)
                | Self::HostRate(_)
                | Self::ForeignRate(_)
                | Self::ForeignSlew(_)
        )
    }
}

/// The raw counter when the script begins, ns.
pub(crate) const BEGIN: i64 = 5_000_000_000;

/// The raw counter at a second of the script, ns.
pub(crate) fn raw_at(second: f64) -> i64 {
    BEGIN + Duration::from_nanos_f64(second * 1e9).as_nanos()
}

/// The second of the script at which the raw counter shows so many ns.
pub(crate) fn seconds_at(raw: i64) -> f64 {
    Duration::from_nanos(raw - BEGIN).as_secs_f64()
}

/// A span of so many microseconds.
pub(crate) fn us(us: f64) -> Duration {
    Duration::from_nanos_f64(us * 1e3)
}

/// A span of so many seconds.
pub(crate) fn s(s: f64) -> Duration {
    Duration::from_nanos_f64(s * 1e9)
}

/// A frequency of so many per cent.
pub(crate) fn percent(percent: f64) -> Frequency {
    Frequency::from_ppm(percent * 1e4)
}
