//! A directory for one test, removed when the test is over: files and links in it, by their paths below it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// An empty one, called so.
    pub(crate) fn new(name: &str) -> Self {
        Self::below(&std::env::temp_dir(), name)
    }

    /// The same in memory where the system has a place for it: for a test that waits for the disk thousands of times.
    pub(crate) fn in_memory(name: &str) -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::below(memory, name) } else { Self::new(name) }
    }

    fn below(place: &Path, name: &str) -> Self {
        let path = place.join(format!("hostclock-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The path of something in it.
    pub(crate) fn join(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// Makes a file, with the directories above it.
    pub(crate) fn file(&self, path: &str, text: &str) -> &Self {
        fs::write(self.with_parent(path), text).expect("a file");
        self
    }

    /// Makes a link.
    pub(crate) fn link(&self, path: &str, target: &str) -> &Self {
        symlink(target, self.with_parent(path)).expect("a link");
        self
    }

    /// What a file has in it; nothing where there is none.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.join(path)).unwrap_or_default()
    }

    fn with_parent(&self, path: &str) -> PathBuf {
        let path = self.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it: the next test has a directory of its own.
        drop(fs::remove_dir_all(&self.0));
    }
}
