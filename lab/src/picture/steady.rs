//! The picture of undisturbed clocks: the range of the offset over time, one panel a daemon, all on
//! the same scale unless one is far worse.

use std::fmt::Write;

use super::{Panel, escaped, first_of_each, head};
use crate::daemon::Daemon;
use crate::result::Run;
use crate::table::nanoseconds;

const PANEL: Panel = Panel { width: 640.0, height: 76.0 };
const LEFT: f64 = 236.0;
const TOP: f64 = 84.0;
const GAP: f64 = 16.0;

/// The picture of the first run of each daemon in `runs`; `None` where there is nothing to draw.
pub(crate) fn steady(runs: &[&Run], title: &str) -> Option<String> {
    let first: Vec<(&Daemon, &Run)> =
        first_of_each(runs).into_iter().filter(|(_, run)| run.findings.steady.is_some()).collect();
    let last = first.last()?;
    let seconds = last.1.findings.steady.as_ref()?.seconds.max(1.0);
    let count: f64 = first.iter().map(|_| 1.0).sum();
    let (width, height) = (LEFT + PANEL.width + 30.0, TOP + count * (PANEL.height + GAP) + 40.0);
    let mut svg = head(width, height, title, &[]);
    let _ = write!(
        svg,
        "<text class=\"soft\" x=\"14\" y=\"50\">system minus host; each panel has its own scale, the grey lines are \u{b1} its largest offset</text>"
    );
    let mut top = TOP;
    for (daemon, run) in &first {
        let Some(steady) = &run.findings.steady else { continue };
        let limit = steady.max.max(1);
        let place = |offset: i64| {
            let share = ratio(offset, limit).clamp(-1.0, 1.0);
            PANEL.height / 2.0 * (1.0 - share)
        };
        let _ = write!(
            svg,
            "<text x=\"14\" y=\"{:.0}\" font-weight=\"600\">{}</text><text class=\"soft\" x=\"14\" y=\"{:.0}\">rms {}</text>\
             <text class=\"soft\" x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\" font-size=\"11\">\u{b1}{}</text><g transform=\"translate({LEFT} {top:.0})\">",
            top + 34.0,
            escaped(daemon.title),
            top + 52.0,
            escaped(&rms(steady.rms)),
            LEFT - 7.0,
            top + 9.0,
            escaped(&nanoseconds(limit)),
        );
        for y in [0.0, PANEL.height / 2.0, PANEL.height] {
            let _ =
                write!(svg, "<line class=\"grid\" x1=\"0\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/>", PANEL.width);
        }
        let across = |time: f64| (time / seconds).clamp(0.0, 1.0) * PANEL.width;
        let mut path = String::new();
        for (time, low, high) in &steady.envelope {
            let _ =
                write!(path, "M{0:.1} {1:.1}V{2:.1}", across(*time), place(*low) + 0.5, place(*high) - 0.5);
        }
        let _ = write!(svg, "<path class=\"line {}\" d=\"{path}\"/></g>", daemon.name);
        top += PANEL.height + GAP;
    }
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let x = LEFT + share * PANEL.width;
        let _ = write!(
            svg,
            "<text class=\"soft\" x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\" font-size=\"11\">{:.0} s</text>",
            top + 8.0,
            share * seconds
        );
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

/// A root mean square in a unit that a person would choose.
fn rms(ns: f64) -> String {
    match ns {
        ..1e4 => format!("{ns:.1} ns"),
        ..1e6 => format!("{:.1} us", ns / 1e3),
        _ => format!("{:.1} ms", ns / 1e6),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a place on a page needs four digits")]
fn ratio(offset: i64, limit: u64) -> f64 {
    offset as f64 / limit as f64
}
