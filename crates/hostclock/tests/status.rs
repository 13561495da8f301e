//! `hostclock status`, `sources` and `tracking` with and without a daemon: what is printed, and how it ends.
#![cfg(unix)]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Folder, code, daemon, hostclock, stderr, stdout};

/// A document of version 1: a clock that is 1.52 s behind, observed only.
const DOCUMENT: &str = include_str!("data/status-v1.json");

fn synchronised() -> String {
    DOCUMENT.replace("\"state\": \"unsynchronised\"", "\"state\": \"synchronised\"")
}

#[test]
fn status_says_in_words_and_by_its_code_whether_the_clock_is_right() {
    let folder = Folder::new("status");
    let (wrong, right) = (folder.path("wrong.sock"), folder.path("right.sock"));
    daemon(&wrong, DOCUMENT.to_owned());
    daemon(&right, synchronised());
    let output = hostclock(&["status", "--socket", &wrong]);
    assert!(
        stdout(&output).starts_with("Clock      NOT right: 1.52 s behind the host"),
        "{}",
        stdout(&output)
    );
    assert_eq!(code(&output), 1);
    let output = hostclock(&["status", "--socket", &right]);
    assert!(stdout(&output).starts_with("Clock      right: 1.52 s behind the host"), "{}", stdout(&output));
    assert_eq!(code(&output), 0);
}

#[test]
fn json_is_the_document_or_its_part() {
    let folder = Folder::new("json");
    let socket = folder.path("s.sock");
    let newer_field = synchronised().replacen('{', "{ \"brand_new\": [1],", 1);
    daemon(&socket, newer_field.clone());
    let shown = stdout(&hostclock(&["status", "--json", "--socket", &socket]));
    assert_eq!(shown, newer_field, "as the daemon sent it, a field that nobody knows yet included");
    let document: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    let part = |command: &str| -> serde_json::Value {
        let output = hostclock(&[command, "--json", "--socket", &socket]);
        assert_eq!(code(&output), 0);
        serde_json::from_str(&stdout(&output)).expect("JSON")
    };
    assert_eq!(part("sources")["source"], document["source"]);
    assert_eq!(part("tracking")["clock"], document["clock"]);
    assert_eq!(part("tracking")["estimate"], document["estimate"]);
    assert_eq!(part("tracking")["version"], 1);
}

#[test]
fn without_a_daemon_they_say_so_show_what_they_can_and_end_with_six() {
    let folder = Folder::new("none");
    let absent = folder.path("absent.sock");
    let deserted = folder.path("deserted.sock");
    drop(UnixListener::bind(Path::new(&deserted)).expect("a socket"));
    for (socket, why) in [(absent, "there is no socket"), (deserted, "nobody listens on")] {
        for command in ["status", "tracking", "sources"] {
            let output = hostclock(&[command, "--socket", &socket]);
            let said = stdout(&output);
            assert_eq!(code(&output), 6, "{command}");
            assert!(
                said.starts_with(&format!("No daemon runs ({why} {socket}); by a reading of its own:\n")),
                "{said}"
            );
        }
        let output = hostclock(&["status", "--json", "--socket", &socket]);
        let document: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        assert_eq!(code(&output), 6);
        assert!(document["daemon"].is_null() && document["problem"].as_str().expect("text").contains(why));
    }
}

#[test]
fn answers_of_no_use_are_one_line_each() {
    let folder = Folder::new("useless");
    let newer = DOCUMENT.replace("\"version\": 1", "\"version\": 2");
    for (name, document, said) in [
        (
            "newer",
            newer,
            "the daemon is newer than this command: it speaks version 2 of the status, this command 1",
        ),
        ("empty", String::new(), "closed the connection without an answer"),
        ("cut", DOCUMENT[..500].to_owned(), "not a status document"),
        ("http", "HTTP/1.1 400 Bad Request\r\n\r\n".to_owned(), "not a status document"),
        ("long", " ".repeat(1_100_000), "longer than 1 MiB"),
    ] {
        let socket = folder.path(name);
        daemon(&socket, document);
        let output = hostclock(&["status", "--socket", &socket]);
        assert_eq!(code(&output), 1, "{name}");
        assert_eq!(stderr(&output).lines().count(), 1, "{name}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{name}: {}", stderr(&output));
    }
}

#[test]
fn a_daemon_that_hangs_is_given_a_second() {
    let folder = Folder::new("hangs");
    let socket = folder.path("s.sock");
    let _listener = UnixListener::bind(Path::new(&socket)).expect("a socket");
    let start = Instant::now();
    let output = hostclock(&["status", "--socket", &socket]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("did not answer within 1 s"), "{}", stderr(&output));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_socket_that_may_not_be_opened_is_three() {
    let folder = Folder::new("denied");
    let socket = folder.path("s.sock");
    daemon(&socket, synchronised());
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o000)).expect("set");
    if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
        return; // Run as root: nothing is denied.
    }
    let output = hostclock(&["status", "--socket", &socket]);
    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("permission denied"), "{}", stderr(&output));
}

#[test]
fn watching_without_a_terminal_writes_a_line_each_second_and_ends_with_its_reader() {
    let folder = Folder::new("watch");
    let socket = folder.path("s.sock");
    daemon(&socket, synchronised());
    let mut watch = Command::new(env!("CARGO_BIN_EXE_hostclock"))
        .args(["status", "--watch", "--socket", &socket])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(watch.stdout.take().expect("piped")).lines();
    for _ in 0..2 {
        let line = lines.next().expect("a line").expect("text");
        assert!(line.contains("Z right: 1.52 s behind the host") && !line.contains('\u{1b}'), "{line}");
    }
    drop(lines);
    let output = watch.wait_with_output().expect("it ends");
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
}

#[test]
fn watching_ends_by_ctrl_c_at_once_and_with_the_code_of_the_last_look() {
    let folder = Folder::new("ctrl-c");
    let socket = folder.path("s.sock");
    daemon(&socket, DOCUMENT.to_owned());
    let mut watch = Command::new(env!("CARGO_BIN_EXE_hostclock"))
        .args(["status", "--watch", "--json", "--socket", &socket])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(watch.stdout.take().expect("piped")).lines();
    let line = lines.next().expect("a line").expect("text");
    let document: serde_json::Value = serde_json::from_str(&line).expect("a whole document in a line");
    assert_eq!(document["version"], 1);
    common::signal(watch.id(), "INT");
    assert_eq!(lines.count(), 0, "nothing more is written");
    assert_eq!(watch.wait().expect("it ends").code(), Some(1));
}
