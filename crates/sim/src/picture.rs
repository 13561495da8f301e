//! A stretch of a life as a picture (SVG): the true offset and the bound that the daemon published, on a
//! logarithmic scale, with everything that happened and every rule that was broken.

use core::fmt::Write as _;

use crate::judge::Violation;
use crate::record::Record;
use crate::simulation::Sample;
use crate::truth::TrueTime;
use crate::world::Happening;

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 420.0;
/// Around the axes.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 40.0;
/// Decades of ns that are shown: from 1 ns to 3 years.
const DECADES: (f64, f64) = (0.0, 17.0);
const UNITS: [(f64, &str); 6] =
    [(0.0, "1 ns"), (3.0, "1 us"), (6.0, "1 ms"), (9.0, "1 s"), (12.0, "1000 s"), (15.0, "11 d")];

/// Draws what `record` has from `window.0` to `window.1`, in seconds.
#[must_use]
pub fn draw(record: &Record, violations: &[Violation], window: (f64, f64), title: &str) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let frame = Frame { window };
    frame.axes(&mut svg, title);
    let shown: Vec<&Sample> = record.samples.iter().filter(|sample| frame.holds(sample.at)).collect();
    let bound = |sample: &Sample| sample.bound.map(|bound| bound.as_nanos_f64());
    frame.line(&mut svg, shown.iter().map(|sample| (sample.at, bound(sample))), "#d08770");
    frame.line(&mut svg, shown.iter().map(|sample| (sample.at, Some(sample.offset_ns))), "#2f6fb3");
    let happened = record.happened.iter().filter(|(at, _)| frame.holds(*at));
    for (row, (at, what)) in happened.filter_map(|(at, what)| Some((*at, label(what)?))).enumerate() {
        frame.mark(&mut svg, at, &what, "#777", row);
    }
    for (row, violation) in violations.iter().filter(|violation| frame.holds(violation.at)).enumerate() {
        frame.mark(&mut svg, violation.at, &violation.what, "#c00", row + 12);
    }
    svg.push_str("</svg>\n");
    svg
}

fn label(what: &Happening) -> Option<String> {
    match what {
        Happening::Disturbed(what) => Some(what.to_string()),
        Happening::Over(what) => Some(format!("over: {what}")),
        Happening::Stepped { by, .. } => Some(format!("step by {by:+}")),
        Happening::Started => Some("the daemon starts".to_owned()),
        Happening::Runaway => Some("it runs away".to_owned()),
        Happening::Told(_) => None,
    }
}

struct Frame {
    window: (f64, f64),
}

impl Frame {
    fn holds(&self, at: TrueTime) -> bool {
        (self.window.0..=self.window.1).contains(&at.as_secs_f64())
    }

    fn x(&self, at: TrueTime) -> f64 {
        let share = (at.as_secs_f64() - self.window.0) / (self.window.1 - self.window.0).max(1e-9);
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn y(decade: f64) -> f64 {
        let share = (decade.clamp(DECADES.0, DECADES.1) - DECADES.0) / (DECADES.1 - DECADES.0);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }

    fn axes(&self, svg: &mut String, title: &str) {
        for (decade, name) in UNITS {
            let y = Self::y(decade);
            let (end, text) = (WIDTH - RIGHT, LEFT - 6.0);
            // A String takes everything.
            let _ = writeln!(
                svg,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{end}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{text}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
                y + 4.0
            );
        }
        let (from, to) = self.window;
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{0}\">{from:.3} s</text><text x=\"{1}\" y=\"{0}\" text-anchor=\"end\">{to:.3} s</text>\
             <text x=\"{2}\" y=\"{0}\" text-anchor=\"middle\">{3}</text>",
            HEIGHT - 12.0,
            WIDTH - RIGHT,
            WIDTH / 2.0,
            escaped(title)
        );
    }

    /// A line through the magnitudes; it is broken where there is none.
    fn line(&self, svg: &mut String, points: impl Iterator<Item = (TrueTime, Option<f64>)>, colour: &str) {
        let mut path = String::new();
        let mut open = false;
        for (at, ns) in points {
            let Some(ns) = ns else {
                open = false;
                continue;
            };
            let y = Self::y(ns.abs().max(1.0).log10());
            let _ = write!(path, "{}{:.1} {y:.1} ", if open { 'L' } else { 'M' }, self.x(at));
            open = true;
        }
        let _ = writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\"/>");
    }

    fn mark(&self, svg: &mut String, at: TrueTime, what: &str, colour: &str, row: usize) {
        let x = self.x(at);
        let y = TOP + 12.0 + 12.0 * (row % 24) as f64;
        // What stands far to the right is written to the left.
        let (anchor, text) = if x > WIDTH * 0.6 { ("end", x - 3.0) } else { ("start", x + 3.0) };
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" stroke-dasharray=\"3 3\"/>\
             <text x=\"{text:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{}</text>",
            HEIGHT - BOTTOM,
            escaped(what)
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use hostclock_core::units::Duration;

    use super::*;

    #[test]
    fn a_picture_has_the_offset_the_bound_and_what_was_broken() {
        let sample = |s: f64, offset_ns| Sample {
            at: TrueTime::from_secs_f64(s),
            offset_ns,
            bound: Some(Duration::from_micros(1)),
            kernel_bound: None,
            state: None,
            sleeps: Duration::ZERO,
            late: Duration::ZERO,
            unnoticed: false,
        };
        let samples = vec![sample(1.0, 3.0), sample(2.0, -4e9), sample(9.0, 5.0)];
        let record = Record { samples, happened: Vec::new() };
        let broken = [Violation { at: TrueTime::from_secs_f64(1.5), what: "<late>".to_owned() }];
        let svg = draw(&record, &broken, (0.0, 4.0), "seed 7");
        assert_eq!(svg.matches("<path").count(), 2);
        assert!(svg.contains("&lt;late>") && svg.contains("seed 7"));
        assert_eq!(svg.matches('L').count(), 2, "the last sample lies outside");
    }
}
