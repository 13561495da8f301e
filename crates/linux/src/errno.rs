//! The kernel's error numbers, in words.

use std::fmt;
use std::io;

/// An error number of the kernel. Shown in words: `No such device`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

impl Errno {
    /// There is no such file.
    pub const ENOENT: Self = Self(libc::ENOENT);
    /// It can't be done here.
    pub const ENOTSUP: Self = Self(libc::ENOTSUP);

    /// The error of the call that has just failed in this thread.
    #[must_use]
    pub fn last() -> Self {
        Self::of(&io::Error::last_os_error())
    }

    /// The number within `error`; an error that std made up itself has none and counts as `EINVAL`,
    /// because that is what std refuses by itself: a path with a zero byte, or too long a socket path.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(libc::EINVAL))
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = io::Error::from_raw_os_error(self.0).to_string();
        // std appends the number: "No such device (os error 19)".
        f.write_str(words.split(" (os error ").next().unwrap_or(&words))
    }
}

impl std::error::Error for Errno {}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        Self::of(&error)
    }
}

/// What a call that returns -1 on failure returned.
pub(crate) fn check(returned: libc::c_int) -> Result<libc::c_int, Errno> {
    if returned < 0 { Err(Errno::last()) } else { Ok(returned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_is_shown_in_words_without_its_number() {
        assert_eq!(Errno(libc::ENODEV).to_string(), "No such device");
        assert_eq!(Errno(libc::EPERM).to_string(), "Operation not permitted");
    }
}
