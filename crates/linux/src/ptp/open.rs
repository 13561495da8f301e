//! Opening a PTP device, and making sure that it is one before anything is asked of it.

use std::ffi::CString;
use std::fs;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::errno::{Errno, check};

/// Why a device could not be opened; a vmclock's node is opened with the same words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// `ENOENT`, or a path through something that is no directory.
    #[error("opening {}: no such device", .0.display())]
    Missing(PathBuf),
    /// `EACCES` or `EPERM`.
    #[error("opening {}: permission denied (read access to the device is enough)", .0.display())]
    Denied(PathBuf),
    /// `EBUSY`.
    #[error("opening {}: another program holds the device exclusively", .0.display())]
    Busy(PathBuf),
    /// `ENODEV` or `ENXIO`: the node is there, but the driver isn't.
    #[error("opening {}: the device node has no device behind it (any more)", .0.display())]
    Gone(PathBuf),
    /// A file, a directory, a socket.
    #[error("opening {}: not a character device", .0.display())]
    NotADevice(PathBuf),
    /// A character device of another kind.
    #[error("opening {}: not a PTP clock", .0.display())]
    NotAClock(PathBuf),
    /// Anything else.
    #[error("opening {}: {errno}", .path.display())]
    Other {
        /// The device's path.
        path: PathBuf,
        /// The kernel's reason.
        errno: Errno,
    },
}

impl OpenError {
    pub(crate) fn of(path: &Path, errno: Errno) -> Self {
        let path = path.to_owned();
        match errno.0 {
            libc::ENOENT | libc::ENOTDIR => Self::Missing(path),
            libc::EACCES | libc::EPERM => Self::Denied(path),
            libc::EBUSY => Self::Busy(path),
            libc::ENODEV | libc::ENXIO => Self::Gone(path),
            _ => Self::Other { path, errno },
        }
    }
}

/// Opens the device and finds its name.
pub(super) fn open(path: &Path) -> Result<(OwnedFd, Option<String>), OpenError> {
    // To open a device can do something (a watchdog starts to run), and to open a named pipe blocks:
    // so sysfs is asked first. What doesn't exist here may still exist for open(2) in a simulator.
    let mut clock_name = None;
    if let Ok(metadata) = fs::metadata(path) {
        if !metadata.file_type().is_char_device() {
            return Err(OpenError::NotADevice(path.to_owned()));
        }
        clock_name = match name_of(metadata.rdev()) {
            Sysfs::Clock(name) => Some(name),
            Sysfs::SomethingElse => return Err(OpenError::NotAClock(path.to_owned())),
            Sysfs::Unknown => None,
        };
    }
    let fd = open_file(path).map_err(|errno| OpenError::of(path, errno))?;
    ask_capabilities(&fd).map_err(|errno| match errno.0 {
        libc::ENOTTY | libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP => {
            OpenError::NotAClock(path.to_owned())
        }
        _ => OpenError::of(path, errno),
    })?;
    Ok((fd, clock_name))
}

fn open_file(path: &Path) -> Result<OwnedFd, Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno(libc::EINVAL))?;
    // SAFETY: `path` is a string with a zero byte at its end that outlives the call.
    let fd = check(unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) })?;
    // SAFETY: the kernel has just given this descriptor to us, and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Every PTP clock answers this. Only *that* it answers counts: what it says of its abilities is no
/// guide (Debian's 6.1 denies the cross timestamps that it gives).
pub(super) fn ask_capabilities(fd: &OwnedFd) -> Result<(), Errno> {
    // SAFETY: the structure consists of integers, for which all bits zero is a value.
    let mut capabilities: libc::ptp_clock_caps = unsafe { mem::zeroed() };
    // SAFETY: this request writes exactly one ptp_clock_caps, whose size is part of the request's
    // number; `capabilities` outlives the call and nobody else refers to it.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::PTP_CLOCK_GETCAPS, &raw mut capabilities) }).map(drop)
}

/// What sysfs says of a character device.
enum Sysfs {
    Clock(String),
    SomethingElse,
    Unknown,
}

fn name_of(device: u64) -> Sysfs {
    let directory = format!("/sys/dev/char/{}:{}", libc::major(device), libc::minor(device));
    match fs::read_to_string(format!("{directory}/clock_name")) {
        Ok(name) => Sysfs::Clock(name.trim().to_owned()),
        Err(_) if Path::new(&directory).is_dir() => Sysfs::SomethingElse,
        Err(_) => Sysfs::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ptp::Device;
    use crate::scratch::Scratch;

    fn refusal(path: &Path) -> OpenError {
        Device::open(path).expect_err("no clock")
    }

    #[test]
    fn a_path_where_nothing_is_says_so() {
        let error = refusal(Path::new("/dev/ptp-of-no-machine"));
        assert_eq!(error.to_string(), "opening /dev/ptp-of-no-machine: no such device");
    }

    #[test]
    fn what_is_not_a_character_device_is_not_even_opened() {
        let scratch = Scratch::new();
        let file = scratch.path().join("file");
        fs::write(&file, "").expect("a file");
        assert_eq!(refusal(&file), OpenError::NotADevice(file));
        let directory = scratch.path().to_owned();
        assert_eq!(refusal(&directory), OpenError::NotADevice(directory.clone()));
        let pipe = scratch.path().join("pipe");
        let c_pipe = CString::new(pipe.as_os_str().as_bytes()).expect("no zero byte");
        // SAFETY: the path is a string with a zero byte at its end that outlives the call.
        assert_eq!(unsafe { libc::mkfifo(c_pipe.as_ptr(), 0o600) }, 0);
        assert_eq!(refusal(&pipe), OpenError::NotADevice(pipe));
    }

    #[test]
    fn another_character_device_is_not_a_clock() {
        let error = refusal(Path::new("/dev/null"));
        assert_eq!(error.to_string(), "opening /dev/null: not a PTP clock");
    }

    #[test]
    fn each_errno_has_its_words() {
        let path = Path::new("/dev/ptp0");
        let words = |errno| OpenError::of(path, Errno(errno)).to_string();
        assert!(words(libc::EACCES).contains("permission denied"));
        assert!(words(libc::EBUSY).contains("another program"));
        assert!(words(libc::ENODEV).contains("no device behind it"));
        assert_eq!(words(libc::EMFILE), format!("opening /dev/ptp0: {}", Errno(libc::EMFILE)));
    }
}
