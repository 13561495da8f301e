//! The guest's state is saved to a file, its hypervisor ends, and 20 s later another goes on from the file. Time
//! counts from when the guest goes on. It is done with a guest that nobody tells, and with one that is told by
//! `vmgenid` (the kernel then reseeds its random numbers, and says so) and `vmclock`.

use std::thread;
use std::time::Duration;

use super::Setting;
use super::steps::{add_guest, elsewhere, settle, settling_time, watched};
use crate::analysis::recovery::Recovery;
use crate::analysis::steady::honesty;
use crate::error::Result;
use crate::machine::Platform;
use crate::result::Findings;
use crate::session::Session;
use crate::table::nanoseconds;

pub(super) const AWAY: Duration = Duration::from_secs(20);
const GUESTS: [(&str, Platform); 2] =
    [("restored, told of nothing", Platform::Pc), ("restored, told of it", Platform::PcToldOfRestores)];

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    let mut found = Findings::default();
    let mut samples = Vec::new();
    for (label, platform) in GUESTS {
        session.new_guest(platform)?;
        settle(session, setting, settling_time(&setting.daemon))?;
        session.observe()?;
        for number in 0..setting.repeats() {
            thread::sleep(Duration::from_secs(1));
            elsewhere(setting, number);
            let went_on = session.restore(label, AWAY)?;
            let recovery = watched(session, setting)?;
            found.notes.push(told(label, session.told_of_restore()?, went_on.before, &recovery));
            found.recoveries.push(recovery);
        }
        add_guest(session, &mut found, &mut samples)?;
    }
    session.wander(None)?;
    Ok(Findings { honesty: Some(honesty(&samples)), ..found })
}

/// When the kernel heard of it, and whether the clock was right by then.
pub(super) fn told(label: &str, heard: Option<i64>, went_on: i64, recovery: &Recovery) -> String {
    let Some(heard) = heard.map(|heard| heard - went_on).filter(|after| *after >= 0) else {
        return format!("{label}: the kernel says nothing of it");
    };
    let heard_after = nanoseconds(heard.unsigned_abs());
    match recovery.under_1us {
        Some(right) => format!(
            "{label}: the kernel reseeded its random numbers {heard_after} after it went on, and the clock was right {} {}",
            nanoseconds((right - heard).unsigned_abs()),
            if right >= heard { "later" } else { "earlier" }
        ),
        None => format!("{label}: the kernel reseeded its random numbers {heard_after} after it went on"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_how_long_the_clock_was_wrong_after_the_kernel_heard() {
        let went_on = 1_000_000;
        let recovery = Recovery { under_1us: Some(90_000_000), ..Recovery::default() };
        let text = told("x", Some(31_000_000), went_on, &recovery);
        assert!(text.contains(" 30 ms after") && text.ends_with("right 60 ms later"), "{text}");
        assert!(told("x", Some(0), went_on, &recovery).ends_with("nothing of it"));
        assert!(told("x", None, went_on, &recovery).ends_with("nothing of it"));
    }
}
