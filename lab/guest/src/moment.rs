//! When the clock was set, from the kernel's own trace of system calls: the process that sets it may
//! be made to wait just before, and a program such as `date` doesn't tell at all.
//!
//! Tracepoints `syscalls:sys_enter_*` and `sys_exit_*` on the trace clock `mono_raw`, which is
//! `CLOCK_MONOTONIC_RAW` (Linux 6.1, Documentation/trace/ftrace.rst), written to the microsecond.
//!
//! They stay switched on: switching patches the kernel's code, which the emulator then translates anew, in
//! the middle of what is measured.

use std::fs;
use std::io;

const TRACING: &str = "/sys/kernel/tracing";
const CALLS: [&str; 2] = ["clock_settime", "clock_adjtime"];
const MICROSECOND: i64 = 1_000;

/// Whose calls count.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    /// This process's own, in whatever way it sets the clock.
    Myself,
    /// Anybody's `clock_settime`.
    Anybody,
}

/// Begins to trace.
///
/// # Errors
/// When the kernel can't trace system calls.
pub(crate) fn trace(who: Who) -> io::Result<()> {
    fs::write(format!("{TRACING}/trace_clock"), "mono_raw")?;
    for call in CALLS {
        let filter = match who {
            Who::Myself => format!("common_pid == {}", std::process::id()),
            Who::Anybody if call == "clock_settime" => "0".to_owned(),
            Who::Anybody => "common_pid == 0".to_owned(),
        };
        for side in ["enter", "exit"] {
            let event = format!("{TRACING}/events/syscalls/sys_{side}_{call}");
            fs::write(format!("{event}/filter"), &filter)?;
            let enable = format!("{event}/enable");
            if fs::read_to_string(&enable)?.trim() != "1" {
                fs::write(enable, "1")?;
            }
        }
    }
    fs::write(format!("{TRACING}/trace"), "")
}

/// When the last call that was traced began (at the latest then) and ended, in raw ns.
pub(crate) fn moment() -> Option<(i64, i64)> {
    last_call(&fs::read_to_string(format!("{TRACING}/trace")).ok()?)
}

/// `date-123 [000] ..... 12.345678: sys_clock_settime(…)`, then `…: sys_clock_settime -> 0x0`.
fn last_call(trace: &str) -> Option<(i64, i64)> {
    let (mut begun, mut found) = (None, None);
    for line in trace.lines() {
        let Some((head, what)) = line.split_once(": sys_clock_") else { continue };
        let (seconds, micros) = head.split_whitespace().last()?.split_once('.')?;
        let ns = seconds.parse::<i64>().ok()? * 1_000_000_000 + micros.parse::<i64>().ok()? * MICROSECOND;
        if what.contains("->") {
            found = Some((begun?, ns));
        } else {
            // The kernel rounds to the nearest microsecond.
            begun = Some(ns - MICROSECOND);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_of_a_settime_is_read_from_the_kernels_trace() {
        let trace = "# tracer: nop\n  date-9 [000] ..... 12.000345: sys_clock_settime(which_clock: 0, tp: 7ff)\n  \
                     date-9 [000] ..... 12.000349: sys_clock_settime -> 0x0\n";
        assert_eq!(last_call(trace), Some((12_000_344_000, 12_000_349_000)));
        assert_eq!(last_call("# tracer: nop\n"), None);
    }
}
