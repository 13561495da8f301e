//! `hostclock check`: is the clock within a limit? One line and a code, for probes, CI and monitoring.

use std::process::ExitCode;

use super::{configuration, line, socket};
use crate::cli;
use crate::output::print;
use crate::status::client;
use crate::status::verdict::Verdict;

/// Runs the command.
pub(crate) fn run(args: &cli::Check) -> ExitCode {
    let config = configuration();
    let answer = client::ask(socket(&args.reader, &config).as_deref());
    let verdict = Verdict::of(&answer, args.max_error, args.basis);
    if args.nagios {
        let (text, code) = verdict.as_plugin();
        let _ = print(&line(text));
        return code.into();
    }
    let _ = print(&line(if args.reader.json { verdict.json() } else { verdict.to_string() }));
    verdict.code().into()
}
