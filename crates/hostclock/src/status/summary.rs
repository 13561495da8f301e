//! `hostclock status`: is the clock right? In five lines, and one more for whatever is amiss.

use hostclock_core::policy::Mode;
use hostclock_core::status::{SourceStatus, State, Status};

use super::words::{amount, aside, bound, count, from_host, interval, is_nothing, lasting, printable, rate};

/// Whether the clock is on the host's time, as far as the daemon says: synchronised, or without a
/// source for so short a time that it still counts as such.
pub(crate) fn is_right(status: &Status) -> bool {
    match status.state {
        State::Synchronised => true,
        State::Holdover | State::HostUnreliable => status.clock.kernel_synchronised,
        State::Starting | State::Acquiring | State::Recovering | State::Unsynchronised => false,
    }
}

/// The lines that `hostclock status` prints.
pub(crate) fn summary(status: &Status) -> String {
    let mut lines = vec![("Clock", clock(status))];
    match status.mode {
        Mode::Control => {}
        Mode::Observe => lines.push(("Mode", "observe: the clock is measured and never touched".to_owned())),
        Mode::DryRun => {
            lines.push((
                "Mode",
                "dry run: the clock is never touched, the log says what would be done".to_owned(),
            ));
        }
    }
    let withheld = status.withheld.as_ref();
    if let Some(reason) = &status.reason {
        if withheld.is_none_or(|withheld| withheld.explanation != *reason) {
            lines.push(("Reason", printable(reason)));
        }
    }
    if let Some(withheld) = withheld {
        let offset = amount(withheld.offset_ns);
        lines.push(("Withheld", format!("{offset}: {}", printable(&withheld.explanation))));
    }
    lines.push(("Source", source(status.source.as_ref())));
    if let Some(error) = status.source.as_ref().and_then(|source| source.error.as_ref()) {
        if status.reason.as_ref().is_none_or(|reason| !reason.contains(error.as_str())) {
            lines.push(("", printable(error)));
        }
    }
    lines.push(("Frequency", frequency(status)));
    lines.push(("Kernel", kernel(status)));
    lines.push(("History", history(status)));
    for limitation in &status.limitations {
        lines.push(("Note", printable(limitation)));
    }
    lines.iter().map(|(label, text)| format!("{label:<10} {text}\n")).collect()
}

/// The line that answers the question; also what `--watch` writes where there is no terminal.
pub(crate) fn clock(status: &Status) -> String {
    let lasted = lasting(status.state_for_s);
    let offset = match status.clock.offset_ns {
        Some(offset) => from_host(offset),
        None => "how far from the host is not known".to_owned(),
    };
    let within = match status.clock.max_error_ns {
        Some(error) => format!("at most {} off", bound(error)),
        None => "by how much it may be off is not known".to_owned(),
    };
    match status.state {
        State::Starting => {
            format!("not known yet: no reading of the host's clock so far (started {lasted} ago)")
        }
        State::Acquiring => format!("not right yet: {offset}, being corrected (for {lasted})"),
        State::Synchronised => format!("right: {offset}, {within} (synchronised for {lasted})"),
        State::Recovering => format!("being put right: {offset} (for {lasted})"),
        State::Holdover if is_right(status) => {
            format!("still good: no source for {lasted}, {within} and growing (holdover)")
        }
        State::Holdover => format!("no longer good: no source for {lasted}, {within} and growing (holdover)"),
        State::HostUnreliable if is_right(status) => {
            format!("still good, but the host's clock can't be believed (for {lasted}): {within} and growing")
        }
        State::HostUnreliable => {
            format!("no longer good: the host's clock can't be believed (for {lasted}): {within} and growing")
        }
        State::Unsynchronised => format!("NOT right: {offset} (unsynchronised for {lasted})"),
    }
}

/// The device with its name, as every command writes it.
pub(super) fn device(source: &SourceStatus) -> String {
    format!("{} \"{}\"", printable(&source.device), printable(&source.clock_name))
}

fn source(source: Option<&SourceStatus>) -> String {
    let Some(source) = source else {
        return "none: there is no device to read".to_owned();
    };
    let mut text = format!("{} ({})", device(source), source.time_scale);
    match (source.method, source.last_reading_age_s) {
        (Some(method), Some(age)) if source.error.is_none() => {
            let every = interval(source.interval_s);
            text.push_str(&format!(", {method} every {every}, last {} ago", lasting(age)));
        }
        (_, Some(age)) => text.push_str(&format!(", no reading for {}", lasting(age))),
        (_, None) => text.push_str(", no reading yet"),
    }
    text
}

fn frequency(status: &Status) -> String {
    let clock = &status.clock;
    let host = match &status.estimate {
        Some(estimate) => format!("{} +/- {:.3}", rate(estimate.frequency_ppm), estimate.skew_ppm),
        None => "not known yet".to_owned(),
    };
    let slew = match clock.slew_ppm {
        ppm if is_nothing(ppm) => "not slewing".to_owned(),
        ppm => format!("slewing {}", rate(ppm)),
    };
    format!("{} (the host: {host}), {slew}", rate(clock.rate_ppm - clock.slew_ppm))
}

fn kernel(status: &Status) -> String {
    let clock = &status.clock;
    let (max, est) = (clock.kernel_max_error_us * 1e3, clock.kernel_est_error_us * 1e3);
    kernel_words(clock.kernel_synchronised, max, est, clock.tai_offset_s)
}

/// What the kernel says of the clock.
pub(super) fn kernel_words(
    synchronised: bool,
    max_error_ns: f64,
    est_error_ns: f64,
    tai_offset_s: i32,
) -> String {
    let word = if synchronised { "synchronised" } else { "unsynchronised" };
    let mut text = format!("{word}, maxerror {}, esterror {}", bound(max_error_ns), bound(est_error_ns));
    if tai_offset_s != 0 {
        text.push_str(&format!(", TAI - UTC = {tai_offset_s} s"));
    }
    text
}

fn history(status: &Status) -> String {
    let steps = status.counters.steps;
    let Some(last) = &status.last_step else {
        return match steps {
            0 => format!("no step since the start {} ago", lasting(status.uptime_s)),
            _ => count(steps, "step"),
        };
    };
    let to = last.after_ns.map(|after| format!(" to {}", aside(after))).unwrap_or_default();
    let took = last.took_us.map(|took| format!(" in {}", amount(took * 1e3))).unwrap_or_default();
    format!(
        "{}, the last {} ago: from {}{to}{took} ({})",
        count(steps, "step"),
        lasting(last.age_s),
        aside(last.before_ns),
        last.cause.words()
    )
}
