//! Two guests are made of one saved state, and both go on: each has the other's daemon, with the same memory of
//! the time before. Time counts for each from when it goes on.

use std::thread;
use std::time::Duration;

use super::Setting;
use super::restore::{AWAY, told};
use super::steps::{finish, note_end, settle, settling_time};
use crate::error::Result;
use crate::machine::Platform;
use crate::result::Findings;
use crate::session::Session;

const FIRST: &str = "the first of two";
const SECOND: &str = "the second of two";

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    session.new_guest(Platform::PcToldOfRestores)?;
    settle(session, setting, settling_time(&setting.daemon))?;
    session.observe()?;
    thread::sleep(Duration::from_secs(1));
    let (first_went_on, released) = session.fork(FIRST, AWAY)?;
    let first = session.watch(setting.patience)?;
    let mut notes = vec![told(FIRST, session.told_of_restore()?, first_went_on.before, &first)];
    let second_went_on = session.other_guest_went_on(SECOND, released, AWAY)?;
    let second = session.watch(setting.patience)?;
    notes.push(told(SECOND, session.told_of_restore()?, second_went_on.before, &second));
    session.end()?;
    session.recorded()?;
    notes.extend(note_end(session)?);
    let log = session.stop()?;
    session.other_guest()?;
    session.end()?;
    let (_, found) = finish(session)?;
    notes.extend(found.notes);
    let log = format!("{FIRST}:\n{}{SECOND}:\n{log}", found.log);
    Ok(Findings { recoveries: vec![first, second], notes, log, ..found })
}
