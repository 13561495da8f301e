//! How well undisturbed clocks were kept: a row a daemon, because there are many.

use super::{markdown, nanoseconds, spread};
use crate::analysis::number;
use crate::daemon::Daemon;
use crate::result::Run;

/// A column: its head, and what it says of a run.
type Figure = (&'static str, fn(&Run) -> Option<f64>, fn(f64) -> String);

const FIGURES: [Figure; 6] = [
    ("rms", |run| Some(run.findings.steady.as_ref()?.rms), tenths),
    (
        "rms about the mean",
        |run| run.findings.steady.as_ref().map(|steady| steady.rms_about_mean).filter(|rms| *rms > 0.0),
        tenths,
    ),
    ("mean", |run| Some(run.findings.steady.as_ref()?.mean), tenths),
    ("largest", |run| Some(number::count(run.findings.steady.as_ref()?.max)), whole),
    (
        "UNSYNC clear",
        |run| {
            run.findings
                .honesty
                .as_ref()
                .map(|h| 100.0 * number::count(h.synchronised) / number::count(h.samples.max(1)))
        },
        |share| format!("{share:.1} %"),
    ),
    (
        "of them off by more than maxerror",
        |run| Some(number::count(run.findings.honesty.as_ref()?.lies)),
        |count| format!("{count:.0}"),
    ),
];

/// The table of `runs`, all of one scenario.
pub(super) fn table(runs: &[&Run], daemons: &[&Daemon]) -> String {
    let mut head = vec!["offset".to_owned()];
    head.extend(FIGURES.iter().map(|(name, ..)| (*name).to_owned()));
    let row = |daemon: &&Daemon| {
        let mut row = vec![daemon.title.to_owned()];
        row.extend(FIGURES.iter().map(|(_, figure, shown)| {
            let of_daemon = runs.iter().filter(|run| run.daemon == daemon.name);
            spread(of_daemon.filter_map(|run| figure(run)), *shown)
        }));
        row
    };
    markdown(&head, &daemons.iter().map(row).collect::<Vec<_>>())
}

fn tenths(ns: f64) -> String {
    if ns.abs() < 1e4 { format!("{ns:.1} ns") } else { whole(ns) }
}

fn whole(ns: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown with two digits")]
    let shown = nanoseconds(ns.abs().round() as u64);
    if ns < 0.0 { format!("-{shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::steady::Steady;
    use crate::result::Findings;

    #[test]
    fn each_daemon_has_a_row_and_an_old_document_lacks_a_figure() {
        let steady = Some(Steady { rms: 3.25, mean: -12_345.0, max: 40_000, ..Steady::default() });
        let run = Run { findings: Findings { steady, ..Findings::default() }, ..Run::example() };
        let text = table(&[&run], &[&Daemon::named("chrony").unwrap()]);
        let cells: Vec<&str> = text.lines().last().unwrap().split('|').map(str::trim).collect();
        assert_eq!(cells[1..6], ["chrony, poll 1", "3.2 ns", "-", "-12 us", "40 us"]);
    }
}
