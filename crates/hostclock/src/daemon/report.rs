//! The status document: the engine's part, and what only the daemon knows.

use std::path::Path;

use hostclock_core::engine::Engine;
use hostclock_core::ladder::Ladder;
use hostclock_core::status::{SourceStatus, Status};
use hostclock_core::units::{Duration, RawTime};

use crate::source::Source;

/// What the document says beside what the engine and the device know.
#[derive(Debug)]
pub(crate) struct Beside<'a> {
    /// Why there is no source, while there is none.
    pub(crate) no_source: Option<&'a str>,
    /// What this machine doesn't offer.
    pub(crate) limitations: &'a [String],
    /// Who might keep setting the clock.
    pub(crate) suspects: &'a [String],
    /// How far the host's clock may be from UTC, as somebody promises.
    pub(crate) host_max_error: Option<Duration>,
    /// The configuration file, where there is one.
    pub(crate) config_file: Option<&'a Path>,
    /// What that had in it when it was read last.
    pub(crate) config_digest: Option<&'a str>,
}

/// The document at `now`, as bytes ready to be sent. Allocates, for a reader who asked.
pub(crate) fn document(
    engine: &Engine,
    ladder: &Ladder,
    source: Option<&Source>,
    beside: &Beside<'_>,
    now: RawTime,
) -> Vec<u8> {
    let mut status: Status = engine.status(now);
    status.program_version = env!("CARGO_PKG_VERSION").to_owned();
    status.pid = std::process::id();
    status.config_file = beside.config_file.map(|path| path.to_string_lossy().into_owned());
    status.config_digest = beside.config_digest.map(str::to_owned);
    status.clock.host_max_error_ns = beside.host_max_error.map(Duration::as_nanos_f64);
    status.source = source.map(|source| source_status(engine, ladder, source, now));
    if source.is_none() {
        status.reason = beside.no_source.map(str::to_owned).or(status.reason);
    }
    status.limitations = beside.limitations.to_vec();
    if let Some(rival) = &mut status.rival {
        rival.suspects = beside.suspects.to_vec();
    }
    // Numbers and strings only; a number that JSON lacks becomes null.
    let mut text = serde_json::to_vec(&status).unwrap_or_default();
    text.push(b'\n');
    text
}

fn source_status(engine: &Engine, ladder: &Ladder, source: &Source, now: RawTime) -> SourceStatus {
    let (interval, last) = engine.pace();
    let reading = engine.last_reading();
    SourceStatus {
        method: reading.map(|reading| reading.method),
        uncertainty_ns: reading.map(|reading| reading.uncertainty.as_nanos_f64()),
        last_reading_age_s: last.map(|last| (now - last).as_secs_f64()),
        interval_s: interval.as_secs_f64(),
        error: engine.loss().map(|loss| loss.to_string()),
        ..source.status(ladder)
    }
}
