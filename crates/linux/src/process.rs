//! What a process that keeps time asks for itself: precise timers, memory that stays, a turn on the
//! processor.
#![allow(unsafe_code, reason = "prctl(2), mlockall(2), sched_setscheduler(2)")]

use crate::errno::{Errno, check};

/// Lets the kernel be late by no more than it has to be when it ends this thread's `poll` timeouts
/// and sleeps; by default it may be 50 µs late so as to join wake-ups.
///
/// # Errors
/// None that Linux documents.
pub fn precise_timers() -> Result<(), Errno> {
    let nanoseconds: libc::c_ulong = 1;
    // SAFETY: PR_SET_TIMERSLACK takes one number, in the type that the kernel reads, and no pointer.
    check(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanoseconds) }).map(drop)
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
    fn timers_can_be_made_precise() {
        precise_timers().expect("accepted");
        // SAFETY: PR_GET_TIMERSLACK takes no argument.
        assert_eq!(unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) }, 1);
    }
}
