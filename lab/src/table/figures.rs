//! Rows of single figures, and which system calls a daemon makes.

use std::fmt::Write;

use crate::analysis::number;
use crate::daemon;
use crate::result::Run;

/// What a run says, and how that is shown.
type Figure = (fn(&Run) -> Option<f64>, fn(f64) -> String);

/// All of them, in the order of rows.
pub(super) const ALL: &[(&str, Figure)] = &[
    (
        "resident memory",
        (
            |run| run.findings.idle.as_ref().map(|idle| idle.resident_kb),
            |kb| format!("{:.2} MiB", kb / 1024.0),
        ),
    ),
    ("threads", (|run| run.findings.idle.as_ref().map(|idle| idle.threads), |count| format!("{count:.0}"))),
    (
        "wake-ups a second",
        (|run| run.findings.idle.as_ref().map(|idle| idle.wakeups_per_second), |count| format!("{count:.2}")),
    ),
    (
        "CPU time, ms a second",
        (|run| run.findings.idle.as_ref().map(|idle| idle.cpu_ms_per_second), |ms| format!("{ms:.2}")),
    ),
    (
        "CPU time, us a wake-up",
        (
            |run| run.findings.idle.as_ref().map(|idle| idle.cpu_us_per_wakeup).filter(|us| *us > 0.0),
            |us| format!("{us:.0}"),
        ),
    ),
    (
        "CPU time of a turn by itself, us",
        (
            |run| run.findings.idle.as_ref().map(|idle| idle.turn_us).filter(|us| *us > 0.0),
            |us| format!("{us:.0}"),
        ),
    ),
    (
        "CPU time of the guest, ms a second of its host's",
        (
            |run| run.findings.idle.as_ref().map(|idle| idle.host_cpu_ms_per_second).filter(|ms| *ms > 0.0),
            |ms| format!("{ms:.1}"),
        ),
    ),
    (
        "system calls a second",
        (
            |run| run.findings.idle.as_ref().map(|idle| idle.calls_per_second).filter(|calls| *calls > 0.0),
            |count| format!("{count:.1}"),
        ),
    ),
    (
        "system calls a poll",
        (
            |run| run.findings.idle.as_ref().map(|idle| idle.calls_per_poll).filter(|calls| *calls > 0.0),
            |count| format!("{count:.1}"),
        ),
    ),
    (
        "exits of the guest a second",
        (
            |run| run.findings.idle.as_ref().map(|idle| idle.exits_per_second).filter(|count| *count > 0.0),
            |count| format!("{count:.0}"),
        ),
    ),
    (
        "pairs on kvm-clock, mean error",
        (|run| run.findings.truth.as_ref().map(|truth| truth.bias), |ns| format!("{ns:.1} ns")),
    ),
    (
        "pairs on kvm-clock, rms about it",
        (|run| run.findings.truth.as_ref().map(|truth| truth.rms), |ns| format!("{ns:.1} ns")),
    ),
    (
        "pairs, by their brackets never off by more than",
        (|run| run.findings.truth.as_ref().map(|truth| truth.limit), |ns| format!("{ns:.1} ns")),
    ),
    (
        "pairs on tsc, mean error",
        (|run| run.findings.truth.as_ref().map(|truth| truth.tsc_bias), |ns| format!("{ns:.1} ns")),
    ),
    (
        "pairs on tsc, largest difference of a stretch from it",
        (|run| run.findings.truth.as_ref().map(|truth| truth.tsc_spread), |ns| format!("{ns:.1} ns")),
    ),
    (
        "pairs on tsc, rms about a straight line",
        (|run| run.findings.truth.as_ref().map(|truth| truth.tsc_rms), |ns| format!("{ns:.1} ns")),
    ),
    (
        "brackets on tsc, mean error",
        (|run| run.findings.truth.as_ref().map(|truth| truth.bracket_bias), |ns| format!("{ns:.1} ns")),
    ),
    (
        "lost at a switch of the clocksource",
        (|run| run.findings.truth.as_ref().map(|truth| truth.lost), |ns| format!("{ns:.1} ns")),
    ),
    (
        "samples with UNSYNC clear, %",
        (
            |run| {
                run.findings
                    .honesty
                    .as_ref()
                    .map(|h| 100.0 * number::count(h.synchronised) / number::count(h.samples.max(1)))
            },
            |share| format!("{share:.1}"),
        ),
    ),
    (
        "of them with the clock off by more than maxerror",
        (
            |run| run.findings.honesty.as_ref().map(|honesty| number::count(honesty.lies)),
            |count| format!("{count:.0}"),
        ),
    ),
    (
        "of them with maxerror 0",
        (
            |run| run.findings.honesty.as_ref().map(|honesty| number::count(honesty.claims_perfection)),
            |count| format!("{count:.0}"),
        ),
    ),
    (
        "samples with UNSYNC set again, %",
        (
            |run| {
                run.findings
                    .honesty
                    .as_ref()
                    .map(|h| 100.0 * number::count(h.lost) / number::count(h.samples.max(1)))
            },
            |share| format!("{share:.2}"),
        ),
    ),
];

/// A line a daemon that says which system calls it makes a second; nothing where nobody counted them.
pub(super) fn calls(runs: &[&Run]) -> String {
    let mut text = String::new();
    for daemon in &daemon::ALL {
        let Some(run) = runs.iter().find(|run| run.daemon == daemon.name) else { continue };
        let Some(idle) = run.findings.idle.as_ref().filter(|idle| !idle.calls.is_empty()) else { continue };
        let each: Vec<String> = idle.calls.iter().map(|(name, count)| format!("{name} {count:.1}")).collect();
        let _ = writeln!(text, "* system calls a second, {}: {}", daemon.title, each.join(", "));
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::{Findings, Idle};

    #[test]
    fn system_calls_are_named_where_they_were_counted() {
        let idle = Idle { calls: vec![("ioctl".into(), 1.0), ("poll".into(), 0.5)], ..Idle::default() };
        let counted =
            Run { findings: Findings { idle: Some(idle), ..Findings::default() }, ..Run::example() };
        assert_eq!(calls(&[&counted]), "\n* system calls a second, chrony, poll 1: ioctl 1.0, poll 0.5\n");
        assert_eq!(calls(&[&Run::example()]), "");
    }
}
