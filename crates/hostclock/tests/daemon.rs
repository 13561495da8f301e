//! The daemon as a process: how it starts, serves, rereads and ends. Nothing here may set the clock of
//! the machine that runs the tests, so every daemon observes, lacks the permission, or finds no device.
#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Folder, code, hostclock, stdout};

/// 64 bits of FNV-1a of `poll = "2s"` and a line's end.
const DIGEST_2S: &str = "503a85329d138046";
/// Of `# poll` and a line's end.
const DIGEST_COMMENT: &str = "0d90588fd5be32d7";

/// A running daemon, killed when a test fails.
struct Daemon {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Daemon {
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_hostclock")), arguments, environment)
    }

    fn start_by(mut command: Command, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = command
            .args(["run", "--observe", "--no-load-module", "--device", "/dev/ptp-of-a-test"])
            .args(arguments)
            .env_remove("JOURNAL_STREAM")
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the daemon starts");
        let log = BufReader::new(child.stderr.take().expect("it is piped"));
        Self { child, log }
    }

    /// Reads the log up to the first line that contains `text`.
    fn wait_for(&mut self, text: &str) -> String {
        let mut all = Vec::new();
        for line in self.log.by_ref().lines() {
            all.push(line.expect("text"));
            if all.last().is_some_and(|line| line.contains(text)) {
                return all.pop().unwrap_or_default();
            }
        }
        assert_eq!(all, [text], "the log has no such line");
        String::new()
    }

    fn signal(&self, name: &str) {
        common::signal(self.child.id(), name);
    }

    fn ends(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn status(socket: &str) -> serde_json::Value {
    let output = hostclock(&["status", "--json", "--socket", socket]);
    serde_json::from_str(&stdout(&output)).expect("a document")
}

#[test]
fn without_a_device_it_waits_for_one_and_says_why() {
    let folder = Folder::new("waits");
    let socket = folder.path("dir/s.sock");
    let mut daemon = Daemon::start(&["--socket", &socket], &[]);
    daemon.wait_for("no source: the configured device /dev/ptp-of-a-test does not exist");
    let document = status(&socket);
    assert_eq!(document["state"], "starting");
    assert_eq!(document["source"], serde_json::Value::Null);
    assert!(document["reason"].as_str().expect("a reason").contains("/dev/ptp-of-a-test"));
    daemon.signal("TERM");
    daemon.wait_for("ending");
    assert_eq!(daemon.child.wait().expect("it ends").code(), Some(0));
    assert!(fs::metadata(&socket).is_err(), "the socket is gone");
}

#[test]
fn readers_that_connect_and_never_read_hold_nobody_up() {
    let folder = Folder::new("readers");
    let socket = folder.path("s.sock");
    let mut daemon = Daemon::start(&["--socket", &socket], &[]);
    daemon.wait_for("no source");
    let silent: Vec<UnixStream> =
        (0..100).map(|_| UnixStream::connect(&socket).expect("connected")).collect();
    let start = Instant::now();
    assert_eq!(status(&socket)["version"], 1);
    assert!(start.elapsed() < Duration::from_secs(5));
    drop(silent);
    daemon.signal("INT");
    assert_eq!(daemon.ends(), Some(0));
}

#[test]
fn a_broken_configuration_is_reported_and_the_old_one_stays() {
    let folder = Folder::new("hup");
    let file = folder.path("h.toml");
    fs::write(&file, "log-level = \"info\"\n").expect("written");
    let mut daemon = Daemon::start(&["--socket", "none", "--config", &file], &[]);
    daemon.wait_for("no source");
    fs::write(&file, "log-level = \"info\"\npol = \"2s\"\n").expect("written");
    daemon.signal("HUP");
    let line = daemon.wait_for("was not reread");
    assert!(line.contains("h.toml:2") && line.contains("did you mean `poll`"), "{line}");
    fs::write(&file, "poll = \"2s\"\n").expect("written");
    daemon.signal("HUP");
    daemon.wait_for("the configuration was reread");
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), Some(0));
}

#[test]
fn the_status_says_which_configuration_is_in_force() {
    let folder = Folder::new("digest");
    let socket = folder.path("s.sock");
    let (file, reread, broken) = (folder.file("h.toml", "poll = \"2s\"\n"), "# poll\n", "pol = 1\n");
    let mut daemon = Daemon::start(&["--socket", &socket, "--config", &file], &[]);
    daemon.wait_for("no source");
    let document = status(&socket);
    assert_eq!(
        (&document["config_file"], &document["config_digest"]),
        (&file.as_str().into(), &DIGEST_2S.into())
    );
    for (content, line, digest) in
        [(broken, "was not reread", DIGEST_2S), (reread, "was reread", DIGEST_COMMENT)]
    {
        fs::write(&file, content).expect("written");
        daemon.signal("HUP");
        daemon.wait_for(line);
        assert_eq!(status(&socket)["config_digest"], digest, "{line}");
    }
    let mut other = Daemon::start(&["--socket", &folder.path("t.sock")], &[]);
    other.wait_for("no source");
    let document = status(&folder.path("t.sock"));
    if fs::metadata("/etc/hostclock/hostclock.toml").is_err() {
        assert_eq!(
            (&document["config_file"], &document["config_digest"]),
            (&serde_json::Value::Null, &serde_json::Value::Null)
        );
    }
}

#[test]
fn a_file_in_the_sockets_place_is_left_alone_and_the_daemon_goes_on_without() {
    let folder = Folder::new("taken");
    let socket = folder.path("s.sock");
    fs::write(&socket, "precious").expect("written");
    let mut daemon = Daemon::start(&["--socket", &socket], &[]);
    daemon.wait_for("exists and is not a socket");
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), Some(0));
    assert_eq!(fs::read_to_string(&socket).expect("still there"), "precious");
}

#[test]
fn a_service_manager_is_told_when_it_runs_and_when_it_ends() {
    let folder = Folder::new("notify");
    let path = folder.path("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(5))).expect("a time limit");
    let environment = [("NOTIFY_SOCKET", path.as_str())];
    let daemon = Daemon::start(&["--socket", "none", "--set", "notify=started"], &environment);
    let mut text = [0; 256];
    let mut heard = || {
        let length = manager.recv(&mut text).expect("a message in time");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    assert!(heard().contains("READY=1"));
    daemon.signal("TERM");
    assert!(heard().contains("STOPPING=1"));
    assert_eq!(daemon.ends(), Some(0));
}

#[test]
fn a_service_manager_is_told_when_a_reload_begins_and_how_it_ended() {
    let folder = Folder::new("notify-reload");
    let (path, file) = (folder.path("notify"), folder.file("h.toml", ""));
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(5))).expect("a time limit");
    let environment = [("NOTIFY_SOCKET", path.as_str())];
    let arguments = ["--socket", "none", "--set", "notify=started", "--config", &file];
    let daemon = Daemon::start(&arguments, &environment);
    let mut text = [0; 1_024];
    let mut heard = || {
        let length = manager.recv(&mut text).expect("a message in time");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    assert!(heard().contains("READY=1"));
    let mut times = Vec::new();
    for (content, status) in [
        ("poll = \"2s\"\n", "STATUS=the configuration was reread"),
        ("poll = \"2s\"\n", "STATUS=the configuration was reread: nothing changed"),
        ("pol = 1\n", "STATUS=the configuration was not reread, the old one stays: "),
    ] {
        fs::write(&file, content).expect("written");
        daemon.signal("HUP");
        let begun = heard();
        let mut lines = begun.lines();
        assert_eq!(lines.next(), Some("RELOADING=1"));
        let time = lines.next().and_then(|line| line.strip_prefix("MONOTONIC_USEC=")).expect("a time");
        times.push(time.parse::<u64>().expect("a number"));
        let ended = heard();
        let mut lines = ended.lines();
        assert_eq!(lines.next(), Some("READY=1"));
        let said = lines.next().expect("a status");
        assert!(if status.ends_with(' ') { said.starts_with(status) } else { said == status }, "{ended}");
        std::thread::sleep(Duration::from_millis(20));
    }
    // In microseconds, and of a clock that goes on.
    let apart = times[2] - times[0];
    assert!((40_000..10_000_000).contains(&apart), "{times:?}");
    daemon.signal("TERM");
    assert!(heard().contains("STOPPING=1"));
    assert_eq!(daemon.ends(), Some(0));
}

#[test]
fn a_service_manager_that_watches_hears_in_time_that_it_lives_and_not_at_every_turn() {
    let folder = Folder::new("watchdog");
    let path = folder.path("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(5))).expect("a time limit");
    let environment = [("NOTIFY_SOCKET", path.as_str()), ("WATCHDOG_USEC", "400000")];
    // A watchdog is for the process that it names.
    let mut shell = Command::new("sh");
    shell.args(["-c", "WATCHDOG_PID=$$ exec \"$@\"", "sh", env!("CARGO_BIN_EXE_hostclock")]);
    let daemon = Daemon::start_by(shell, &["--socket", "none", "--set", "notify=started"], &environment);
    let mut text = [0; 256];
    let mut times = Vec::new();
    while times.len() < 8 {
        let length = manager.recv(&mut text).expect("a message in time");
        if &text[..length] == b"WATCHDOG=1\n" {
            times.push(Instant::now());
        }
    }
    let apart = times[7] - times[0];
    assert!(apart > Duration::from_millis(650), "told eight times within {apart:?}");
    assert!(apart < Duration::from_millis(7 * 400), "seven times the manager's patience, {apart:?}");
    daemon.signal("TERM");
    assert_eq!(daemon.ends(), Some(0));
}

#[test]
fn the_log_as_json_is_an_object_a_line() {
    let mut daemon = Daemon::start(&["--socket", "none", "--log", "json"], &[]);
    let line: serde_json::Value = serde_json::from_str(&daemon.wait_for("no source")).expect("JSON");
    assert_eq!(line["level"], "warning");
    assert!(line["time"].as_str().expect("a time").ends_with('Z'));
}

#[test]
fn the_journal_gets_its_priorities_before_text_and_before_json_and_nobody_else_does() {
    // What systemd says of the stream that it gives to a service.
    const NAMED: &str = "JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec \"$@\"";
    let line = |script: &str, format: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh", env!("CARGO_BIN_EXE_hostclock")]);
        Daemon::start_by(shell, &["--socket", "none", "--log", format], &[]).wait_for("no source")
    };
    let text = line(NAMED, "text");
    assert!(text.starts_with("<4>no source: "), "{text}");
    let json = line(NAMED, "json");
    let object = json.strip_prefix("<4>").expect("a priority");
    assert_eq!(serde_json::from_str::<serde_json::Value>(object).expect("JSON")["level"], "warning");
    // Left over from a service whose shell started us.
    let text = line("JOURNAL_STREAM=8:1 exec \"$@\"", "text");
    assert!(text.contains("Z warning: no source: "), "{text}");
    assert!(line("JOURNAL_STREAM=8:1 exec \"$@\"", "json").starts_with('{'));
}

#[test]
fn without_the_permission_to_set_the_clock_it_ends_with_one_line() {
    // An ordinary user lacks it already; root gives it away, by util-linux's setpriv.
    let root = stdout(&Command::new("id").arg("-u").output().expect("id(1)")).trim() == "0";
    let program = env!("CARGO_BIN_EXE_hostclock");
    let mut command = Command::new(if root { "setpriv" } else { program });
    if root {
        command.args(["--bounding-set=-sys_time", "--inh-caps=-sys_time", program]);
    }
    let output = command
        .arg("run")
        .args(["--socket", "none", "--device", "/dev/ptp-of-a-test", "--no-load-module"])
        .output()
        .expect("setpriv");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("CAP_SYS_TIME") && text.contains("--observe"), "{text}");
}

#[test]
fn a_daemon_that_is_told_to_gives_up_on_a_device_in_time() {
    let start = Instant::now();
    let mut daemon = Daemon::start(&["--socket", "none", "--set", "device-timeout=700ms"], &[]);
    let line = daemon.wait_for("device-timeout");
    assert!(line.contains("no usable device within 700.0 ms of the start (device-timeout): "), "{line}");
    assert!(line.contains("/dev/ptp-of-a-test does not exist"), "{line}");
    assert_eq!(daemon.ends(), Some(5));
    // It isn't the next look for a device, a second after the last, at which it ends.
    assert!(start.elapsed() >= Duration::from_millis(700) && start.elapsed() < Duration::from_secs(10));
}

#[test]
fn once_without_a_device_says_so_by_its_code() {
    let output =
        hostclock(&["run", "--once", "--observe", "--device", "/dev/ptp-of-a-test", "--no-load-module"]);
    assert_eq!(code(&output), 5, "{output:?}");
}
