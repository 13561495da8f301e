//! Nothing happens, except that the host's frequency wanders as under NTP.

use std::thread;
use std::time::Duration;

use super::Setting;
use super::steps::settle;
use crate::analysis::steady::steady;
use crate::error::{Context, Result};
use crate::result::Findings;
use crate::session::Session;

const SETTLING: Duration = Duration::from_secs(30);
const MEASURED: Duration = Duration::from_secs(60);

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    settle(session, setting, SETTLING)?;
    session.observe()?;
    thread::sleep(MEASURED);
    let recording = session.recorded()?;
    let log = session.stop()?;
    session.wander(None)?;
    let first = recording.samples.first().context(|| "the observer saw nothing".into())?;
    let steady = Some(steady(&recording.samples, first.raw));
    Ok(Findings { steady, log, ..Findings::of(&recording) })
}
