//! Two daemons that would steer one clock. They run in a user namespace, where each believes that it may and the kernel
//! lets none: nothing here sets the clock of the machine that runs the tests.
#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::process::{Command, Stdio};

/// A first daemon, and then what is left of the arguments of the shell. Both see the same /run, an empty one.
const BESIDE_A_FIRST: &str = r#"
mount -t tmpfs none /run || exit 77
mkdir /run/log
: > /run/log/first
"$PROGRAM" $DAEMON 2> /run/log/first & first=$!
for _ in $(seq 100); do
    grep -q "keeps this machine's clock" /run/log/first && break
    sleep 0.1
done
"$@" "$PROGRAM" $DAEMON $MORE; code=$?
kill $first
echo "first: $first"
cat /run/log/first
exit $code
"#;

const DAEMON: &str = "run --force --socket none --device /dev/ptp-of-a-test --no-load-module";

/// How the second one ended, with what both said; `None` where the machine has no such namespaces for us.
fn beside_a_first(second: &[&str], more: &str) -> Option<(i32, String)> {
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", BESIDE_A_FIRST, "sh"])
        .args(second)
        .env("PROGRAM", env!("CARGO_BIN_EXE_hostclock"))
        .env("DAEMON", DAEMON)
        .env("MORE", more)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let code = output.status.code()?;
    let text =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    if code == 77 || text.contains("unshare failed") {
        eprintln!("not tested: {text}");
        return None;
    }
    Some((code, text))
}

fn is_refused((code, text): &(i32, String)) {
    assert_eq!(*code, 4, "{text}");
    let first = text.lines().find_map(|line| line.strip_prefix("first: ")).expect("its number");
    let refusal = format!("another hostclock is already steering this clock (process {first} of");
    assert!(text.lines().next().is_some_and(|line| line.contains(&refusal)), "{text}");
}

#[test]
fn once_beside_a_daemon_is_refused_and_names_it() {
    if let Some(ended) = beside_a_first(&["env"], "--once") {
        is_refused(&ended);
    }
}

#[test]
fn so_is_a_second_daemon_in_another_network_namespace() {
    if let Some(ended) = beside_a_first(&["unshare", "--net"], "") {
        is_refused(&ended);
    }
}

#[test]
fn one_that_only_observes_is_welcome() {
    if let Some((code, text)) = beside_a_first(&["env"], "--observe --once") {
        assert_eq!(code, 5, "it looked for the device: {text}");
    }
}
