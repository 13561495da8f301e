//! What is mounted where, by the text of /proc/self/mountinfo (proc_pid_mountinfo(5)): no file system is asked.

use std::fs;
use std::path::{Path, PathBuf};

/// The mounts of this process, in the order of the file: a later one covers an earlier one.
#[derive(Debug, Default)]
pub(super) struct Mounts(Vec<Mount>);

/// One line of mountinfo.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    point: PathBuf,
    /// The type of the file system, such as `tmpfs`.
    pub(super) kind: String,
    /// Whether nothing can be written here: the mount is read-only, or the file system as a whole is.
    pub(super) read_only: bool,
    /// Where an overlay keeps what is written, as it was named when it was mounted.
    upper: Option<PathBuf>,
}

impl Mounts {
    /// Of the running system whose tree begins at `root`.
    pub(super) fn find(root: &Path) -> Self {
        let text = fs::read_to_string(root.join("proc/self/mountinfo")).unwrap_or_default();
        Self(text.lines().filter_map(Mount::parse).collect())
    }

    /// The mount that holds `path`, an absolute path without links.
    pub(super) fn holding(&self, path: &Path) -> Option<&Mount> {
        let holds = self.0.iter().filter(|mount| path.starts_with(&mount.point));
        // The last of the longest: `max_by_key` gives the last of equal ones.
        holds.max_by_key(|mount| mount.point.components().count())
    }

    /// Whether what is written there is kept in memory, and so is gone after a reboot: also by way of an overlay.
    pub(super) fn is_in_memory(&self, mount: &Mount) -> bool {
        let memory = |mount: &Mount| matches!(mount.kind.as_str(), "tmpfs" | "ramfs" | "rootfs");
        memory(mount) || mount.upper.as_ref().and_then(|upper| self.holding(upper)).is_some_and(memory)
    }
}

impl Mount {
    /// `36 35 98:0 /root /point rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=continue`: the number of fields before
    /// the hyphen varies.
    fn parse(line: &str) -> Option<Self> {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(4);
        let (point, options) = (mount.next()?, mount.next()?);
        let mut file_system = file_system.split(' ');
        let (kind, all) = (file_system.next()?, file_system.nth(1).unwrap_or_default());
        let read_only = |options: &str| options.split(',').any(|option| option == "ro");
        Some(Self {
            point: unescaped(point),
            kind: kind.to_owned(),
            read_only: read_only(options) || read_only(all),
            upper: all.split(',').find_map(|option| option.strip_prefix("upperdir=")).map(unescaped),
        })
    }
}

/// The kernel writes a space, a tab, a newline and a backslash as three octal digits (`mangle`, fs/seq_file.c).
fn unescaped(text: &str) -> PathBuf {
    let codes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    PathBuf::from(codes.iter().fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn mounts(text: &str) -> Mounts {
        let scratch = Scratch::new();
        scratch.file("proc/self/mountinfo", text);
        Mounts::find(scratch.path())
    }

    #[test]
    fn a_path_is_held_by_the_longest_mount_point_and_of_equal_ones_by_the_last() {
        let mounts = mounts(
            "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
             22 21 0:20 / /etc rw - ext4 /dev/sda2 rw\n\
             23 22 0:21 / /etc rw shared:2 master:3 - tmpfs tmpfs rw,size=1k\n\
             24 21 0:22 / /etcetera rw - ext4 /dev/sda3 ro\n\
             25 21 0:23 / /with\\040space ro - ext4 /dev/sda4 rw\n\
             not a mount\n",
        );
        let kind = |path: &str| mounts.holding(Path::new(path)).map(|mount| mount.kind.as_str());
        assert_eq!((kind("/etc/a"), kind("/usr"), kind("relative")), (Some("tmpfs"), Some("ext4"), None));
        let read_only = |path: &str| mounts.holding(Path::new(path)).is_some_and(|mount| mount.read_only);
        assert!(read_only("/etcetera"), "the whole file system is");
        assert!(read_only("/with space/file"), "this mount of it is");
        assert!(!read_only("/etc"));
    }

    #[test]
    fn an_overlay_is_in_memory_where_its_upper_directory_is() {
        let mounts = mounts(
            "21 1 0:30 / / rw - overlay overlay rw,lowerdir=/media/root-ro,upperdir=/media/root-rw/overlay,workdir=/w\n\
             22 21 0:31 / /media/root-rw rw - tmpfs tmpfs rw\n\
             23 21 0:32 / /etc rw - overlay overlay rw,lowerdir=/etc,upperdir=/var/lib/overlay/etc,workdir=/w\n\
             24 21 8:1 / /var rw - ext4 /dev/sda1 rw\n",
        );
        let in_memory =
            |path: &str| mounts.holding(Path::new(path)).is_some_and(|mount| mounts.is_in_memory(mount));
        assert!(in_memory("/usr"));
        assert!(!in_memory("/etc"));
        assert!(!in_memory("/var/lib"));
    }
}
