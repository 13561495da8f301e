//! What a daemon costs while nothing happens, the guest and its host. Nothing else runs in the guest, not even the
//! observer. What the guest costs its host without any daemon is what `none` measures.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use super::Setting;
use super::steps::settle;
use crate::analysis::calls::calls;
use crate::analysis::number::count;
use crate::error::Result;
use crate::result::{Findings, Idle};
use crate::session::Session;

const SETTLING: Duration = Duration::from_secs(20);
const MEASURED: Duration = Duration::from_secs(30);
/// The same for somebody in a hurry.
const HASTY: Duration = Duration::from_secs(10);
/// All threads' status, and their time on the CPU, waiting for it, and number of times on it; and what of the process
/// is resident. (`VmRSS` in its status lags behind by up to 64 page faults: `check_sync_rss_stat()`, mm/memory.c,
/// Linux 6.1.)
const LOOK: &str = "cat /proc/$daemon/task/*/status; for f in /proc/$daemon/task/*/schedstat; do \
                    read -r run wait times <$f; echo \"run: $run\"; done; \
                    grep ^Rss: /proc/$daemon/smaps_rollup; true";

/// In the host: the time that the threads of the guest's hypervisor had the CPU, and how often the guest was left
/// (`exits`, Documentation/virt/kvm/api.rst's statistics in debugfs, Linux 6.1).
const HOST_LOOK: &str = "[ -d /sys/kernel/debug/kvm ] || mount -t debugfs debugfs /sys/kernel/debug; \
                         for f in /proc/$(cat /run/qemu.pid)/task/*/schedstat; do \
                         read -r run wait times <$f; echo \"run: $run\"; done; \
                         echo \"exits: $(cat /sys/kernel/debug/kvm/exits)\"";

/// Ten seconds of the kernel's trace of who gets the CPU. What the kernel charges a process for begins when the
/// interrupt comes that wakes it, with the way out of the idle loop in it, which is the same for everybody; the
/// trace tells from when to when the process itself had the CPU.
const TRACE: &str = "cd /sys/kernel/tracing; echo mono_raw >trace_clock; echo >trace; \
                     echo 1 >events/sched/sched_switch/enable; sleep 10; \
                     echo 0 >events/sched/sched_switch/enable; echo \"pids: $daemon\"; cat trace; cd /";

/// So many seconds of the kernel's trace of the daemon's system calls. It comes after all that is timed, because it
/// costs the daemon time.
const CALLS_SECONDS: u32 = 10;
const CALLS: &str = "[ -n \"$daemon\" ] || exit 0; cd /sys/kernel/tracing; echo >trace; \
                     echo \"common_pid == $daemon\" >events/raw_syscalls/sys_enter/filter; \
                     echo 1 >events/raw_syscalls/sys_enter/enable; sleep 10; \
                     echo 0 >events/raw_syscalls/sys_enter/enable; cat trace";

pub(super) fn play(session: &mut Session, setting: &Setting) -> Result<Findings> {
    session.wander(Some(setting.run + 1))?;
    let (settling, measured) = if setting.is_thorough() { (SETTLING, MEASURED) } else { (HASTY, HASTY) };
    settle(session, setting, settling)?;
    let started = Instant::now();
    let before = counters(&session.guest(LOOK)?);
    let (host_before, host_started) = (counters(&session.host_says(HOST_LOOK)?), Instant::now());
    thread::sleep(measured);
    let (host_after, host_seconds) =
        (counters(&session.host_says(HOST_LOOK)?), host_started.elapsed().as_secs_f64());
    let seconds = started.elapsed().as_secs_f64();
    let after = counters(&session.guest(LOOK)?);
    let mut turns = turns(&session.guest(TRACE)?);
    turns.sort_by(f64::total_cmp);
    let calls = calls(&session.guest(&format!("({CALLS})"))?);
    let each = calls.iter().map(|(name, number)| (name.clone(), count(*number) / f64::from(CALLS_SECONDS)));
    let each: Vec<(String, f64)> = each.collect();
    let calls_per_second: f64 = each.iter().map(|(_, number)| number).sum();
    let log = session.stop()?;
    session.wander(None)?;
    let grown = |key: &str| difference(&before, &after, key);
    let threads = after.get("threads").copied().unwrap_or(0.0);
    let wakeups = grown("voluntary_ctxt_switches") + grown("nonvoluntary_ctxt_switches");
    let idle = Idle {
        resident_kb: after.get("Rss").copied().unwrap_or(0.0),
        threads,
        wakeups_per_second: wakeups / seconds,
        cpu_ms_per_second: grown("run") / 1e6 / seconds,
        cpu_us_per_wakeup: grown("run") / 1e3 / wakeups.max(1.0),
        host_cpu_ms_per_second: difference(&host_before, &host_after, "run") / 1e6 / host_seconds,
        exits_per_second: difference(&host_before, &host_after, "exits") / host_seconds,
        calls_per_second,
        calls_per_poll: calls_per_second * setting.daemon.poll,
        calls: each,
        turn_us: turns.get(turns.len() / 2).copied().unwrap_or(0.0),
    };
    Ok(Findings { idle: Some(idle), log, ..Findings::default() })
}

/// By how much what is counted under `key` has grown.
fn difference(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>, key: &str) -> f64 {
    let of = |counters: &BTreeMap<String, f64>| counters.get(key).copied().unwrap_or(0.0);
    of(after) - of(before)
}

/// How long each turn of the daemon on the CPU was, in us, from a trace after a line that names the daemon's
/// process.
fn turns(trace: &str) -> Vec<f64> {
    let pid = trace.lines().find_map(|line| line.strip_prefix("pids: ")).unwrap_or("none").trim();
    let (comes, goes) = (format!(" next_pid={pid} "), format!(" prev_pid={pid} "));
    let (mut since, mut turns) = (None, Vec::new());
    for line in trace.lines().filter(|line| line.contains(": sched_switch: ")) {
        let head = line.split(": sched_switch: ").next().unwrap_or_default();
        let Some(now) = head.split_whitespace().last().and_then(|time| time.parse::<f64>().ok()) else {
            continue;
        };
        if line.contains(&comes) {
            since = Some(now);
        } else if line.contains(&goes) {
            turns.extend(since.take().map(|since: f64| (now - since) * 1e6));
        }
    }
    turns
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
    fn a_turn_is_from_when_a_process_gets_the_cpu_to_when_it_gives_it_up() {
        let line = |time: &str, prev: u32, next: u32| {
            format!(
                " x-{prev} [000] d..2. {time}: sched_switch: prev_comm=x prev_pid={prev} prev_prio=98 \
                 prev_state=S ==> next_comm=y next_pid={next} next_prio=98\n"
            )
        };
        let lines = [line("9.5", 7, 0), line("10.000100", 0, 7), line("10.000450", 7, 0), line("11", 0, 77)];
        let found = turns(&format!("pids: 7\n{}", lines.concat()));
        assert_eq!(found.iter().map(|us| us.round()).collect::<Vec<_>>(), [350.0]);
    }

    #[test]
    fn the_counters_of_all_threads_add_up() {
        let status = "Name:\tx\nPid:\t7\nvoluntary_ctxt_switches:\t30\n";
        let found = counters(&format!("{status}{status}run: 5000\nrun: 6000\nRss:      1648 kB\n"));
        assert_eq!(found.get("Rss"), Some(&1_648.0));
        assert_eq!(found.get("threads"), Some(&2.0));
        assert_eq!(found.get("voluntary_ctxt_switches"), Some(&60.0));
        assert_eq!(found.get("run"), Some(&11_000.0));
    }
}
