//! `hostclock doctor`: the problems in the chain from the hypervisor to the clock, and what fixes them.

use std::path::PathBuf;

use super::line;
use crate::cli;
use crate::doctor::{Severity, Subject, examine};
use crate::exit::Code;
use crate::output::{complain, print};

/// Runs the command.
pub(crate) fn run(args: &cli::Doctor) -> Code {
    let root = args.root.clone().unwrap_or_else(|| PathBuf::from("/"));
    if !root.is_dir() {
        complain(&format!("--root {}: there is no such directory", root.display()));
        return Code::Usage;
    }
    let diagnosis = examine(&Subject { root, load_module: args.load_module, socket: args.socket.clone() });
    let _ = print(&if args.json { line(diagnosis.json()) } else { diagnosis.text() });
    match diagnosis.severity {
        Severity::Problem => Code::Failed,
        Severity::Warning => Code::Warning,
        Severity::Unseen | Severity::Note | Severity::Ok => Code::Fine,
    }
}
