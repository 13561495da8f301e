//! Pictures of results. SVG by hand, readable on light and on dark pages.
//!
//! [`recoveries`]: one panel a disturbance, time after it against the size of the offset, both
//! logarithmic, one line a daemon. `steady`, `allan`, `histogram`: undisturbed clocks.

mod allan;
mod colours;
mod histogram;
mod scale;
mod steady;

use std::fmt::Write;

pub(crate) use allan::allan;
use colours::{COLOURS, DASHED};
pub(crate) use histogram::histogram;
use scale::Scale;
pub(crate) use steady::steady;

use crate::analysis::number;
use crate::daemon::{self, Daemon};
use crate::result::Run;

/// The size of a panel.
struct Panel {
    width: f64,
    height: f64,
}

const PANEL: Panel = Panel { width: 228.0, height: 250.0 };
const GAP: f64 = 14.0;
const LEFT: f64 = 84.0;
const TOP: f64 = 100.0;
const BOTTOM: f64 = 62.0;
const MOST_PANELS: usize = 6;

/// The picture of what happened in `runs` (of one scenario) after each disturbance; of several runs
/// of a daemon the first is drawn. `None` where there is nothing to draw.
pub(crate) fn recoveries(runs: &[&Run], title: &str) -> Option<String> {
    let first = first_of_each(runs);
    let (_, model) = first.first()?;
    let mut labels: Vec<&str> = Vec::new();
    for recovery in &model.findings.recoveries {
        // What was done several times is drawn once.
        if !labels.contains(&recovery.label.as_str()) {
            labels.push(&recovery.label);
        }
    }
    if labels.is_empty() {
        return None;
    }
    let columns = labels.len().min(MOST_PANELS);
    let width = LEFT + number::count(columns) * (PANEL.width + GAP) + 6.0;
    let height = TOP + PANEL.height + BOTTOM;
    let mut svg = head(width, height, title, &first);
    let x = Scale { low: 1e-4, high: 20.0, from: 0.0, to: PANEL.width };
    let y = Scale { low: 1.0, high: 3.155_76e18, from: PANEL.height, to: 0.0 };
    for (column, label) in labels.iter().take(columns).enumerate() {
        let left = LEFT + number::count(column) * (PANEL.width + GAP);
        let _ = write!(svg, "<g transform=\"translate({left:.0} {TOP:.0})\">");
        axes(&mut svg, &x, &y, label, column == 0);
        for (daemon, run) in first.iter().rev() {
            let found = run.findings.recoveries.iter().find(|recovery| recovery.label == *label);
            if let Some(recovery) = found {
                let start = jump(runs, label).map(|jump| (0.0, jump));
                line(&mut svg, &x, &y, daemon.name, start.iter().chain(&recovery.curve));
            }
        }
        svg.push_str("</g>");
    }
    let (middle, below) = (LEFT + (width - LEFT) / 2.0, height - 12.0);
    let _ = write!(
        svg,
        "<text class=\"axis\" x=\"{middle:.0}\" y=\"{below:.0}\">time after the disturbance</text>"
    );
    let _ = write!(
        svg,
        "<text class=\"axis\" transform=\"translate(18 {:.0}) rotate(-90)\">|offset| of the guest's clock</text></svg>",
        TOP + PANEL.height / 2.0
    );
    svg.push('\n');
    Some(svg)
}

/// How wrong the clock was at first, as any run saw it: a recovery may be over before the first sample.
fn jump(runs: &[&Run], label: &str) -> Option<u64> {
    let all = runs.iter().flat_map(|run| &run.findings.recoveries);
    all.filter(|recovery| recovery.label == label)
        .filter_map(|recovery| recovery.jump)
        .map(i64::unsigned_abs)
        .max()
}

/// The first run of each daemon, in the order of legends.
fn first_of_each<'a>(runs: &[&'a Run]) -> Vec<(&'static Daemon, &'a Run)> {
    let of = |daemon: &'static Daemon| Some((daemon, *runs.iter().find(|run| run.daemon == daemon.name)?));
    daemon::ALL.iter().filter_map(of).collect()
}

/// The beginning of a picture: its colours, title and legend.
fn head(width: f64, height: f64, title: &str, legend: &[(&Daemon, &Run)]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\"><title>{}</title><style>\
         .page{{fill:#ffffff}}text{{fill:#24292f}}.soft{{fill:#57606a}}.grid{{stroke:#d8dee4;stroke-width:1}}\
         .limit{{stroke:#57606a;stroke-width:1;stroke-dasharray:5 4}}.frame{{fill:none;stroke:#8c959f}}\
         .axis{{text-anchor:middle;font-size:13px}}.line{{fill:none;stroke-width:2;stroke-linejoin:round}}",
        escaped(title)
    );
    for (name, light, _) in COLOURS {
        let _ = write!(svg, ".{name}{{stroke:{light}}}");
    }
    svg.push_str(
        "@media(prefers-color-scheme:dark){.page{fill:#0d1117}text{fill:#e6edf3}.soft{fill:#9198a1}\
         .grid{stroke:#2a313a}.limit{stroke:#9198a1}.frame{stroke:#6e7681}",
    );
    for (name, _, dark) in COLOURS {
        let _ = write!(svg, ".{name}{{stroke:{dark}}}");
    }
    svg.push('}');
    svg.push_str(DASHED);
    svg.push_str("</style><rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"6\"/>");
    let _ =
        write!(svg, "<text x=\"14\" y=\"26\" font-size=\"16\" font-weight=\"600\">{}</text>", escaped(title));
    let mut left = LEFT;
    for (daemon, _) in legend {
        let _ = write!(
            svg,
            "<line class=\"line {}\" x1=\"{left:.0}\" y1=\"50\" x2=\"{:.0}\" y2=\"50\"/><text x=\"{:.0}\" y=\"54\">{}</text>",
            daemon.name,
            left + 26.0,
            left + 33.0,
            escaped(daemon.title)
        );
        left += 62.0 + 6.6 * number::count(daemon.title.chars().count());
    }
    svg
}

const TIMES: [(f64, &str); 5] =
    [(1e-3, "1 ms"), (1e-2, "10 ms"), (1e-1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s")];
const OFFSETS: [(f64, &str, &str); 8] = [
    (1.0, "1 ns", "grid"),
    (1e3, "1 \u{b5}s", "limit"),
    (1e6, "1 ms", "grid"),
    (1e9, "1 s", "grid"),
    (3.6e12, "1 hour", "grid"),
    (8.64e13, "1 day", "grid"),
    (3.155_76e16, "1 year", "grid"),
    (3.155_76e18, "100 years", "grid"),
];

fn axes(svg: &mut String, x: &Scale, y: &Scale, label: &str, with_numbers: bool) {
    let Panel { width, height } = PANEL;
    let _ = write!(
        svg,
        "<text x=\"{:.0}\" y=\"-10\" text-anchor=\"middle\" font-size=\"13\" font-weight=\"600\">{}</text>",
        width / 2.0,
        escaped(label)
    );
    for (value, text) in TIMES {
        upright(svg, x.at(value), height, text);
    }
    for (value, text, class) in OFFSETS {
        level(svg, y.at(value), width, class, with_numbers.then_some(text));
    }
    let _ = write!(svg, "<rect class=\"frame\" width=\"{width:.0}\" height=\"{height:.0}\"/>");
}

/// A line of the grid from top to bottom, with what it means below.
fn upright(svg: &mut String, at: f64, height: f64, text: &str) {
    let below = height + 17.0;
    let _ = write!(
        svg,
        "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"0\" y2=\"{height:.0}\"/>\
         <text class=\"soft\" x=\"{at:.1}\" y=\"{below:.0}\" text-anchor=\"middle\" font-size=\"11\">{text}</text>"
    );
}

/// A line of the grid from left to right, with what it means on its left.
fn level(svg: &mut String, at: f64, width: f64, class: &str, text: Option<&str>) {
    let _ = write!(svg, "<line class=\"{class}\" x1=\"0\" x2=\"{width:.0}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
    if let Some(text) = text {
        let base = at + 4.0;
        let _ = write!(
            svg,
            "<text class=\"soft\" x=\"-7\" y=\"{base:.1}\" text-anchor=\"end\" font-size=\"11\">{text}</text>"
        );
    }
}

/// A line that keeps its value until the next point, because a clock that is stepped does so too.
fn line<'a>(
    svg: &mut String,
    x: &Scale,
    y: &Scale,
    class: &str,
    points: impl Iterator<Item = &'a (f64, u64)>,
) {
    let mut path = String::new();
    for (seconds, offset) in points {
        let (across, up) = (x.at(*seconds), y.at(number::count(*offset)));
        if path.is_empty() {
            let _ = write!(path, "M{across:.1} {up:.1}");
        } else {
            let _ = write!(path, "H{across:.1}V{up:.1}");
        }
    }
    let _ = write!(svg, "<path class=\"line {class}\" d=\"{path}\"/>");
}

/// Text as SVG wants it, with the minus sign and the micro sign that figures have in print.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('-', "\u{2212}")
        .replace(" us", " \u{b5}s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::recovery::Recovery;
    use crate::result::Findings;

    fn run(daemon: &str, recoveries: Vec<Recovery>) -> Run {
        let findings = Findings { recoveries, ..Findings::default() };
        Run { daemon: daemon.into(), findings, ..Run::example() }
    }

    #[test]
    fn each_daemon_has_a_line_in_each_panel_and_names_are_escaped() {
        let curve = vec![(0.0005, 200_000_000), (0.001, 7)];
        let recovery =
            |label: &str| Recovery { label: label.into(), curve: curve.clone(), ..Recovery::default() };
        let both = vec![recovery("+1 h"), recovery("a<b")];
        let runs = [run("hostclock", both.clone()), run("chrony", both)];
        let svg = recoveries(&runs.iter().collect::<Vec<_>>(), "x").unwrap();
        assert_eq!(svg.matches("<path").count(), 4);
        assert!(svg.contains("a&lt;b") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    }

    #[test]
    fn nothing_gives_no_picture() {
        assert_eq!(recoveries(&[], "x"), None);
        assert_eq!(recoveries(&[&run("chrony", Vec::new())], "x"), None);
    }
}
