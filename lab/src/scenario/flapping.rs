//! The guest's clocksource is switched to tsc and back every second: half of the time only brackets work,
//! for the daemon and for the observer, whose samples then prove less.

use std::thread;
use std::time::{Duration, Instant};

use hostclock_lab_guest::trace::Sample;

use super::Setting;
use super::steps::{CALM, begin, finish};
use crate::analysis::stretch::stretch;
use crate::error::Result;
use crate::result::Findings;
use crate::session::Session;

const SWITCHES: u32 = 20;
const EACH: Duration = Duration::from_secs(1);
/// A precise sample is better than this, in ns, and a bracket never is.
const PRECISE: i64 = 10;

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    begin(session, setting)?;
    let lines = session.log_lines()?;
    let from = session.mark(".flapping")?;
    let started = Instant::now();
    for number in 0..SWITCHES {
        let name = if number % 2 == 0 { "tsc" } else { "kvm-clock" };
        session.clocksource(".", name)?;
        thread::sleep((EACH * (number + 1)).saturating_sub(started.elapsed()));
    }
    let to = session.mark(".settled")?;
    let lines = session.log_lines()? - lines;
    thread::sleep(setting.patience.most);
    session.calm(CALM)?;
    let (recording, found) = finish(session)?;
    let (coarse, precise): (Vec<Sample>, Vec<Sample>) =
        recording.samples.iter().partition(|sample| sample.uncertainty > PRECISE);
    let mut all = stretch("switched each second", &recording.samples, from, to);
    all.log_lines = lines;
    let by_brackets = stretch("of that, on tsc", &coarse, from, to);
    let precisely = stretch("of that, on kvm-clock", &precise, from, to);
    Ok(Findings { stretches: vec![all, by_brackets, precisely], ..found })
}
