//! Whether the service, which doesn't run as root, can read a configuration that root wrote.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use hostclock_linux::Errno;
use hostclock_linux::identity::{self, User};

/// As whom the service runs.
pub(crate) const SERVICE_USER: &str = "hostclock";

/// A permission for others, in the lowest three bits of a mode.
const READ: u32 = 0o4;
const SEARCH: u32 = 0o1;

/// Why the service's user may not read `file`, by the accounts of the system at `root`, and what to do, in one line;
/// `None` where it may, where there is no such user or file, and where this process isn't root and can't find out.
pub(crate) fn unreadable_for_service(root: &Path, file: &Path) -> Option<String> {
    let user = User::find(root, SERVICE_USER)?;
    let errno = match identity::may_read_as(file, &user) {
        Ok(()) | Err(Errno::ENOENT | Errno::ENOTSUP) => return None,
        Err(errno) => errno,
    };
    let shown = file.display();
    let (metadata, way) = (fs::metadata(file).ok()?, closed_directory(file, &user));
    let owned = |of: &Metadata| {
        format!("mode {:04o}, {}", of.mode() & 0o7777, identity::owner(root, of.uid(), of.gid()))
    };
    Some(match way {
        Some((directory, metadata)) => format!(
            "{shown}: the service's user {SERVICE_USER} may not read it: the directory {} is closed ({}): chmod o+x {}",
            directory.display(),
            owned(&metadata),
            word(directory)
        ),
        None if allows(&metadata, &user, READ) => format!(
            "{shown}: the service's user {SERVICE_USER} cannot read it: {errno}, though its mode permits it ({}): a \
             security module, an access control list or a mount is in the way",
            owned(&metadata)
        ),
        None => {
            let for_group = metadata.mode() & (READ << 3) != 0;
            let mode = if for_group { String::new() } else { format!(" && chmod g+r {}", word(file)) };
            format!(
                "{shown}: the service's user {SERVICE_USER} may not read it ({}): chgrp {SERVICE_USER} {}{mode}",
                owned(&metadata),
                word(file)
            )
        }
    })
}

/// The first directory on the way to `file` that the user may not pass.
fn closed_directory<'a>(file: &'a Path, user: &User) -> Option<(&'a Path, Metadata)> {
    let mut way: Vec<_> = file.ancestors().skip(1).collect();
    way.reverse();
    way.into_iter().find_map(|directory| {
        let metadata = fs::metadata(directory).ok()?;
        (!allows(&metadata, user, SEARCH)).then_some((directory, metadata))
    })
}

/// Whether the mode alone permits it.
fn allows(metadata: &Metadata, user: &User, what: u32) -> bool {
    let class = if metadata.uid() == user.uid {
        6
    } else if user.groups.contains(&metadata.gid()) {
        3
    } else {
        0
    };
    metadata.mode() & (what << class) != 0
}

/// A path as a shell takes it.
fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,:=".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn what_keeps_the_service_from_a_configuration_is_named_with_the_command_against_it() {
        if hostclock_linux::process::user() != 0 {
            eprintln!("not tested: only root can become the service's user");
            return;
        }
        let root = Scratch::new("service-user");
        let mode = |path: &Path, bits| fs::set_permissions(path, Permissions::from_mode(bits)).expect("set");
        let file = root.join("my etc/h.toml");
        root.file("my etc/h.toml", "");
        mode(root.path(), 0o755);
        mode(&root.join("my etc"), 0o755);
        mode(&file, 0o640);
        let why = || unreadable_for_service(root.path(), &file);
        assert_eq!(why(), None, "there is no such user");
        root.file("etc/passwd", "root:x:0:0::/:\nhostclock:x:64990:64991::/:\n");
        root.file("etc/group", "root:x:0:\nhostclock:x:64991:\n");
        let shown = file.display();
        let line = format!("{shown}: the service's user hostclock may not read it (mode 0640, root:root): ");
        assert_eq!(why(), Some(format!("{line}chgrp hostclock '{shown}'")));
        chown(&file, None, Some(64_991)).expect("given");
        assert_eq!(why(), None, "the command helps");
        mode(&file, 0o600);
        assert!(
            why().expect("closed").ends_with(&format!("chgrp hostclock '{shown}' && chmod g+r '{shown}'"))
        );
        mode(&file, 0o644);
        mode(&root.join("my etc"), 0o750);
        let way = root.join("my etc").display().to_string();
        let closed = format!("may not read it: the directory {way} is closed (mode 0750, root:root): ");
        assert!(why().expect("closed").ends_with(&format!("{closed}chmod o+x '{way}'")));
        fs::remove_file(&file).expect("removed");
        mode(&root.join("my etc"), 0o755);
        assert_eq!(why(), None, "no file, no complaint");
    }
}
