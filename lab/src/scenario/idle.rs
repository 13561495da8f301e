//! What a daemon costs while nothing happens. Nothing else runs in the guest, not even the observer.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::{Setting, settle};
use crate::error::Result;
use crate::result::{Findings, Idle};
use crate::session::Session;

const SETTLING: Duration = Duration::from_secs(20);
const MEASURED: Duration = Duration::from_secs(30);
/// All threads' status, and their time on the CPU, waiting for it, and number of times on it.
const LOOK: &str = "cat /proc/$daemon/task/*/status; for f in /proc/$daemon/task/*/schedstat; do \
                    read -r run wait times <$f; echo \"run: $run\"; done; true";

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    settle(session, setting, SETTLING)?;
    let started = Instant::now();
    let before = counters(&session.guest(LOOK)?);
    thread::sleep(MEASURED);
    let seconds = started.elapsed().as_secs_f64();
    let after = counters(&session.guest(LOOK)?);
    let log = session.stop()?;
    session.wander(None)?;
    let grown = |key: &str| {
        let of = |counters: &BTreeMap<String, f64>| counters.get(key).copied().unwrap_or(0.0);
        of(&after) - of(&before)
    };
    let threads = after.get("threads").copied().unwrap_or(0.0);
    let wakeups = grown("voluntary_ctxt_switches") + grown("nonvoluntary_ctxt_switches");
    let idle = Idle {
        // VmRSS is the same in each thread's status.
        resident_kb: after.get("VmRSS").copied().unwrap_or(0.0) / threads.max(1.0),
        threads,
        wakeups_per_second: wakeups / seconds,
        cpu_ms_per_second: grown("run") / 1e6 / seconds,
        cpu_us_per_wakeup: grown("run") / 1e3 / wakeups.max(1.0),
    };
    Ok(Findings { idle: Some(idle), log, ..Findings::default() })
}

/// The sums over all threads of what is counted in their files, and their number.
fn counters(text: &str) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        if key == "Pid" {
            *sums.entry("threads".to_owned()).or_insert(0.0) += 1.0;
        }
        let Some(number) = value.split_whitespace().next().and_then(|word| word.parse::<f64>().ok()) else {
            continue;
        };
        *sums.entry(key.to_owned()).or_insert(0.0) += number;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counters_of_all_threads_add_up() {
        let status = "Name:\tx\nPid:\t7\nVmRSS:\t  1200 kB\nvoluntary_ctxt_switches:\t30\n";
        let found = counters(&format!("{status}{status}run: 5000\nrun: 6000\n"));
        assert_eq!(found.get("threads"), Some(&2.0));
        assert_eq!(found.get("voluntary_ctxt_switches"), Some(&60.0));
        assert_eq!(found.get("run"), Some(&11_000.0));
    }
}
