//! Somebody sets the guest's clock, forwards and backwards, by years and by microseconds.

use super::Setting;
use super::steps::{begin, elsewhere, finish, watched};
use crate::analysis::recovery::Recovery;
use crate::error::Result;
use crate::result::Findings;
use crate::session::{Disturbance, END, Session};

/// What is done in the scenario, in this order.
const FULL: [(&str, Disturbance); 6] = [
    ("date 030112302023", Disturbance::Date("030112302023")),
    ("+1 h", Disturbance::By(3_600_000_000_000)),
    ("-1 h", Disturbance::By(-3_600_000_000_000)),
    ("+0.2 s", Disturbance::By(200_000_000)),
    ("-20 ms", Disturbance::By(-20_000_000)),
    ("+1 us", Disturbance::By(1_000)),
];

/// What the demonstration shows of it.
pub(crate) const DEMO: [(&str, Disturbance); 4] = [
    ("date 030112302023", Disturbance::Date("030112302023")),
    ("+1 h", Disturbance::By(3_600_000_000_000)),
    ("+0.2 s", Disturbance::By(200_000_000)),
    ("-20 ms", Disturbance::By(-20_000_000)),
];

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    rehearse(session)?;
    begin(session, setting)?;
    let recoveries = jumps(session, setting, &FULL, &mut |_| ())?;
    session.end()?;
    let (_, found) = finish(session)?;
    Ok(Findings { recoveries, ..found })
}

/// Sets the clock once while no daemon runs: the emulator translates the kernel's way of setting a
/// clock when it goes it for the first time, which takes milliseconds that no real machine takes.
pub(crate) fn rehearse(session: &mut Session) -> Result<()> {
    session.disturb(END, Disturbance::Date("030112302023"))?;
    session.disturb(END, Disturbance::By(1_000))
}

/// Makes one jump after the other, each watched until the clock is back; tells `heard` of each.
pub(crate) fn jumps(
    session: &mut Session,
    setting: &Setting,
    list: &[(&str, Disturbance)],
    heard: &mut dyn FnMut(&Recovery),
) -> Result<Vec<Recovery>> {
    let mut recoveries = Vec::new();
    for (number, (label, disturbance)) in (0_u32..).zip(list) {
        elsewhere(setting, number);
        session.disturb(label, *disturbance)?;
        let recovery = watched(session, setting)?;
        heard(&recovery);
        recoveries.push(recovery);
    }
    Ok(recoveries)
}
