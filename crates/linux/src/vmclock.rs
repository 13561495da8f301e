//! `/dev/vmclockN`: the page in which a hypervisor says that it has moved the machine.
//!
//! Only the marks are read here: numbers that change when the machine's counter was disturbed (a
//! migration) and when the machine was restored from a snapshot. QEMU and Firecracker give no more than
//! that. The time that the page may hold too comes through the driver's PTP device.
//!
//! The layout and the protocol: include/uapi/linux/vmclock-abi.h; the device: drivers/ptp/ptp_vmclock.c,
//! Linux 7.3. All of the page's numbers are little-endian.
#![allow(unsafe_code, reason = "poll(2)")]

mod open;
mod page;

use std::fs::{self, File};
use std::hint::spin_loop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{Ordering, fence};

use crate::errno::{Errno, check};
pub use open::{Flaw, OpenError};
use page::{Page, Word};

/// The low bit is set while the hypervisor writes, and the number is another one afterwards.
const SEQUENCE: Word = Word::at(0x0c);
const DISRUPTION_MARKER: Word = Word::at(0x10);
const FLAGS: Word = Word::at(0x18);
const GENERATION: Word = Word::at(0x68);

/// `VMCLOCK_FLAG_VM_GEN_COUNTER_PRESENT`.
const GENERATION_PRESENT: u64 = 1 << 8;
/// `VMCLOCK_FLAG_NOTIFICATION_PRESENT`.
const NOTIFICATION_PRESENT: u64 = 1 << 9;

/// How often the page is read while the hypervisor writes to it: some tens of microseconds. Who writes takes a
/// fraction of one; but he may have lost his processor meanwhile, and is not waited for.
const ATTEMPTS: u32 = 1_000;

/// What the page says of the machine's fate. Each number is compared with the one before, and means
/// nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Another one after the counter was disturbed: what was learnt of its frequency and phase is void.
    pub disruption: u64,
    /// Another one after the machine was restored from a snapshot; `None` where the hypervisor doesn't say.
    pub generation: Option<u64>,
}

/// A vmclock device that is open for reading.
#[derive(Debug)]
pub struct Vmclock {
    file: File,
    page: Page,
    /// Whether the structure reaches as far as the generation.
    has_generation: bool,
}

impl Vmclock {
    /// Opens the device at `path`, and makes sure that it is one.
    ///
    /// # Errors
    /// When there is none, when the process may not open it, and when it is something else.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        open::open(path)
    }

    /// The marks as they are now; `None` while the hypervisor is writing them. Maps nothing, waits for nothing:
    /// some loads from memory. Where the page could not be mapped, some system calls, which wait up to
    /// 100 ms for a hypervisor that is writing (`VMCLOCK_MAX_WAIT`).
    #[must_use]
    pub fn marks(&self) -> Option<Marks> {
        for _ in 0..ATTEMPTS {
            match self.attempt() {
                Ok(None) => spin_loop(),
                done => return done.ok().flatten(),
            }
        }
        None
    }

    /// The marks, if nobody wrote to them while they were read.
    fn attempt(&self) -> Result<Option<Marks>, Errno> {
        let before = self.word(SEQUENCE)?;
        // What follows is not read earlier than that, and what comes after it not before this.
        fence(Ordering::Acquire);
        let disruption = self.long(DISRUPTION_MARKER)?;
        let present = self.has_generation && self.long(FLAGS)? & GENERATION_PRESENT != 0;
        let generation = if present { Some(self.long(GENERATION)?) } else { None };
        fence(Ordering::Acquire);
        let unchanged = self.word(SEQUENCE)? == before;
        Ok((unchanged && before % 2 == 0).then_some(Marks { disruption, generation }))
    }

    /// Whether the descriptor becomes readable when the marks change, so that it is worth waiting for.
    #[must_use]
    pub fn notifies(&self) -> bool {
        let promised = self.long(FLAGS).is_ok_and(|flags| flags & NOTIFICATION_PRESENT != 0);
        promised && self.poll().is_ok_and(is_quiet)
    }

    /// Takes a notice, so that the descriptor is unreadable until the next one; look at the marks after
    /// it, not before. `false`: don't wait for it any more, or the wait may not wait (the machine may
    /// have been moved to a hypervisor that doesn't notify).
    #[must_use]
    pub fn heard(&mut self) -> bool {
        // Reading anything by read(2) tells the driver which sequence number was seen; looking at the
        // mapped page doesn't: vmclock_miscdev_poll().
        let taken = page::read_word(&self.file, SEQUENCE);
        taken.is_ok() && self.notifies()
    }

    fn word(&self, word: Word) -> Result<u32, Errno> {
        self.page.word(&self.file, word)
    }

    /// A number of eight bytes, which halves of two different times are kept out of by the protocol.
    fn long(&self, word: Word) -> Result<u64, Errno> {
        let low = u64::from(self.word(word)?);
        let high = u64::from(self.word(word.next())?);
        Ok(high << 32 | low)
    }

    /// What poll(2) says at once.
    fn poll(&self) -> Result<libc::c_short, Errno> {
        let mut entry =
            libc::pollfd { fd: self.file.as_raw_fd(), events: libc::POLLIN | libc::POLLOUT, revents: 0 };
        // SAFETY: one pollfd, borrowed mutably for the length of the call, which doesn't wait.
        check(unsafe { libc::poll(&raw mut entry, 1, 0) })?;
        Ok(entry.revents)
    }
}

impl AsFd for Vmclock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Whether a descriptor that poll(2) said this of is unreadable while nothing happens. The driver says
/// POLLHUP where the hypervisor doesn't notify; and drivers before 7.0 have no poll, so that the kernel
/// says readable *and writable* for them, always (`DEFAULT_POLLMASK`, include/linux/poll.h).
const fn is_quiet(said: libc::c_short) -> bool {
    said & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL | libc::POLLOUT) == 0
}

/// The device nodes that a machine with vmclock has, by number: in `/dev`, and by what sysfs lists, for
/// a `/dev` that can't be listed. `root` is `/`. Usually there is one or none; each may be missing or refuse to
/// be opened.
#[must_use]
pub fn find(root: &Path) -> Vec<PathBuf> {
    let mut numbers: Vec<u32> = ["dev", "sys/class/misc"]
        .into_iter()
        .filter_map(|directory| fs::read_dir(root.join(directory)).ok())
        .flat_map(Iterator::flatten)
        .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("vmclock")?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().map(|number| root.join(format!("dev/vmclock{number}"))).collect()
}

#[cfg(test)]
mod tests;
