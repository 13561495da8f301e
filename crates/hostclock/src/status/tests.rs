//! What is shown of each state, word for word, and that the document keeps its promise.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use hostclock_core::hint::Hint;
use hostclock_core::policy::{Mode, Withheld};
use hostclock_core::reading::{Failure, Method};
use hostclock_core::source::{Kind, TimeScale};
use hostclock_core::status::{Correction, EventKind, MethodState, State, Status, StepCause};
use hostclock_core::units::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::*;

/// 2026-11-24T09:30:00Z.
const NOW: Timestamp = Timestamp::from_nanos(1_795_512_600_000_000_000);
/// Why no daemon answered.
const PROBLEM: &str = "no daemon runs (there is no socket /run/hostclock/hostclock.sock)";

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Compares with the stored text; `HOSTCLOCK_BLESS=1` stores it instead.
fn assert_stored(name: &str, text: &str) {
    if std::env::var_os("HOSTCLOCK_BLESS").is_some() {
        std::fs::write(data(name), text).expect("stored");
    }
    let stored = std::fs::read_to_string(data(name)).expect("the stored text");
    assert_eq!(text, stored, "tests/data/{name} differs; if that is meant, store it with HOSTCLOCK_BLESS=1");
}

#[test]
fn every_state_is_shown_as_it_was_last_agreed() {
    let mut text = String::new();
    for (name, status) in samples::all() {
        writeln!(text, "=== status: {name}\n{}", summary(&status)).expect("a String takes all");
        writeln!(text, "=== sources: {name}\n{}", sources(&status)).expect("a String takes all");
        writeln!(text, "=== tracking: {name}\n{}", tracking(&status, NOW)).expect("a String takes all");
        writeln!(text, "=== events: {name}\n{}", events(&status)).expect("a String takes all");
    }
    for (name, own) in [("a device", samples::own()), ("no device", samples::own_without_device())] {
        writeln!(text, "=== status without a daemon: {name}\n{}", own.summary(PROBLEM))
            .expect("a String takes all");
        writeln!(text, "=== sources without a daemon: {name}\n{}", own.sources(PROBLEM))
            .expect("a String takes all");
    }
    assert_stored("views.txt", &text);
}

#[test]
fn the_documentation_shows_what_the_commands_show() {
    let page = include_str!("../../../../docs/commands.md");
    for (command, shown) in [
        ("status", summary(&samples::synchronised())),
        ("status", summary(&samples::unsynchronised())),
        ("sources", sources(&samples::observing())),
        ("tracking", tracking(&samples::synchronised(), NOW)),
        ("events", events(&samples::rivalled())),
        ("status", samples::own().summary(PROBLEM)),
    ] {
        let sample = format!("```\n$ hostclock {command}\n{shown}```\n");
        assert!(page.contains(&sample), "docs/commands.md lacks\n{sample}");
    }
}

#[test]
fn a_clock_that_is_right_takes_five_lines() {
    assert_eq!(summary(&samples::synchronised()).lines().count(), 5);
}

#[test]
fn the_clock_counts_as_right_when_synchronised_or_in_a_holdover_within_its_limit() {
    let right: Vec<_> =
        samples::all().into_iter().filter(|(_, s)| is_right(s)).map(|(name, _)| name).collect();
    assert_eq!(right, ["synchronised", "holdover", "unreliable host", "rivalled"]);
}

#[test]
fn a_document_that_tries_to_steer_the_terminal_is_shown_harmlessly() {
    let mut status = samples::observing();
    let nasty = "\u{1b}]0;owned\u{7}\n\u{9b}2J".to_owned();
    status.reason = Some(nasty.clone());
    status.limitations = vec![nasty.clone()];
    let source = status.source.as_mut().expect("it has one");
    (source.device, source.clock_name) = (nasty.clone(), nasty.clone());
    (source.clocksource, source.error) = (Some(nasty.clone()), Some(nasty.clone()));
    source.methods[0].explanation = Some(nasty.clone());
    status.withheld.as_mut().expect("it has one").explanation = nasty.clone();
    let rival = status.rival.get_or_insert_with(|| samples::rivalled().rival.expect("it has one"));
    rival.suspects = vec![nasty.clone()];
    for event in &mut status.events {
        (event.time, event.reason) = (nasty.clone(), Some(nasty.clone()));
    }
    for text in [summary(&status), sources(&status), tracking(&status, NOW), clock(&status), events(&status)]
    {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
}

#[test]
fn absurd_figures_are_shown_without_a_panic() {
    let mut status = samples::synchronised();
    for figure in [f64::MAX, f64::MIN, -0.0, f64::MIN_POSITIVE] {
        status.state_for_s = figure;
        status.clock.offset_ns = Some(figure);
        status.clock.max_error_ns = Some(figure);
        status.clock.rate_ppm = figure;
        status.source.as_mut().expect("it has one").last_reading_age_s = Some(figure);
        status.last_step.as_mut().expect("it has one").before_ns = figure;
        for state in [State::Synchronised, State::Holdover, State::Unsynchronised] {
            status.state = state;
            let _ = (summary(&status), sources(&status), tracking(&status, NOW));
        }
    }
}

/// A document with every field filled.
fn full() -> Status {
    let mut status = samples::observing();
    status.last_step = samples::synchronised().last_step;
    status.rival = samples::rivalled().rival;
    status.source.as_mut().expect("it has one").error = Some("the device is gone".to_owned());
    status
}

#[test]
fn a_document_of_version_1_is_understood_and_written_back_the_same() {
    let mut text = serde_json::to_string_pretty(&full()).expect("JSON");
    text.push('\n');
    if !data("status-v1.json").exists() {
        assert_stored("status-v1.json", &text);
    }
    let stored = std::fs::read_to_string(data("status-v1.json")).expect("the stored document");
    let parsed: Status = serde_json::from_str(&stored).expect("version 1 is still understood");
    let stored: Value = serde_json::from_str(&stored).expect("JSON");
    let written = serde_json::to_value(&parsed).expect("JSON");
    let is_one = |values: &[Value]| values.iter().all(|value| !value.is_object() && !value.is_array());
    // What holds others may get more of them.
    for path in paths(&stored).iter().filter(|path| is_one(&lookup(&stored, path))) {
        assert_eq!(lookup(&written, path), lookup(&stored, path), "{path} changed");
    }
    assert!(paths(&written).is_superset(&paths(&stored)));
}

#[test]
fn the_words_of_version_1_stay() {
    fn words<T: Serialize>(values: &[T]) -> Value {
        serde_json::to_value(values).expect("JSON")
    }
    assert_eq!(
        words(&[Mode::Control, Mode::Observe, Mode::DryRun]),
        json!(["control", "observe", "dry_run"])
    );
    let states: Vec<_> = samples::all().iter().map(|(_, s)| s.state).collect::<Vec<_>>();
    for state in states {
        assert_eq!(words(&[state]), json!([state.word()]));
    }
    assert_eq!(words(&Method::ALL), json!(["precise", "extended", "sys_offset", "bracket"]));
    let method_states = [MethodState::Untried, MethodState::Works, MethodState::Fails];
    assert_eq!(words(&method_states), json!(["untried", "works", "fails"]));
    assert_eq!(words(&[TimeScale::Utc, TimeScale::Tai]), json!(["utc", "tai"]));
    let causes = [
        StepCause::Start,
        StepCause::ForeignStep,
        StepCause::HostMoved,
        StepCause::Holdover,
        StepCause::ForeignRate,
        StepCause::Resumed,
        StepCause::HostUnreliable,
    ];
    assert_eq!(
        words(&causes),
        json!([
            "start",
            "foreign_step",
            "host_moved",
            "holdover",
            "foreign_rate",
            "resumed",
            "host_unreliable"
        ])
    );
    assert_eq!(
        words(&EventKind::ALL),
        json!([
            "start",
            "foreign_step",
            "foreign_rate",
            "resumed",
            "host_moved",
            "drifted",
            "holdover",
            "host_unreliable",
            "hint"
        ])
    );
    assert_eq!(words(&Hint::ALL), json!(["disrupted", "generation", "forked", "resumed", "clocksource"]));
    assert_eq!(
        words(&[Correction::None, Correction::Step, Correction::Slew]),
        json!(["none", "step", "slew"])
    );
    let withheld = [
        Withheld::LargerThanLargestStep,
        Withheld::StepsUsedUp,
        Withheld::NeverForward,
        Withheld::NeverBackward,
        Withheld::ObserveOnly,
    ];
    assert_eq!(
        words(&withheld),
        json!([
            "larger_than_largest_step",
            "steps_used_up",
            "never_forward",
            "never_backward",
            "observe_only"
        ])
    );
    let kinds =
        [Kind::Kvm, Kind::Vmclock, Kind::VirtioRtc(1), Kind::HyperV, Kind::Vmware, Kind::Ena, Kind::Other];
    assert_eq!(words(&kinds), json!(["kvm", "vmclock", "virtio_rtc_1", "hyper_v", "vmware", "ena", "other"]));
    assert_eq!(
        words(&Failure::EACH),
        json!(["busy", "unsupported", "no_device", "stale", "io", "denied", "nonsense", "errno_5"])
    );
}

#[test]
fn every_field_of_the_document_is_described() {
    let page = include_str!("../../../../docs/status.md");
    let own: Value = serde_json::from_str(&samples::own().json(PROBLEM)).expect("JSON");
    let mut fields = paths(&serde_json::to_value(full()).expect("JSON"));
    fields.extend(paths(&own));
    for field in fields {
        assert!(page.contains(&format!("`{field}`")), "docs/status.md lacks `{field}`");
    }
}

/// The path of every field, such as `source.methods[].state`.
fn paths(document: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    walk(value, &path, found);
                    found.insert(path);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, &format!("{path}[]"), found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk(document, "", &mut found);
    found
}

/// The values at a path of [`paths`].
fn lookup(document: &Value, path: &str) -> Vec<Value> {
    path.split('.').fold(vec![document.clone()], |values, step| {
        let (name, is_list) = step.strip_suffix("[]").map_or((step, false), |name| (name, true));
        let found = values.iter().filter_map(|value| value.get(name).cloned());
        if is_list {
            found.flat_map(|list| list.as_array().cloned().unwrap_or_default()).collect()
        } else {
            found.collect()
        }
    })
}
