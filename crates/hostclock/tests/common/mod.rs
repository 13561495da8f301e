//! What the tests of the commands share.
#![allow(dead_code, unreachable_pub, reason = "each test program has its own copy and uses a part of it")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs the program to its end.
pub fn hostclock(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hostclock")).args(args).output().expect("it runs")
}

/// How it ended.
pub fn code(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

/// What it said.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// What it complained of.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[cfg(unix)]
/// A daemon that answers everybody with `document`.
pub fn daemon(socket: &str, document: String) {
    use std::io::Write as _;
    let listener = std::os::unix::net::UnixListener::bind(socket).expect("a socket");
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let _ = client.expect("a client").write_all(document.as_bytes());
        }
    });
}

/// Sends a signal. Every shell has a `kill` of its own; the program is not everywhere.
pub fn signal(process: u32, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {process}")]).status();
    assert!(sent.expect("a shell").success());
}

/// A folder of its own for each test, removed at its end.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hostclock-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    /// The path of something in it.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// A file in it.
    pub fn file(&self, name: &str, content: &str) -> String {
        fs::write(self.0.join(name), content).expect("written");
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
