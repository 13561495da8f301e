//! The guest suspends itself to memory (S3), and its hypervisor wakes it. Time counts from when the guest's
//! kernel lets its programs go on. Each time it is a guest that has just been booted: what has slept once doesn't
//! always sleep again in the lab.

use std::thread;
use std::time::Duration;

use super::Setting;
use super::steps::{add_guest, elsewhere, settle, settling_time};
use crate::analysis::steady::honesty;
use crate::error::Result;
use crate::machine::Platform;
use crate::result::Findings;
use crate::session::Session;

const ASLEEP: Duration = Duration::from_secs(5);

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    let mut found = Findings::default();
    let mut samples = Vec::new();
    for number in 0..setting.repeats() {
        session.new_guest(Platform::Pc)?;
        settle(session, setting, settling_time(&setting.daemon))?;
        session.observe()?;
        thread::sleep(Duration::from_secs(1));
        elsewhere(setting, number);
        session.suspend("asleep 5 s", ASLEEP)?;
        found.recoveries.push(session.watch(setting.patience)?);
        add_guest(session, &mut found, &mut samples)?;
    }
    session.wander(None)?;
    Ok(Findings { honesty: Some(honesty(&samples)), ..found })
}
