//! How good the lab's own truth is on clocksource tsc: pairs of counter and clock beside precise readings, with
//! the clocksource switched to and fro. Nobody keeps the guest's clock and nobody touches the host's.

use std::thread;
use std::time::Duration;

use super::Setting;
use crate::analysis::truth::truth;
use crate::error::Result;
use crate::result::Findings;
use crate::session::Session;

const SWITCHES: u32 = 6;
const SWITCHES_IN_HASTE: u32 = 2;
const EACH: Duration = Duration::from_secs(4);

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.reset(0)?;
    session.start(&setting.daemon, ".start")?;
    session.observe()?;
    session.begin_pairs()?;
    for _ in 0..if setting.is_thorough() { SWITCHES } else { SWITCHES_IN_HASTE } {
        thread::sleep(EACH);
        session.clocksource(".", "tsc")?;
        thread::sleep(EACH);
        session.clocksource(".", "kvm-clock")?;
    }
    thread::sleep(EACH);
    let pairs = session.end_pairs()?;
    let recording = session.recorded()?;
    let log = session.stop()?;
    Ok(Findings { truth: Some(truth(&pairs, &recording.samples)), log, ..Findings::of(&recording.samples) })
}
