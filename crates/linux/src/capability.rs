//! Giving up capabilities, for a process that is to be less than its parent: `capabilities(7)`.
#![allow(unsafe_code, reason = "capget(2), capset(2), prctl(2)")]

use crate::errno::{Errno, check};

/// To set the clock (`CAP_SYS_TIME`, include/uapi/linux/capability.h).
pub const SYS_TIME: u32 = 25;

/// `_LINUX_CAPABILITY_VERSION_3`: sets of 64 bits, in two halves.
const VERSION: u32 = 0x2008_0522;

/// `struct __user_cap_header_struct`.
#[repr(C)]
struct Header {
    version: u32,
    /// Zero: the calling thread.
    pid: i32,
}

/// `struct __user_cap_data_struct`: 32 capabilities.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Gives up every capability of this thread. The ambient ones go with them.
///
/// # Errors
/// None that Linux documents: giving up is always permitted.
pub fn drop_all() -> Result<(), Errno> {
    set(&[Half::default(); 2])
}

/// Gives up one capability of this thread, so that no program that it executes has it either: also as root, where the
/// bounding set may be changed (`CAP_SETPCAP`).
///
/// # Errors
/// `EPERM` from a filter of system calls without `capset`. Then this thread keeps it, and yet no program of an ordinary
/// user's: the ambient set is left otherwise.
pub fn give_up(capability: u32) -> Result<(), Errno> {
    // While there may still be the permission to. Where there isn't, only root's programs can get it back.
    // SAFETY: PR_CAPBSET_DROP takes one number.
    let _ = check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability)) });
    // The set from which an ordinary user's programs have theirs. It would go with the permitted one, if that goes.
    // SAFETY: PR_CAP_AMBIENT takes numbers.
    let _ = check(unsafe {
        let lower = libc::c_ulong::from(libc::PR_CAP_AMBIENT_LOWER.unsigned_abs());
        libc::prctl(libc::PR_CAP_AMBIENT, lower, libc::c_ulong::from(capability), 0, 0)
    });
    let mut halves = get()?;
    let (half, bit) = (capability / 32, 1 << (capability % 32));
    if let Some(half) = halves.get_mut(usize::try_from(half).unwrap_or(usize::MAX)) {
        half.effective &= !bit;
        half.permitted &= !bit;
        half.inheritable &= !bit;
    }
    set(&halves)
}

fn get() -> Result<[Half; 2], Errno> {
    let mut header = Header { version: VERSION, pid: 0 };
    let mut halves = [Half::default(); 2];
    // SAFETY: the kernel reads the header and writes two halves, as this version of the header has; both outlive the
    // call.
    let done = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, halves.as_mut_ptr()) };
    if done < 0 { Err(Errno::last()) } else { Ok(halves) }
}

fn set(halves: &[Half; 2]) -> Result<(), Errno> {
    let mut header = Header { version: VERSION, pid: 0 };
    // SAFETY: the kernel reads the header and two halves, as this version of the header has; both outlive the call.
    let done = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, halves.as_ptr()) };
    if done < 0 { Err(Errno::last()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::filter::filter;
    use crate::fork::{Forked, fork};

    /// Each set of this process, as a number: inheritable, permitted, effective, bounding, ambient.
    fn sets() -> Vec<u64> {
        let status = fs::read_to_string("/proc/self/status").expect("read");
        let sets = status.lines().filter_map(|line| line.strip_prefix("Cap")?.split_whitespace().nth(1));
        sets.map(|hex| u64::from_str_radix(hex, 16).expect("a number")).collect()
    }

    #[test]
    fn one_that_was_given_up_is_in_no_set_and_the_others_are_where_they_were() {
        let before = sets();
        let left = fork(|| {
            if give_up(SYS_TIME).is_err() {
                return 1;
            }
            let gone = |(at, (before, after)): (usize, (&u64, &u64))| {
                // The bounding set stays as it is where it may not be changed.
                let lasting = at == 3 && before == after && before & (1 << 8) == 0;
                *after == before & !(1 << SYS_TIME) || lasting
            };
            if before.iter().zip(&sets()).enumerate().all(gone) { 0 } else { 2 }
        });
        assert_eq!(left.and_then(Forked::wait), Ok(0));
    }

    #[test]
    fn an_ambient_one_is_given_up_where_a_filter_refuses_the_rest() {
        let left = fork(|| {
            let (half, bit, ambient) = (0, 1 << SYS_TIME, 4);
            let Ok(mut halves) = get() else { return 1 };
            if halves[half].permitted & bit == 0 {
                return 9;
            }
            halves[half].inheritable |= bit;
            let raise = libc::c_ulong::from(libc::PR_CAP_AMBIENT_RAISE.unsigned_abs());
            // SAFETY: PR_CAP_AMBIENT takes numbers.
            let raised =
                |_| unsafe { libc::prctl(libc::PR_CAP_AMBIENT, raise, libc::c_ulong::from(SYS_TIME), 0, 0) };
            let eperm = u32::try_from(libc::EPERM).expect("small");
            let refused = || filter(libc::SYS_capset, libc::SECCOMP_RET_ERRNO | eperm);
            if set(&halves).map(raised) != Ok(0) || sets()[ambient] != u64::from(bit) || !refused() {
                return 2;
            }
            let given_up = give_up(SYS_TIME);
            if given_up == Err(Errno(libc::EPERM)) && sets()[ambient] == 0 { 0 } else { 3 }
        });
        match left.and_then(Forked::wait) {
            Ok(9) => eprintln!("not tested: the tests may not set the clock"),
            left => assert_eq!(left, Ok(0)),
        }
    }

    #[test]
    fn none_is_left_of_all() {
        let left = fork(|| {
            let dropped = drop_all().is_ok();
            i32::from(!dropped || sets().iter().enumerate().any(|(at, set)| at != 3 && *set != 0))
        });
        assert_eq!(left.and_then(Forked::wait), Ok(0));
    }
}
