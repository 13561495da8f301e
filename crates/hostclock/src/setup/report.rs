//! What setup says: as lines while it goes on, or with `--json` as one document at its end.

use serde::Serialize;

use super::Stop;
use crate::exit::Code;
use crate::output::{complain, print};

/// The version of the document.
const VERSION: u32 = 1;

/// How it ended, in a word that never changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// It ended early: see `problem`.
    #[default]
    Failed,
    /// Changes were made, and all is well.
    SetUp,
    /// There was nothing to change.
    Already,
    /// Only looked: nothing stands against setting up.
    Possible,
    /// Only looked: these are the changes.
    WouldChange,
    /// Everything is as it was.
    Undone,
    /// There was nothing to undo.
    NothingToUndo,
}

/// What is said.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    version: u32,
    pub(super) outcome: Outcome,
    /// The exit code.
    code: u8,
    /// Whether any file or service is another than before.
    pub(super) changed: bool,
    /// What was changed, or would be, a line each.
    pub(super) changes: Vec<String>,
    /// What an administrator edited or forbade, and so stays.
    pub(super) kept: Vec<String>,
    /// What could not be put back.
    pub(super) left: Vec<String>,
    /// What is worth knowing.
    pub(super) remarks: Vec<String>,
    /// The services of other clock daemons that give way.
    pub(super) other_services: Vec<String>,
    /// The device that was read, and the clock beside it, in words.
    pub(super) reading: Option<String>,
    /// Why it ended early, in a line.
    problem: Option<String>,
    #[serde(skip)]
    json: bool,
}

impl Report {
    pub(super) fn new(json: bool) -> Self {
        Self { version: VERSION, json, ..Self::default() }
    }

    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// A line for people.
    pub(super) fn say(&self, text: &str) {
        if !self.json {
            let _ = print(&format!("{text}\n"));
        }
    }

    /// Something was changed, or would be.
    pub(super) fn change(&mut self, line: String) {
        self.say(&line);
        self.changes.push(line);
    }

    /// Something is worth knowing.
    pub(super) fn remark(&mut self, line: String) {
        if !self.json {
            complain(&line);
        }
        self.remarks.push(line);
    }

    /// Something stays as an administrator has it.
    pub(super) fn keep(&mut self, line: String) {
        self.say(&line);
        self.kept.push(line);
    }

    /// Something could not be put back.
    pub(super) fn leave(&mut self, line: String) {
        if !self.json {
            complain(&line);
        }
        self.left.push(line);
    }

    /// The end.
    pub(super) fn finish(mut self, ended: Result<(Outcome, Code), Stop>) -> Code {
        let code = match ended {
            Ok((outcome, code)) => {
                self.outcome = outcome;
                code
            }
            Err((code, problem)) => {
                if !self.json {
                    complain(&problem);
                }
                self.problem = Some(problem);
                code
            }
        };
        self.code = code as u8;
        if self.json {
            let _ = print(&format!("{}\n", serde_json::to_string(&self).unwrap_or_default()));
        }
        code
    }
}
