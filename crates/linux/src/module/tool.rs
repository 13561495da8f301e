//! The distribution's `modprobe`, for modules that the kernel can't unpack by itself.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Outcome;

/// By absolute path: a daemon with privileges doesn't search `PATH`. The last is NixOS's.
const PLACES: [&str; 5] = [
    "/sbin/modprobe",
    "/usr/sbin/modprobe",
    "/bin/modprobe",
    "/usr/bin/modprobe",
    "/run/current-system/sw/bin/modprobe",
];
/// Loading takes milliseconds. A tool that hangs must not keep the daemon.
const PATIENCE: Duration = Duration::from_secs(5);
/// As much of its words as one line of a log bears.
const MOST_WORDS: u64 = 400;

/// Runs `modprobe`, or gives `None` where there is none.
pub(super) fn modprobe(name: &str) -> Option<Outcome> {
    let program = PLACES.into_iter().find(|place| Path::new(place).exists())?;
    Some(run(Command::new(program).arg(name), PATIENCE))
}

fn run(command: &mut Command, patience: Duration) -> Outcome {
    let program = command.get_program().to_string_lossy().into_owned();
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return Outcome::Refused(format!("{program}: {error}")),
    };
    let deadline = Instant::now() + patience;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Outcome::Loaded,
            Ok(Some(status)) => return Outcome::Refused(format!("{program}: {}", words(child, status))),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(2)),
            Ok(None) => {
                // It may have ended in between; both then fail, and nothing is lost.
                drop(child.kill());
                drop(child.wait());
                return Outcome::Refused(format!("{program}: took longer than {patience:?}"));
            }
            Err(error) => return Outcome::Refused(format!("{program}: {error}")),
        }
    }
}

/// The first line of what the tool said before it failed, or how it ended where it said nothing.
fn words(child: Child, status: impl ToString) -> String {
    let mut said = Vec::new();
    if let Some(errors) = child.stderr {
        // What can't be read wasn't said.
        drop(errors.take(MOST_WORDS).read_to_end(&mut said));
    }
    let said = String::from_utf8_lossy(&said);
    match said.lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => line.to_owned(),
        _ => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Outcome {
        run(Command::new("/bin/sh").args(["-c", script]), Duration::from_millis(300))
    }

    #[test]
    fn a_tools_success_failure_and_words_are_reported() {
        assert_eq!(shell("exit 0"), Outcome::Loaded);
        let said = shell("echo 'could not insert: Operation not supported' >&2; echo more >&2; exit 1");
        assert_eq!(said, Outcome::Refused("/bin/sh: could not insert: Operation not supported".to_owned()));
        assert_eq!(shell("exit 3"), Outcome::Refused("/bin/sh: exit status: 3".to_owned()));
    }

    #[test]
    fn a_tool_that_hangs_is_ended() {
        let start = Instant::now();
        assert!(matches!(shell("exec sleep 20"), Outcome::Refused(why) if why.contains("took longer")));
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_tool_that_cannot_be_run_is_an_outcome() {
        let outcome = run(&mut Command::new("/no/such/tool"), PATIENCE);
        assert_eq!(
            outcome,
            Outcome::Refused("/no/such/tool: No such file or directory (os error 2)".to_owned())
        );
    }
}
