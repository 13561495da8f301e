//! The guest has hardly any CPU: first its host takes it away, then programs of its own do. A daemon that
//! runs late must not make the clock wrong.

use std::thread;
use std::time::Duration;

use super::Setting;
use super::steps::{finish, settle};
use crate::analysis::stretch::by_event;
use crate::error::Result;
use crate::result::Findings;
use crate::session::Session;

const SETTLING: Duration = Duration::from_secs(20);
const MEASURED: Duration = Duration::from_secs(30);
/// How much of its CPU the host leaves the guest, in per cent.
const LEFT: u32 = 10;
/// Busy loops in the guest, at the priority of the daemon.
const LOOPS: u32 = 4;

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    settle(session, setting, SETTLING)?;
    session.observe()?;
    session.note("undisturbed", "true")?;
    thread::sleep(MEASURED);
    session.end()?;
    session.leave_cpu(Some(LEFT))?;
    session.note("90 % taken by the host", "true")?;
    thread::sleep(MEASURED);
    session.end()?;
    session.leave_cpu(None)?;
    session.overload(LOOPS)?;
    session.note("4 busy loops in the guest", "true")?;
    thread::sleep(MEASURED);
    session.end()?;
    session.overload(0)?;
    let (recording, found) = finish(session)?;
    let stretches = by_event(&recording.samples, &recording.events);
    Ok(Findings { stretches, ..found })
}
