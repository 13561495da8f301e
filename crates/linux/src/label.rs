//! A file's SELinux label: the extended attribute `security.selinux`, of a link itself and not of what it leads to.
#![allow(unsafe_code, reason = "lgetxattr(2), lsetxattr(2)")]

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::errno::Errno;

const NAME: &CStr = c"security.selinux";
/// Labels are some dozens of bytes long; SELinux itself allows a page.
const LONGEST: usize = 4_096;

/// The label of `path`; `None` where there is none, which is usual without SELinux, or it can't be read.
#[must_use]
pub fn of(path: &Path) -> Option<String> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut value = vec![0_u8; LONGEST];
    // SAFETY: both strings end with a zero byte and outlive the call; the kernel writes at most `value.len()` bytes
    // into `value`, which is borrowed mutably.
    let length =
        unsafe { libc::lgetxattr(path.as_ptr(), NAME.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    value.truncate(usize::try_from(length).ok()?);
    let text = String::from_utf8(value).ok()?;
    let text = text.trim_end_matches('\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// Gives `path` a label.
///
/// # Errors
/// `EPERM` without the right to, `EOPNOTSUPP` on a file system that keeps none, `EINVAL` for a label that the loaded
/// policy doesn't know.
pub fn set(path: &Path, label: &str) -> Result<(), Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno(libc::EINVAL))?;
    // The kernel's tools keep the zero byte at its end in the value.
    let value = CString::new(label).map_err(|_| Errno(libc::EINVAL))?;
    let value = value.as_bytes_with_nul();
    // SAFETY: both strings end with a zero byte; the kernel reads `value.len()` bytes of `value`; all outlive the call.
    let done =
        unsafe { libc::lsetxattr(path.as_ptr(), NAME.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    if done == 0 { Ok(()) } else { Err(Errno::last()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_file_without_a_label_has_none_and_one_that_takes_a_label_gives_it_back() {
        let scratch = Scratch::new();
        let file = scratch.file("file", "");
        assert_eq!(of(&scratch.path().join("missing")), None);
        let label = "system_u:object_r:etc_t:s0";
        // Without the right to, or on a file system without labels, this is refused.
        if set(&file, label).is_ok() {
            assert_eq!(of(&file).as_deref(), Some(label));
        }
    }
}
