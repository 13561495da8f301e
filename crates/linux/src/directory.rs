//! Directories that other users may look into, whatever this process's umask says.
#![cfg_attr(test, allow(unsafe_code, reason = "umask(2)"))]

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Everybody may look in, only the owner may change something.
const MODE: u32 = 0o755;

/// Makes sure that `path` is a directory. What is missing of it is made, with mode 0755 whatever the umask; what is
/// there already is left as it is.
///
/// # Errors
/// Where a directory can't be made, or something else is in its place.
pub(crate) fn make_public(path: &Path) -> io::Result<()> {
    // Of a relative path the last parent is the empty one, which stands for the working directory.
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_public(parent)?;
    }
    match DirBuilder::new().mode(MODE).create(path) {
        // The umask may have taken bits away. No link is followed to a directory that isn't ours.
        Ok(()) => OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW)
            .open(path)?
            .set_permissions(Permissions::from_mode(MODE)),
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::fork::{Forked, fork};
    use crate::scratch::Scratch;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o7777
    }

    #[test]
    fn a_directory_that_is_made_is_for_everybody_whatever_the_umask_and_one_that_is_there_stays() {
        let scratch = Scratch::new();
        let (here, deep) = (scratch.path().join("here"), scratch.path().join("a/b"));
        fs::create_dir(&here).expect("made");
        fs::set_permissions(&here, Permissions::from_mode(0o700)).expect("set");
        // The umask belongs to the whole process, in which other tests run.
        let made = fork(|| {
            // SAFETY: umask(2) takes a number and touches no memory.
            unsafe { libc::umask(0o077) };
            let done = make_public(&deep).and_then(|()| make_public(&here));
            i32::from(done.is_err())
        });
        assert_eq!(made.and_then(Forked::wait), Ok(0));
        assert_eq!((mode(&deep), mode(&scratch.path().join("a")), mode(&here)), (0o755, 0o755, 0o700));
    }

    #[test]
    fn a_file_in_its_place_is_an_error() {
        let scratch = Scratch::new();
        let file = scratch.file("file", "");
        assert!(make_public(&file).is_err());
        assert!(make_public(&file.join("below")).is_err());
    }
}
