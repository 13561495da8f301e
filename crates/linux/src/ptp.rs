//! PTP devices: `/dev/ptpN`, and the four ways to compare one with the system clock.
//!
//! A device gives its readings on its own scale, which may be UTC or TAI; whoever opened it knows
//! which and shifts `reference` accordingly. What fails is reported with the kernel's reason; which
//! method to try next isn't decided here. Reading neither blocks for longer than the driver does, nor
//! allocates.
//!
//! The kernel's side: drivers/ptp/ptp_chardev.c and include/uapi/linux/ptp_clock.h, Linux 6.1. The
//! first versions of the ioctls are used because every kernel and every simulator has them.
#![allow(unsafe_code, reason = "open(2), fstat(2), ioctl(2)")]

mod answer;
mod open;
pub(crate) mod relation;

use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::units::Timestamp;

use crate::clock::{now_raw, read_clock, wide};
use crate::errno::{Errno, check};
pub use answer::PRECISE_UNCERTAINTY;
use answer::{Comparison, Sample};
pub use open::OpenError;
use relation::Tie;

/// How often one reading is attempted while the kernel says `EAGAIN`, `EBUSY`, `EINTR` or `EINVAL`, or
/// somebody sets the clock meanwhile.
const ATTEMPTS: u32 = 5;
/// How many samples a bracketed reading chooses from. Each costs an exit from the virtual machine or two; the first ones
/// find cold caches.
const SAMPLES: u32 = 9;

/// A PTP device that is open for reading.
#[derive(Debug)]
pub struct Device {
    fd: OwnedFd,
    path: PathBuf,
    clock_name: Option<String>,
}

impl Device {
    /// Opens the device at `path`, having made sure that it is a PTP clock.
    ///
    /// # Errors
    /// When there is none, when the process may not open it, and when it is something else.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let (fd, clock_name) = open::open(path)?;
        Ok(Self { fd, path: path.to_owned(), clock_name })
    }

    /// The path by which the device was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the driver calls the clock, such as `KVM virtual PTP`; `None` where sysfs doesn't tell.
    #[must_use]
    pub fn clock_name(&self) -> Option<&str> {
        self.clock_name.as_deref()
    }

    /// Whether there is still a driver behind what was opened; one that was unloaded and loaded again is another
    /// (posix_clock_ioctl() in kernel/time/posix-clock.c says ENODEV to the old descriptor, Linux 6.1).
    #[must_use]
    pub fn is_current(&self) -> bool {
        open::ask_capabilities(&self.fd) != Err(Errno(libc::ENODEV))
    }

    /// Compares the device with the system clock, on the device's own scale.
    ///
    /// A reading that the kernel asks to repeat, or during which somebody set the system clock, is
    /// repeated up to four times. Of a bracketed reading's samples the tightest count.
    ///
    /// # Errors
    /// The kernel's refusal, sorted by what it means; [`Failure::Nonsense`] for an answer that can't be
    /// a time.
    pub fn read(&self, method: Method) -> Result<Reading, Failure> {
        self.read_best_of(SAMPLES, method)
    }

    /// As [`Device::read`], but a bracketed reading is a single sample: cheap, and as wide as it happens to be.
    ///
    /// # Errors
    /// As there.
    pub fn probe(&self, method: Method) -> Result<Reading, Failure> {
        self.read_best_of(1, method)
    }

    fn read_best_of(&self, samples: u32, method: Method) -> Result<Reading, Failure> {
        for _ in 0..ATTEMPTS {
            match self.attempt(samples, method) {
                Err(Failure::Busy) => {}
                done => return done,
            }
        }
        Err(Failure::Busy)
    }

    fn attempt(&self, samples: u32, method: Method) -> Result<Reading, Failure> {
        if method == Method::Precise {
            let before = now_raw();
            let answer = self.sys_offset_precise()?;
            return answer::precise(&answer, before, now_raw());
        }
        // The kernel brackets with CLOCK_REALTIME alone, so the raw counter is tied to that clock on
        // both sides of the call.
        let before = Tie::now();
        let comparison = match method {
            Method::Extended => answer::extended(&self.sys_offset_extended(samples)?)?,
            Method::SysOffset => answer::sys_offset(&self.sys_offset(samples)?)?,
            Method::Precise | Method::Bracket => self.bracket(samples)?,
        };
        let after = Tie::now();
        let (raw, tied_within) = relation::raw_at(comparison.system, before, after)?;
        let Comparison { reference, system, uncertainty } = comparison;
        Ok(Reading { reference, system, raw, uncertainty: uncertainty.max(tied_within), tied_within, method })
    }

    fn sys_offset_precise(&self) -> Result<libc::ptp_sys_offset_precise, Failure> {
        // SAFETY: the structure consists of integers, for which all bits zero is a value.
        let mut answer: libc::ptp_sys_offset_precise = unsafe { mem::zeroed() };
        // SAFETY: this request reads and writes exactly one ptp_sys_offset_precise, whose size is part
        // of the request's number; `answer` outlives the call and nobody else refers to it.
        let done = unsafe { libc::ioctl(self.fd.as_raw_fd(), libc::PTP_SYS_OFFSET_PRECISE, &raw mut answer) };
        check(done).map_err(failure)?;
        Ok(answer)
    }

    fn sys_offset_extended(&self, samples: u32) -> Result<libc::ptp_sys_offset_extended, Failure> {
        // SAFETY: the structure consists of integers, for which all bits zero is a value; as a clock
        // number, 0 is CLOCK_REALTIME, which kernels before 6.12 insist upon.
        let mut answer: libc::ptp_sys_offset_extended = unsafe { mem::zeroed() };
        answer.n_samples = samples;
        // SAFETY: this request reads and writes exactly one ptp_sys_offset_extended, whose size is part
        // of the request's number; `answer` outlives the call and nobody else refers to it.
        let done =
            unsafe { libc::ioctl(self.fd.as_raw_fd(), libc::PTP_SYS_OFFSET_EXTENDED, &raw mut answer) };
        check(done).map_err(failure)?;
        Ok(answer)
    }

    fn sys_offset(&self, samples: u32) -> Result<libc::ptp_sys_offset, Failure> {
        // SAFETY: the structure consists of integers, for which all bits zero is a value.
        let mut answer: libc::ptp_sys_offset = unsafe { mem::zeroed() };
        answer.n_samples = samples;
        // SAFETY: this request reads and, although its number says otherwise, also writes exactly one
        // ptp_sys_offset; `answer` outlives the call and nobody else refers to it.
        let done = unsafe { libc::ioctl(self.fd.as_raw_fd(), libc::PTP_SYS_OFFSET, &raw mut answer) };
        check(done).map_err(failure)?;
        Ok(answer)
    }

    fn bracket(&self, samples: u32) -> Result<Comparison, Failure> {
        let device_clock = clock_id(self.fd.as_raw_fd());
        let mut taken = [None; SAMPLES as usize];
        for sample in taken.iter_mut().take(samples as usize) {
            let before = time_of(libc::CLOCK_REALTIME)?;
            let device = time_of(device_clock)?;
            let after = time_of(libc::CLOCK_REALTIME)?;
            *sample = Some(Sample { before, device, after });
        }
        answer::together(taken.iter().flatten().map(|sample| Ok(*sample)))
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The clock behind a descriptor: `FD_TO_CLOCKID` of clock_getres(2).
const fn clock_id(fd: libc::c_int) -> libc::clockid_t {
    const CLOCKFD: libc::clockid_t = 3;
    (!fd << 3) | CLOCKFD
}

fn time_of(clock: libc::clockid_t) -> Result<Timestamp, Failure> {
    let time = read_clock(clock).map_err(failure)?;
    Timestamp::from_parts(wide(time.tv_sec), wide(time.tv_nsec)).ok_or(Failure::Nonsense)
}

/// What an errno means for the next reading.
const fn failure(errno: Errno) -> Failure {
    /// A number of the kernel's own that a few drivers let out: include/linux/errno.h.
    const ENOTSUPP: i32 = 524;
    match errno.0 {
        libc::EAGAIN | libc::EBUSY | libc::EINTR | libc::EINVAL => Failure::Busy,
        libc::EOPNOTSUPP | libc::ENOTTY | libc::ENOSYS | ENOTSUPP => Failure::Unsupported,
        libc::ENODEV | libc::ENXIO => Failure::NoDevice,
        libc::ESTALE => Failure::Stale,
        libc::EIO => Failure::Io,
        libc::EACCES | libc::EPERM => Failure::Denied,
        other => Failure::Other(other),
    }
}

// The numbers that a kernel on x86-64 and arm64 knows; a C library's header that differed would only
// show at run time, as a method that is never supported.
const _: () = assert!(
    libc::PTP_CLOCK_GETCAPS as u32 == 0x8050_3d01
        && libc::PTP_SYS_OFFSET as u32 == 0x4340_3d05
        && libc::PTP_SYS_OFFSET_PRECISE as u32 == 0xc040_3d08
        && libc::PTP_SYS_OFFSET_EXTENDED as u32 == 0xc4c0_3d09
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_errno_is_sorted_by_what_it_means_for_the_next_attempt() {
        let sorted = |errno| failure(Errno(errno));
        for busy in [libc::EAGAIN, libc::EBUSY, libc::EINTR, libc::EINVAL] {
            assert_eq!(sorted(busy), Failure::Busy);
        }
        for unsupported in [libc::EOPNOTSUPP, libc::ENOTTY, libc::ENOSYS, 524] {
            assert_eq!(sorted(unsupported), Failure::Unsupported);
        }
        assert_eq!(sorted(libc::ENODEV), Failure::NoDevice);
        assert_eq!(sorted(libc::ENXIO), Failure::NoDevice);
        assert_eq!(sorted(libc::ESTALE), Failure::Stale);
        assert_eq!(sorted(libc::EIO), Failure::Io);
        assert_eq!(sorted(libc::EPERM), Failure::Denied);
        assert_eq!(sorted(libc::ETIMEDOUT), Failure::Other(libc::ETIMEDOUT));
    }

    #[test]
    fn the_clock_behind_a_descriptor_is_numbered_as_the_kernel_does() {
        assert_eq!(clock_id(0), -5);
        assert_eq!(clock_id(5), -45);
    }

    /// A device that is no PTP clock answers every method with a refusal, and nothing hangs.
    #[test]
    fn something_else_than_a_clock_refuses_every_method() {
        let file = std::fs::File::open("/dev/null").expect("opened");
        let device = Device { fd: file.into(), path: PathBuf::new(), clock_name: None };
        for method in [Method::Precise, Method::Extended, Method::SysOffset] {
            assert_eq!(device.read(method), Err(Failure::Unsupported), "{method}");
        }
        assert_eq!(device.read(Method::Bracket), Err(Failure::Busy));
    }

    /// A refusal goes the same way as an answer.
    #[test]
    fn reading_allocates_nothing() {
        let file = std::fs::File::open("/dev/null").expect("opened");
        let device = Device { fd: file.into(), path: PathBuf::new(), clock_name: None };
        let counted = allocation_counter::measure(|| {
            for method in Method::ALL {
                assert!(device.read(method).is_err() && device.probe(method).is_err());
            }
        });
        assert_eq!(counted.count_total, 0);
    }
}
