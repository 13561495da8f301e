//! The daemon starts on a clock that is wrong. Time counts from the daemon's exec.

use std::thread;
use std::time::Duration;

use super::Setting;
use crate::error::Result;
use crate::result::Findings;
use crate::session::{END, Session};

const SECOND: i64 = 1_000_000_000;
/// How wrong the clock is.
const OFFSETS: [(&str, i64); 6] = [
    ("3 years behind", -3 * 365 * 86_400 * SECOND),
    ("1 h ahead", 3_600 * SECOND),
    ("100 s behind", -100 * SECOND),
    ("0.15 s ahead", 150_000_000),
    ("20 ms behind", -20_000_000),
    ("1 ms ahead", 1_000_000),
];

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    session.reset(0)?;
    session.observe()?;
    let mut patience = setting.patience;
    patience.most =
        patience.most.max(Duration::from_secs(if setting.daemon.is_hostclock() { 4 } else { 30 }));
    // The emulator translates the program when it starts for the first time: that one isn't counted.
    session.start(&setting.daemon, END)?;
    thread::sleep(Duration::from_secs(2));
    session.stop()?;
    let mut recoveries = Vec::new();
    let mut log = String::new();
    for (label, offset) in OFFSETS {
        session.reset(offset)?;
        thread::sleep(Duration::from_millis(100));
        session.start(&setting.daemon, label)?;
        recoveries.push(session.watch(patience)?);
        session.end()?;
        log = session.stop()?;
    }
    let recording = session.recorded()?;
    session.wander(None)?;
    Ok(Findings { recoveries, log, ..Findings::of(&recording.samples) })
}
