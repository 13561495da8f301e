//! `hostclock config`, the flags of `run`, and usage: what is printed, and how it ends.
#![cfg(unix)]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::process::{Command, Stdio};

use common::{Folder, code, hostclock, stderr, stdout};

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

#[cfg(target_os = "linux")]
#[test]
fn a_configuration_that_the_service_may_not_read_is_bad_in_its_place_and_remarked_on_elsewhere() {
    // In a namespace of mounts of its own, with an /etc of its own.
    const SCRIPT: &str = r#"
        mount -t tmpfs -o mode=755 none /etc && mkdir -m 755 /etc/hostclock || exit 77
        echo 'hostclock:x:64990:64991::/:' > /etc/passwd
        for file in /etc/hostclock/hostclock.toml /etc/other.toml; do
            echo 'poll = "2s"' > $file; chmod 640 $file
        done
        "$0" config --check /etc/hostclock/hostclock.toml; echo $?
        "$0" config --show > /dev/null; echo $?
        "$0" config --check /etc/other.toml; echo $?
    "#;
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", SCRIPT, env!("CARGO_BIN_EXE_hostclock")])
        .output()
        .expect("util-linux");
    let (said, complaints) = (stdout(&output), stderr(&output));
    if complaints.contains("unshare failed") || code(&output) == 77 {
        eprintln!("not tested: {complaints}");
        return;
    }
    assert_eq!(said, "2\n2\n/etc/other.toml: ok\n0\n");
    let problem = "the service's user hostclock may not read it (mode 0640, 0:0): chgrp hostclock ";
    let lines: Vec<_> = complaints.lines().collect();
    assert_eq!(lines.len(), 3, "{complaints}");
    let file = "/etc/hostclock/hostclock.toml";
    assert_eq!(lines[0], format!("{file}: {problem}{file}"));
    assert_eq!(lines[1], lines[0]);
    assert_eq!(lines[2], format!("hostclock: /etc/other.toml: {problem}/etc/other.toml"));
}
