//! `hostclock tracking`: the clock in numbers.

use std::time::{SystemTime, UNIX_EPOCH};

use hostclock_core::units::Timestamp;

use super::{Views, parts, show};
use crate::cli;
use crate::exit::Code;
use crate::status::own::Own;
use crate::status::tracking;

const VIEWS: Views = Views {
    text: |answer| tracking(&answer.status, now()),
    json: |answer| parts(answer, &["version", "state", "clock", "estimate"]),
    own: Own::summary,
};

/// Runs the command.
pub(crate) fn run(reader: &cli::Reader) -> Code {
    show(reader, &VIEWS, |_| Code::Fine)
}

/// What the system clock says; the ends of the scale where it is beyond them.
pub(super) fn now() -> Timestamp {
    let nanos = |span: std::time::Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp::from_nanos(nanos(since)),
        Err(before) => Timestamp::from_nanos(-nanos(before.duration())),
    }
}
