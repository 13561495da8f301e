//! Understands a configuration's text, and finds everything that is wrong with it, not only the first
//! thing. The time that it takes is in proportion to the text, however broken that is.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::value::{Raw, bare};
use super::{Config, Mistake, Mistakes, Place, check_together, keys, set};

/// After so many mistakes the rest is only counted: the text isn't a configuration.
const MOST_MISTAKES: usize = 50;

/// What could be understood of `text`, and all the mistakes in it, in the order of their lines.
pub(super) fn parse(path: &Path, text: &str) -> (Config, Mistakes) {
    let mut config = Config::default();
    let lines = Lines::of(text);
    let mut found = Found::default();
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = lines.number(error.span().map_or(0, |span| span.start));
        found.add(line, || syntax_problem(lines.text(line), error.message()));
    }
    for (name, value) in table.get_ref() {
        let line = lines.number(name.span().start);
        if let Err(problem) = understand(&mut config, name.get_ref(), value.get_ref()) {
            found.add(line, || problem);
        }
    }
    if found.0.is_empty() {
        if let Err((keys, problem)) = check_together(&config) {
            // At the last of them that the file has: the others may be defaults.
            let set = table.get_ref().iter().filter(|(name, _)| keys.contains(&name.get_ref().as_ref()));
            let line = set.map(|(name, _)| lines.number(name.span().start)).max();
            found.add(line.unwrap_or(1), || problem);
        }
    }
    (config, found.listed(path))
}

fn understand(config: &mut Config, name: &str, value: &DeValue<'_>) -> Result<(), String> {
    if keys::find(name).is_none() && is_section(value) {
        return Err(format!(
            "unknown section `[{}]`; all keys stand at the top, without sections",
            bare(name)
        ));
    }
    set(config, name, Raw::of(value))
}

/// `[name]` or `[[name]]`, or an inline table.
fn is_section(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Table(_) => true,
        DeValue::Array(list) => list.first().is_some_and(|first| first.get_ref().is_table()),
        _ => false,
    }
}

/// A mistake in the syntax of a line: with the key, and what it accepts, where one is recognised.
fn syntax_problem(written: &str, message: &str) -> String {
    let message = match message.lines().next().unwrap_or_default() {
        unquoted if unquoted.starts_with("string values must be quoted") => "text needs quotes",
        other => other,
    };
    let name = written.split('=').next().unwrap_or_default().trim();
    match keys::find(name) {
        Some(_) if message.starts_with("duplicate key") => format!("`{name}`: it is set twice"),
        Some(key) => format!("`{name}`: not valid TOML ({message}); accepted is {}", key.accepts),
        None => format!("not valid TOML: {message}"),
    }
}

/// The mistakes by line. One mistake often makes several errors: the first of a line says it.
#[derive(Default)]
struct Found(BTreeMap<usize, Option<String>>);

impl Found {
    fn add(&mut self, line: usize, problem: impl FnOnce() -> String) {
        let spelt_out = self.0.len() < MOST_MISTAKES;
        self.0.entry(line).or_insert_with(|| spelt_out.then(problem));
    }

    fn listed(self, path: &Path) -> Mistakes {
        let at = |line| Place::File { path: path.to_owned(), line };
        let all = self.0.len();
        let mut mistakes: Vec<_> = self
            .0
            .into_iter()
            .filter_map(|(line, problem)| Some(Mistake { place: at(Some(line)), problem: problem? }))
            .collect();
        if all > mistakes.len() {
            let problem = format!("and {} more mistakes", all - mistakes.len());
            mistakes.push(Mistake { place: at(None), problem });
        }
        Mistakes(mistakes)
    }
}

/// Which byte is in which line; lines count from 1.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let after_ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(end, _)| end + 1);
        Self { text, starts: std::iter::once(0).chain(after_ends).collect() }
    }

    fn number(&self, position: usize) -> usize {
        self.starts.partition_point(|start| *start <= position)
    }

    fn text(&self, number: usize) -> &'a str {
        let start = number.checked_sub(1).and_then(|index| self.starts.get(index));
        start.and_then(|start| self.text.get(*start..)?.lines().next()).unwrap_or_default()
    }
}
