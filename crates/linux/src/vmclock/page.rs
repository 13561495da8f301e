//! The words of the page: mapped, so that reading one is a load from memory; or read from the device
//! where it doesn't let itself be mapped.
#![allow(unsafe_code, reason = "mmap(2), munmap(2), sysconf(3), and loads from the mapped page")]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::errno::Errno;

/// As much of the page as is looked at: `sizeof(struct vmclock_abi)`.
pub(super) const LENGTH: usize = 0x70;

/// Where a word of four bytes is: at a multiple of four, within [`LENGTH`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Word(usize);

impl Word {
    /// The word `offset` bytes after the start; checked when the program is compiled.
    pub(super) const fn at(offset: usize) -> Self {
        assert!(offset % 4 == 0 && offset + 8 <= LENGTH);
        Self(offset)
    }

    /// The upper half of a number of eight bytes whose lower one is here.
    pub(super) const fn next(self) -> Self {
        // Within the length still: see above.
        Self(self.0 + 4)
    }
}

/// The device's page.
#[derive(Debug)]
pub(super) enum Page {
    Mapped(Mapping),
    /// A system call for each word.
    Unmapped,
}

impl Page {
    /// The word, in this machine's byte order.
    pub(super) fn word(&self, file: &File, word: Word) -> Result<u32, Errno> {
        match self {
            Self::Mapped(mapping) => Ok(mapping.word(word)),
            Self::Unmapped => read_word(file, word),
        }
    }
}

/// The word, from the device itself.
pub(super) fn read_word(file: &File, word: Word) -> Result<u32, Errno> {
    let mut bytes = [0; 4];
    match file.read_at(&mut bytes, word.0 as u64) {
        Ok(4) => Ok(u32::from_le_bytes(bytes)),
        Ok(_) => Err(Errno(libc::ENODATA)),
        Err(error) => Err(error.into()),
    }
}

/// One page of a file, mapped for reading.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<libc::c_void>,
    length: usize,
}

impl Mapping {
    /// Maps the first page, of which the file has at least the first [`LENGTH`] bytes.
    pub(super) fn new(file: &File) -> Result<Self, Errno> {
        // SAFETY: sysconf(3) takes a number and touches no memory of ours.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let length = usize::try_from(page).map_err(|_| Errno::last())?;
        // Exactly one page, for reading only: vmclock_miscdev_mmap() refuses everything else.
        // SAFETY: the kernel chooses a place that nothing of ours has; the descriptor is open during the call.
        let start = unsafe {
            libc::mmap(ptr::null_mut(), length, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        if start == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        NonNull::new(start).map(|start| Self { start, length }).ok_or(Errno(libc::EINVAL))
    }

    /// Whether the page starts with the magic number that `header` starts with.
    pub(super) fn starts_with(&self, header: &[u8]) -> bool {
        header.starts_with(&self.word(Word::at(0)).to_le_bytes())
    }

    fn word(&self, word: Word) -> u32 {
        // SAFETY: the mapping is a whole page at a page's boundary, and it stays until `self` is dropped; by
        // its type `word` is a multiple of 4 within or right behind LENGTH, so inside that page. The device's
        // page doesn't shrink, so the load can't fault. Nobody in this process writes here, and the hypervisor's writes are met by an
        // atomic load; a relaxed one of 4 bytes may be made from read-only memory on every architecture
        // (std::sync::atomic, "Atomic accesses to read-only memory").
        let word = unsafe { AtomicU32::from_ptr(self.start.as_ptr().byte_add(word.0).cast()) };
        u32::from_le(word.load(Ordering::Relaxed))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped, once; no reference into it outlives `word`.
        unsafe { libc::munmap(self.start.as_ptr(), self.length) };
    }
}
