//! The device comes late, goes, and comes again. Time counts from before insmod starts.

use std::thread;
use std::time::Duration;

use super::Setting;
use super::steps::{note_end, settling_time};
use crate::analysis::recovery::{Recovery, recovery};
use crate::error::Result;
use crate::result::Findings;
use crate::session::{Disturbance, Recording, Session};

pub(super) const LOAD: &str = "insmod /modules/ptp_kvm.ko";
/// Once it has come, how long the device stays.
const PRESENT: Duration = Duration::from_secs(4);
const ABSENT: Duration = Duration::from_secs(3);

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    session.reset(1_000_000_000)?;
    session.guest("rmmod ptp_kvm")?;
    session.observe()?;
    session.start(&setting.daemon, ".start")?;
    thread::sleep(ABSENT);
    let survived = session.alive()?;
    session.note("absent at start, 1 s wrong", LOAD)?;
    let patience = setting.patience.least + PRESENT;
    thread::sleep(patience);
    if !survived {
        // What is to be seen next needs a daemon that runs.
        session.start(&setting.daemon, ".start")?;
        thread::sleep(settling_time(&setting.daemon));
    }
    session.note(".unloaded", "rmmod ptp_kvm")?;
    thread::sleep(ABSENT);
    session.disturb(".while absent", Disturbance::By(-300_000_000))?;
    thread::sleep(Duration::from_millis(500));
    session.note("unloaded, 0.3 s wrong, loaded", LOAD)?;
    thread::sleep(patience);
    let mut notes = Vec::new();
    if !survived {
        notes.push("ended because there was no device at start; started again later".to_owned());
    }
    notes.extend(note_end(session)?);
    session.end()?;
    let recording = session.recorded()?;
    let log = session.stop()?;
    session.wander(None)?;
    Ok(Findings { recoveries: loadings(&recording), notes, log, ..Findings::of(&recording.samples) })
}

/// What happened after each loading.
pub(super) fn loadings(recording: &Recording) -> Vec<Recovery> {
    let samples = recording.all();
    let events = &recording.events;
    events
        .iter()
        .enumerate()
        .filter(|(_, event)| !event.label.starts_with('.'))
        .map(|(number, event)| {
            let until = events.get(number + 1).map_or(i64::MAX, |next| next.before);
            recovery(&samples, event, until)
        })
        .collect()
}
