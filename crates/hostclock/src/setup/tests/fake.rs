//! What runs on a machine of a test: a stand-in for systemd, OpenRC and the kernel starts and stops what is no process.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use hostclock_core::source::{SourceConfig, Wanted};
use hostclock_core::status::{State, Status};
use hostclock_linux::services;

use super::machine::Machine;
use crate::config::digest_of;
use crate::exit::Code;
use crate::setup::command::Command;
use crate::setup::fault::{Faults, Kind};
use crate::setup::report::{Outcome, Report};
use crate::setup::system::{Observation, Observed, System};
use crate::setup::tree::Tree;
use crate::setup::{Request, Stop, World, set_up_in, undo_in};
use crate::status::client::{Answer, Trouble};
use crate::status::samples;

const HANDOVER: &str = "run/systemd/system/hostclock-handover.service";
const HANDBACK: &str = "run/systemd/system/hostclock-handback.service";
const CHRONY: &str = "chrony.service";
const OWN: &str = "hostclock.service";

/// What runs on it.
pub(super) struct Fake {
    pub(super) root: PathBuf,
    pub(super) faults: Rc<Faults>,
    pub(super) active: RefCell<BTreeSet<String>>,
    /// The host's clock can be read.
    pub(super) has_device: bool,
    /// Our daemon gets the clock right.
    pub(super) gets_right: bool,
    /// Why the service's user can't read what it has to.
    pub(super) denied: Option<String>,
    pub(super) ran: RefCell<Vec<String>>,
    /// Of the configuration that our daemon read when it started.
    pub(super) digest: RefCell<Option<String>>,
    /// It was started with a socket.
    pub(super) serves: RefCell<bool>,
    pub(super) user: u32,
    /// The device that can't be read, where a configuration names it.
    pub(super) missing: Option<&'static str>,
    /// With this in its configuration our daemon doesn't get the clock right.
    pub(super) wrong_with: Option<&'static str>,
}

impl Fake {
    /// With chrony running.
    pub(super) fn new(machine: &Machine) -> Self {
        let active = RefCell::new(BTreeSet::from([CHRONY.to_owned()]));
        let fake = Self { active, ..Self::new_beside(machine) };
        fake.show_processes();
        fake
    }

    /// With chronyd running as a service of OpenRC's.
    pub(super) fn of_openrc(machine: &Machine) -> Self {
        let fake = Self {
            active: RefCell::new(BTreeSet::from(["chronyd".to_owned()])),
            ..Self::new_beside(machine)
        };
        fake.show_processes();
        fake
    }

    /// The same without touching the processes of the one that is there.
    pub(super) fn new_beside(machine: &Machine) -> Self {
        Self {
            root: machine.0.path().to_owned(),
            faults: Rc::default(),
            active: RefCell::default(),
            has_device: true,
            gets_right: true,
            denied: None,
            ran: RefCell::default(),
            digest: RefCell::default(),
            serves: RefCell::default(),
            user: 0,
            missing: None,
            wrong_with: None,
        }
    }

    pub(super) fn world(&self) -> World<'_> {
        let mut tree = Tree::new(&self.root);
        tree.faults = Rc::clone(&self.faults);
        World { tree, running: true, system: self }
    }

    pub(super) fn set_up(&self, request: &Request) -> (Result<(Outcome, Code), Stop>, Report) {
        let mut report = Report::new(true);
        (set_up_in(&self.world(), request, &mut report), report)
    }

    pub(super) fn undo(&self, request: &Request) -> (Result<(Outcome, Code), Stop>, Report) {
        let mut report = Report::new(true);
        (undo_in(&self.world(), request, &mut report), report)
    }

    pub(super) fn runs(&self, service: &str) -> bool {
        self.active.borrow().contains(service)
    }

    /// A clock daemon runs, and one starts with the machine.
    pub(super) fn is_kept(&self) -> bool {
        let enabled = |name| services::is_enabled(&self.root, name);
        (self.runs(CHRONY) != self.runs(OWN)) && (enabled(CHRONY) || enabled(OWN))
    }

    /// The machine stops, and starts again: what is in /run is gone.
    pub(super) fn reboot(&self) {
        let run = self.root.join("run/systemd/system");
        fs::remove_dir_all(&run).expect("removed");
        fs::create_dir_all(&run).expect("made");
        fs::write(run.join(".here"), "").expect("written");
        let mut active = self.active.borrow_mut();
        active.clear();
        // Ours has Conflicts= with the other.
        let first = [OWN, CHRONY].into_iter().find(|name| services::is_enabled(&self.root, name));
        active.extend(first.map(str::to_owned));
        drop(active);
        self.show_processes();
    }

    /// /proc shows what runs.
    fn show_processes(&self) {
        let proc = self.root.join("proc/812");
        let _ = fs::remove_dir_all(&proc);
        if self.runs(CHRONY) || self.runs("chronyd") {
            fs::create_dir_all(&proc).expect("made");
            let group = if self.runs(CHRONY) { "0::/system.slice/chrony.service\n" } else { "0::/\n" };
            for (file, text) in [
                ("comm", "chronyd\n"),
                ("cmdline", "/usr/sbin/chronyd\0-F 1\0"),
                ("cgroup", group),
                ("status", "PPid:\t1\n"),
            ] {
                fs::write(proc.join(file), text).expect("written");
            }
        }
    }

    /// What OpenRC's shell does with the services `others`.
    fn by_shell(&self, script: &str, others: &[&str]) -> Result<(), String> {
        let mut active = self.active.borrow_mut();
        let over = script.contains(" wait --within ");
        if over && !self.gets_right {
            return Err("it failed".to_owned());
        }
        active.retain(|name| if over { !others.contains(&name.as_str()) } else { name != "hostclock" });
        active.extend(others.iter().filter(|_| !over).map(|name| (*name).to_owned()));
        if over {
            active.insert("hostclock".to_owned());
            *self.serves.borrow_mut() = true;
        }
        Ok(())
    }

    fn systemctl(&self, words: &[&str]) -> Result<(), String> {
        let text = |path: &str| fs::read_to_string(self.root.join(path)).unwrap_or_default();
        if let ["start" | "restart", "hostclock.service" | "hostclock-handover.service"] = words {
            let file = self.root.join("etc/hostclock/hostclock.toml");
            *self.serves.borrow_mut() = !text("etc/hostclock/hostclock.toml").contains("socket = \"none\"");
            *self.digest.borrow_mut() = digest_of(&file);
        }
        let listed = |text: &str, key: &str| -> Vec<String> {
            let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            line.split_whitespace().map(str::to_owned).collect()
        };
        let mut active = self.active.borrow_mut();
        match words {
            ["start", "hostclock-handover.service"] => {
                if text(HANDOVER).is_empty() || text(HANDBACK).is_empty() {
                    return Err("no such unit".to_owned());
                }
                if !self.gets_right {
                    return Err("it failed".to_owned());
                }
                let others =
                    listed(&text("run/systemd/system/hostclock.service.d/50-handover.conf"), "Conflicts=");
                active.retain(|name| !others.contains(name));
                active.insert(OWN.to_owned());
            }
            ["start", "hostclock-handback.service"] => {
                if text(HANDBACK).is_empty() {
                    return Err("no such unit".to_owned());
                }
                active.remove(OWN);
                active.extend(listed(&text(HANDBACK), "Wants="));
            }
            ["start" | "restart", name] => {
                active.insert((*name).to_owned());
                // Conflicts=
                if *name == CHRONY {
                    active.remove(OWN);
                }
            }
            ["stop", name] => {
                active.remove(*name);
            }
            _ => {}
        }
        Ok(())
    }
}

impl System for Fake {
    fn user(&self) -> u32 {
        self.user
    }

    fn own_program(&self) -> std::io::Result<PathBuf> {
        Ok(self.root.join("tmp/unpacked/hostclock"))
    }

    fn run(&self, command: &Command) -> Result<(), String> {
        self.faults.step(Kind::Looks).map_err(|error| format!("`{command}`: {error}"))?;
        self.ran.borrow_mut().push(command.to_string());
        let words: Vec<&str> = command.0.iter().map(String::as_str).collect();
        let passwd = self.root.join("etc/passwd");
        let users = fs::read_to_string(&passwd).unwrap_or_default();
        match words.as_slice() {
            ["systemctl", words @ ..] => self.systemctl(words)?,
            ["sh", "-c", script, "sh", others @ ..] => self.by_shell(script, others)?,
            ["rc-service", .., name, "stop"] => drop(self.active.borrow_mut().remove(*name)),
            ["rc-service", name, "start"] => drop(self.active.borrow_mut().insert((*name).to_owned())),
            ["systemd-sysusers", ..] => {
                fs::write(passwd, users + "hostclock:x:999:999::/:/usr/sbin/nologin\n").expect("written");
            }
            ["userdel", ..] => {
                let rest: Vec<&str> = users.lines().filter(|line| !line.starts_with("hostclock:")).collect();
                fs::write(passwd, rest.join("\n") + "\n").expect("written");
            }
            ["groupdel", ..] => fs::write(self.root.join("etc/group"), "root:x:0:\n").expect("written"),
            _ => {}
        }
        self.show_processes();
        Ok(())
    }

    fn asks(&self, command: &Command) -> bool {
        if self.faults.step(Kind::Looks).is_err() {
            return false;
        }
        match command.0.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["systemctl", "is-active", "--quiet", name] | ["rc-service", "--quiet", name, "status"] => {
                self.runs(name)
            }
            _ => true,
        }
    }

    fn observe(&self, config: &SourceConfig) -> Observed {
        self.faults.step(Kind::Looks).map_err(|error| error.to_string())?;
        if let Some(missing) = self.missing.filter(|path| config.wanted == Wanted::Path((*path).to_owned())) {
            return Err(format!("{missing} does not exist"));
        }
        if self.has_device {
            let (device, clock) = ("/dev/ptp0".to_owned(), "3.1 us behind the host".to_owned());
            Ok(Observation { device, clock_name: "KVM virtual PTP".to_owned(), clock })
        } else {
            Err("this machine has no PTP device".to_owned())
        }
    }

    fn load_module(&self) -> Result<(), String> {
        Err("this kernel has no module ptp_kvm".to_owned())
    }

    fn denied_to_service(&self, _: Option<&Observation>) -> Option<String> {
        self.denied.clone()
    }

    fn status(&self, socket: Option<&Path>) -> Result<Answer, Trouble> {
        let nobody = || Trouble::NoDaemon("a test's".to_owned());
        let runs = self.runs(OWN) || self.runs("hostclock");
        socket.filter(|_| runs && *self.serves.borrow()).ok_or_else(nobody)?;
        let text = fs::read_to_string(self.root.join("etc/hostclock/hostclock.toml")).unwrap_or_default();
        let wrong = self.wrong_with.is_some_and(|with| text.contains(with));
        let right = samples::synchronised();
        let state = if wrong { State::Unsynchronised } else { right.state };
        let status = Status { config_digest: self.digest.borrow().clone(), state, ..right };
        Ok(Answer { text: String::new(), status })
    }

    fn program_of(&self, _: u32) -> Option<PathBuf> {
        None
    }

    fn pause(&self, _: Duration) {}
}
