//! `hostclock config`: checks a configuration, or shows one.

use std::path::Path;

use crate::cli;
use crate::config::{self, Origin};
use crate::exit::Code;
use crate::output::{complain, complain_plainly, print};

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
    let (file, is_default) = origin.path();
    match unreadable_for_service(file) {
        Some(problem) if is_default => {
            complain_plainly(&problem);
            return Code::Usage;
        }
        // Perhaps the service isn't to read it.
        Some(problem) => complain(&problem),
        None => {}
    }
    let text = match &args.check {
        Some(file) => format!("{}: ok\n", file.display()),
        None if args.json => config::show_json(&config),
        None => config::show_toml(&config),
    };
    let _ = print(&text);
    Code::Fine
}

#[cfg(target_os = "linux")]
fn unreadable_for_service(file: &Path) -> Option<String> {
    config::unreadable_for_service(Path::new("/"), file)
}

#[cfg(not(target_os = "linux"))]
fn unreadable_for_service(_: &Path) -> Option<String> {
    None
}
