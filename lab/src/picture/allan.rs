//! The picture of Allan deviations: averaging time against deviation, both logarithmic, one line a daemon.

use std::fmt::Write;

use super::scale::Scale;
use super::{Panel, escaped, first_of_each, head, level, upright};
use crate::daemon::Daemon;
use crate::result::Run;

const PANEL: Panel = Panel { width: 520.0, height: 380.0 };
const LEFT: f64 = 84.0;
const TOP: f64 = 52.0;
const LEGEND: f64 = 250.0;
const LINE: f64 = 20.0;

const TIMES: [(f64, &str); 6] =
    [(1e-3, "1 ms"), (1e-2, "10 ms"), (1e-1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s"), (100.0, "100 s")];

/// The picture of the first run of each daemon in `runs`; `None` where no deviation is known.
pub(crate) fn allan(runs: &[&Run], title: &str) -> Option<String> {
    let curves: Vec<(&Daemon, &[(f64, f64)])> = first_of_each(runs)
        .into_iter()
        .filter_map(|(daemon, run)| Some((daemon, run.findings.steady.as_ref()?.allan.as_slice())))
        .filter(|(_, curve)| !curve.is_empty())
        .collect();
    let points = || curves.iter().flat_map(|(_, curve)| curve.iter()).filter(|(_, value)| *value > 0.0);
    let range = |of: fn(&(f64, f64)) -> f64| {
        points().map(of).fold((f64::MAX, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)))
    };
    let ((shortest, longest), (low, high)) = (range(|point| point.0), range(|point| point.1));
    if high <= 0.0 {
        return None;
    }
    let x = Scale { low: shortest, high: longest, from: 0.0, to: PANEL.width };
    let decade = |value: f64| 10_f64.powf(value);
    let (bottom, top) = (low.log10().floor(), high.log10().ceil());
    let y = Scale { low: decade(bottom), high: decade(top), from: PANEL.height, to: 0.0 };
    let (width, height) = (LEFT + PANEL.width + LEGEND, TOP + PANEL.height + 56.0);
    let mut svg = head(width, height, title, &[]);
    let _ = write!(svg, "<g transform=\"translate({LEFT} {TOP})\">");
    for (value, text) in TIMES.iter().filter(|(value, _)| (shortest..=longest).contains(value)) {
        upright(&mut svg, x.at(*value), PANEL.height, text);
    }
    let mut exponent = bottom;
    while exponent <= top {
        let text = escaped(&format!("1e{exponent:.0}"));
        level(&mut svg, y.at(decade(exponent)), PANEL.width, "grid", Some(&text));
        exponent += 1.0;
    }
    for (daemon, curve) in &curves {
        let mut path = String::new();
        for (tau, value) in *curve {
            let command = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", x.at(*tau), y.at(*value));
        }
        let _ = write!(svg, "<path d=\"{path}\" class=\"line {}\"/>", daemon.name);
    }
    let _ =
        write!(svg, "<rect class=\"frame\" width=\"{:.0}\" height=\"{:.0}\"/>", PANEL.width, PANEL.height);
    let mut below = 10.0;
    for (daemon, _) in &curves {
        let from = PANEL.width + 16.0;
        let _ = write!(
            svg,
            "<line x1=\"{from:.0}\" x2=\"{:.0}\" y1=\"{below:.0}\" y2=\"{below:.0}\" class=\"line {}\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\">{}</text>",
            from + 26.0,
            daemon.name,
            from + 33.0,
            below + 4.0,
            escaped(daemon.title)
        );
        below += LINE;
    }
    let _ = write!(
        svg,
        "<text class=\"axis\" x=\"{:.0}\" y=\"{:.0}\">averaging time</text>\
         <text class=\"axis\" transform=\"translate(-60 {:.0}) rotate(-90)\">Allan deviation of the offset</text></g></svg>",
        PANEL.width / 2.0,
        PANEL.height + 42.0,
        PANEL.height / 2.0
    );
    svg.push('\n');
    Some(svg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::steady::Steady;
    use crate::result::Findings;

    fn run(daemon: &str, allan: Vec<(f64, f64)>) -> Run {
        let steady = Some(Steady { allan, ..Steady::default() });
        Run { daemon: daemon.into(), findings: Findings { steady, ..Findings::default() }, ..Run::example() }
    }

    #[test]
    fn each_daemon_has_a_line_and_a_name() {
        let runs = [run("chrony", vec![(0.001, 1e-6), (1.0, 1e-9)]), run("none", vec![(0.001, 2e-6)])];
        let svg = allan(&runs.iter().collect::<Vec<_>>(), "x").unwrap();
        assert_eq!(svg.matches("<path").count(), 2);
        assert!(svg.contains("chrony, poll 1") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn an_old_document_has_no_picture() {
        assert_eq!(allan(&[&run("chrony", Vec::new())], "x"), None);
    }
}
