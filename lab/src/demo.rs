//! The demonstration: a guest's clock is set wrong four times, with one daemon after the other, told
//! as it happens.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::analysis::recovery::Recovery;
use crate::daemon::Daemon;
use crate::error::{Context, Result};
use crate::play::{Played, boot, written};
use crate::report;
use crate::result::Findings;
use crate::scenario::{self, DEMO, Setting};
use crate::table::nanoseconds;

/// The daemons, and how long each gets to settle on a clock that is right.
const DAEMONS: [(&str, u64); 3] = [("hostclock", 3), ("chrony", 14), ("phc2sys", 6)];

/// Shows it, and leaves results in `out`.
pub(crate) fn demo(out: &Path) -> Result<()> {
    if out.exists() {
        fs::remove_dir_all(out).context(|| format!("removing the last demonstration, {}", out.display()))?;
    }
    println!(
        "A KVM host and, inside it, a guest with the real ptp_kvm, both emulated. Your own clock is left alone."
    );
    let daemons = DAEMONS.iter().map(|(name, _)| Daemon::named(name)).collect::<Result<Vec<_>>>()?;
    let (mut session, kernel) = boot(&daemons, scenario::named("date")?)?;
    for (daemon, (_, settling)) in daemons.iter().zip(DAEMONS) {
        println!("\n{}: keeping the guest's clock", daemon.title);
        session.wander(Some(1))?;
        scenario::rehearse(&mut session)?;
        session.reset(0)?;
        session.start(daemon, ".start")?;
        thread::sleep(Duration::from_secs(settling));
        session.observe()?;
        thread::sleep(Duration::from_millis(500));
        let setting = Setting { patience: Setting::short(daemon), ..Setting::brief(*daemon) };
        let recoveries =
            scenario::jumps(&mut session, &setting, &DEMO, &mut |seen| println!("{}", told(seen)))?;
        let recording = session.recorded()?;
        let log = session.stop()?;
        let findings = Findings { recoveries, log, ..Findings::of(&recording.samples) };
        let played = Played { scenario: "date", daemon, number: 0, kernel: &kernel, rate: session.rate() };
        written(&played, findings, out)?;
    }
    println!();
    print!("{}", report::report(out)?);
    println!("The picture: {}", out.join("date.svg").display());
    Ok(())
}

/// One disturbance, in a line.
fn told(seen: &Recovery) -> String {
    let done = match seen.label.as_str() {
        "date 030112302023" => "clock set to 2023-03-01 12:30 with `date 030112302023`".to_owned(),
        amount => format!("clock set {amount} wrong"),
    };
    let then = match seen.under_1us {
        Some(time) => format!("back under 1 us after {}", nanoseconds(time.unsigned_abs())),
        None => format!("still wrong after {}", nanoseconds(seen.watched.unsigned_abs())),
    };
    format!("  {done:56} -> {then}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_is_told_in_a_line() {
        let seen = Recovery { label: "+1 h".into(), under_1us: Some(900_000), ..Recovery::default() };
        assert!(told(&seen).ends_with("-> back under 1 us after 900 us"));
        let seen = Recovery { under_1us: None, watched: 6_200_000_000, ..seen };
        assert!(told(&seen).ends_with("-> still wrong after 6.2 s"));
    }
}
