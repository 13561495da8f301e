//! Writing to standard output without a panic when nobody reads it any more.

use std::io::{self, ErrorKind, Write as _};

/// Whether anybody still reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Reader {
    /// The text was written.
    There,
    /// The other end of the pipe is closed: stop writing, and end as if all had been read.
    Gone,
}

/// Writes `text` to standard output, all of it and at once.
pub(crate) fn print(text: &str) -> Reader {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Reader::There,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Reader::Gone,
        Err(error) => {
            complain(&format!("cannot write to standard output: {error}"));
            Reader::Gone
        }
    }
}

/// Writes a line to standard error, with the program's name before it.
pub(crate) fn complain(problem: &str) {
    let mut err = io::stderr().lock();
    // There is nowhere left to say that even this failed.
    let _ = writeln!(err, "hostclock: {problem}");
}

/// Writes lines to standard error as they are.
pub(crate) fn complain_plainly(lines: &str) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "{lines}");
}
