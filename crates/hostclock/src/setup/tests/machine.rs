//! A machine that is a directory: its files are real.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::scratch::Scratch;
use crate::setup::Request;

/// The tree.
pub(super) struct Machine(pub(super) Scratch);

impl Machine {
    /// A Debian image with chrony enabled, and hostclock's package not installed.
    pub(super) fn debian(name: &str) -> Self {
        // Tests with one name run beside each other.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let machine = Self(Scratch::in_memory(&format!("setup-{name}-{count}")));
        machine
            .file("etc/passwd", "root:x:0:0::/root:/bin/bash\nhostclock:x:999:999::/:/usr/sbin/nologin\n")
            .file("usr/lib/systemd/systemd", "")
            .file("usr/lib/systemd/system/chrony.service", "")
            .file("usr/bin/hostclock", "")
            .file("etc/chrony/chrony.conf", "refclock PHC /dev/ptp0 poll 1\nmakestep 0.1 -1\npool ntp.org\n")
            .link("etc/systemd/system/chronyd.service", "/usr/lib/systemd/system/chrony.service")
            .link(
                "etc/systemd/system/multi-user.target.wants/chrony.service",
                "/usr/lib/systemd/system/chrony.service",
            );
        machine
    }

    /// The same as a machine that runs, without the service's user, with an older program where this one is to go.
    pub(super) fn running(name: &str) -> Self {
        let machine = Self::debian(name);
        machine
            .file("etc/passwd", "root:x:0:0::/root:/bin/bash\n")
            .file("usr/local/bin/hostclock", "an older one")
            .file("tmp/unpacked/hostclock", "this program")
            .file("run/systemd/system/.here", "");
        machine
    }

    /// A machine that runs OpenRC, with chronyd as its service.
    pub(super) fn with_openrc(name: &str) -> Self {
        let machine = Self::running(name);
        for directory in ["usr/lib/systemd", "run/systemd", "etc/systemd"] {
            fs::remove_dir_all(machine.0.join(directory)).expect("removed");
        }
        machine
            .file("sbin/openrc", "")
            .file("etc/init.d/chronyd", "")
            .file("run/openrc/softlevel", "")
            .file(
                "run/openrc/daemons/chronyd/001",
                "exec=/usr/sbin/chronyd\npidfile=/run/chrony/chronyd.pid\n",
            )
            .file("run/chrony/chronyd.pid", "812\n")
            .link("etc/runlevels/default/chronyd", "/etc/init.d/chronyd");
        machine
    }

    pub(super) fn file(&self, path: &str, text: &str) -> &Self {
        self.0.file(path, text);
        self
    }

    pub(super) fn link(&self, path: &str, target: &str) -> &Self {
        self.0.link(path, target);
        self
    }

    pub(super) fn request(&self) -> Request {
        Request { root: self.0.path().to_owned(), yes: true, ..Request::default() }
    }

    /// Everything in the tree but its processes: directories, files with their mode and bytes, links with where they lead.
    pub(super) fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        let mut waiting = vec![self.0.path().to_owned()];
        while let Some(directory) = waiting.pop() {
            for entry in fs::read_dir(directory).expect("readable").flatten() {
                let path = entry.path();
                let metadata = fs::symlink_metadata(&path).expect("readable");
                if path == self.0.join("proc") {
                    continue;
                }
                let what = if metadata.is_symlink() {
                    format!("-> {}", fs::read_link(&path).expect("a link").display())
                } else if metadata.is_dir() {
                    waiting.push(path.clone());
                    format!("directory {:o}", metadata.mode())
                } else {
                    let bytes = fs::read(&path).expect("readable");
                    let shown = if bytes.len() > 100_000 {
                        format!("{} bytes", bytes.len())
                    } else {
                        format!("{bytes:?}")
                    };
                    format!("{:o} {}:{} {shown}", metadata.mode(), metadata.uid(), metadata.gid())
                };
                found.insert(path, what);
            }
        }
        found
    }

    pub(super) fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.0.join(path)).is_ok()
    }
}
