//! What has to be changed so that this machine follows its host: the files, the links, the services. Made before
//! anything is done, so that it can be shown.
//!
//! An administrator's edits win: what is at a path and isn't what setup put there itself stays, and is named.

use std::path::Path;

use hostclock_linux::inside::inside;
use hostclock_linux::rivals::Rival;

use super::assets::OWN_UNITS;
use super::change::Change;
use super::command::USER;
use super::handover::RuntimeUnit;
use super::node::Node;
use super::tree::Tree;
use crate::config::DEFAULT_FILE;

/// What is asked for beside the usual.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wishes<'a> {
    /// The text of a configuration.
    pub(super) configuration: Option<&'a str>,
    /// The services that are disabled are started all the same where no device is found.
    pub(super) fallback: bool,
    /// Only what an earlier setup wrote is brought up to this program's version.
    pub(super) upgrade: bool,
}

/// A change, and a file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) change: Change,
    pub(super) content: Vec<u8>,
}

/// Everything that is to be done, in this order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Files that change nothing about who keeps the clock.
    pub(super) files: Vec<Step>,
    /// What hands the clock over, until the next boot.
    pub(super) handover: Vec<Step>,
    /// What makes our service start with the machine.
    pub(super) enabling: Vec<Step>,
    /// What makes others start with it, removed.
    pub(super) disabling: Vec<Step>,
    /// Services of other clock daemons that are disabled by it.
    pub(super) rivals: Vec<String>,
    /// Of them, and of those that nobody enabled, the ones that run and are to be stopped.
    pub(super) stopped: Vec<String>,
    /// Other clock daemons that run and belong to no service.
    pub(super) loose: Vec<Rival>,
    /// What an administrator has edited or forbidden, and so stays: a line each.
    pub(super) kept: Vec<String>,
    /// The program's path on the machine.
    pub(super) program: String,
}

impl Plan {
    /// All steps, in order.
    pub(super) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.files.iter().chain(&self.handover).chain(&self.enabling).chain(&self.disabling)
    }

    /// The changes that last: not those that hand over.
    pub(super) fn lasting(&self) -> impl Iterator<Item = &Step> {
        self.files.iter().chain(&self.enabling).chain(&self.disabling)
    }

    /// Whether the service's user is missing.
    pub(super) fn makes_user(&self) -> bool {
        self.files.iter().any(|step| matches!(step.change, Change::User { .. }))
    }

    /// Whether everything is as it should be.
    pub(super) fn is_empty(&self) -> bool {
        self.steps().next().is_none() && self.stopped.is_empty()
    }

    /// Whether something that a running service was started with is another now.
    pub(super) fn renews_service(&self) -> bool {
        self.files.iter().any(|step| match &step.change {
            Change::Replace { path, .. } => path.starts_with(OWN_UNITS) || path.ends_with("bin/hostclock"),
            Change::Directory { .. } | Change::User { .. } => false,
        })
    }

    /// All services of other clock daemons that give way.
    pub(super) fn others(&self) -> Vec<String> {
        let mut others = self.rivals.clone();
        others.extend(self.stopped.iter().filter(|stopped| !self.rivals.contains(stopped)).cloned());
        others
    }
}

/// The directories above `path`, as far as they are missing, the highest first.
pub(super) fn missing_above(tree: &Tree, path: &Path) -> Vec<Step> {
    let above = path.parent().unwrap_or(Path::new(""));
    let missing = above
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !tree.at(path).is_dir())
        .map(|path| Step { change: Change::Directory { path: path.to_owned() }, content: Vec::new() });
    let mut missing: Vec<Step> = missing.collect();
    missing.reverse();
    missing
}

/// What writes units that last until the next boot.
pub(super) fn runtime_steps(tree: &Tree, units: Vec<RuntimeUnit>) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    for (path, text) in units {
        let missing = missing_above(tree, &path);
        steps.extend(missing.into_iter().filter(|step| !steps.contains(step)).collect::<Vec<_>>());
        let after = Node::file(text.as_bytes(), 0o644);
        // Whatever is left there of an earlier setup that was interrupted.
        let change = Change::replace(&path, Node::Absent, after);
        steps.push(Step { change, content: text.into_bytes() });
    }
    Ok(steps)
}

/// The configuration, below the root.
pub(super) fn configuration() -> &'static Path {
    relative(DEFAULT_FILE)
}

pub(super) fn relative(path: &'static str) -> &'static Path {
    Path::new(path.trim_start_matches('/'))
}

/// Whether /etc/passwd has the service's user.
///
/// # Errors
/// When that can't be read, in one line.
pub(super) fn has_user(tree: &Tree) -> Result<bool, String> {
    Ok(account(tree, "etc/passwd")?.is_some())
}

/// The number of the group that is called as the service's user is; `None` where there is none.
///
/// # Errors
/// When /etc/group can't be read, in one line.
pub(super) fn group(tree: &Tree) -> Result<Option<u32>, String> {
    let line = account(tree, "etc/group")?;
    Ok(line.and_then(|line| line.split(':').nth(2)?.parse().ok()))
}

/// The line of the service's user in a file of accounts, where other lines may be in any encoding.
fn account(tree: &Tree, file: &str) -> Result<Option<String>, String> {
    let place = inside(tree.root(), Path::new(file));
    let place = place.strip_prefix(tree.root()).unwrap_or(Path::new(file));
    let bytes = tree.read(place)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().find(|line| line.split(':').next() == Some(USER)).map(str::to_owned))
}
