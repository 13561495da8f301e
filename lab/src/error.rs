//! One kind of error for the whole lab: a sentence that says what, where and why, and what to do.
//! Nothing in the lab reacts to the kind of an error; it only reports it and ends.

use std::fmt;
use std::process::Command;

/// A sentence for a person.
pub(crate) struct Error(String);

/// The lab's result.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error that says `what`.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Puts what was being done in front of why it failed.
pub(crate) trait Context<T> {
    /// Turns the error into `what: why`.
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|why| Error(format!("{}: {why}", what())))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.ok_or_else(|| Error(what()))
    }
}

/// Runs a tool to its end and gives what it wrote to standard output; where it fails, the error
/// carries the last lines that it wrote to standard error.
pub(crate) fn output_of(command: &mut Command) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().context(|| format!("starting {name} (is it installed?)"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    let tail = lines.get(lines.len().saturating_sub(8)..).unwrap_or_default().join("\n  ");
    Err(Error(format!("{name} failed ({}):\n  {tail}", output.status)))
}
