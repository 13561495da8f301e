//! What a process that keeps time asks for itself: precise timers, memory that stays, a turn on the
//! processor; and how it gets rid of a child.
#![allow(
    unsafe_code,
    reason = "prctl(2), mlockall(2), sched_setscheduler(2), kill(2), pidfd_open(2), ppoll(2)"
)]

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::process::Child;

use hostclock_core::units::Duration;

use crate::errno::{Errno, check};

/// The user as whom this process runs; nobody's number where /proc isn't there.
#[must_use]
pub fn user() -> u32 {
    std::fs::metadata("/proc/self").map_or(u32::MAX, |own| own.uid())
}

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

/// Ends a child that was started as the leader of its own process group, and everything else in that
/// group, at once (`SIGKILL`). A child that has ended by itself is left alone, and so is its group.
///
/// # Errors
/// `EPERM` when nobody in the group may be signalled; `ECHILD` when somebody else waits for children.
pub fn kill_group(child: &mut Child) -> Result<(), Errno> {
    // While it isn't waited for, nobody else gets its number.
    if child.try_wait()?.is_some() {
        return Ok(());
    }
    let leader = libc::pid_t::try_from(child.id()).map_err(|_| Errno(libc::ESRCH))?;
    // SAFETY: kill(2) takes two numbers and touches no memory of ours. The first stands for the group of a
    // child, whose number is never 0 or 1, and so neither for our own group (0) nor for everybody (-1); of a
    // child that leads no group there is none, and ESRCH is the answer.
    check(unsafe { libc::kill(-leader, libc::SIGKILL) }).map(drop)
}

/// How often a child is looked at where the kernel doesn't tell of its end.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Waits for a child to end, for `span` at most, and not for longer than the kernel can tell of it: ask the child
/// whether it has ended, and wait again where it hasn't.
pub fn wait_for_end(child: &Child, span: Duration) {
    let span = span.max(Duration::ZERO);
    // Linux 5.3; a filter of system calls may not know it.
    // SAFETY: pidfd_open(2) takes two numbers, the first one that of a child that isn't waited for yet.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
    let Some(fd) = i32::try_from(fd).ok().filter(|fd| *fd >= 0) else {
        std::thread::sleep(std::time::Duration::from_nanos(span.min(LOOK_AGAIN).as_nanos().unsigned_abs()));
        return;
    };
    // SAFETY: the kernel has just given this descriptor to us, and nobody else knows its number.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut entry = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let ns = span.as_nanos();
    let span = libc::timespec { tv_sec: (ns / 1_000_000_000) as _, tv_nsec: (ns % 1_000_000_000) as _ };
    // SAFETY: one pollfd, borrowed mutably for the length of the call; `span` outlives it; no mask is given. Whether it
    // was the child's end, the time or a signal that ended the wait, the caller finds out.
    unsafe { libc::ppoll(&raw mut entry, 1, &raw const span, core::ptr::null()) };
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn waits_can_be_precise_or_patient() {
        for (span, ns) in [(Duration::ZERO, 1), (Duration::from_millis(12), 12_000_000)] {
            set_timer_slack(span).expect("accepted");
            // SAFETY: PR_GET_TIMERSLACK takes no argument.
            assert_eq!(unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) }, ns);
        }
    }

    #[test]
    fn a_childs_end_is_waited_for_and_no_longer_than_was_asked_for() {
        let start = std::time::Instant::now();
        let mut quick = Command::new("/bin/sleep").arg("0.1").spawn().expect("started");
        while quick.try_wait().expect("looked at").is_none() {
            wait_for_end(&quick, Duration::from_secs(60));
        }
        let mut slow = Command::new("/bin/sleep").arg("60").spawn().expect("started");
        wait_for_end(&slow, Duration::from_millis(10));
        assert!(start.elapsed().as_secs() < 20);
        assert_eq!(slow.try_wait().expect("looked at"), None);
        slow.kill().expect("killed");
        slow.wait().expect("waited for");
    }

    #[test]
    fn a_child_is_killed_with_its_group_and_one_that_has_ended_is_not() {
        let mut child = Command::new("/bin/sleep").arg("60").process_group(0).spawn().expect("started");
        kill_group(&mut child).expect("killed");
        let status = child.wait().expect("waited for");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGKILL));
        kill_group(&mut child).expect("nothing to do");
        let mut leaderless = Command::new("/bin/sleep").arg("60").spawn().expect("started");
        assert_eq!(kill_group(&mut leaderless), Err(Errno(libc::ESRCH)));
        leaderless.kill().expect("killed");
        leaderless.wait().expect("waited for");
    }
}
