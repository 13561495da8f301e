//! The diagnosis as a whole, as text and as JSON.

use super::*;

#[test]
fn a_guest_that_has_everything_has_no_problem() {
    let diagnosis = Tree::with_clock("fine").diagnosis();
    assert!(diagnosis.severity <= Severity::Note, "{}", diagnosis.text());
    assert_eq!(about(&diagnosis, "device"), ["ok /dev/ptp0 is \"KVM virtual PTP\": the one that is read"]);
    assert_eq!(about(&diagnosis, "module"), ["ok ptp_kvm is loaded"]);
    assert!(diagnosis.text().ends_with("\nNo problem found.\n"));
}

#[test]
fn nothing_that_it_says_is_too_wide_or_moves_the_cursor() {
    let tree = Tree::guest("nasty");
    tree.device(0, "a\u{1b}[2Jb").file("sys/class/dmi/id/sys_vendor", "\u{7}Evil\n");
    let text = tree.diagnosis().text();
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    for line in text.lines().filter(|line| !line.trim_start().starts_with("=>")) {
        assert!(line.chars().count() <= WIDTH || !line.trim().contains(' '), "{line}");
    }
    let document: serde_json::Value = serde_json::from_str(&tree.diagnosis().json()).expect("JSON");
    assert_eq!((&document["version"], &document["severity"]), (&1.into(), &"problem".into()));
    let finding = &document["findings"][0];
    for key in ["topic", "severity", "what", "why", "fix"] {
        assert!(finding.get(key).is_some(), "{key}");
    }
}

#[test]
fn this_machine_can_be_looked_at() {
    let subject = Subject { root: Path::new("/").to_owned(), load_module: false, socket: None };
    let _ = examine(&subject).text();
}
