//! hostclock keeps a virtual machine's clock on its hypervisor host's time.
//!
//! The program is the daemon (`run`) and the commands around it. Each command is a file of
//! [`commands`]; what decides about the clock is in `hostclock-core`, what touches the kernel in
//! `hostclock-linux`.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod advice;
#[cfg(feature = "assets")]
mod assets;
mod cli;
mod commands;
mod config;
#[cfg(target_os = "linux")]
mod daemon;
mod digest;
#[cfg(target_os = "linux")]
mod doctor;
mod exit;
mod output;
#[cfg(test)]
mod scratch;
#[cfg(target_os = "linux")]
mod setup;
#[cfg(target_os = "linux")]
mod source;
mod status;
#[cfg(target_os = "linux")]
mod vmgenid;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::config::{Config, Origin};
use crate::exit::Code;

fn main() -> ExitCode {
    let code = match Cli::parse().command {
        Command::Check(args) => return commands::check::run(&args),
        Command::Run(args) => run(&args),
        Command::Config(args) => commands::config::run(&args),
        #[cfg(feature = "assets")]
        Command::Assets { directory } => return write_assets(&directory),
        Command::Setup(args) => setup(&args),
        Command::Doctor(args) => doctor(&args),
        Command::Status(args) => commands::status::run(&args),
        Command::Sources(reader) => commands::sources::run(&reader),
        Command::Events(reader) => commands::events::run(&reader),
        Command::Wait(args) => commands::wait::run(&args),
        Command::Tracking(reader) => commands::tracking::run(&reader),
    };
    code.into()
}

fn run(args: &cli::Run) -> Code {
    let origin = args.origin();
    match origin.load_with_digest() {
        Ok((config, digest)) => keep(config, args, origin, digest),
        Err(mistakes) => {
            output::complain_plainly(&mistakes.to_string());
            Code::Usage
        }
    }
}

#[cfg(target_os = "linux")]
fn keep(config: Config, args: &cli::Run, origin: Origin, digest: Option<String>) -> Code {
    daemon::run(config, daemon::RunOptions { once: args.once, force: args.force, origin, digest })
}

#[cfg(target_os = "linux")]
fn doctor(args: &cli::Doctor) -> Code {
    commands::doctor::run(args)
}

#[cfg(feature = "assets")]
fn write_assets(directory: &std::path::Path) -> ExitCode {
    match assets::write(directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&format!("cannot write into {}: {error}", directory.display()));
            ExitCode::FAILURE
        }
    }
}

#[cfg(target_os = "linux")]
fn setup(args: &cli::Setup) -> Code {
    commands::setup::run(args)
}

#[cfg(not(target_os = "linux"))]
fn setup(_: &cli::Setup) -> Code {
    output::complain("`setup` needs Linux");
    Code::Failed
}

#[cfg(not(target_os = "linux"))]
fn doctor(_: &cli::Doctor) -> Code {
    output::complain("`doctor` needs Linux");
    Code::Failed
}

#[cfg(not(target_os = "linux"))]
fn keep(_: Config, _: &cli::Run, _: Origin, _: Option<String>) -> Code {
    output::complain("`run` needs Linux: only there is the hypervisor's clock a /dev/ptpN device");
    Code::Failed
}
