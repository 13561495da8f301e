//! What was done to the guest's clock, or started in it, and when.

use serde::{Deserialize, Serialize};

/// One line of the event file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What the scenario calls it.
    pub label: String,
    /// The raw time just before it was done, in ns.
    pub before: i64,
    /// The raw time after it was done, in ns.
    pub after: i64,
    /// By how much the clock was moved, in ns, where that is known.
    #[serde(default)]
    pub amount: Option<i64>,
    /// What whoever did it saw right afterwards, without a pause: (raw, reference, offset) in ns.
    #[serde(default)]
    pub seen: Vec<(i64, i64, i64)>,
}

/// The events in the text of an event file, one JSON object a line. Lines that are none are skipped.
#[must_use]
pub fn parse(text: &str) -> Vec<Event> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_the_way_through_a_file() {
        let event =
            Event { label: "+1 h".into(), before: 5, after: 9, amount: Some(-7), seen: vec![(10, 20, -30)] };
        let text = format!("noise\n{}\n", serde_json::to_string(&event).unwrap());
        assert_eq!(parse(&text), [event]);
    }
}
