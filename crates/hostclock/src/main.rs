//! hostclock keeps a virtual machine's clock on its hypervisor host's time.
//!
//! The program is the daemon (`run`) and the commands around it. Each command is a file of
//! [`commands`]; what decides about the clock is in `hostclock-core`, what touches the kernel in
//! `hostclock-linux`.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod config;
#[cfg(target_os = "linux")]
mod daemon;
mod exit;
mod output;
#[cfg(target_os = "linux")]
mod source;
mod status;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::config::{Config, Origin};
use crate::exit::Code;

fn main() -> ExitCode {
    let code = match Cli::parse().command {
        Command::Run(args) => run(&args),
        Command::Config(args) => commands::config::run(&args),
        Command::Status(args) => commands::status::run(&args),
        Command::Sources(reader) => commands::sources::run(&reader),
        Command::Events(reader) => commands::events::run(&reader),
        Command::Tracking(reader) => commands::tracking::run(&reader),
    };
    code.into()
}

fn run(args: &cli::Run) -> Code {
    let origin = args.origin();
    match origin.load() {
        Ok(config) => keep(config, args, origin),
        Err(mistakes) => {
            output::complain_plainly(&mistakes.to_string());
            Code::Usage
        }
    }
}

#[cfg(target_os = "linux")]
fn keep(config: Config, args: &cli::Run, origin: Origin) -> Code {
    daemon::run(config, daemon::RunOptions { once: args.once, force: args.force, origin })
}

#[cfg(not(target_os = "linux"))]
fn keep(_: Config, _: &cli::Run, _: Origin) -> Code {
    output::complain("`run` needs Linux: only there is the hypervisor's clock a /dev/ptpN device");
    Code::Failed
}
