//! `hostclock check` and `wait`: what they print, and how they end.
#![cfg(unix)]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Folder, code, daemon, hostclock, stderr, stdout};

/// A document of version 1.
const DOCUMENT: &str = include_str!("data/status-v1.json");

/// One of a clock that is `offset_ns` from the host, and at most `max_error_ns`.
fn document(offset_ns: f64, max_error_ns: f64) -> String {
    DOCUMENT
        .replace("\"state\": \"unsynchronised\"", "\"state\": \"synchronised\"")
        .replacen("\"offset_ns\": -1520000000.0", &format!("\"offset_ns\": {offset_ns:?}"), 1)
        .replacen("\"max_error_ns\": 1521000000.0", &format!("\"max_error_ns\": {max_error_ns:?}"), 1)
}

/// The same, with the host's own error.
fn with_hosts_error(document: &str, ns: f64) -> String {
    document.replacen("\"offset_ns\"", &format!("\"host_max_error_ns\": {ns:?}, \"offset_ns\""), 1)
}

#[test]
fn a_clock_within_the_limit_is_ok_and_one_beyond_it_is_not() {
    let folder = Folder::new("check");
    let socket = folder.path("s.sock");
    daemon(&socket, document(3.1, 1_080.0));
    let check = |limit: &str| hostclock(&["check", "--max-error", limit, "--socket", &socket]);
    let output = check("2us");
    assert_eq!(
        (code(&output), stdout(&output).as_str()),
        (0, "ok: at most 1.1 us from the host (3.1 ns ahead of the host)\n")
    );
    let output = check("1us");
    assert_eq!(code(&output), 1);
    assert!(
        stdout(&output)
            .starts_with("not ok: it may be 1.1 us from the host, and 1.0 us is allowed; the clock is right"),
        "{}",
        stdout(&output)
    );
    assert_eq!(stdout(&output).lines().count(), 1);
    let output = check("1");
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("needs a unit"), "{}", stderr(&output));
}

#[test]
fn against_utc_the_hosts_own_error_counts_and_has_to_be_known() {
    let folder = Folder::new("check-utc");
    let (silent, told) = (folder.path("silent.sock"), folder.path("told.sock"));
    daemon(&silent, document(3.1, 1_080.0));
    daemon(&told, with_hosts_error(&document(3.1, 1_080.0), 5e6));
    let check = |socket: &str, limit: &str| {
        hostclock(&["check", "--basis", "utc", "--max-error", limit, "--socket", socket])
    };
    let output = check(&silent, "1h");
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).contains("host-max-error"), "{}", stdout(&output));
    assert_eq!(code(&check(&told, "5ms")), 1, "5 ms and 1.1 us are more than 5 ms");
    let output = check(&told, "6ms");
    assert_eq!(
        (code(&output), stdout(&output).as_str()),
        (0, "ok: at most 5.1 ms from UTC (3.1 ns ahead of the host)\n")
    );
}

#[test]
fn programs_get_json_and_monitoring_gets_what_it_reads() {
    let folder = Folder::new("check-json");
    let socket = folder.path("s.sock");
    daemon(&socket, document(3.1, 1_080.0));
    let output = hostclock(&["check", "--json", "--socket", &socket]);
    let document: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(
        document,
        serde_json::json!({
            "version": 1, "ok": true, "basis": "host", "limit_ns": 1e8, "max_error_ns": 1080.0, "offset_ns": 3.1,
            "state": "synchronised", "problem": null
        })
    );
    let nagios = |limit: &str, socket: &str| {
        let output = hostclock(&["check", "--nagios", "--max-error", limit, "--socket", socket]);
        (code(&output), stdout(&output))
    };
    assert_eq!(
        nagios("100ms", &socket),
        (
            0,
            "HOSTCLOCK OK - at most 1.1 us from the host (3.1 ns ahead of the host) | \
             max_error=0.000001080s;;0.100000000s;0 offset=0.000000003s\n"
                .to_owned()
        )
    );
    assert_eq!(nagios("1us", &socket).0, 2);
    let (unknown, text) = nagios("1us", &folder.path("absent.sock"));
    assert_eq!(unknown, 3);
    assert!(text.starts_with("HOSTCLOCK UNKNOWN - no daemon runs"), "{text}");
}

#[test]
fn waiting_ends_when_a_daemon_comes_whose_clock_is_good_enough() {
    let folder = Folder::new("wait");
    let socket = folder.path("s.sock");
    let late = socket.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        daemon(&late, document(3.1, 1_080.0));
    });
    let start = Instant::now();
    let output = hostclock(&["wait", "--within", "1ms", "--timeout", "30s", "--socket", &socket]);
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[test]
fn waiting_in_vain_ends_as_a_check_does() {
    let folder = Folder::new("wait-vain");
    let (absent, far) = (folder.path("absent.sock"), folder.path("far.sock"));
    daemon(&far, document(-2e9, 2.1e9));
    let wait = |socket: &str| hostclock(&["wait", "--timeout", "200ms", "--socket", socket]);
    assert_eq!(code(&wait(&absent)), 6);
    let output = wait(&far);
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).starts_with("not ok: it may be 2.1 s from the host"), "{}", stdout(&output));
    assert!(stderr(&output).contains("waited for 0.2 s in vain"), "{}", stderr(&output));
}

/// `hostclock wait` by somebody for whom a socket's mode counts: its code, and how long it took.
fn wait_without_privileges(socket: &str) -> (i32, Duration) {
    let root = stdout(&Command::new("id").arg("-u").output().expect("id(1)")).trim() == "0";
    let program = env!("CARGO_BIN_EXE_hostclock");
    let mut command = Command::new(if root { "setpriv" } else { program });
    if root {
        // Root by name, and without a capability.
        command.args(["--inh-caps=-all", "--bounding-set=-all", program]);
    }
    let start = Instant::now();
    let output = command.args(["wait", "--timeout", "20s", "--socket", socket]).output().expect("setpriv");
    (code(&output), start.elapsed())
}

#[test]
fn waiting_goes_on_for_a_second_where_the_socket_may_not_be_read() {
    let folder = Folder::new("wait-denied");
    let socket = folder.path("s.sock");
    daemon(&socket, document(3.1, 1_080.0));
    let mode = |bits| fs::set_permissions(&socket, fs::Permissions::from_mode(bits)).expect("set");
    mode(0);
    let (code, took) = wait_without_privileges(&socket);
    assert_eq!(code, 3);
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(15), "{took:?}");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait_without_privileges(&socket));
        std::thread::sleep(Duration::from_millis(300));
        mode(0o600);
        assert_eq!(waiting.join().expect("it ended").0, 0, "an old daemon had just made it");
    });
}
