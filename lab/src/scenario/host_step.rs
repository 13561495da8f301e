//! The host's own clock is stepped, as by its NTP daemon or by hand, is set to a wrong year and back, and
//! has a leap second inserted. The guest's clock is to follow, so its offset is what the host's jump
//! makes it. Time counts from the observer's last sample before the jump.

use std::time::Duration;

use super::steps::{begin, elsewhere, finish, watched};
use super::{Setting, rehearse};
use crate::analysis::recovery::Recovery;
use crate::error::Result;
use crate::result::Findings;
use crate::session::Session;

const SECOND: i64 = 1_000_000_000;
const YEARS: i64 = 3 * 365 * 86_400 * SECOND;
/// What is done, in this order. hostclock slews the guest's clock where that takes up to two seconds and
/// the clock is not behind; -0.05 s is such a step.
const STEPS: [(&str, i64); 9] = [
    ("host +0.1 s", 100_000_000),
    ("host -0.15 s", -150_000_000),
    ("host -0.05 s", -50_000_000),
    ("host +10 s", 10 * SECOND),
    ("host -10 s", -10 * SECOND),
    ("host +1 h", 3_600 * SECOND),
    ("host -1 h", -3_600 * SECOND),
    ("host -3 years", -YEARS),
    ("host +3 years", YEARS),
];
/// Before midnight, the leap second has to be announced this early.
const ANNOUNCED: Duration = Duration::from_secs(5);

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    rehearse(session)?;
    begin(session, setting)?;
    let mut recoveries = Vec::new();
    for (number, (label, amount)) in (0_u32..).zip(STEPS) {
        elsewhere(setting, number);
        session.step_host(label, &format!("lab step -- {amount}"))?;
        recoveries.push(watched(session, setting)?);
    }
    recoveries.push(leap_second(session, setting)?);
    session.end()?;
    let (_, found) = finish(session)?;
    Ok(Findings { recoveries, ..found })
}

/// A leap second at the end of the host's day, to which its clock is set first.
fn leap_second(session: &mut Session, setting: &Setting) -> Result<Recovery> {
    let lead = Duration::from_secs(if setting.daemon.is_hostclock() { 14 } else { 45 });
    session.step_host(".midnight", &format!("lab midnight {}", lead.as_secs()))?;
    session.end()?;
    session.calm(lead.saturating_sub(ANNOUNCED + Duration::from_secs(3)))?;
    session.step_host("host leap second", "lab leap")?;
    watched(session, setting)
}
