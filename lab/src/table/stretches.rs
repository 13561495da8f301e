//! The rows of stretches in which something went on all the time.

use super::{nanoseconds, row, spans, spread};
use crate::analysis::number;
use crate::analysis::stretch::Stretch;
use crate::daemon::Daemon;
use crate::result::Run;

type Figure = (&'static str, fn(&[&Stretch]) -> String);

/// What a sample is off by, in ns, that isn't worth a row.
const PRECISE: u64 = 10;

const FIGURES: [Figure; 7] = [
    ("largest offset", |seen| spread(seen.iter().map(|s| number::count(s.max)), shown)),
    ("and a sample may be off by", |seen| {
        let coarse = seen.iter().map(|s| s.uncertainty.unsigned_abs()).filter(|ns| *ns > PRECISE);
        spread(coarse.map(number::count), shown)
    }),
    ("offset, rms", |seen| spread(seen.iter().map(|s| s.rms), shown)),
    ("samples off by over 1 us, %", |seen| {
        spread(seen.iter().map(|s| 100.0 * s.wrong), |x| format!("{x:.3}"))
    }),
    ("longest off by over 1 us", |seen| {
        spread(seen.iter().map(|s| number::count(s.longest_wrong.unsigned_abs())), shown)
    }),
    ("steps / lines of log", |seen| {
        let each: Vec<String> = seen.iter().map(|s| format!("{} / {}", s.steps, s.log_lines)).collect();
        if each.is_empty() { "-".into() } else { each.join(", ") }
    }),
    ("under 1 us after its end", |seen| {
        let watched = seen.iter().map(|s| s.watched_after).min().unwrap_or(0);
        if watched == 0 { "-".into() } else { spans(seen.iter().map(|s| s.right_after).collect(), watched) }
    }),
];

/// The rows of all stretches in `runs`.
pub(super) fn rows(runs: &[&Run], daemons: &[&Daemon]) -> Vec<Vec<String>> {
    let mut labels: Vec<&str> = Vec::new();
    for stretch in runs.iter().flat_map(|run| &run.findings.stretches) {
        if !labels.contains(&stretch.label.as_str()) {
            labels.push(&stretch.label);
        }
    }
    let of = |daemon: &Daemon, label: &str| -> Vec<&Stretch> {
        let runs = runs.iter().filter(|run| run.daemon == daemon.name);
        runs.flat_map(|run| &run.findings.stretches).filter(|stretch| stretch.label == label).collect()
    };
    let mut rows = Vec::new();
    for label in labels {
        for (name, figure) in FIGURES {
            let cells: Vec<String> = daemons.iter().map(|daemon| figure(&of(daemon, label))).collect();
            if cells.iter().any(|cell| cell != "-") {
                rows.push(row(format!("{label}: {name}"), cells));
            }
        }
    }
    rows
}

fn shown(ns: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown with two digits")]
    nanoseconds(ns.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::Daemon;
    use crate::result::Findings;

    #[test]
    fn each_stretch_has_its_rows_and_what_was_not_watched_has_none() {
        let stretches = vec![Stretch { label: "x".into(), max: 4_000, wrong: 0.5, ..Stretch::default() }];
        let findings = Findings { stretches, ..Findings::default() };
        let run = Run { findings, ..Run::example() };
        let daemons = ["phc2sys", "chrony"].map(|name| Daemon::named(name).expect("known"));
        let rows = rows(&[&run], &daemons.iter().collect::<Vec<_>>());
        assert_eq!(rows[0], ["x: largest offset", "-", "4.0 us"]);
        assert_eq!(rows[2], ["x: samples off by over 1 us, %", "-", "50.000"]);
        assert_eq!(rows.len(), 5);
    }
}
