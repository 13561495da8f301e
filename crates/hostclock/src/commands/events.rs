//! `hostclock events`: what happened lately.

use super::{Views, parts, show};
use crate::cli;
use crate::exit::Code;
use crate::status::events;
use crate::status::own::Own;

const VIEWS: Views = Views {
    text: |answer| events(&answer.status),
    json: |answer| parts(answer, &["version", "state", "rival", "events"]),
    own: Own::summary,
};

/// Runs the command.
pub(crate) fn run(reader: &cli::Reader) -> Code {
    show(reader, &VIEWS, |_| Code::Fine)
}
