//! What a test run of the lab's own prints: a line for each test, and the closing lines of a test runner.

use crate::error::{Error, Result};

/// The tests that have run.
pub(crate) struct Tests {
    group: &'static str,
    passed: u32,
    failed: u32,
    told: u32,
}

impl Tests {
    /// None so far, of those called `group`.
    pub(crate) fn of(group: &'static str) -> Self {
        Self { group, passed: 0, failed: 0, told: 0 }
    }

    /// One test, named by a sentence that is true if all is well; `seen` is shown where it isn't.
    pub(crate) fn expect(&mut self, name: &str, holds: bool, seen: &str) {
        let group = self.group;
        if holds {
            self.passed += 1;
            println!("test {group}::{name} ... ok");
        } else {
            self.failed += 1;
            println!("test {group}::{name} ... FAILED ({})", seen.trim_end());
        }
    }

    /// Whether any has failed since this was asked last.
    pub(crate) fn failed_since_last_asked(&mut self) -> bool {
        let new = self.failed > self.told;
        self.told = self.failed;
        new
    }

    /// The closing lines; an error where any has failed.
    pub(crate) fn conclude(self) -> Result<()> {
        let Self { group, passed, failed, .. } = self;
        let word = if failed == 0 { "ok" } else { "FAILED" };
        println!("\ntest result: {word}. {passed} passed; {failed} failed\n");
        if failed == 0 { Ok(()) } else { Err(Error::new(format!("{failed} tests failed ({group})"))) }
    }
}
