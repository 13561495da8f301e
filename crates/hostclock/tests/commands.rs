//! The commands as a user runs them: what they print, and with which code they end.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A document of version 1: a clock that is 1.52 s behind, observed only.
const DOCUMENT: &str = include_str!("data/status-v1.json");

fn hostclock(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hostclock")).args(args).output().expect("it runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A folder of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hostclock-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn file(&self, name: &str, content: &str) -> String {
        fs::write(self.0.join(name), content).expect("written");
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A daemon that answers everybody with `document`.
fn daemon(socket: &str, document: String) {
    let listener = UnixListener::bind(Path::new(socket)).expect("a socket");
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let _ = client.expect("a client").write_all(document.as_bytes());
        }
    });
}

fn synchronised() -> String {
    DOCUMENT.replace("\"state\": \"unsynchronised\"", "\"state\": \"synchronised\"")
}

#[test]
fn a_good_configuration_is_one_line_and_zero() {
    let folder = Folder::new("good");
    let file = folder.file("h.toml", "poll = \"250ms\"\nstep-backward = \"never\"\n");
    let output = hostclock(&["config", "--check", &file]);
    assert_eq!((code(&output), stdout(&output)), (0, format!("{file}: ok\n")));
}

#[test]
fn every_mistake_of_a_configuration_is_a_line_and_the_code_is_two() {
    let folder = Folder::new("bad");
    let file = folder.file("h.toml", "poll = \"1s\"\nstep-foward = \"1ms\"\npoll = \"2s\"\nslew-limit = 5\n");
    for args in [
        vec!["config", "--check", &file],
        vec!["run", "--config", &file],
        vec!["config", "--show", "--config", &file],
    ] {
        let output = hostclock(&args);
        assert_eq!(code(&output), 2, "{args:?}");
        let said = stderr(&output);
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines.len(), 3, "{said}");
        assert_eq!(lines[0], format!("{file}:2: unknown key `step-foward`; did you mean `step-forward`?"));
        assert_eq!(lines[1], format!("{file}:3: `poll`: it is set twice"));
        assert!(lines[2].starts_with(&format!("{file}:4: `slew-limit`: 5 needs a unit")), "{said}");
    }
}

#[test]
fn a_configuration_that_is_named_and_missing_is_an_error() {
    let output = hostclock(&["run", "--config", "/nonexistent/h.toml"]);
    assert_eq!(
        (code(&output), stderr(&output)),
        (2, "/nonexistent/h.toml: there is no such file\n".to_owned())
    );
}

#[test]
fn what_config_shows_is_a_configuration_again() {
    let folder = Folder::new("show");
    let odd = folder.file("odd.toml", "poll = \"62.5ms\"\nsteps-after-start = 3\n");
    let shown = stdout(&hostclock(&["config", "--show", "--config", &odd]));
    assert!(shown.contains("poll = \"62.5ms\"  # default: \"1s\"\n"), "{shown}");
    let again = folder.file("again.toml", &shown);
    assert_eq!(code(&hostclock(&["config", "--check", &again])), 0);
    assert_eq!(stdout(&hostclock(&["config", "--show", "--config", &again])), shown);
    let json = stdout(&hostclock(&["config", "--show", "--json", "--config", &odd]));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["poll"]["value"], "62.5ms");
    assert_eq!(json["steps-after-start"]["value"], 3);
    assert_eq!(json["steps-after-start"]["default"], "unlimited");
}

#[test]
fn a_wrong_flag_of_run_is_named_and_the_code_is_two() {
    for (args, said) in [
        (
            ["run", "--poll", "1"],
            "command line: `poll`: 1 needs a unit: ns, us, ms, s, min, h or d; accepted is a duration",
        ),
        (
            ["run", "--log", "xml"],
            "command line: `log-format`: \"xml\" is not known; accepted is \"text\" or \"json\"",
        ),
        (["run", "--set", "pol=1s"], "command line: unknown key `pol`; did you mean `poll`?"),
        (["run", "--set", "poll"], "there is no `=` in it"),
        (["run", "--observe", "--dry-run"], "cannot be used with"),
    ] {
        let output = hostclock(&args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn usage_errors_are_two_and_help_is_zero() {
    assert_eq!(code(&hostclock(&[])), 2);
    assert_eq!(code(&hostclock(&["walk"])), 2);
    assert_eq!(code(&hostclock(&["config"])), 2);
    assert_eq!(code(&hostclock(&["--version"])), 0);
    for command in ["", "run", "status", "sources", "tracking", "config"] {
        let args = [command, "--help"];
        let output = hostclock(if command.is_empty() { &args[1..] } else { &args });
        assert_eq!(code(&output), 0);
        assert!(stdout(&output).lines().all(|line| line.len() <= 100), "{}", stdout(&output));
    }
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
    let interrupted =
        Command::new("kill").args(["-INT", &watch.id().to_string()]).status().expect("kill runs");
    assert!(interrupted.success());
    assert_eq!(lines.count(), 0, "nothing more is written");
    assert_eq!(watch.wait().expect("it ends").code(), Some(1));
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let mut show = Command::new(env!("CARGO_BIN_EXE_hostclock"))
        .args(["config", "--show"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(show.stdout.take());
    let output = show.wait_with_output().expect("it ends");
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
}
