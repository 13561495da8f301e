//! A machine that is set up already, and is set up again: with another configuration, or by a newer program. If that fails
//! it is to be as it was before this run, and not as it was before the first.

use hostclock_linux::services::Manager;

use super::change::Change;
use super::command::{apply_rules, reread_units, runs, start};
use super::node::Node;
use super::plan::Plan;
use super::record::Record;
use super::report::Report;
use super::tree::{Access, Tree, kept_name};
use super::undo::forget_user;
use super::{Stop, World, failed};

/// What was there before this run.
pub(super) struct Standing {
    record: Record,
    /// The changes that this run makes, with what was there, and a file's content.
    was: Vec<(Change, Node, Vec<u8>)>,
}

impl Standing {
    /// Looks at everything that `plan` changes.
    ///
    /// # Errors
    /// When something can't be read, in one line; nothing is changed then.
    pub(super) fn of(world: &World<'_>, record: Record, plan: &Plan) -> Result<Self, String> {
        let mut was = Vec::new();
        for step in plan.steps() {
            let (node, content) = match step.change.path() {
                Some(path) => {
                    let node = world.tree.node(path)?;
                    let is_file = matches!(node, Node::File { .. });
                    let content =
                        if is_file { world.tree.read(path)?.unwrap_or_default() } else { Vec::new() };
                    (node, content)
                }
                None => (Node::Absent, Vec::new()),
            };
            was.push((step.change.clone(), node, content));
        }
        Ok(Self { record, was })
    }

    /// Puts all of that back, as `why` came in between.
    pub(super) fn restored(
        self,
        world: &World<'_>,
        manager: Manager,
        plan: &Plan,
        why: &str,
        report: &mut Report,
    ) -> Stop {
        let mut left = Vec::new();
        for (change, node, content) in self.was.iter().rev() {
            left.extend(restore(&world.tree, change, node, content).err());
            left.extend(self.forget_kept(&world.tree, change).err());
            if let Change::User { group_before, .. } = change {
                left.extend(forget_user(world, *group_before).err());
            }
        }
        if world.running {
            if manager == Manager::Systemd {
                for command in [reread_units()].into_iter().chain(apply_rules(false)) {
                    if let Err(why) = world.system.run(&command) {
                        report.remark(why);
                    }
                }
            }
            for service in plan.stopped.iter().filter(|service| !world.system.asks(&runs(manager, service))) {
                left.extend(world.system.run(&start(manager, service)).err());
            }
        }
        if left.is_empty() {
            left.extend(self.record.save(&world.tree).err());
        }
        if left.is_empty() {
            report.changed = false;
            return failed(format!("{why}; everything is as it was before this run"));
        }
        left.into_iter().for_each(|line| report.leave(line));
        failed(format!(
            "{why}; not everything could be put back: run it again when that is fixed, or `hostclock setup --undo`"
        ))
    }
}

impl Standing {
    /// The second name of a file that gave way in this run only.
    fn forget_kept(&self, tree: &Tree, change: &Change) -> Result<(), String> {
        let Change::Replace { path, before: Node::File { .. }, .. } = change else { return Ok(()) };
        let kept = kept_name(path);
        let known =
            matches!(self.record.known(path), Some(Change::Replace { before: Node::File { .. }, .. }));
        if known || tree.node(&kept)? == Node::Absent { Ok(()) } else { tree.remove(&kept) }
    }
}

fn restore(tree: &Tree, change: &Change, node: &Node, content: &[u8]) -> Result<(), String> {
    match change {
        Change::Directory { path } if *node == Node::Absent => tree.remove_directory(path),
        Change::Directory { .. } | Change::User { .. } => Ok(()),
        Change::Replace { path, .. } => {
            tree.tidy(path)?;
            if tree.node(path)? == *node {
                return Ok(());
            }
            match node {
                Node::Absent => tree.remove(path),
                Node::Link { target, owner, label } => tree.link(path, target, *owner, label.as_deref()),
                Node::File { mode, owner, label, .. } => {
                    let access = Access { mode: *mode, owner: *owner, label: label.as_deref() };
                    tree.write(path, content, access)
                }
                Node::Other => Ok(()),
            }
        }
    }
}
