//! The host's clock is worthless for a while: it runs backwards, stands still, runs half as fast again,
//! jumps about. The guest's clock is compared with what the host's would have shown without, as the
//! observer saw it go before; the host's frequency doesn't wander meanwhile.

use std::thread;
use std::time::Duration;

use super::steps::{CALM, finish, settle, settling_time};
use super::{Setting, rehearse};
use crate::analysis::host::Truth;
use crate::analysis::steady::honesty;
use crate::analysis::stretch::{between, stretch};
use crate::error::{Context, Result};
use crate::result::Findings;
use crate::session::Session;

/// In `lab lie`'s words.
const WAYS: [&str; 4] = ["backwards", "frozen", "fast", "jumpy"];
const SECONDS: u32 = 6;
/// How long the host's clock is seen before each.
const BEFORE: Duration = Duration::from_secs(3);
const BEFORE_NS: i64 = 3_000_000_000;
/// A host's clock that came back less exactly than this, in ns, is worth a note: the guest's clock is right
/// only when it has followed.
const RESTORED: i64 = 1_000;

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    rehearse(session)?;
    settle(session, setting, settling_time(&setting.daemon))?;
    session.wander(None)?;
    session.observe()?;
    let mut stretches = Vec::new();
    let mut lies = Vec::new();
    let mut notes = Vec::new();
    for way in WAYS {
        thread::sleep(BEFORE);
        let known = session.mark(".host lies")?;
        let lines = session.log_lines()?;
        let (begun, ended) = session.work_on_host(&format!("lab lie --how {way} --seconds {SECONDS}"))?;
        let lines = session.log_lines()? - lines;
        thread::sleep(setting.patience.most);
        let samples = session.update()?.all();
        let truth = Truth::of(between(&samples, known - BEFORE_NS + 500_000_000, known))
            .context(|| "the observer did not see the host's clock".into())?;
        let (from, to) = (truth.when(begun), truth.when(ended));
        let mut seen = stretch(&format!("host {way}"), &truth.instead(&samples, from, to), from, to);
        seen.log_lines = lines;
        stretches.push(seen);
        lies.push((truth, from, to));
        let restored = samples.get(samples.partition_point(|sample| sample.raw < to));
        let error = restored.map_or(0, |sample| sample.reference - truth.at(sample.raw));
        eprintln!("lab: host {way}: the host's clock was put right to {error} ns");
        if error.abs() > RESTORED {
            notes.push(format!("host {way}: the host's clock was put right only to {error} ns"));
        }
        session.end()?;
        session.calm(CALM)?;
    }
    let (mut recording, found) = finish(session)?;
    notes.extend(found.notes);
    for (truth, from, to) in lies {
        recording.samples = truth.instead(&recording.samples, from, to);
    }
    let honesty = Some(honesty(&recording.samples));
    Ok(Findings { stretches, notes, honesty, ..found })
}
