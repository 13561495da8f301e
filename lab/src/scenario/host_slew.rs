//! The host's clock is slewed: by 500 ppm, as NTP daemons do, and by 10 %, which is the most that a kernel
//! does. The guest's clock is to keep up.

use std::thread;
use std::time::Duration;

use super::Setting;
use super::steps::{CALM, finish, settle, settling_time};
use crate::analysis::stretch::{between, stretch};
use crate::error::{Context, Result};
use crate::result::Findings;
use crate::session::Session;

/// Label, ppm and seconds.
const SLEWS: [(&str, u32, u32); 2] = [("host +500 ppm", 500, 20), ("host +10 %", 100_000, 3)];
/// What comes right afterwards is a stretch of its own.
const AFTERWARDS: Duration = Duration::from_secs(4);

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    settle(session, setting, settling_time(&setting.daemon))?;
    // Who wanders would change the frequency too.
    session.wander(None)?;
    session.observe()?;
    thread::sleep(Duration::from_secs(2));
    let mut stretches = Vec::new();
    for (label, ppm, seconds) in SLEWS {
        let lines = session.log_lines()?;
        let (begun, ended) = session.work_on_host(&format!("lab slew --ppm {ppm} --seconds {seconds}"))?;
        let lines = session.log_lines()? - lines;
        thread::sleep(setting.patience.most.max(AFTERWARDS));
        let samples = session.update()?.all();
        // The host's clock goes on without a jump, so it tells by itself when that was.
        let at = |reference| samples.partition_point(|sample| sample.reference < reference);
        let raw = |at: usize| samples.get(at).map(|sample| sample.raw);
        let (from, to) = (raw(at(begun)), raw(at(ended)));
        let (from, to) = from.zip(to).context(|| "the observer did not see the host's slew".into())?;
        let mut during = stretch(label, &samples, from, to);
        during.log_lines = lines;
        let end = to + nanoseconds(AFTERWARDS);
        let then = stretch(&format!("after {label}"), between(&samples, to, end), to, end);
        stretches.extend([during, then]);
        session.calm(CALM)?;
    }
    let (_, found) = finish(session)?;
    Ok(Findings { stretches, ..found })
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}
