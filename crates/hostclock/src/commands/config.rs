//! `hostclock config`: checks a configuration, or shows one.

use crate::cli;
use crate::config::{self, Origin};
use crate::exit::Code;
use crate::output::{complain_plainly, print};

/// Runs the command.
pub(crate) fn run(args: &cli::Config) -> Code {
    let file = args.check.clone().or_else(|| args.config.clone());
    let origin = Origin { file, ..Origin::default() };
    let config = match origin.load() {
        Ok(config) => config,
        Err(mistakes) => {
            complain_plainly(&mistakes.to_string());
            return Code::Usage;
        }
    };
    let text = match &args.check {
        Some(file) => format!("{}: ok\n", file.display()),
        None if args.json => config::show_json(&config),
        None => config::show_toml(&config),
    };
    let _ = print(&text);
    Code::Fine
}
