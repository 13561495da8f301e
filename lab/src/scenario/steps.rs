//! What most scenarios begin and end with, and do in between.

use std::thread;
use std::time::Duration;

use hostclock_lab_guest::trace::Sample;

use super::Setting;
use crate::analysis::recovery::Recovery;
use crate::daemon::Daemon;
use crate::error::Result;
use crate::result::Findings;
use crate::session::{Recording, Session};

/// How long a clock that did not come back in time is waited for.
pub(super) const CALM: Duration = Duration::from_secs(40);

/// What is noted of a daemon that doesn't run any more.
pub(crate) const NOT_RUNNING: &str = "not running at the end";

/// What is to be noted if the daemon doesn't run any more.
pub(super) fn note_end(session: &mut Session) -> Result<Option<String>> {
    Ok((!session.alive()?).then(|| NOT_RUNNING.to_owned()))
}

/// Starts the daemon on a clock that is right, and waits until it is settled.
pub(super) fn settle(session: &mut Session, setting: &Setting, time: Duration) -> Result<()> {
    session.reset(0)?;
    session.start(&setting.daemon, ".start")?;
    thread::sleep(time);
    Ok(())
}

/// How long a daemon takes to settle on a clock that is right: chrony wants several samples.
pub(super) fn settling_time(daemon: &Daemon) -> Duration {
    Duration::from_secs(if daemon.is_hostclock() { 4 } else { 15 })
}

/// The host's frequency wanders, the daemon keeps a clock that is right, and the recording has begun.
pub(super) fn begin(session: &mut Session, setting: &Setting) -> Result<()> {
    session.wander(Some(setting.run + 1))?;
    settle(session, setting, settling_time(&setting.daemon))?;
    session.observe()?;
    thread::sleep(Duration::from_secs(1));
    Ok(())
}

/// Waits until the daemon is somewhere else within its poll than for the last disturbance.
pub(super) fn elsewhere(setting: &Setting, number: u32) {
    thread::sleep(Duration::from_millis(u64::from((setting.run * 370 + number * 230) % 1_000)));
}

/// Watches the recovery from the last event; a clock that did not come back is waited for.
pub(super) fn watched(session: &mut Session, setting: &Setting) -> Result<Recovery> {
    let recovery = session.watch(setting.patience)?;
    if setting.wait_for_calm && recovery.under_1us.is_none() {
        session.end()?;
        session.calm(CALM)?;
    }
    Ok(recovery)
}

/// Ends the recording and the daemon in one of several guests, and adds what was recorded and said.
pub(super) fn add_guest(
    session: &mut Session,
    found: &mut Findings,
    samples: &mut Vec<Sample>,
) -> Result<()> {
    session.end()?;
    samples.extend(session.recorded()?.samples);
    found.notes.extend(note_end(session)?);
    found.log.push_str(&session.stop()?);
    Ok(())
}

/// Ends the recording, the daemon and the host's wandering: what was recorded, and what is found of it in any
/// scenario.
pub(super) fn finish(session: &mut Session) -> Result<(Recording, Findings)> {
    let recording = session.recorded()?;
    let notes = Vec::from_iter(note_end(session)?);
    let log = session.stop()?;
    session.wander(None)?;
    let found = Findings { notes, log, ..Findings::of(&recording.samples) };
    Ok((recording, found))
}
