//! What a process that keeps time asks for itself: precise timers, memory that stays, a turn on the
//! processor.
#![allow(unsafe_code, reason = "prctl(2), mlockall(2), sched_setscheduler(2)")]

use hostclock_core::units::Duration;

use crate::errno::{Errno, check};

/// Lets the kernel end this thread's waits ([`crate::wait::PollSet::wait`]) late by up to `span`, so that
/// they join other wake-ups; by default that is 50 us. A real-time thread is never late for this reason
/// (`select_estimate_accuracy`, fs/select.c, Linux 6.1).
///
/// # Errors
/// None that Linux documents.
pub fn set_timer_slack(span: Duration) -> Result<(), Errno> {
    // Zero would mean the default.
    let ns = libc::c_ulong::try_from(span.as_nanos().max(1)).unwrap_or(libc::c_ulong::MAX);
    // SAFETY: PR_SET_TIMERSLACK takes one number, in the type that the kernel reads, and no pointer.
    check(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, ns) }).map(drop)
}

/// Keeps every page that the process touches in memory from now on, so that a reading never waits for
/// a disk. Pages that nobody touches are not brought in, so the process doesn't grow by it.
///
/// # Errors
/// `EPERM` or `ENOMEM` without `CAP_IPC_LOCK` and enough `RLIMIT_MEMLOCK`; `EINVAL` before Linux 4.4.
pub fn lock_memory() -> Result<(), Errno> {
    let what = libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT;
    // SAFETY: mlockall(2) takes flags only; it changes where pages live, never what they hold.
    check(unsafe { libc::mlockall(what) }).map(drop)
}

/// Puts this thread before every ordinary one: `SCHED_FIFO` at `priority`, 1 (the lowest) to 99. Its
/// children start as ordinary processes.
///
/// # Errors
/// `EPERM` without `CAP_SYS_NICE` or `RLIMIT_RTPRIO`, or where the control group has no real-time
/// share.
pub fn set_realtime_priority(priority: u8) -> Result<(), Errno> {
    // The kernel's struct sched_param is one int (include/uapi/linux/sched/types.h); libc's has more
    // members on some C libraries. musl's wrapper for this call always fails with ENOSYS.
    let priority = libc::c_int::from(priority);
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    let this_thread: libc::pid_t = 0;
    // SAFETY: the kernel reads one int through the pointer, and `priority` outlives the call.
    let done =
        unsafe { libc::syscall(libc::SYS_sched_setscheduler, this_thread, policy, &raw const priority) };
    if done < 0 { Err(Errno::last()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_can_be_precise_or_patient() {
        for (span, ns) in [(Duration::ZERO, 1), (Duration::from_millis(12), 12_000_000)] {
            set_timer_slack(span).expect("accepted");
            // SAFETY: PR_GET_TIMERSLACK takes no argument.
            assert_eq!(unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) }, ns);
        }
    }
}
