//! What has to be changed so that this machine follows its host: the files, the links, the commands. Made before
//! anything is done, so that it can be shown.

use std::fs;
use std::path::{Path, PathBuf};

use hostclock_linux::rivals::{self, Role};
use hostclock_linux::services::{self, Link, Manager};

use super::journal::{Change, Content, content};
use crate::config::DEFAULT_FILE;

/// What a package may have brought already, and what it is where none has: the file that setup writes, the
/// directories in which a package puts it, and the text.
struct Asset {
    name: &'static str,
    own: &'static str,
    packaged: &'static [&'static str],
    text: &'static str,
    mode: u32,
}

const fn asset(
    name: &'static str,
    own: &'static str,
    packaged: &'static [&'static str],
    text: &'static str,
) -> Asset {
    Asset { name, own, packaged, text, mode: 0o644 }
}

const UNIT_PLACES: &[&str] = &["usr/lib/systemd/system", "lib/systemd/system"];

/// For systemd.
const SYSTEMD: [Asset; 6] = [
    asset(
        "hostclock.conf",
        "etc/modules-load.d",
        &["usr/lib/modules-load.d", "lib/modules-load.d"],
        include_str!("../../../../packaging/systemd/hostclock.modules-load"),
    ),
    asset(
        "hostclock.conf",
        "etc/sysusers.d",
        &["usr/lib/sysusers.d"],
        include_str!("../../../../packaging/systemd/hostclock.sysusers"),
    ),
    asset(
        "60-hostclock.rules",
        "etc/udev/rules.d",
        &["usr/lib/udev/rules.d", "lib/udev/rules.d"],
        include_str!("../../../../packaging/systemd/60-hostclock.rules"),
    ),
    asset(
        "40-hostclock.list",
        "etc/systemd/ntp-units.d",
        &["usr/lib/systemd/ntp-units.d", "lib/systemd/ntp-units.d"],
        include_str!("../../../../packaging/systemd/40-hostclock.list"),
    ),
    asset(
        "hostclock.service",
        "etc/systemd/system",
        UNIT_PLACES,
        include_str!("../../../../packaging/systemd/hostclock.service"),
    ),
    asset(
        "hostclock-wait.service",
        "etc/systemd/system",
        UNIT_PLACES,
        include_str!("../../../../packaging/systemd/hostclock-wait.service"),
    ),
];

/// For OpenRC.
const OPENRC: [Asset; 1] = [Asset {
    name: "hostclock",
    own: "etc/init.d",
    packaged: &["etc/init.d"],
    text: include_str!("../../../../packaging/openrc/hostclock"),
    mode: 0o755,
}];

/// Where the program is copied to where it can't stay.
const OWN_PLACE: &str = "usr/local/bin/hostclock";
/// The path that the packaged files have.
const PACKAGED_PROGRAM: &str = "/usr/bin/hostclock";
/// Where a program may be that a service starts.
const LASTING: [&str; 4] = ["/usr/", "/opt/", "/bin/", "/sbin/"];
/// The service's user.
pub(super) const USER: &str = "hostclock";

/// Everything that is to be done.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) changes: Vec<Change>,
    /// Services of other clock daemons that are disabled by it.
    pub(super) rivals: Vec<String>,
    /// Of them, and of those that nobody enabled, the ones that run and are to be stopped.
    pub(super) stopped: Vec<String>,
    /// Other clock daemons that run and have no service: somebody has to see to them.
    pub(super) loose: Vec<String>,
}

impl Plan {
    /// What is missing in the tree under `root`, whose services `manager` starts.
    ///
    /// # Errors
    /// When something that has to be kept can't be read, in one line.
    pub(super) fn make(root: &Path, manager: Manager, configuration: Option<&str>) -> Result<Self, String> {
        let mut plan = Self::default();
        let program = plan.program(root)?;
        let assets: &[Asset] = match manager {
            Manager::Systemd => &SYSTEMD,
            Manager::OpenRc => &OPENRC,
        };
        for asset in assets {
            plan.asset(root, asset, &program)?;
        }
        if let Some(text) = configuration {
            plan.configuration(root, text)?;
        }
        plan.rivals(root);
        if manager == Manager::Systemd && !has_user(root) {
            plan.changes.push(Change::User { name: USER.to_owned() });
        }
        for link in wanted_links(root, manager) {
            plan.link(root, link);
        }
        // Undoing reads its record from there.
        if !plan.changes.is_empty() {
            let mut first = Self::default();
            first.directory(root, Path::new("etc/hostclock"));
            plan.changes.retain(|change| !first.changes.contains(change));
            plan.changes.splice(0..0, first.changes);
        }
        Ok(plan)
    }

    /// The first change that would be made outside of `root`, because a link in there leads out of it: in an image,
    /// links to absolute paths mean its own files.
    pub(super) fn leads_out(&self, root: &Path) -> Option<PathBuf> {
        let root = root.canonicalize().ok()?;
        self.changes.iter().filter_map(Change::place).map(|path| root.join(path)).find(|path| {
            let there = path.ancestors().find_map(|place| place.canonicalize().ok());
            there.is_some_and(|there| !there.starts_with(&root))
        })
    }

    /// Whether the service's user is missing.
    pub(super) fn makes_user(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::User { .. }))
    }

    /// Whether everything is as it should be.
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.stopped.is_empty()
    }

    /// The program's path on the machine, and its copy where it can't stay where it is.
    fn program(&mut self, root: &Path) -> Result<String, String> {
        let running = root == Path::new("/");
        if running {
            let own = std::env::current_exe()
                .map_err(|error| format!("cannot find this program's own file: {error}"))?;
            let own = own.display().to_string();
            if LASTING.iter().any(|place| own.starts_with(place)) {
                return Ok(own);
            }
        } else if root.join(PACKAGED_PROGRAM.trim_start_matches('/')).exists() {
            return Ok(PACKAGED_PROGRAM.to_owned());
        }
        let path = PathBuf::from(OWN_PLACE);
        let own = std::env::current_exe().and_then(fs::read).ok();
        // A copy that is this very program is there from the last time.
        if own.is_none() || fs::read(root.join(&path)).ok() != own {
            self.parent(root, &path);
            self.changes.push(Change::Copy { path });
        }
        Ok(format!("/{OWN_PLACE}"))
    }

    fn asset(&mut self, root: &Path, asset: &Asset, program: &str) -> Result<(), String> {
        let packaged = asset.packaged.iter().any(|place| {
            let file = root.join(place).join(asset.name);
            *place != asset.own && file.exists()
        });
        if packaged {
            return Ok(());
        }
        let text = asset.text.replace(PACKAGED_PROGRAM, program);
        self.write(root, &Path::new(asset.own).join(asset.name), text, asset.mode)
    }

    fn configuration(&mut self, root: &Path, text: &str) -> Result<(), String> {
        let path = configuration();
        match content(&root.join(path))? {
            Some(before) if before.text != text => Err(format!(
                "{} exists, and says something else: move it away first, or carry the lines over by hand (--dry-run shows \
                 them)",
                root.join(path).display()
            )),
            _ => self.write(root, path, text.to_owned(), 0o644),
        }
    }

    /// A text file, unless it is there already.
    fn write(&mut self, root: &Path, path: &Path, text: String, mode: u32) -> Result<(), String> {
        let before = content(&root.join(path))?;
        let after = Content { text, mode };
        if before.as_ref() == Some(&after) {
            return Ok(());
        }
        self.parent(root, path);
        self.changes.push(Change::Write { path: path.to_owned(), before, after });
        Ok(())
    }

    fn rivals(&mut self, root: &Path) {
        for service in services::enabled_rivals(root) {
            self.disable(root, service);
        }
        // In an image nothing runs, though this machine's /proc may be mounted there.
        if root != Path::new("/") {
            return;
        }
        for rival in rivals::find(&root.join("proc")).into_iter().filter(|rival| rival.role == Role::Daemon) {
            match &rival.unit {
                Some(unit) if !self.stopped.contains(unit) => {
                    self.stopped.push(unit.clone());
                    // Whatever its name is.
                    self.disable(root, unit);
                }
                Some(_) => {}
                None => self.loose.push(rival.to_string()),
            }
        }
    }

    /// Takes away the links that make a service start.
    fn disable(&mut self, root: &Path, service: &str) {
        let links = services::links(root, service);
        if links.is_empty() || self.rivals.iter().any(|known| known == service) {
            return;
        }
        self.rivals.push(service.to_owned());
        for change in links.into_iter().map(Change::unlink) {
            if !self.changes.contains(&change) {
                self.changes.push(change);
            }
        }
    }

    fn link(&mut self, root: &Path, link: Link) {
        if fs::symlink_metadata(root.join(&link.path)).is_err() {
            self.parent(root, &link.path);
            self.changes.push(Change::link(link));
        }
    }

    fn parent(&mut self, root: &Path, path: &Path) {
        if let Some(parent) = path.parent() {
            self.directory(root, parent);
        }
    }

    /// The directory, and the ones above it, as far as they are missing.
    fn directory(&mut self, root: &Path, path: &Path) {
        let mut missing: Vec<&Path> = path
            .ancestors()
            .take_while(|path| !path.as_os_str().is_empty() && !root.join(path).is_dir())
            .collect();
        missing.reverse();
        for path in missing {
            let change = Change::Directory { path: path.to_owned() };
            if !self.changes.contains(&change) {
                self.changes.push(change);
            }
        }
    }
}

/// The links that enable the service, as `systemctl enable` and `rc-update add` make them.
fn wanted_links(root: &Path, manager: Manager) -> Vec<Link> {
    let unit = |name: &str| {
        let place = UNIT_PLACES.iter().find(|place| root.join(place).join(name).exists());
        format!("/{}/{name}", place.copied().unwrap_or("etc/systemd/system"))
    };
    let link = |path: &str, target: String| Link { path: path.into(), target: target.into() };
    match manager {
        Manager::Systemd => vec![
            link("etc/systemd/system/sysinit.target.wants/hostclock.service", unit("hostclock.service")),
            link(
                "etc/systemd/system/sysinit.target.wants/hostclock-wait.service",
                unit("hostclock-wait.service"),
            ),
        ],
        Manager::OpenRc => vec![link("etc/runlevels/default/hostclock", "/etc/init.d/hostclock".to_owned())],
    }
}

/// The configuration, below the root.
pub(super) fn configuration() -> &'static Path {
    Path::new(DEFAULT_FILE.trim_start_matches('/'))
}

/// Whether /etc/passwd has the service's user.
fn has_user(root: &Path) -> bool {
    let passwd = fs::read_to_string(root.join("etc/passwd")).unwrap_or_default();
    passwd.lines().any(|line| line.split(':').next() == Some(USER))
}
