//! What a test run of the lab's own prints: a line for each test, and the closing lines of a test runner.

use crate::error::{Error, Result};

/// The tests that have run.
pub(crate) struct Tests {
    group: String,
    passed: u32,
    failed: u32,
    told: u32,
    lines: Vec<String>,
}

impl Tests {
    /// None so far, of those called `group`.
    pub(crate) fn of(group: impl Into<String>) -> Self {
        Self { group: group.into(), passed: 0, failed: 0, told: 0, lines: Vec::new() }
    }

    /// One test, named by a sentence that is true if all is well; `seen` is shown where it isn't.
    pub(crate) fn expect(&mut self, name: &str, holds: bool, seen: &str) {
        let group = &self.group;
        let line = if holds {
            self.passed += 1;
            format!("test {group}::{name} ... ok")
        } else {
            self.failed += 1;
            format!("test {group}::{name} ... FAILED ({})", seen.trim_end())
        };
        self.print(line);
    }

    /// A figure beside the tests.
    pub(crate) fn note(&mut self, text: &str) {
        self.print(format!("     {text}"));
    }

    fn print(&mut self, line: String) {
        println!("{line}");
        self.lines.push(line);
    }

    /// Whether any has failed since this was asked last.
    pub(crate) fn failed_since_last_asked(&mut self) -> bool {
        let new = self.failed > self.told;
        self.told = self.failed;
        new
    }

    /// Everything that was printed, with the closing line.
    pub(crate) fn text(&self) -> String {
        format!("{}\n\n{}\n", self.lines.join("\n"), self.closing())
    }

    fn closing(&self) -> String {
        let Self { passed, failed, .. } = self;
        let word = if *failed == 0 { "ok" } else { "FAILED" };
        format!("test result: {word}. {passed} passed; {failed} failed")
    }

    /// The closing lines; an error where any has failed.
    pub(crate) fn conclude(self) -> Result<()> {
        println!("\n{}\n", self.closing());
        let Self { group, failed, .. } = self;
        if failed == 0 { Ok(()) } else { Err(Error::new(format!("{failed} tests failed ({group})"))) }
    }
}
