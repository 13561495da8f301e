//! Results as Markdown tables: the median of all runs, with the smallest and the largest where there
//! are several.

mod figures;
mod steady;
mod stretches;

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::analysis::number;
use crate::analysis::recovery::Recovery;
use crate::daemon;
use crate::result::Run;
use crate::scenario;

/// Scenarios in which it is told too when the clock was right to a millisecond.
const IN_TWO_STAGES: [&str; 4] = ["pause", "restore", "fork", "suspend"];

/// The tables of all scenarios in `runs`.
pub(crate) fn tables(runs: &[Run]) -> String {
    // In the order in which they are listed; those that nobody knows any more come last.
    let place = |name: &str| scenario::ALL.iter().position(|scenario| scenario.name == name);
    let names = runs.iter().map(|run| run.scenario.as_str());
    let scenarios: BTreeSet<(usize, &str)> =
        names.map(|name| (place(name).unwrap_or(usize::MAX), name)).collect();
    let mut text = String::new();
    for (_, scenario) in scenarios {
        let runs: Vec<&Run> = runs.iter().filter(|run| run.scenario == scenario).collect();
        let count = runs.iter().map(|run| run.run).collect::<BTreeSet<_>>().len();
        let _ = writeln!(text, "### {scenario}: {}\n", counted(count));
        text.push_str(&table(&runs));
        text.push_str(&figures::calls(&runs));
        text.push('\n');
    }
    text
}

/// One row a figure, one column a daemon.
fn table(runs: &[&Run]) -> String {
    let daemons: Vec<_> =
        daemon::ALL.iter().filter(|daemon| runs.iter().any(|run| run.daemon == daemon.name)).collect();
    if runs.iter().all(|run| run.findings.steady.is_some()) {
        return steady::table(runs, &daemons);
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut head = vec![String::new()];
    head.extend(daemons.iter().map(|daemon| daemon.title.to_owned()));
    for label in labels(runs) {
        let of = |figure: &dyn Fn(&[&Recovery]) -> String| {
            daemons.iter().map(|daemon| figure(&recoveries(runs, daemon.name, &label))).collect::<Vec<_>>()
        };
        let exactly = of(&|seen| times(seen, |r| r.under_1us));
        let roughly = of(&|seen| times(seen, |r| r.under_1ms));
        if roughly != exactly && runs.iter().any(|run| IN_TWO_STAGES.contains(&run.scenario.as_str())) {
            rows.push(row(format!("{label}: under 1 ms after"), roughly));
        }
        rows.push(row(format!("{label}: under 1 us after"), exactly));
    }
    if !rows.is_empty() {
        let of = |figure: &dyn Fn(&[&Recovery]) -> String| {
            let all = |daemon: &str| -> Vec<&Recovery> {
                runs.iter()
                    .filter(|run| run.daemon == daemon)
                    .flat_map(|run| &run.findings.recoveries)
                    .collect()
            };
            daemons.iter().map(|daemon| figure(&all(daemon.name))).collect::<Vec<_>>()
        };
        rows.push(row(
            "moves by over 1 us after the first recovery".into(),
            of(&|seen| seen.iter().map(|recovery| recovery.later_steps).sum::<usize>().to_string()),
        ));
        rows.push(row(
            "largest offset after the first recovery".into(),
            of(&|seen| {
                seen.iter().map(|recovery| recovery.worst_later).max().map_or_else(|| "-".into(), nanoseconds)
            }),
        ));
    }
    rows.extend(stretches::rows(runs, &daemons));
    for (name, figure) in figures::ALL {
        let cells: Vec<String> = daemons
            .iter()
            .map(|daemon| {
                spread(
                    runs.iter().filter(|run| run.daemon == daemon.name).filter_map(|run| figure.0(run)),
                    figure.1,
                )
            })
            .collect();
        if cells.iter().any(|cell| cell != "-") {
            rows.push(row((*name).to_owned(), cells));
        }
    }
    markdown(&head, &rows)
}

fn labels(runs: &[&Run]) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for recovery in runs.iter().flat_map(|run| &run.findings.recoveries) {
        if !labels.contains(&recovery.label) {
            labels.push(recovery.label.clone());
        }
    }
    labels
}

fn recoveries<'a>(runs: &[&'a Run], daemon: &str, label: &str) -> Vec<&'a Recovery> {
    let of_daemon = runs.iter().filter(|run| run.daemon == daemon);
    of_daemon.flat_map(|run| &run.findings.recoveries).filter(|recovery| recovery.label == label).collect()
}

/// How long recoveries took, in the way of [`spans`].
fn times(seen: &[&Recovery], time: impl Fn(&Recovery) -> Option<i64>) -> String {
    let watched = seen.iter().map(|recovery| recovery.watched).min().unwrap_or(0);
    spans(seen.iter().map(|recovery| time(recovery)).collect(), watched)
}

/// The median of several times with their spread; a time that never came, while it was watched for,
/// counts as longer than all.
fn spans(mut times: Vec<Option<i64>>, watched: i64) -> String {
    times.sort_by_key(|time| time.unwrap_or(i64::MAX));
    let shown = |time: Option<i64>| match time {
        Some(ns) => nanoseconds(ns.unsigned_abs()),
        None => format!("> {:.0} s", (number::count(watched.unsigned_abs()) / 1e9).floor()),
    };
    match times.as_slice() {
        [] => "-".into(),
        [only] => shown(*only),
        [first, .., last] => {
            let median = times.get(times.len() / 2).copied().flatten();
            format!("{} ({} to {})", shown(median), shown(*first), shown(*last))
        }
    }
}

/// The median with the smallest and the largest.
fn spread(values: impl Iterator<Item = f64>, shown: fn(f64) -> String) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.as_slice() {
        [] => "-".into(),
        [only] => shown(*only),
        [first, .., last] => {
            let median = values.get(values.len() / 2).copied().unwrap_or(*first);
            format!("{} ({} to {})", shown(median), shown(*first), shown(*last))
        }
    }
}

/// A span of time in the unit that a person would choose.
pub(crate) fn nanoseconds(ns: u64) -> String {
    let ns = number::count(ns);
    match ns {
        ..1e3 => format!("{ns:.0} ns"),
        ..1e4 => format!("{:.1} us", ns / 1e3),
        ..1e6 => format!("{:.0} us", ns / 1e3),
        ..1e7 => format!("{:.1} ms", ns / 1e6),
        ..1e9 => format!("{:.0} ms", ns / 1e6),
        ..1e11 => format!("{:.1} s", ns / 1e9),
        ..1.728e14 => format!("{:.1} h", ns / 3.6e12),
        ..6.3072e16 => format!("{:.0} days", ns / 8.64e13),
        _ => format!("{:.1} years", ns / 3.155_76e16),
    }
}

fn row(name: String, cells: Vec<String>) -> Vec<String> {
    let mut row = vec![name];
    row.extend(cells);
    row
}

/// A Markdown table whose columns also line up as plain text.
fn markdown(head: &[String], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = std::iter::once(head).chain(rows.iter().map(Vec::as_slice));
        cells.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &[String]| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = line(head);
    text.push_str(&line(&rule));
    rows.iter().for_each(|row| text.push_str(&line(row)));
    text
}

fn counted(runs: usize) -> String {
    if runs == 1 { "1 run".to_owned() } else { format!("median of {runs} runs (smallest to largest)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back_after(time: Option<i64>) -> Recovery {
        Recovery { under_1us: time, watched: 12_400_000_000, ..Recovery::default() }
    }

    #[test]
    fn a_clock_that_never_came_back_counts_as_the_longest_time() {
        let (fast, slow, never) =
            (back_after(Some(900_000)), back_after(Some(6_000_000_000)), back_after(None));
        assert_eq!(times(&[&never], |r| r.under_1us), "> 12 s");
        assert_eq!(times(&[&never, &fast, &slow], |r| r.under_1us), "6.0 s (900 us to > 12 s)");
    }

    #[test]
    fn runs_are_counted_whatever_their_numbers() {
        let run = |run| Run {
            format: crate::result::FORMAT,
            scenario: "date".to_owned(),
            daemon: "hostclock".to_owned(),
            run,
            kernel: String::new(),
            rate_hz: 1_000,
            findings: crate::result::Findings::default(),
        };
        assert!(tables(&[run(1)]).starts_with("### date: 1 run\n"));
        assert!(tables(&[run(1), run(4), run(4)]).starts_with("### date: median of 2 runs"));
    }

    #[test]
    fn a_time_is_shown_in_the_unit_a_person_would_choose() {
        let shown: Vec<String> =
            [7, 1_500, 900_000, 1_234_567, 6_100_000_000, 117_810_000_000_000_000].map(nanoseconds).into();
        assert_eq!(shown, ["7 ns", "1.5 us", "900 us", "1.2 ms", "6.1 s", "3.7 years"]);
    }
}
