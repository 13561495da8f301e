//! A directory for one test, removed when the test is over.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hostclock-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory for the test");
        Self(path)
    }

    /// A tree with these files, each a path and its text.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let scratch = Self::new();
        for (file, text) in files {
            scratch.file(file, text);
        }
        scratch
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes a file in it, with the directories above that; gives its path.
    pub(crate) fn file(&self, path: &str, text: &str) -> PathBuf {
        let file = self.0.join(path);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        std::fs::write(&file, text).expect("a file");
        file
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it: the next test has a directory of its own.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
