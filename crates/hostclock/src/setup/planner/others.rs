//! The other clock daemons, as far as they give way: which services those are, how they are handed over from, disabled, and
//! kept in reserve.

use std::path::Path;

use hostclock_linux::rivals::{self, Rival, Role, Starter};
use hostclock_linux::services::{self, Link};

use super::super::assets::OWN_UNITS;
use super::super::change::Change;
use super::super::handover;
use super::super::node::Node;
use super::super::plan::{Step, runtime_steps};
use super::super::record::Record;
use super::Planner;

/// The part of the unit that starts another clock daemon where ours finds no device.
const FALLBACK: &str = "etc/systemd/system/hostclock.service.d/50-fallback.conf";
/// After which time without a device it does.
const DEVICE_TIMEOUT: &str = "30s";

fn unreadable(error: std::io::Error) -> String {
    format!("which services start with the machine can't be read: {error}; nothing is changed")
}

impl Planner<'_> {
    /// Looks for them: those that start with the machine, and on a running one those that run.
    pub(super) fn rivals(&mut self, running: bool) -> Result<(), String> {
        let root = self.tree.root().to_owned();
        for service in services::enabled_rivals(&root).map_err(unreadable)? {
            self.disable(service)?;
        }
        // In an image nothing runs, though this machine's /proc may be mounted there.
        if !running {
            return Ok(());
        }
        for rival in rivals::find(&root.join("proc")).into_iter().filter(|rival| rival.role == Role::Daemon) {
            let unit = rival.unit.clone().or_else(|| self.starter_of(&rival));
            match unit {
                Some(unit) if !self.plan.stopped.contains(&unit) => {
                    self.plan.stopped.push(unit.clone());
                    // Whatever its name is.
                    self.disable(&unit)?;
                }
                Some(_) => {}
                None => self.plan.loose.push(rival),
            }
        }
        Ok(())
    }

    /// The known, enabled service that runs a container in which `rival` is: it ends with that.
    fn starter_of(&self, rival: &Rival) -> Option<String> {
        let in_container = matches!(rival.starter, Starter::Container { .. });
        let starts = |name: &&String| services::starts_containers(self.tree.root(), name);
        self.plan.rivals.iter().filter(|_| in_container).find(starts).cloned()
    }

    /// Takes away the links that make a service start.
    fn disable(&mut self, service: &str) -> Result<(), String> {
        let links = services::links(self.tree.root(), service).map_err(unreadable)?;
        if links.is_empty() || self.plan.rivals.iter().any(|known| known == service) {
            return Ok(());
        }
        self.plan.rivals.push(service.to_owned());
        if links.iter().any(Link::is_a_packages) {
            // It would come again with the package: systemd's own way is a mask.
            let path = Path::new(OWN_UNITS).join(service);
            match self.tree.node(&path)? {
                Node::Absent => self.parents(&path),
                _ => {
                    return Err(format!(
                        "{service} is started by a link of its package, and {} is in the way of the mask that would end \
                         that: nothing is changed; disable {service} by hand first",
                        self.tree.at(&path).display()
                    ));
                }
            }
            self.gives_way(&path, Node::Absent, Node::link("/dev/null".into()));
        }
        for Link { path, .. } in links.into_iter().filter(|link| !link.is_a_packages()) {
            let before = self.tree.node(&path)?;
            self.gives_way(&path, before, Node::Absent);
        }
        Ok(())
    }

    /// A step that ends that a service starts with the machine.
    fn gives_way(&mut self, path: &Path, before: Node, after: Node) {
        let change = Change::replace(path, before, after);
        if !self.plan.disabling.iter().any(|step| step.change == change) {
            self.plan.disabling.push(Step { change, content: Vec::new() });
        }
    }

    /// The part of the unit that starts the others where ours finds no device.
    pub(super) fn fallback(&mut self) -> Result<(), String> {
        // What only waits for another one is no fallback.
        let mut others = self.plan.others();
        if others.is_empty() {
            // It is set up already: those that gave way then.
            others = self.record.map(Record::others).unwrap_or_default();
        }
        let others = others.into_iter().filter(|name| !name.contains("-wait."));
        let others = others.collect::<Vec<String>>().join(" ");
        if others.is_empty() {
            self.plan.kept.push(
                "--fallback: no other clock daemon gives way, so there is none to fall back to".to_owned(),
            );
            return Ok(());
        }
        let text = format!(
            "# Written by `hostclock setup --fallback`: where no device of the host's is found for {DEVICE_TIMEOUT}, the other clock\n\
             # daemon keeps the clock.\n\
             [Unit]\n\
             OnFailure={others}\n\
             \n\
             [Service]\n\
             RestartPreventExitStatus=5\n\
             ExecStart=\n\
             ExecStart={} run --set device-timeout={DEVICE_TIMEOUT}\n",
            self.plan.program
        );
        self.text(Path::new(FALLBACK), text, 0o644)
    }

    pub(super) fn hand_over(&mut self) -> Result<(), String> {
        let asks = crate::config::of_tree(self.tree.root()).0.socket.is_some();
        let units = handover::units(&self.plan.stopped, &self.plan.program, asks);
        let steps = runtime_steps(self.tree, units)?;
        self.plan.handover = steps;
        Ok(())
    }
}
