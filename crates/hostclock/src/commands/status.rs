//! `hostclock status`: is the clock right?

use super::{Views, show, watch};
use crate::cli;
use crate::exit::Code;
use crate::status::client::Answer;
use crate::status::own::Own;
use crate::status::{is_right, summary};

const VIEWS: Views =
    Views { text: |answer| summary(&answer.status), json: |answer| answer.text.clone(), own: Own::summary };

/// Runs the command.
pub(crate) fn run(args: &cli::Status) -> Code {
    if args.watch { watch::run(&args.reader) } else { show(&args.reader, &VIEWS, code) }
}

pub(super) fn code(answer: &Answer) -> Code {
    if is_right(&answer.status) { Code::Fine } else { Code::Failed }
}
