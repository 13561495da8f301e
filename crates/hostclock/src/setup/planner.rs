//! Finds out what is missing, path by path: [`super::plan`] is what comes of it. [`others`] looks for who gives way.

mod others;

use std::fs;
use std::path::Path;

use hostclock_linux::inside::inside;
use hostclock_linux::lasting;
use hostclock_linux::services::{Link, Manager};

use super::assets::{self, Asset, OWN_UNITS, UNIT, UNIT_PLACES};
use super::change::Change;
use super::command::USER;
use super::node::Node;
use super::plan::{Plan, Step, Wishes, configuration, group, has_user, missing_above, relative};
use super::record::Record;
use super::tree::Tree;

/// Where the program is copied to where it can't stay; the second one on systems whose /usr is read-only.
const OWN_PLACES: [&str; 2] = ["usr/local/bin/hostclock", "opt/bin/hostclock"];
/// The path that the packaged files have.
const PACKAGED_PROGRAM: &str = "/usr/bin/hostclock";
/// Where a program may be that a service starts.
const LASTING: [&str; 4] = ["/usr/", "/opt/", "/bin/", "/sbin/"];

/// What a plan goes by.
struct Planner<'a> {
    tree: &'a Tree,
    record: Option<&'a Record>,
    plan: Plan,
}

/// What is missing in `tree`, whose services `manager` starts. `running`: it is this machine's; else an image's.
///
/// # Errors
/// When something that has to be kept can't be read, or an administrator forbids the service; in one line.
pub(super) fn plan(
    tree: &Tree,
    running: bool,
    own_program: &Path,
    manager: Manager,
    record: Option<&Record>,
    wishes: Wishes<'_>,
) -> Result<Plan, String> {
    let mut planner = Planner { tree, record, plan: Plan::default() };
    if manager == Manager::Systemd {
        planner.may_start(running)?;
    }
    planner.program(running, own_program)?;
    for asset in assets::of(manager) {
        planner.asset(asset)?;
    }
    if let Some(text) = wishes.configuration {
        planner.configuration(text)?;
    }
    if manager == Manager::Systemd && !has_user(tree)? {
        planner.can_make_user()?;
        let user = Change::User { name: USER.to_owned(), group_before: group(tree)? };
        planner.plan.files.push(Step { change: user, content: Vec::new() });
    }
    for link in wanted_links(tree.root(), manager) {
        planner.enable(link)?;
    }
    if wishes.upgrade {
        planner.only_what_was_written();
    } else {
        planner.rivals(running)?;
        if wishes.fallback {
            planner.fallback()?;
        }
        if running && manager == Manager::Systemd && !planner.plan.stopped.is_empty() {
            planner.hand_over()?;
        }
    }
    Ok(planner.plan)
}

impl Planner<'_> {
    /// Whether what is at `path` is what setup put there.
    fn is_ours(&self, path: &Path, now: &Node) -> bool {
        self.record.and_then(|record| record.known(path)).is_some_and(|change| change.is_made(now))
    }

    /// What was at `path` before setup first changed it.
    fn before(&self, path: &Path, now: &Node) -> Node {
        match self.record.and_then(|record| record.known(path)) {
            Some(Change::Replace { before, .. }) if self.is_ours(path, now) => before.clone(),
            _ => now.clone(),
        }
    }

    fn replace(&self, path: &Path, now: &Node, after: Node, content: Vec<u8>) -> Step {
        Step { change: Change::replace(path, self.before(path, now), after), content }
    }

    /// The program's path on the machine, and its copy where it can't stay where it is.
    fn program(&mut self, running: bool, own: &Path) -> Result<(), String> {
        let shown = own.display().to_string();
        let lasting = LASTING.iter().any(|place| shown.starts_with(place));
        // A unit's line has its own ideas of spaces, quotes, `%` and `$`.
        let plain = shown.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+/".contains(&byte));
        let packaged = self.tree.at(relative(PACKAGED_PROGRAM)).exists();
        if running && lasting && plain {
            if shown == PACKAGED_PROGRAM {
                for place in OWN_PLACES {
                    self.supersede(Path::new(place))?;
                }
            }
            self.plan.program = shown;
            return Ok(());
        }
        if !running && packaged {
            self.plan.program = PACKAGED_PROGRAM.to_owned();
            return Ok(());
        }
        let content =
            fs::read(own).map_err(|error| format!("cannot read this program's own file: {error}"))?;
        let path = &Path::new(lasting::place_for_program(self.tree.root(), running)).join("hostclock");
        let (now, after) = (self.tree.node(path)?, Node::file(&content, 0o755));
        if now == Node::Other {
            return Err(format!(
                "{}: there is a directory where the program is to be",
                self.tree.at(path).display()
            ));
        }
        if !now.is(&after) {
            self.parents(path);
            let step = self.replace(path, &now, after, content);
            self.plan.files.push(step);
        }
        self.plan.program = format!("/{}", path.display());
        Ok(())
    }

    fn asset(&mut self, asset: &Asset) -> Result<(), String> {
        let path = Path::new(asset.own).join(asset.name);
        let packaged =
            asset.packaged.iter().any(|place| self.tree.at(Path::new(place)).join(asset.name).exists());
        let now = self.tree.node(&path)?;
        let shown = self.tree.at(&path);
        let shown = shown.display();
        if now.is_mask() {
            if asset.name == UNIT {
                return Err(format!(
                    "{shown} is a link to /dev/null or empty, by which {UNIT} is masked: nothing is changed; allow it by \
                     `systemctl unmask {UNIT}` first"
                ));
            }
            self.plan.kept.push(format!(
                "{shown} is masked (a link to /dev/null, or empty), and stays so{}",
                asset.missed
            ));
            return Ok(());
        }
        // A link is an administrator's way to another unit, where it leads to one.
        let is_something = matches!(now, Node::Link { .. } | Node::Other);
        if asset.name == UNIT && is_something && !self.is_a_file(&path, &now) {
            return Err(format!(
                "{shown} is no unit that systemd could start: nothing is changed; move it away first"
            ));
        }
        if packaged {
            if now != Node::Absent && !self.supersede(&path)? {
                self.plan
                    .kept
                    .push(format!("{shown} is not setup's, and stays: it comes before the package's file"));
            }
            return Ok(());
        }
        if asset.loads_module && UNIT_PLACES.iter().any(|place| self.has_modprobe_unit(place)) {
            return Ok(());
        }
        let text = asset.text.replace(PACKAGED_PROGRAM, &self.plan.program);
        let kept = self.plan.kept.len();
        self.text(&path, text, asset.mode)?;
        if let Some(line) = self.plan.kept.get_mut(kept) {
            line.push_str(asset.missed);
        }
        Ok(())
    }

    /// Whether our service isn't masked until the next boot: that is found out here, and not by a hand-over that fails.
    fn may_start(&self, running: bool) -> Result<(), String> {
        let mask = Path::new("run/systemd/system").join(UNIT);
        if running && self.tree.node(&mask)?.is_mask() {
            return Err(format!(
                "{} is a link to /dev/null, by which {UNIT} is masked until the next boot: nothing is changed; allow it by \
                 `systemctl unmask --runtime {UNIT}` first",
                self.tree.at(&mask).display()
            ));
        }
        Ok(())
    }

    /// The service's user is made by the file that describes it.
    fn can_make_user(&self) -> Result<(), String> {
        let own = Path::new("etc/sysusers.d/hostclock.conf");
        if self.tree.node(own)?.is_mask() {
            return Err(format!(
                "{} is masked, and there is no user {USER}: nothing is changed; make that user, or allow the file",
                self.tree.at(own).display()
            ));
        }
        Ok(())
    }

    /// Whether there is a file at `path`, or where the link that is there leads, in the tree.
    fn is_a_file(&self, path: &Path, now: &Node) -> bool {
        match now {
            Node::File { .. } => true,
            Node::Link { target, .. } => {
                let from = path.parent().unwrap_or(Path::new(""));
                let place = target.strip_prefix("/").map_or_else(|_| from.join(target), Path::to_owned);
                self.tree.at(&place).is_file()
            }
            Node::Absent | Node::Other => false,
        }
    }

    /// Whether systemd loads modules by a unit of its own, which fails quietly where a machine has none of the name.
    fn has_modprobe_unit(&self, place: &str) -> bool {
        self.tree.at(Path::new(place)).join("modprobe@.service").exists()
    }

    /// A text file, unless it is there already, or is an administrator's.
    fn text(&mut self, path: &Path, text: String, mode: u32) -> Result<(), String> {
        let (now, after) = (self.tree.node(path)?, Node::file(text.as_bytes(), mode));
        if now.is(&after) {
            return Ok(());
        }
        if now != Node::Absent && !self.is_ours(path, &now) {
            self.plan.kept.push(format!(
                "{} is not as setup would write it, and stays as it is",
                self.tree.at(path).display()
            ));
            return Ok(());
        }
        self.parents(path);
        let step = self.replace(path, &now, after, text.into_bytes());
        self.plan.files.push(step);
        Ok(())
    }

    /// Takes away what an earlier setup wrote and a package has brought since; whether that is so.
    fn supersede(&mut self, path: &Path) -> Result<bool, String> {
        let now = self.tree.node(path)?;
        if now == Node::Absent || !self.is_ours(path, &now) {
            return Ok(false);
        }
        let step = self.replace(path, &now, Node::Absent, Vec::new());
        self.plan.files.push(step);
        Ok(true)
    }

    fn configuration(&mut self, text: &str) -> Result<(), String> {
        let path = configuration();
        let (now, after) = (self.tree.node(path)?, Node::file(text.as_bytes(), 0o644));
        if now != Node::Absent && !now.is(&after) && !self.is_ours(path, &now) {
            return Err(format!(
                "{} exists, and says something else: move it away first, or carry the lines over by hand (--dry-run \
                 shows them)",
                self.tree.at(path).display()
            ));
        }
        self.text(path, text.to_owned(), 0o644)
    }

    /// A link that enables the service, unless something is there: another link does so too, and what forbids it wins.
    fn enable(&mut self, link: Link) -> Result<(), String> {
        let now = self.tree.node(&link.path)?;
        let after = Node::link(link.target);
        let is_service = link.path.file_name().is_some_and(|name| name == UNIT || name == "hostclock");
        if now == Node::Other || now.is_mask() {
            let shown = self.tree.at(&link.path);
            let line = format!("{} keeps that from starting with the machine", shown.display());
            if is_service {
                return Err(format!("{line}: nothing is changed; move it away first"));
            }
            self.plan.kept.push(line);
            return Ok(());
        }
        // `timedatectl set-ntp true` makes it anew, by another of the unit's paths.
        if self.leads_there(&link.path, &now, &after)
            || (now != Node::Absent && !self.is_ours(&link.path, &now))
        {
            return Ok(());
        }
        let name = link.path.file_name().unwrap_or_default();
        let unit = self.tree.node(&Path::new(OWN_UNITS).join(name))?;
        if unit.is_mask() || unit == Node::Other {
            return Ok(());
        }
        let mut parents = Vec::new();
        self.parents_into(&link.path, &mut parents);
        self.plan.enabling.extend(parents);
        let step = self.replace(&link.path, &now, after, Vec::new());
        self.plan.enabling.push(step);
        Ok(())
    }

    /// Whether the link that is at `path` leads where `after` would, perhaps by another path.
    fn leads_there(&self, path: &Path, now: &Node, after: &Node) -> bool {
        let (Node::Link { target: now, .. }, Node::Link { target: after, .. }) = (now, after) else {
            return false;
        };
        let above = Path::new("/").join(path.parent().unwrap_or(Path::new("")));
        let place = |target: &Path| inside(self.tree.root(), &above.join(target));
        place(now) == place(after)
    }

    /// Leaves out what no earlier setup wrote.
    fn only_what_was_written(&mut self) {
        let record = self.record;
        let known = |step: &Step| {
            step.change.path().is_some_and(|path| record.is_some_and(|record| record.known(path).is_some()))
        };
        self.plan.files.retain(known);
        self.plan.enabling.retain(known);
    }

    fn parents(&mut self, path: &Path) {
        let mut parents = Vec::new();
        self.parents_into(path, &mut parents);
        self.plan.files.extend(parents);
    }

    /// The directories above `path`, as far as they are missing.
    fn parents_into(&self, path: &Path, steps: &mut Vec<Step>) {
        for step in missing_above(self.tree, path) {
            if !self.plan.files.contains(&step) && !self.plan.enabling.contains(&step) {
                steps.push(step);
            }
        }
    }
}

/// The links that enable the service, as `systemctl enable` and `rc-update add` make them.
fn wanted_links(root: &Path, manager: Manager) -> Vec<Link> {
    let unit = |name: &str| {
        let place = UNIT_PLACES.iter().find(|place| root.join(place).join(name).exists());
        format!("/{}/{name}", place.copied().unwrap_or(OWN_UNITS))
    };
    let link = |path: &str, target: String| Link { path: path.into(), target: target.into() };
    match manager {
        Manager::Systemd => vec![
            link("etc/systemd/system/multi-user.target.wants/hostclock.service", unit(UNIT)),
            link(
                "etc/systemd/system/multi-user.target.wants/hostclock-wait.service",
                unit("hostclock-wait.service"),
            ),
        ],
        Manager::OpenRc => vec![link("etc/runlevels/default/hostclock", "/etc/init.d/hostclock".to_owned())],
    }
}
