//! Other programs that set the same clock: not started beside one, and named when somebody keeps setting it.

use std::path::Path;

use hostclock_linux::rivals::{self, Rival, Role};

const PROC: &str = "/proc";

/// Why the clock is not kept beside another clock daemon, where one runs.
pub(super) fn objection() -> Option<String> {
    let rivals = rivals::find(Path::new(PROC));
    let rival = rivals.iter().find(|rival| rival.role == Role::Daemon)?;
    let stop = rival.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
    Some(format!(
        "{rival} keeps this clock already, and two would fight: stop it{stop}, look on with --observe, or start \
         beside it with --force"
    ))
}

/// Who runs on this machine and might have set the clock, a line each.
pub(super) fn suspects() -> Vec<String> {
    rivals::find(Path::new(PROC)).iter().map(named).collect()
}

fn named(rival: &Rival) -> String {
    match rival.hint() {
        Some(hint) => format!("{rival}; against it: {hint}"),
        None => rival.to_string(),
    }
}

/// The end of a line of the log that asks who it was.
pub(super) fn question(suspects: &[String]) -> String {
    if suspects.is_empty() {
        "; no program that is known to do so runs now: a script, a cron job, hwclock?".to_owned()
    } else {
        format!("; perhaps {}", suspects.join(", or "))
    }
}
