//! Somebody else handles the guest's clock too: chronyd, a shell that sets it wrong again and again, a
//! program that writes the kernel's frequency.

use std::thread;
use std::time::Duration;

use super::steps::{CALM, begin, finish};
use super::{Setting, rehearse};
use crate::analysis::stretch::{Stretch, stretch};
use crate::error::{Error, Result};
use crate::result::Findings;
use crate::session::Session;

/// Somebody else.
struct Rival {
    label: &'static str,
    command: &'static str,
    seconds: u64,
}

/// Meets hostclock only; two of its peers beside each other are no finding about hostclock.
const CHRONYD: Rival = Rival {
    label: "beside chronyd",
    command: "exec /usr/sbin/chronyd -d -f /etc/chrony-rival.conf >/tmp/rival.log 2>&1",
    seconds: 30,
};
const SETTER: Rival = Rival {
    label: "set wrong every 0.3 s",
    // busybox's `date` sets whole seconds.
    command: "while :; do for by in 3600 -3600 2 -2 86400 -86400; do \
              date -s @$(( $(date +%s) + by )) >/dev/null; sleep 0.3; done; done",
    seconds: 30,
};
const WRITER: Rival = Rival {
    label: "frequency written each second",
    // +100 ppm either way: as a frequency in 2^-16 ppm, as a tick in us in 1/100 s.
    command: "while :; do adjtimex -q -f 6553600; sleep 1; adjtimex -q -t 10001; sleep 1; done",
    seconds: 15,
};

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    rehearse(session)?;
    begin(session, setting)?;
    let mut stretches = Vec::new();
    if setting.daemon.is_hostclock() {
        stretches.push(meet(session, setting, &CHRONYD)?);
    }
    stretches.push(meet(session, setting, &SETTER)?);
    stretches.push(meet(session, setting, &WRITER)?);
    let (_, found) = finish(session)?;
    Ok(Findings { stretches, ..found })
}

fn meet(session: &mut Session, setting: &Setting, rival: &Rival) -> Result<Stretch> {
    let lines = session.log_lines()?;
    let from = session.mark(".rival")?;
    session.guest(&format!("{{ {}; }} & rival=$!", rival.command))?;
    thread::sleep(Duration::from_secs(rival.seconds));
    let stayed = session.guest("kill $rival 2>/dev/null && echo yes; wait $rival 2>/dev/null; true")?;
    let to = session.mark(".rival gone")?;
    if !stayed.contains("yes") {
        let said = session.guest("tail -n 5 /tmp/rival.log 2>/dev/null; true")?;
        return Err(Error::new(format!("what was to run {} ended by itself: {said}", rival.label)));
    }
    let lines = session.log_lines()? - lines;
    thread::sleep(setting.patience.most);
    let mut seen = stretch(rival.label, &session.update()?.all(), from, to);
    seen.log_lines = lines;
    session.calm(CALM)?;
    Ok(seen)
}
