//! The guest is stopped, and goes on later: its clock is behind by as much as its counter stood still. Time
//! counts from when it goes on.

use std::time::Duration;

use super::Setting;
use super::steps::{begin, elsewhere, finish, watched};
use crate::error::Result;
use crate::result::Findings;
use crate::session::{Halt, Session};

/// Repeated with daemons that come back soon.
const SHORT: [(&str, u64, Halt); 3] = [
    ("paused 0.2 s", 200, Halt::Monitor),
    ("paused 1 s", 1_000, Halt::Monitor),
    ("paused 5 s", 5_000, Halt::Monitor),
];
const BY_SIGNAL: (&str, u64, Halt) = ("5 s by SIGSTOP", 5_000, Halt::Signal);
const LONG: (&str, u64, Halt) = ("paused 60 s", 60_000, Halt::Monitor);

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    begin(session, setting)?;
    let (mut recoveries, mut notes) = (Vec::new(), Vec::new());
    for (number, (label, milliseconds, how)) in (0_u32..).zip(pauses(setting)) {
        elsewhere(setting, number);
        let length = Duration::from_millis(milliseconds);
        let lost = session.pause(label, length, how)?.lost;
        if lost.unsigned_abs() < 1_000_000 {
            notes.push(format!("{label}: the guest's counter went on meanwhile, so its clock stayed right"));
        }
        recoveries.push(watched(session, setting)?);
    }
    session.end()?;
    let (_, found) = finish(session)?;
    notes.extend(found.notes);
    Ok(Findings { recoveries, notes, ..found })
}

/// What is done, in this order. A minute is long for somebody who waits for a test.
fn pauses(setting: &Setting) -> Vec<(&'static str, u64, Halt)> {
    let mut list: Vec<_> = (0..setting.repeats()).flat_map(|_| SHORT).collect();
    list.push(BY_SIGNAL);
    if setting.is_thorough() {
        list.push(LONG);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::Daemon;

    #[test]
    fn five_runs_pause_the_guest_often_enough_for_a_worst_case() {
        let setting = Setting::thorough(Daemon::named("hostclock").unwrap(), 0);
        assert!(pauses(&setting).iter().filter(|(_, _, how)| *how == Halt::Monitor).count() * 5 >= 20);
        assert!(!pauses(&Setting::brief(setting.daemon)).contains(&LONG));
    }
}
