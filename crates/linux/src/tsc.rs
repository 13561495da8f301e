//! The processor's time-stamp counter. A host and its guests read the same one, up to an offset that the host's
//! KVM adds: the lab compares their clocks by it where the hypervisor offers no precise comparison.
//!
//! The daemon doesn't use it: its counter is `CLOCK_MONOTONIC_RAW`, whatever the kernel makes that of.
#![allow(unsafe_code, reason = "the instructions rdtsc and lfence")]

/// The counter now, not before what precedes in the program has been done; `None` on processors without one.
#[must_use]
pub fn now() -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: each processor of this architecture has both instructions. Neither touches memory, and Linux lets
        // every program read the counter unless the program itself asked for the opposite (PR_SET_TSC of prctl(2)),
        // which nothing here does.
        Some(unsafe {
            core::arch::x86_64::_mm_lfence();
            core::arch::x86_64::_rdtsc()
        })
    }
    #[cfg(not(target_arch = "x86_64"))]
    None
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn the_counter_goes_on() {
        let first = now().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(now().unwrap() > first);
    }
}
