//! The daemon is killed at random moments, again and again, and started anew at once or half a second
//! later.

use std::thread;
use std::time::Duration;

use hostclock_lab_guest::random::Random;

use super::Setting;
use super::steps::{begin, finish};
use crate::analysis::stretch::stretch;
use crate::error::Result;
use crate::result::Findings;
use crate::session::Session;

/// How often. Its peers take long to come back, and are killed less often.
const KILLS: u32 = 50;
const KILLS_OF_PEERS: u32 = 10;
/// So much lies between two of them, the rest is chance.
const LEAST: Duration = Duration::from_millis(700);
const CHANCE: Duration = Duration::from_millis(1_300);

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    begin(session, setting)?;
    let kills = if setting.daemon.is_hostclock() { KILLS } else { KILLS_OF_PEERS };
    let from = session.mark(".killing")?;
    let mut chance = Random::new(u64::from(setting.run) * 2 + 1);
    for number in 0..kills {
        thread::sleep(LEAST + CHANCE.mul_f64(chance.uniform()));
        let pause = if number % 4 == 3 { 0.5 } else { 0.0 };
        session.kill(&setting.daemon, pause)?;
    }
    thread::sleep(Duration::from_secs(2));
    let to = session.mark(".killed")?;
    thread::sleep(setting.patience.most);
    let (recording, found) = finish(session)?;
    let mut seen = stretch(&format!("killed {kills} times"), &recording.samples, from, to);
    seen.log_lines = found.log.lines().count();
    Ok(Findings { stretches: vec![seen], ..found })
}
