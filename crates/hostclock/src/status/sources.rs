//! `hostclock sources`: the device that is read, and what is known of every method of reading it.

use hostclock_core::status::{MethodState, SourceStatus, Status};

use super::summary::device;
use super::words::{amount, bound, interval, kind, lasting, printable};

/// The lines that `hostclock sources` prints.
pub(crate) fn sources(status: &Status) -> String {
    let Some(source) = &status.source else {
        let reason =
            status.reason.as_deref().map_or_else(|| "there is no device to read".to_owned(), printable);
        return format!("No source: {reason}\n");
    };
    let mut lines = identity(source).to_vec();
    lines.push(("Reading", reading(source)));
    if let Some(estimate) = &status.estimate {
        let (rms, sigma) = (amount(estimate.residual_rms_ns), amount(estimate.offset_sigma_ns));
        lines.push((
            "Noise",
            format!("readings {rms} rms from their prediction; the host's time known to +/- {sigma}"),
        ));
    }
    if let Some(error) = &source.error {
        lines.push(("Problem", printable(error)));
    }
    let mut text: String = lines.iter().map(|(label, text)| format!("{label:<11} {text}\n")).collect();
    text.push_str(&methods(source));
    text
}

/// What the source is.
pub(super) fn identity(source: &SourceStatus) -> [(&'static str, String); 4] {
    [
        ("Device", device(source)),
        ("Kind", kind(source.kind)),
        ("Time scale", source.time_scale.to_string()),
        ("Clocksource", source.clocksource.as_deref().map_or_else(|| "not known".to_owned(), printable)),
    ]
}

fn reading(source: &SourceStatus) -> String {
    match source.last_reading_age_s {
        Some(age) => {
            let error =
                source.uncertainty_ns.map(|ns| format!(", at most {} wrong", bound(ns))).unwrap_or_default();
            format!("every {}, the last {} ago{error}", interval(source.interval_s), lasting(age))
        }
        None => "none yet".to_owned(),
    }
}

/// The table of methods.
pub(super) fn methods(source: &SourceStatus) -> String {
    let mut text = format!("\n{:<25} {:<8} {}\n", "Method", "State", "Explanation");
    for row in &source.methods {
        let in_use = source.method == Some(row.method) && source.error.is_none();
        let (state, default) = match row.state {
            MethodState::Works if in_use => ("in use", ""),
            MethodState::Works if source.error.is_some() => ("worked", ""),
            MethodState::Works => ("works", ""),
            MethodState::Untried => ("untried", "a better one works"),
            MethodState::Fails => ("fails", ""),
        };
        let explanation = row.explanation.as_deref().map_or_else(|| default.to_owned(), printable);
        let line = format!("{:<25} {state:<8} {explanation}", row.method.name());
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
