//! `ptp_kvm` is unloaded and loaded again while the daemon runs, five times. While it is absent nobody
//! can see the clock; what it did meanwhile shows afterwards.

use std::thread;
use std::time::Duration;

use super::module::{LOAD, loadings};
use super::{Setting, note_end, settle, settling_time};
use crate::analysis::stretch::stretch;
use crate::error::Result;
use crate::result::Findings;
use crate::session::Session;

const TIMES: u32 = 5;
const ABSENT: Duration = Duration::from_millis(1_500);
/// As long as a daemon may take to find it again by polling, and then some.
const PRESENT: Duration = Duration::from_secs(4);

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    settle(session, setting, settling_time(&setting.daemon))?;
    session.observe()?;
    thread::sleep(Duration::from_secs(1));
    let lines = session.log()?.lines().count();
    let from = session.mark(".reloading")?;
    for _ in 0..TIMES {
        session.note(".unloaded", "rmmod ptp_kvm")?;
        thread::sleep(ABSENT);
        session.note("loaded again", LOAD)?;
        thread::sleep(PRESENT);
    }
    let to = session.mark(".reloaded")?;
    let lines = session.log()?.lines().count() - lines;
    thread::sleep(setting.patience.least);
    let notes = Vec::from_iter(note_end(session)?);
    let recording = session.recorded()?;
    let log = session.stop()?;
    session.wander(None)?;
    let mut seen = stretch("reloaded 5 times", &recording.samples, from, to);
    seen.log_lines = lines;
    let recoveries = loadings(&recording);
    Ok(Findings { recoveries, stretches: vec![seen], notes, log, ..Findings::of(&recording) })
}
