//! Nothing happens, except that the host's frequency wanders, in one of several ways; and the guest's
//! clocksource is the one with precise readings, or the other.
//!
//! What the host does is the same for all daemons at each moment of the measured stretch, however long they
//! settle before it.

use std::thread;
use std::time::Duration;

use super::Setting;
use super::steps::settle;
use crate::analysis::steady::steady;
use crate::error::{Context, Result};
use crate::result::Findings;
use crate::session::Session;

/// What the host's clock does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wander {
    /// Nobody touches it.
    Quiet,
    /// It is kept as by NTP.
    Ntp,
    /// It hangs on a crystal that warms up.
    Warming,
    /// It is slewed by 500 ppm from the 20th second until the 40th.
    Slewed,
}

/// What the guest's clock counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Precise readings work.
    KvmClock,
    /// Only brackets work, for daemons and for the observer; what is so is told by pairs of counter and clock.
    Tsc,
}

/// The longest that a daemon settles: NTP's wander has gone on for so long when the measured stretch begins.
const LONGEST: i64 = 90;
/// A crystal has been warming up for so long then.
const HEAD: i64 = 10;

impl Wander {
    /// What `lab wander` is told at the daemon's start, so many seconds before the measured stretch.
    fn options(self, run: u32, settling: i64) -> Option<String> {
        let (kind, elapsed) = match self {
            Self::Quiet => return None,
            Self::Ntp => ("ntp", LONGEST - settling),
            Self::Warming => ("warming", HEAD - settling),
            Self::Slewed => ("slewed", -settling),
        };
        Some(format!("--kind {kind} --seed {} --elapsed {elapsed}", run + 1))
    }

    /// How many seconds are measured, and how many by somebody in a hurry.
    fn measured(self) -> (u64, u64) {
        match self {
            Self::Quiet => (30, 10),
            Self::Ntp => (60, 10),
            Self::Warming => (40, 10),
            Self::Slewed => (60, 45),
        }
    }
}

pub(super) fn play(
    session: &mut Session,
    setting: &Setting,
    wander: Wander,
    source: Source,
) -> Result<Findings> {
    let (thorough, hasty) = wander.measured();
    // By brackets everybody is given the longest: what a minute of cold ones teaches is no steady state.
    let settling = match source {
        Source::KvmClock => setting.daemon.settling,
        Source::Tsc => LONGEST.unsigned_abs(),
    };
    let (settling, measured) =
        if setting.is_thorough() { (settling, thorough) } else { (settling / 2, hasty) };
    let measured = Duration::from_secs(measured);
    if source == Source::Tsc {
        session.clocksource(".clocksource", "tsc")?;
    }
    session.wander_as(wander.options(setting.run, i64::try_from(settling).unwrap_or(LONGEST)).as_deref())?;
    settle(session, setting, Duration::from_secs(settling))?;
    let samples = match source {
        Source::KvmClock => {
            session.observe()?;
            thread::sleep(measured);
            session.recorded()?.samples
        }
        Source::Tsc => session.pairs(measured)?,
    };
    let log = session.stop()?;
    session.wander(None)?;
    if source == Source::Tsc {
        session.clocksource(".clocksource", "kvm-clock")?;
    }
    let first = samples.first().context(|| "the observer saw nothing".into())?;
    let steady = Some(steady(&samples, first.raw));
    Ok(Findings { steady, log, ..Findings::of(&samples) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_does_is_the_same_however_long_a_daemon_settles() {
        assert_eq!(Wander::Ntp.options(0, 90).unwrap(), "--kind ntp --seed 1 --elapsed 0");
        assert_eq!(Wander::Ntp.options(0, 20).unwrap(), "--kind ntp --seed 1 --elapsed 70");
        assert_eq!(Wander::Slewed.options(1, 20).unwrap(), "--kind slewed --seed 2 --elapsed -20");
        assert_eq!(Wander::Quiet.options(0, 20), None);
    }
}
