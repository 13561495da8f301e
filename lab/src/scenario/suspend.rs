//! The guest suspends itself to memory (S3), and its hypervisor wakes it. Time counts from when the guest's
//! kernel lets its programs go on.

use std::thread;
use std::time::Duration;

use super::{CALM, Setting, note_end, settle, settling_time};
use crate::error::Result;
use crate::machine::Platform;
use crate::result::Findings;
use crate::session::Session;

const ASLEEP: Duration = Duration::from_secs(5);

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    session.new_guest(Platform::Pc)?;
    settle(session, setting, settling_time(&setting.daemon))?;
    session.observe()?;
    let mut recoveries = Vec::new();
    for number in 0..setting.repeats() {
        // Somewhere else within the daemon's poll each time.
        thread::sleep(Duration::from_millis(u64::from(1_000 + (setting.run * 370 + number * 230) % 1_000)));
        session.suspend("asleep 5 s", ASLEEP)?;
        let recovery = session.watch(setting.patience)?;
        if setting.wait_for_calm && recovery.under_1us.is_none() {
            session.end()?;
            session.calm(CALM)?;
        }
        recoveries.push(recovery);
    }
    session.end()?;
    let recording = session.recorded()?;
    let notes = Vec::from_iter(note_end(session)?);
    let log = session.stop()?;
    session.wander(None)?;
    Ok(Findings { recoveries, notes, log, ..Findings::of(&recording) })
}
