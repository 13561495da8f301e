//! The guest's clocksource is switched to tsc, where the precise method stops working, and back. On
//! each the clock is also set wrong.

use std::thread;
use std::time::Duration;

use super::Setting;
use super::steps::{begin, finish};
use crate::check::methods;
use crate::error::Result;
use crate::result::Findings;
use crate::session::{Disturbance, Session};

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    begin(session, setting)?;
    let patience = setting.patience;
    let mut recoveries = Vec::new();
    session.clocksource("to tsc", "tsc")?;
    recoveries.push(session.watch(patience)?);
    session.disturb("+0.2 s on tsc", Disturbance::By(200_000_000))?;
    recoveries.push(session.watch(patience)?);
    session.clocksource("to kvm-clock", "kvm-clock")?;
    recoveries.push(session.watch(patience)?);
    session.disturb("+0.2 s on kvm-clock", Disturbance::By(200_000_000))?;
    recoveries.push(session.watch(patience)?);
    session.end()?;
    // A daemon tries a method that failed again only now and then.
    let mut tries = 0;
    while setting.daemon.is_hostclock() && !climbed(&session.log()?) && tries < 30 {
        thread::sleep(Duration::from_secs(1));
        tries += 1;
    }
    let (_, found) = finish(session)?;
    Ok(Findings { recoveries, ..found })
}

/// Whether the last method in the log is the precise one, and not the only one.
fn climbed(log: &str) -> bool {
    let used = methods(log);
    used.len() >= 3 && used.last().is_some_and(|method| method == "PTP_SYS_OFFSET_PRECISE")
}
