//! The daemon.

use crate::config::{Config, Origin};
use crate::exit::Code;

/// How `run` runs, beside the configuration.
#[derive(Clone, Debug)]
pub(crate) struct RunOptions {
    /// Put the clock right, and exit.
    pub(crate) once: bool,
    /// Where the configuration came from: `load` reads it again.
    pub(crate) origin: Origin,
}

/// Runs the daemon until it is told to end.
pub(crate) fn run(config: Config, options: RunOptions) -> Code {
    let _ = (config, options.once, options.origin);
    crate::output::complain("`run` is still to come");
    Code::Failed
}
