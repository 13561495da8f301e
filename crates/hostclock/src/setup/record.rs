//! The record of what `hostclock setup` changes: on the disk before the first change, and gone after the last one was
//! taken back. Whatever interrupts setting up or undoing, it says what is left to do.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::change::Change;
use super::node::Node;
use super::tree::{Access, Tree};

/// Where it is, below the root. Not in hostclock's own directory, which it may be the one to remove.
pub(super) const FILE: &str = "etc/hostclock-undo.json";
/// The version of that file.
const VERSION: u32 = 2;
/// For root alone, as undoing is done by root.
const MODE: u32 = 0o600;

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// Changes are being made, or that was interrupted.
    Begun,
    /// All are made.
    Complete,
    /// They are being taken back, or that was interrupted.
    Undoing,
}

/// The changes of all runs since the last undoing, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    pub(super) phase: Phase,
    pub(super) changes: Vec<Change>,
    /// The services of other clock daemons that ran and were stopped.
    pub(super) stopped: Vec<String>,
    /// hostclock's own service ran before.
    pub(super) ran_before: bool,
}

impl Record {
    pub(super) fn new(ran_before: bool) -> Self {
        Self { version: VERSION, phase: Phase::Begun, changes: Vec::new(), stopped: Vec::new(), ran_before }
    }

    /// The record of a tree; `None` where nothing was changed.
    ///
    /// # Errors
    /// When there is one that can't be read or understood, in one line.
    pub(super) fn load(tree: &Tree) -> Result<Option<Self>, String> {
        let file = Path::new(FILE);
        let shown = tree.at(file);
        let shown = shown.display();
        match tree.node(file)? {
            Node::Absent => return Ok(None),
            Node::File { .. } if tree.leads_out([file].into_iter()).is_none() => {}
            _ => {
                return Err(format!(
                    "{shown}: a link or a directory, and not a record of `hostclock setup`: move it away"
                ));
            }
        }
        let bytes = tree.read(file)?.unwrap_or_default();
        match serde_json::from_slice::<Self>(&bytes) {
            Ok(record) if record.version == VERSION => {
                match record.changes.iter().find_map(Change::outside) {
                    Some(path) => Err(format!(
                        "{shown}: not a record of `hostclock setup`, as it names {}: move it away",
                        path.display()
                    )),
                    None => Ok(Some(record)),
                }
            }
            Ok(Self { version, .. }) => Err(format!(
                "{shown}: version {version} of the record, and this program knows {VERSION}: undo with the program that \
                 wrote it"
            )),
            Err(error) if error.is_eof() => Err(format!(
                "{shown}: its end is missing, so what `hostclock setup` changed is not known: restore it from a copy, or \
                 undo by hand and remove it"
            )),
            Err(error) => Err(format!("{shown}: not a record of `hostclock setup` ({error}): move it away")),
        }
    }

    /// Adds the changes of another run. What was there at first stays known.
    pub(super) fn add(&mut self, changes: impl IntoIterator<Item = Change>, stopped: &[String]) {
        for change in changes {
            let known = self.changes.iter_mut().find(|known| same_place(known, &change));
            match (known, change) {
                (Some(Change::Replace { after, earlier, .. }), Change::Replace { after: newer, .. }) => {
                    if *after != newer {
                        earlier.push(std::mem::replace(after, newer));
                    }
                }
                (Some(_), _) => {}
                (None, change) => self.changes.push(change),
            }
        }
        for service in stopped {
            if !self.stopped.contains(service) {
                self.stopped.push(service.clone());
            }
        }
    }

    /// All changes are made.
    pub(super) fn complete(&mut self) {
        self.phase = Phase::Complete;
        for change in &mut self.changes {
            if let Change::Replace { earlier, .. } = change {
                earlier.clear();
            }
        }
    }

    /// What was done at a path.
    pub(super) fn known(&self, path: &Path) -> Option<&Change> {
        self.changes
            .iter()
            .find(|change| matches!(change, Change::Replace { path: known, .. } if known == path))
    }

    /// Forgets the changes that `which` names, as they are taken back already.
    pub(super) fn forget(&mut self, which: impl Fn(&Change) -> bool) {
        self.changes.retain(|change| !which(change));
    }

    /// Writes it, the first time or again.
    ///
    /// # Errors
    /// In one line.
    pub(super) fn save(&self, tree: &Tree) -> Result<(), String> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| {
            format!("{}: cannot be written ({error})", tree.at(Path::new(FILE)).display())
        })?;
        text.push('\n');
        let file = Path::new(FILE);
        tree.write(file, text.as_bytes(), Access { mode: MODE, ..Access::default() })
    }

    /// The services that gave way: those that were stopped, and those whose links are gone.
    pub(super) fn others(&self) -> Vec<String> {
        let mut others = self.stopped.clone();
        for change in &self.changes {
            let name = match change {
                Change::Replace { before: Node::Link { target, .. }, after: Node::Absent, .. } => {
                    target.file_name()
                }
                Change::Replace { path, after, .. } if after.is_mask() => path.file_name(),
                _ => None,
            };
            let name = name.map(|name| name.to_string_lossy().into_owned());
            others.extend(name.filter(|name| !others.contains(name)));
        }
        others
    }

    /// Removes it, and what is left of one that was being written: there is nothing left to undo.
    pub(super) fn remove(tree: &Tree) -> Result<(), String> {
        let file = Path::new(FILE);
        tree.tidy(file)?;
        if tree.node(file)? == Node::Absent { Ok(()) } else { tree.remove(file) }
    }
}

fn same_place(one: &Change, other: &Change) -> bool {
    match (one, other) {
        (Change::Replace { path, .. }, Change::Replace { path: other, .. })
        | (Change::Directory { path }, Change::Directory { path: other }) => path == other,
        (Change::User { name, .. }, Change::User { name: other, .. }) => name == other,
        _ => false,
    }
}
