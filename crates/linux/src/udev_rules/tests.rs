//! Rules of real packages, and of the kinds that they are made of.

use std::os::unix::fs::symlink;

use super::*;
use crate::scratch::Scratch;

const OURS: &str = include_str!("../../../../packaging/systemd/60-hostclock.rules");
/// Of Garden Linux (github.com/gardenlinux/gardenlinux, its feature for chrony).
const GARDEN: &str = "SUBSYSTEM==\"ptp\", ATTR{clock_name}==\"KVM virtual PTP\", SYMLINK+=\"ptp_kvm\", GROUP=\"_chrony\", MODE=\"0660\"\n";

/// Group, mode, file and line, in one line of text.
fn kvm(tree: &Scratch) -> String {
    let Some(decision) = decides(tree.path(), "ptp0", "KVM virtual PTP") else { return "none".to_owned() };
    let word = |word: Option<String>| word.unwrap_or_else(|| "-".to_owned());
    let place = format!("{}:{}", decision.file.display(), decision.line);
    format!("{}:{} {} {place}", word(decision.owner), word(decision.group), word(decision.mode))
}

/// By rules in one file.
fn by(rules: &str) -> String {
    kvm(&Scratch::with(&[("etc/udev/rules.d/70-a.rules", rules)]))
}

#[test]
fn a_later_file_has_the_last_word_whatever_its_directory() {
    let ours = ("usr/lib/udev/rules.d/60-hostclock.rules", OURS);
    assert_eq!(kvm(&Scratch::with(&[])), "none");
    assert_eq!(kvm(&Scratch::with(&[ours])), "-:hostclock 0640 /usr/lib/udev/rules.d/60-hostclock.rules:3");
    let later = Scratch::with(&[ours, ("etc/udev/rules.d/90-ptp-kvm.rules", GARDEN)]);
    assert_eq!(kvm(&later), "-:_chrony 0660 /etc/udev/rules.d/90-ptp-kvm.rules:1");
    let earlier = Scratch::with(&[ours, ("etc/udev/rules.d/50-ptp-kvm.rules", GARDEN)]);
    assert_eq!(kvm(&earlier), "-:hostclock 0640 /usr/lib/udev/rules.d/60-hostclock.rules:3");
    assert_eq!(decides(later.path(), "ptp1", "hyperv").map(|found| found.line), Some(6), "of another device");
    assert_eq!(decides(later.path(), "ptp1", "igb"), None);
}

#[test]
fn of_one_name_the_first_directory_wins_and_a_link_to_dev_null_is_no_rules() {
    let packaged = ("usr/lib/udev/rules.d/90-ptp-kvm.rules", GARDEN);
    let replaced = Scratch::with(&[
        packaged,
        ("etc/udev/rules.d/90-ptp-kvm.rules", "KERNEL==\"ptp0\", MODE=\"0644\"\n"),
    ]);
    assert_eq!(kvm(&replaced), "-:- 0644 /etc/udev/rules.d/90-ptp-kvm.rules:1");
    let masked = Scratch::with(&[packaged, ("etc/udev/rules.d/x", "")]);
    symlink("/dev/null", masked.path().join("etc/udev/rules.d/90-ptp-kvm.rules")).expect("a link");
    assert_eq!(kvm(&masked), "none");
    let other = Scratch::with(&[("etc/udev/rules.d/90-ptp-kvm.rules.bak", GARDEN)]);
    assert_eq!(kvm(&other), "none");
}

#[test]
fn a_rule_says_nothing_of_a_device_that_it_does_not_fit() {
    for rule in [
        "SUBSYSTEM==\"net\", MODE=\"0666\"",
        "SUBSYSTEM!=\"ptp\", MODE=\"0666\"",
        "KERNEL==\"ptp1\", MODE=\"0666\"",
        "SUBSYSTEM==\"ptp\", ATTR{clock_name}!=\"KVM*\", MODE=\"0666\"",
        "ACTION==\"remove\", SUBSYSTEM==\"ptp\", MODE=\"0666\"",
        "SUBSYSTEM==\"ptp\", SYMLINK+=\"clock\"",
    ] {
        assert_eq!(by(rule), "none", "{rule}");
    }
    for rule in [
        "SUBSYSTEM==\"net|ptp\", MODE=\"0666\"",
        "KERNEL==\"ptp[0-9]*\", MODE=\"0666\"",
        "ACTION==\"add|change\", SUBSYSTEM==\"ptp\", MODE=\"0666\"",
        "ACTION!=\"remove\", SUBSYSTEMS==\"ptp\", ENV{X}==\"1\", MODE=\"0666\"",
        "SUBSYSTEM==\"ptp\", PROGRAM=\"/bin/x\", RESULT==\"y\", MODE=\"0666\"",
    ] {
        assert_eq!(by(rule), "-:- 0666 /etc/udev/rules.d/70-a.rules:1", "{rule}");
    }
}

#[test]
fn attributes_are_those_of_the_device() {
    let rules = "ATTR{idVendor}==\"1234\", MODE=\"0666\"\nATTRS{idVendor}==\"1234\", MODE=\"0666\"\n\
        ATTR{n_alarms}==\"0\", GROUP=\"clock\"\nATTR{n_alarms}!=\"0\", OWNER=\"x\"\n";
    let tree =
        Scratch::with(&[("run/udev/rules.d/70-a.rules", rules), ("sys/class/ptp/ptp0/n_alarms", "0\n")]);
    assert_eq!(kvm(&tree), "-:clock - /run/udev/rules.d/70-a.rules:3");
}

#[test]
fn a_final_assignment_stays_and_each_of_the_three_has_its_own() {
    assert_eq!(
        by(
            "KERNEL==\"ptp0\", GROUP:=\"first\", OWNER=\"me\"\nKERNEL==\"ptp0\", GROUP=\"second\"\nKERNEL==\"ptp0\", MODE+=\"0600\"\n"
        ),
        "me:first 0600 /etc/udev/rules.d/70-a.rules:3"
    );
}

#[test]
fn a_jump_passes_over_rules_where_it_is_surely_taken() {
    let rules = |condition: &str| {
        format!(
            "{condition}, GOTO=\"end\"\nATTRS{{idVendor}}==\"0403\", MODE=\"0660\", GROUP=\"plugdev\"\nLABEL=\"end\"\nKERNEL==\"ptp*\", OWNER=\"me\"\n"
        )
    };
    assert_eq!(by(&rules("SUBSYSTEM!=\"usb|tty\"")), "me:- - /etc/udev/rules.d/70-a.rules:4");
    let all = "me:plugdev 0660 /etc/udev/rules.d/70-a.rules:4";
    assert_eq!(by(&rules("SUBSYSTEM!=\"usb|ptp\"")), all);
    assert_eq!(by(&rules("ENV{X}==\"1\"")), all);
    let to_nowhere = "KERNEL==\"ptp0\", GOTO=\"nowhere\"\nKERNEL==\"ptp0\", MODE=\"0666\"\n";
    assert_eq!(by(to_nowhere), "-:- 0666 /etc/udev/rules.d/70-a.rules:2");
}
