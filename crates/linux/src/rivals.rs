//! Other programs on this machine that set or steer the system clock, as far as /proc shows them.
//!
//! Which programs do so, and with which options they don't, is known in `programs`; what to do about one
//! isn't decided here. Nothing is asked of them, and nothing fails: what can't be read isn't reported. What
//! isn't a process of its own isn't found: an init that keeps the clock (Talos), or a driver in the kernel
//! (Hyper-V's, drivers/hv/hv_util.c).

mod options;
mod programs;
mod starter;

use std::fmt;
use std::fs;
use std::path::Path;

use programs::{Call, Program};
pub use starter::Starter;

/// What a program does with the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It keeps the clock all the time: two of them fight.
    Daemon,
    /// It sets the clock now and then, or when it is told to.
    Occasional,
}

/// A program that sets or steers the system clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// The program's name, such as `chronyd`.
    pub name: String,
    /// Its process; the first of them where it has several.
    pub pid: u32,
    /// The service to which it belongs: systemd's, such as `chrony.service`, or OpenRC's, such as `chronyd`.
    pub unit: Option<String>,
    /// What it does with the clock.
    pub role: Role,
    /// What started it, and would start it again.
    pub starter: Starter,
    remedy: Option<&'static str>,
}

impl Rival {
    /// What keeps it away from the clock: a command, or the setting of an agent that has other tasks as well.
    /// `None` where no setting is known, and where it ends by itself.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match (self.remedy, self.role) {
            (Some(remedy), _) => Some(remedy.to_owned()),
            (None, Role::Daemon) => Some(self.starter.stop(self.pid)),
            (None, Role::Occasional) => None,
        }
    }
}

impl fmt::Display for Rival {
    /// `chronyd (process 123, chrony.service)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {}", self.name, self.pid)?;
        if !matches!(self.starter, Starter::Hand | Starter::Unknown) {
            write!(f, ", {}", self.starter)?;
        }
        f.write_str(")")
    }
}

/// The other programs that set or steer the clock, those that keep it all the time first. `proc_root` is
/// `/proc`; where that isn't mounted there is nobody.
#[must_use]
pub fn find(proc_root: &Path) -> Vec<Rival> {
    let Ok(entries) = fs::read_dir(proc_root) else { return Vec::new() };
    let own = std::process::id();
    let found: Vec<(Rival, u32)> = entries
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            if pid == own { None } else { look_at(&entry.path(), pid) }
        })
        .collect();
    // chronyd and OpenNTPD have helpers of the same name.
    let is_helper = |rival: &Rival, parent: u32| {
        found.iter().any(|(other, _)| other.pid == parent && other.name == rival.name)
    };
    let mut rivals: Vec<Rival> = found
        .iter()
        .filter(|(rival, parent)| !is_helper(rival, *parent))
        .map(|(rival, _)| rival.clone())
        .collect();
    rivals.sort_by_key(|rival| (rival.role, rival.pid));
    rivals
}

/// The process, if it is a rival, and its parent.
fn look_at(directory: &Path, pid: u32) -> Option<(Rival, u32)> {
    let comm = fs::read_to_string(directory.join("comm")).ok()?;
    let comm = comm.trim_end_matches('\n');
    // Most processes are of no interest, and cost one file each.
    if !programs::may_matter(comm) {
        return None;
    }
    let line = fs::read(directory.join("cmdline")).ok()?;
    let words: Vec<String> =
        line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    // Neither the kernel's own threads nor a process that has ended have a command line.
    let program = words.first().filter(|first| !first.is_empty())?;
    let busybox = fs::read_link(directory.join("exe")).is_ok_and(|exe| exe.ends_with("busybox"));
    let call = Call::new(comm, program, words.get(1..).unwrap_or_default(), busybox);
    let Program { name, remedy, role, .. } = programs::find(call.name)?;
    let role = role(&call)?;
    let starter = Starter::of(directory);
    let unit = if let Starter::Service(unit) = &starter { Some(unit.clone()) } else { None };
    let rival = Rival { name: (*name).to_owned(), pid, unit, role, starter, remedy: *remedy };
    Some((rival, parent(directory).unwrap_or(0)))
}

/// `PPid` of /proc/PID/status.
fn parent(directory: &Path) -> Option<u32> {
    let status = fs::read_to_string(directory.join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests;
