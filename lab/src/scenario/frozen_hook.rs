//! The program of hostclock's hook is on a file system that doesn't answer, and clock after clock is spoilt meanwhile:
//! whoever starts the program waits for that file system, and the daemon must not.
//!
//! The file system is FUSE's, and nobody serves it: whoever looks for a file in it waits until its device is closed, as
//! on a disk or a server that is gone. The same is done before with a hook that can be started.

use std::thread;
use std::time::Duration;

use super::Setting;
use super::date::{DEMO, jumps, rehearse};
use super::steps::{finish, settle};
use crate::analysis::recovery::Recovery;
use crate::analysis::stretch::stretch;
use crate::error::{Error, Result};
use crate::result::Findings;
use crate::session::Session;

const SETTLING: Duration = Duration::from_secs(20);
const MEASURED: Duration = Duration::from_secs(30);
/// How long the daemon waits for the program at least, in which it says that it can't be started.
const SAID_WITHIN: Duration = Duration::from_secs(8);

/// A file system that never answers. The shell keeps its device open.
const FREEZE: &str = "mkdir -p /frozen && exec 7<>/dev/fuse && \
    mount -t fuse -o fd=7,rootmode=40000,user_id=0,group_id=0 frozen /frozen";
/// Who waits is told that nothing will come.
const THAW: &str = "umount -l /frozen; exec 7>&-";
/// The states of the helper and of what it starts. A child that couldn't be read yet has its parent's name.
const STATES: &str = "for p in $(pidof hostclock-hook); do cut -d ' ' -f 2,3 /proc/$p/stat; done; true";

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    let name = setting.daemon.name;
    let configure = |program: &str| {
        format!(
            "grep -v ^hook /etc/{name}.conf >/tmp/conf; cp /tmp/conf /etc/{name}.conf; \
             echo 'hook = [\"{program}\"]' >>/etc/{name}.conf; echo 'hook-step = \"1ms\"' >>/etc/{name}.conf; \
             echo 'hook-time-limit = \"1s\"' >>/etc/{name}.conf"
        )
    };
    rehearse(session)?;
    session.wander(Some(setting.run + 1))?;
    let mut findings = Findings::default();
    for (frozen, program) in [(false, "/bin/true"), (true, "/frozen/hook")] {
        session.guest(&configure(program))?;
        settle(session, setting, SETTLING)?;
        session.observe()?;
        if frozen {
            session.guest(FREEZE)?;
        }
        let (mut recoveries, from, to) = disturbed(session, setting)?;
        if frozen {
            let states = session.guest(STATES)?;
            findings.notes.push(format!("while it was frozen: {}", states.trim().replace('\n', ", ")));
            session.guest(THAW)?;
        }
        let (recording, found) = finish(session)?;
        session.wander(Some(setting.run + 1))?;
        if frozen && setting.daemon.is_hostclock() && !found.log.contains("hook /frozen/hook") {
            return Err(Error::new(format!("nobody tried to start the hook: {}", found.log)));
        }
        let label = if frozen { "a hook that can't be read" } else { "a hook that can be started" };
        for recovery in &mut recoveries {
            recovery.label = format!("{} ({label})", recovery.label);
        }
        findings.recoveries.extend(recoveries);
        findings.stretches.push(stretch(label, &recording.samples, from, to));
        findings.notes.extend(found.notes);
        findings.log.push_str(&found.log);
        findings.honesty = found.honesty;
    }
    session.wander(None)?;
    Ok(findings)
}

/// Jumps, after the first of which the hook is run, and then a while without any, of which the raw times are given.
fn disturbed(session: &mut Session, setting: &Setting) -> Result<(Vec<Recovery>, i64, i64)> {
    let recoveries = jumps(session, setting, &DEMO, &mut |_| ())?;
    session.end()?;
    thread::sleep(SAID_WITHIN);
    let from = session.mark(".undisturbed")?;
    thread::sleep(MEASURED);
    let to = session.mark(".over")?;
    Ok((recoveries, from, to))
}
