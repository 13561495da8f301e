//! The picture of how often clocks were off by how much: one panel a daemon, each with its own scale, because a
//! common one would show the best as a line and the worst as nothing.

use std::fmt::Write;

use super::{Panel, escaped, first_of_each, head};
use crate::analysis::histogram::Histogram;
use crate::analysis::number;
use crate::daemon::Daemon;
use crate::result::Run;

const PANEL: Panel = Panel { width: 210.0, height: 120.0 };
const COLUMNS: usize = 4;
/// The title needs so much.
const LEAST_WIDTH: f64 = 860.0;
const LEFT: f64 = 20.0;
const TOP: f64 = 84.0;
const ACROSS: f64 = 24.0;
const DOWN: f64 = 64.0;

/// The picture of the first run of each daemon in `runs`; `None` where no histogram is known.
pub(crate) fn histogram(runs: &[&Run], title: &str) -> Option<String> {
    let all: Vec<(&Daemon, &Histogram)> = first_of_each(runs)
        .into_iter()
        .filter_map(|(daemon, run)| Some((daemon, &run.findings.steady.as_ref()?.histogram)))
        .filter(|(_, histogram)| !histogram.counts.is_empty())
        .collect();
    if all.is_empty() {
        return None;
    }
    let (columns, rows) = (number::count(all.len().min(COLUMNS)), number::count(all.len().div_ceil(COLUMNS)));
    let width = (2.0 * LEFT + columns * (PANEL.width + ACROSS) - ACROSS).max(LEAST_WIDTH);
    let mut svg = head(width, TOP + rows * (PANEL.height + DOWN), title, &[]);
    let _ = write!(
        svg,
        "<text class=\"soft\" x=\"14\" y=\"50\">how often the offset was what; each panel has its own scale</text>"
    );
    for (number, (daemon, histogram)) in all.iter().enumerate() {
        let left = LEFT + number::count(number % COLUMNS) * (PANEL.width + ACROSS);
        let top = TOP + number::count(number / COLUMNS) * (PANEL.height + DOWN);
        let _ = write!(svg, "<g transform=\"translate({left:.0} {top:.0})\">");
        panel(&mut svg, daemon, histogram);
        svg.push_str("</g>");
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

fn panel(svg: &mut String, daemon: &Daemon, histogram: &Histogram) {
    let Panel { width, height } = PANEL;
    let most = histogram.counts.iter().copied().max().unwrap_or(1).max(1);
    let step = width / number::count(histogram.counts.len());
    let mut path = format!("M0 {height:.0}");
    for (number, count) in histogram.counts.iter().enumerate() {
        let up = height * (1.0 - number::count(*count) / number::count(most));
        let _ = write!(path, "V{up:.1}H{:.1}", number::count(number + 1) * step);
    }
    let to = histogram.from + histogram.width * number::count(histogram.counts.len());
    let _ = write!(
        svg,
        "<text x=\"0\" y=\"-8\" font-weight=\"600\">{}</text><line class=\"grid\" x1=\"0\" x2=\"{width:.0}\" y1=\"{height:.0}\" y2=\"{height:.0}\"/>",
        escaped(daemon.title)
    );
    if histogram.from < 0.0 && to > 0.0 {
        let zero = -histogram.from / (to - histogram.from) * width;
        let _ = write!(
            svg,
            "<line class=\"limit\" x1=\"{zero:.1}\" x2=\"{zero:.1}\" y1=\"0\" y2=\"{height:.0}\"/>"
        );
    }
    let below = height + 16.0;
    let _ = write!(
        svg,
        "<path class=\"line {}\" d=\"{path}V{height:.0}\"/>\
         <text class=\"soft\" x=\"0\" y=\"{below:.0}\" font-size=\"11\">{}</text>\
         <text class=\"soft\" x=\"{width:.0}\" y=\"{below:.0}\" font-size=\"11\" text-anchor=\"end\">{}</text>",
        daemon.name,
        escaped(&nanoseconds(histogram.from)),
        escaped(&nanoseconds(to))
    );
}

/// An offset at the edge of a panel.
fn nanoseconds(ns: f64) -> String {
    if ns.abs() < 1e4 {
        format!("{ns:+.0} ns")
    } else if ns.abs() < 1e6 {
        format!("{:+.1} us", ns / 1e3)
    } else {
        format!("{:+.1} ms", ns / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::histogram as counted;
    use crate::analysis::steady::Steady;
    use crate::result::Findings;

    fn run(daemon: &str, histogram: Histogram) -> Run {
        let steady = Some(Steady { histogram, ..Steady::default() });
        Run { daemon: daemon.into(), findings: Findings { steady, ..Findings::default() }, ..Run::example() }
    }

    #[test]
    fn each_daemon_has_a_panel_with_the_ends_of_its_scale() {
        let found = counted::histogram(-20..=20_000);
        let runs = ["hostclock", "chrony"].map(|daemon| run(daemon, found.clone()));
        let svg = histogram(&runs.iter().collect::<Vec<_>>(), "x").unwrap();
        assert_eq!(svg.matches("<path").count(), 2);
        assert!(svg.contains("+20.0 \u{b5}s") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    }

    #[test]
    fn an_old_document_has_no_picture() {
        assert_eq!(histogram(&[&run("chrony", Histogram::default())], "x"), None);
    }
}
