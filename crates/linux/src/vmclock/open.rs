//! Opening a vmclock device, and making sure that it is one before it is believed.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Vmclock;
use super::page::{Mapping, Page};
use crate::errno::Errno;
use crate::ptp;

/// `VMCLOCK_MAGIC`: "VCLK".
const MAGIC: u32 = 0x4b4c_4356;
/// The only one that there is.
const VERSION: u16 = 1;
/// The structure must reach behind the flags; the driver insists on it too (`VMCLOCK_MIN_SIZE`).
const SMALLEST: u32 = 0x20;
/// A structure of so many bytes has the generation.
const WITH_GENERATION: u32 = 0x70;
/// What never changes, at the page's start: magic, size, version.
const HEADER: usize = 10;

/// Why a device could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The device can't be opened, or isn't one.
    #[error(transparent)]
    Device(#[from] ptp::OpenError),
    /// What it holds isn't what it should be.
    #[error("opening {}: not a vmclock that is known here: {flaw}", .path.display())]
    NotAVmclock {
        /// The device's path.
        path: PathBuf,
        /// What is wrong.
        flaw: Flaw,
    },
}

/// What is wrong with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It ends before it says what it is.
    #[error("it has no header")]
    NoHeader,
    /// It is a page of another kind.
    #[error("it starts with {0:#010x}, not with {MAGIC:#010x}")]
    Magic(u32),
    /// It is of a version that is not known.
    #[error("its version is {0}, not {VERSION}")]
    Version(u16),
    /// It ends before the marks.
    #[error("it has {0} bytes, and the marks need {SMALLEST}")]
    Size(u32),
}

pub(super) fn open(path: &Path) -> Result<Vmclock, OpenError> {
    let failed = |error: std::io::Error| ptp::OpenError::of(path, Errno::of(&error));
    // To open a named pipe blocks, and a file that somebody may shorten is not to be mapped.
    if !fs::metadata(path).map_err(failed)?.file_type().is_char_device() {
        return Err(ptp::OpenError::NotADevice(path.to_owned()).into());
    }
    // std adds O_CLOEXEC.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(failed)?;
    over(file, path)
}

/// A vmclock in what is open already.
pub(super) fn over(file: File, path: &Path) -> Result<Vmclock, OpenError> {
    let mut header = [0; HEADER];
    let length = file.read_at(&mut header, 0).map_err(|error| ptp::OpenError::of(path, Errno::of(&error)))?;
    let whole = if length == HEADER { Ok(header) } else { Err(Flaw::NoHeader) };
    let size =
        whole.and_then(examine).map_err(|flaw| OpenError::NotAVmclock { path: path.to_owned(), flaw })?;
    let page = match Mapping::new(&file) {
        // The driver maps whole pages: were the structure to start in the midst of one, something else is here.
        Ok(mapping) if mapping.starts_with(&header) => Page::Mapped(mapping),
        _ => Page::Unmapped,
    };
    Ok(Vmclock { file, page, has_generation: size >= WITH_GENERATION })
}

/// The structure's size.
fn examine(header: [u8; HEADER]) -> Result<u32, Flaw> {
    let [m0, m1, m2, m3, s0, s1, s2, s3, v0, v1] = header;
    let magic = u32::from_le_bytes([m0, m1, m2, m3]);
    let size = u32::from_le_bytes([s0, s1, s2, s3]);
    let version = u16::from_le_bytes([v0, v1]);
    if magic != MAGIC {
        Err(Flaw::Magic(magic))
    } else if version != VERSION {
        Err(Flaw::Version(version))
    } else if size < SMALLEST {
        Err(Flaw::Size(size))
    } else {
        Ok(size)
    }
}
