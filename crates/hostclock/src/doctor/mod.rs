//! `hostclock doctor`: the whole chain from the hypervisor to the clock, and for each link whether it holds, why
//! not, and the command that fixes it.
//!
//! [`facts`] looks; [`chain`] judges what leads to a reading of the host's clock, [`machine`] what becomes of the
//! clock on this machine. Both only judge: whatever they say follows from the facts.

mod chain;
mod facts;
mod machine;
#[cfg(test)]
mod tests;

use serde::Serialize;

use facts::Facts;

use crate::status::words::printable;
pub(crate) use facts::Subject;

/// The version of the JSON that `doctor --json` writes.
const VERSION: u32 = 1;
/// How wide a line of a finding may be.
const WIDTH: usize = 100;

/// How serious a finding is, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing, and nothing to be done about.
    Note,
    /// It could not be seen, for want of a permission.
    Unseen,
    /// It works, and something will go wrong or could be better.
    Warning,
    /// The clock is not kept, or not for long.
    Problem,
}

impl Severity {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Unseen => "unseen",
            Self::Warning => "warning",
            Self::Problem => "PROBLEM",
        }
    }
}

/// One link of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Which link, for programs; the words never change.
    topic: &'static str,
    severity: Severity,
    /// What was found.
    what: String,
    /// What that comes from, or leads to.
    why: Option<String>,
    /// Commands that fix it, or settings; one of them is enough.
    fix: Vec<String>,
}

impl Finding {
    fn new(topic: &'static str, severity: Severity, what: impl Into<String>) -> Self {
        Self { topic, severity, what: what.into(), why: None, fix: Vec::new() }
    }

    fn because(self, why: impl Into<String>) -> Self {
        Self { why: Some(why.into()), ..self }
    }

    fn fixed_by(mut self, fix: impl Into<String>) -> Self {
        self.fix.push(fix.into());
        self
    }
}

/// Everything that was found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Diagnosis {
    version: u32,
    /// The worst of them.
    pub(crate) severity: Severity,
    findings: Vec<Finding>,
}

/// Looks at `subject` and judges what is there.
pub(crate) fn examine(subject: &Subject) -> Diagnosis {
    judge(&Facts::gather(subject))
}

fn judge(facts: &Facts) -> Diagnosis {
    let findings: Vec<Finding> = chain::findings(facts).into_iter().chain(machine::findings(facts)).collect();
    let severity = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok);
    Diagnosis { version: VERSION, severity, findings }
}

impl Diagnosis {
    /// For people: a line for each link, and under it what it means and what fixes it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let label = format!("{:<8} {:<12} ", finding.severity.word(), finding.topic);
            paragraph(&mut text, &label, &finding.what);
            if let Some(why) = &finding.why {
                paragraph(&mut text, "", why);
            }
            for fix in &finding.fix {
                // Whole, to be copied.
                text.push_str(&format!("{:INDENT$}=> {fix}\n", ""));
            }
        }
        text.push_str(&self.summary());
        text
    }

    fn summary(&self) -> String {
        let count = |severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
        let of = |number: usize, what: &str| match number {
            1 => format!("1 {what}"),
            _ => format!("{number} {what}s"),
        };
        match (count(Severity::Problem), count(Severity::Warning)) {
            (0, 0) => "\nNo problem found.\n".to_owned(),
            (0, warnings) => format!("\n{}.\n", of(warnings, "warning")),
            (problems, 0) => format!("\n{}.\n", of(problems, "problem")),
            (problems, warnings) => format!("\n{}, {}.\n", of(problems, "problem"), of(warnings, "warning")),
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Where the text of a finding begins.
const INDENT: usize = 22;

/// Adds `words` behind `label`, broken at spaces.
fn paragraph(text: &mut String, label: &str, words: &str) {
    let mut line = format!("{label:<INDENT$}");
    let mut empty = true;
    for word in words.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(line.trim_end());
            text.push('\n');
            line = format!("{:INDENT$}", "");
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        // What came from elsewhere must not move the cursor.
        line.push_str(&printable(word));
        empty = false;
    }
    text.push_str(line.trim_end());
    text.push('\n');
}
