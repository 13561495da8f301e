//! Rows of single figures.

use super::float;
use crate::result::Run;

/// What a run says, and how that is shown.
type Figure = (fn(&Run) -> Option<f64>, fn(f64) -> String);

/// All of them, in the order of rows.
pub(super) const ALL: &[(&str, Figure)] = &[
    (
        "resident memory",
        (|run| run.findings.idle.as_ref().map(|idle| idle.resident_kb), |kb| format!("{:.1} MB", kb / 1e3)),
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
                run.findings.honesty.as_ref().map(|h| 100.0 * float(h.synchronised) / float(h.samples.max(1)))
            },
            |share| format!("{share:.1}"),
        ),
    ),
    (
        "of them with the clock off by more than maxerror",
        (
            |run| run.findings.honesty.as_ref().map(|honesty| float(honesty.lies)),
            |count| format!("{count:.0}"),
        ),
    ),
    (
        "of them with maxerror 0",
        (
            |run| run.findings.honesty.as_ref().map(|honesty| float(honesty.claims_perfection)),
            |count| format!("{count:.0}"),
        ),
    ),
    (
        "samples with UNSYNC set again, %",
        (
            |run| run.findings.honesty.as_ref().map(|h| 100.0 * float(h.lost) / float(h.samples.max(1))),
            |share| format!("{share:.2}"),
        ),
    ),
];
