//! What a package has beside the program: man pages and shell completions, from the definition of the command line
//! and the table of keys. Built with `--features assets` only: `hostclock assets DIR`.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use roff::{Roff, bold, italic, roman};

use crate::cli::Cli;
use crate::config::{DEFAULT_FILE, KEYS};

/// Writes `man/*.1`, `man/hostclock.toml.5` and `completions/*` into `directory`.
///
/// # Errors
/// When a file can't be written.
pub(crate) fn write(directory: &Path) -> io::Result<()> {
    let (man, completions) = (directory.join("man"), directory.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    let command = Cli::command().mut_subcommand("assets", |assets| assets.hide(true));
    clap_mangen::generate_to(command.clone().disable_help_subcommand(true), &man)?;
    let _ = fs::remove_file(man.join("hostclock-assets.1"));
    fs::write(man.join("hostclock.toml.5"), configuration_page())?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut command.clone(), "hostclock", &completions)?;
    }
    Ok(())
}

/// The man page of the configuration.
fn configuration_page() -> String {
    let mut page = Roff::new();
    page.control("TH", ["hostclock.toml", "5", "", concat!("hostclock ", env!("CARGO_PKG_VERSION"))]);
    page.control("SH", ["NAME"]);
    page.text([roman("hostclock.toml - the configuration of hostclock(1)")]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([
        bold(DEFAULT_FILE),
        roman(
            " is a TOML file without sections: one key a line. It is optional, and so is every key; the defaults are \
             right for a virtual machine. A mistake in it is reported with its line, and then nothing of it is used. A \
             duration is a number with its unit (ns, us, ms, s, min, h, d), a rate one with ppb, ppm or %; both stand in \
             quotes.",
        ),
    ]);
    page.control("PP", []);
    page.text([
        bold("hostclock config --check"),
        roman(" "),
        italic("FILE"),
        roman(" checks a file, "),
        bold("hostclock config --show"),
        roman(" shows every key and its value. The daemon reads the file again on SIGHUP."),
    ]);
    page.control("SH", ["KEYS"]);
    for key in KEYS {
        page.control("TP", []);
        page.text([bold(key.name), roman(" = "), italic(key.default().to_string())]);
        page.text([roman(key.help)]);
        page.control("br", []);
        page.text([roman(format!("Accepts {}.", key.accepts))]);
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("hostclock"), roman("(1), "), bold("hostclock-run"), roman("(1)")]);
    page.to_roff()
}
