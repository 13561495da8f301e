//! `ptp_kvm` is unloaded and loaded again while the daemon runs, five times. While it is absent nobody
//! can see the clock; what it did meanwhile shows afterwards.

use std::thread;
use std::time::Duration;

use super::Setting;
use super::module::{LOAD, loadings};
use super::steps::{begin, finish};
use crate::analysis::stretch::stretch;
use crate::error::Result;
use crate::result::Findings;
use crate::session::Session;

const TIMES: u32 = 5;
const ABSENT: Duration = Duration::from_millis(1_500);
/// As long as a daemon may take to find it again by polling, and then some.
const PRESENT: Duration = Duration::from_secs(4);

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    begin(session, setting)?;
    let lines = session.log_lines()?;
    let from = session.mark(".reloading")?;
    for _ in 0..TIMES {
        session.note(".unloaded", "rmmod ptp_kvm")?;
        thread::sleep(ABSENT);
        session.note("loaded again", LOAD)?;
        thread::sleep(PRESENT);
    }
    let to = session.mark(".reloaded")?;
    let lines = session.log_lines()? - lines;
    thread::sleep(setting.patience.least);
    let (recording, found) = finish(session)?;
    let mut seen = stretch("reloaded 5 times", &recording.samples, from, to);
    seen.log_lines = lines;
    Ok(Findings { recoveries: loadings(&recording), stretches: vec![seen], ..found })
}
