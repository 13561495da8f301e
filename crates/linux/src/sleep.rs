//! Whether the machine slept: suspended to memory or to disk by itself, not stopped by its hypervisor.
//!
//! The kernel sets its clock when it wakes and tells so (`clock_set`), but a process whose wait has ended
//! meanwhile may run before that.

use crate::clock::nanoseconds;

/// Remembers how long the machine has slept.
#[derive(Debug)]
pub struct SleepWatch {
    /// The least and the most that it can be, in ns since it was started.
    slept: (i64, i64),
}

impl SleepWatch {
    /// Begins to watch.
    #[must_use]
    pub fn new() -> Self {
        Self { slept: slept() }
    }

    /// Whether the machine slept since the last call. No system call: clocks that the vDSO reads.
    pub fn woke(&mut self) -> bool {
        let before = std::mem::replace(&mut self.slept, slept());
        self.slept.0 > before.1
    }
}

impl Default for SleepWatch {
    fn default() -> Self {
        Self::new()
    }
}

/// `CLOCK_BOOTTIME` counts the time asleep and `CLOCK_MONOTONIC` doesn't; one is read between two readings of the
/// other.
fn slept() -> (i64, i64) {
    let before = nanoseconds(libc::CLOCK_MONOTONIC);
    let boot = nanoseconds(libc::CLOCK_BOOTTIME);
    let after = nanoseconds(libc::CLOCK_MONOTONIC);
    (boot.saturating_sub(after), boot.saturating_sub(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_did_not_sleep_is_not_said_to_have() {
        let mut watch = SleepWatch::new();
        for _ in 0..1_000 {
            assert!(!watch.woke());
        }
    }

    #[test]
    fn one_that_did_is() {
        let mut watch = SleepWatch::new();
        let (least, most) = watch.slept;
        watch.slept = (least - 5_000_000_000, most - 5_000_000_000);
        assert!(watch.woke() && !watch.woke());
    }
}
