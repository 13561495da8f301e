//! The daemon is killed at random moments, again and again, and started anew at once or half a second
//! later.

use std::thread;
use std::time::Duration;

use super::{Setting, note_end, settle, settling_time};
use crate::analysis::stretch::stretch;
use crate::error::Result;
use crate::result::Findings;
use crate::session::Session;

/// How often. Its peers take long to come back, and are killed less often.
const KILLS: u32 = 50;
const KILLS_OF_PEERS: u32 = 10;
/// So many ms lie between two of them, the rest is chance.
const LEAST_MS: u64 = 700;
const CHANCE_MS: u64 = 1_300;

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    settle(session, setting, settling_time(&setting.daemon))?;
    session.observe()?;
    thread::sleep(Duration::from_secs(1));
    let kills = if setting.daemon.is_hostclock() { KILLS } else { KILLS_OF_PEERS };
    let from = session.mark(".killing")?;
    let mut chance = u64::from(setting.run) + 1;
    for number in 0..kills {
        // A linear congruential generator (Knuth, MMIX); its high bits are the random ones.
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_millis(LEAST_MS + (chance >> 33) % CHANCE_MS));
        let pause = if number % 4 == 3 { 0.5 } else { 0.0 };
        session.kill(&setting.daemon, pause)?;
    }
    thread::sleep(Duration::from_secs(2));
    let to = session.mark(".killed")?;
    thread::sleep(setting.patience.most);
    let recording = session.recorded()?;
    let mut seen = stretch(&format!("killed {kills} times"), &recording.samples, from, to);
    let notes = Vec::from_iter(note_end(session)?);
    let log = session.stop()?;
    session.wander(None)?;
    seen.log_lines = log.lines().count();
    Ok(Findings { stretches: vec![seen], notes, log, ..Findings::of(&recording) })
}
