//! `hostclock events`: what happened lately, a line each.

use hostclock_core::status::{Correction, EventStatus, Status};

use super::words::{amount, aside, lasting, printable};

/// The lines that `hostclock events` prints.
pub(crate) fn events(status: &Status) -> String {
    if status.events.is_empty() {
        return format!("Nothing has happened since the start {} ago.\n", lasting(status.uptime_s));
    }
    let mut text = row(["Time (UTC)", "What", "Clock was", "Put right", "Took", "Remarks"]);
    for event in &status.events {
        let offset = event.offset_ns.map_or_else(|| "-".to_owned(), aside);
        let took = event.took_us.map_or_else(|| "-".to_owned(), |took| amount(took * 1e3));
        let correction = if event.kind.is_disturbance() { event.correction } else { Correction::None };
        text.push_str(&row([
            &whole_seconds(&event.time),
            event.kind.words(),
            &offset,
            correction.word(),
            &took,
            &remarks(event),
        ]));
    }
    if let Some(rival) = &status.rival {
        text.push_str(&format!(
            "\nSomebody else keeps changing this clock: {} times in {}, the last {} ago",
            rival.changes,
            lasting(rival.since_s),
            lasting(rival.last_s)
        ));
        let suspects: Vec<String> = rival.suspects.iter().map(|suspect| printable(suspect)).collect();
        let who = if suspects.is_empty() {
            ".\n".to_owned()
        } else {
            format!("; perhaps {}.\n", suspects.join(", "))
        };
        text.push_str(&who);
    }
    text
}

fn row([time, what, offset, correction, took, remarks]: [&str; 6]) -> String {
    let row = format!("{time:<20} {what:<36} {offset:<23} {correction:<10} {took:<8} {remarks}");
    format!("{}\n", row.trim_end())
}

/// `2026-11-24T09:30:00.123Z` without its fraction, as people write it.
fn whole_seconds(time: &str) -> String {
    printable(&time.get(..19).unwrap_or(time).replace('T', " "))
}

/// What else is known of an event.
fn remarks(event: &EventStatus) -> String {
    let mut remarks = Vec::new();
    if event.times > 1 {
        remarks.push(format!("{} times", event.times));
    }
    remarks.extend(event.hints.iter().map(|hint| hint.words().to_owned()));
    remarks.extend(event.reason.as_deref().map(printable));
    remarks.join("; ")
}
