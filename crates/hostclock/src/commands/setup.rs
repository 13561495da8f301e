//! `hostclock setup`: makes this machine follow its host, or with `--undo` puts back what was there.

use std::path::PathBuf;

use crate::cli;
use crate::exit::Code;
use crate::setup::{Request, set_up, undo};

/// Runs the command.
pub(crate) fn run(args: &cli::Setup) -> Code {
    let request = Request {
        root: args.root.clone().unwrap_or_else(|| PathBuf::from("/")),
        from: args.from.clone(),
        yes: args.yes,
        dry_run: args.dry_run,
        check: args.check,
        upgrade: args.upgrade,
        fallback: args.fallback,
        json: args.json,
    };
    if args.undo { undo(&request) } else { set_up(&request) }
}
