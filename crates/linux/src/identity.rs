//! Another user of this machine: who that is, and what that user may read.
//!
//! Whether a file can be read depends on the modes and owners of all directories above it, on access control lists, on
//! security modules and on how things are mounted. Only the kernel knows, so it is asked: by a child that becomes that
//! user and opens the file.
#![allow(unsafe_code, reason = "setgroups(2), setgid(2), setuid(2), capset(2), open(2) in a forked child")]

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::errno::Errno;
use crate::fork::fork;

/// A user, as the files of accounts have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its own group.
    pub gid: u32,
    /// The numbers of all of its groups, its own included.
    pub groups: Vec<u32>,
}

impl User {
    /// The user `name` of the system whose tree begins at `root`, by its `/etc/passwd` and `/etc/group`; `None` where
    /// there is none. Accounts from elsewhere (LDAP, `nss-systemd`) are not found.
    #[must_use]
    pub fn find(root: &Path, name: &str) -> Option<Self> {
        let text = |file| fs::read(root.join(file)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Self::parse(&text("etc/passwd").ok()?, &text("etc/group").unwrap_or_default(), name)
    }

    /// By the text of both files: passwd(5), group(5).
    fn parse(accounts: &str, groups: &str, name: &str) -> Option<Self> {
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let account =
            accounts.lines().map(fields).find(|account| account.first().is_some_and(|it| it == name))?;
        let number = |at: usize| account.get(at)?.parse().ok();
        let (uid, gid) = (number(2)?, number(3)?);
        let mut all = vec![gid];
        for group in groups.lines().map(fields) {
            let member = group.get(3).is_some_and(|list| list.split(',').any(|member| member.trim() == name));
            if let Some(number) = group.get(2).filter(|_| member).and_then(|number| number.parse().ok()) {
                if !all.contains(&number) {
                    all.push(number);
                }
            }
        }
        Some(Self { name: name.to_owned(), uid, gid, groups: all })
    }
}

/// Whose something is, as `ls -l` writes it: `root:adm`, by the accounts of the system at `root`, and by number where
/// they have no name.
#[must_use]
pub fn owner(root: &Path, uid: u32, gid: u32) -> String {
    let name = |file, number: u32| {
        let text = fs::read(root.join(file)).unwrap_or_default();
        let found = String::from_utf8_lossy(&text).lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(number)).then(|| name.to_owned())
        });
        found.unwrap_or_else(|| number.to_string())
    };
    format!("{}:{}", name("etc/passwd", uid), name("etc/group", gid))
}

/// The number with which the child says that it could not become the user: no errno, which end at 133.
const CANNOT_BECOME: i32 = 255;

/// Whether `user`, without any capability, may open `path` to read it. It is opened and closed again; nothing is read
/// and nothing is waited for.
///
/// # Errors
/// Why the kernel refuses: `EACCES`, `ENOENT` and others. `ENOTSUP`: this process may not become that user, so that it
/// is not known; it takes root.
pub fn may_read_as(path: &Path, user: &User) -> Result<(), Errno> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno(libc::EINVAL))?;
    let child = fork(|| {
        // System calls only, and no memory: other threads of ours may have held its locks.
        if !become_user(user) {
            return CANNOT_BECOME;
        }
        let how = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY;
        // SAFETY: the path ends with a zero byte and outlives the call. The descriptor is closed by the end of the
        // process, which comes next.
        if unsafe { libc::open(path.as_ptr(), how) } >= 0 { 0 } else { Errno::last().0 }
    })?;
    match child.wait()? {
        0 => Ok(()),
        CANNOT_BECOME => Err(Errno(libc::ENOTSUP)),
        errno => Err(Errno(errno)),
    }
}

/// Gives up who this process is, for good.
fn become_user(user: &User) -> bool {
    // SAFETY: setgroups(2) reads as many numbers as it is told that `groups` has; the others take a number each. All
    // of them change this process only, which has one thread.
    let became = unsafe {
        libc::setgroups(user.groups.len(), user.groups.as_ptr()) == 0
            && libc::setgid(user.gid) == 0
            && libc::setuid(user.uid) == 0
    };
    // Another user loses the capabilities by that, unless secure bits keep them; and root doesn't.
    became && crate::capability::drop_all().is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;
    use crate::scratch::Scratch;

    const ACCOUNTS: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\nhostclock:x:64990:64991::/:/bin/false\n";
    const GROUPS: &str =
        "root:x:0:\nclock:x:77:ntp,hostclock\nother:x:78:hostclockx\nhostclock:x:64991:hostclock\n";

    fn somebody() -> User {
        User::parse(ACCOUNTS, GROUPS, "hostclock").expect("found")
    }

    #[test]
    fn a_user_has_the_groups_that_list_it_beside_its_own() {
        assert_eq!(
            somebody(),
            User { name: "hostclock".to_owned(), uid: 64_990, gid: 64_991, groups: vec![64_991, 77] }
        );
        assert_eq!(User::parse(ACCOUNTS, GROUPS, "nobody"), None);
        assert_eq!(User::parse(ACCOUNTS, GROUPS, "broken"), None);
        assert_eq!(User::parse("hostclock:x:-1:5::/:\n", "", "hostclock"), None);
        let scratch = Scratch::new();
        assert_eq!(User::find(scratch.path(), "hostclock"), None);
        scratch.file("etc/passwd", ACCOUNTS);
        assert_eq!(User::find(scratch.path(), "hostclock").expect("found").groups, [64_991]);
        scratch.file("etc/group", GROUPS);
        assert_eq!(owner(scratch.path(), 0, 77), "root:clock");
        assert_eq!(owner(scratch.path(), 64_990, 5), "hostclock:5");
    }

    #[test]
    fn a_file_is_readable_for_its_owner_its_groups_and_those_that_the_way_to_it_lets_through() {
        let scratch = Scratch::new();
        let (user, file) = (somebody(), scratch.file("way/file", "x"));
        if crate::process::user() != 0 {
            assert_eq!(may_read_as(&file, &user), Err(Errno(libc::ENOTSUP)), "it takes root");
            return;
        }
        let (open, closed, denied) = (Ok(()), 0o640, Err(Errno(libc::EACCES)));
        let mode = |path: &Path, bits| fs::set_permissions(path, Permissions::from_mode(bits)).expect("set");
        let way = file.parent().expect("one");
        mode(scratch.path(), 0o755);
        mode(way, 0o755);
        mode(&file, 0o644);
        assert_eq!(may_read_as(&file, &user), open);
        mode(&file, closed);
        assert_eq!(may_read_as(&file, &user), denied, "root's own, though root asks");
        chown(&file, None, Some(77)).expect("given");
        assert_eq!(may_read_as(&file, &user), open, "by a supplementary group");
        chown(&file, Some(64_990), Some(0)).expect("given");
        assert_eq!(may_read_as(&file, &user), open, "its own");
        mode(way, 0o700);
        assert_eq!(may_read_as(&file, &user), denied, "nobody comes that far");
        mode(way, 0o755);
        fs::remove_file(&file).expect("removed");
        assert_eq!(may_read_as(&file, &user), Err(Errno(libc::ENOENT)));
        // A root without capabilities reads only what is root's.
        let root = User { name: "root".to_owned(), uid: 0, gid: 0, groups: vec![0] };
        let file = scratch.file("way/file", "x");
        mode(&file, 0);
        assert_eq!(may_read_as(&file, &root), denied);
    }
}
