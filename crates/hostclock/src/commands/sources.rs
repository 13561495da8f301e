//! `hostclock sources`: the device that is read, and every method of reading it.

use super::{Views, parts, show};
use crate::cli;
use crate::exit::Code;
use crate::status::own::Own;
use crate::status::sources;

const VIEWS: Views = Views {
    text: |answer| sources(&answer.status),
    json: |answer| parts(answer, &["version", "state", "reason", "source"]),
    own: Own::sources,
};

/// Runs the command.
pub(crate) fn run(reader: &cli::Reader) -> Code {
    show(reader, &VIEWS, |_| Code::Fine)
}
