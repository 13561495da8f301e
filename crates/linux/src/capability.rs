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
/// None that Linux documents.
pub fn give_up(capability: u32) -> Result<(), Errno> {
    // While there may still be the permission to. Where there isn't, only root's programs can get it back.
    // SAFETY: PR_CAPBSET_DROP takes one number.
    let _ = check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability)) });
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
    fn none_is_left_of_all() {
        let left = fork(|| {
            let dropped = drop_all().is_ok();
            i32::from(!dropped || sets().iter().enumerate().any(|(at, set)| at != 3 && *set != 0))
        });
        assert_eq!(left.and_then(Forked::wait), Ok(0));
    }
}
