//! Configurations of chrony's, and what becomes of them.

use super::*;
use crate::config::Origin;
use crate::scratch::Scratch;

fn folder(name: &str, files: &[(&str, &str)]) -> Scratch {
    let folder = Scratch::new(&format!("chrony-{name}"));
    for (file, text) in files {
        folder.file(file, text);
    }
    folder
}

fn carried(name: &str, text: &str) -> Carried {
    let folder = folder(name, &[("etc/chrony.conf", text)]);
    let carried = carry_over(folder.path(), Path::new("/etc/chrony.conf")).expect("readable");
    // Whatever comes out is a configuration of ours.
    let file = folder.file("h.toml", &carried.text).join("h.toml");
    Origin { file: Some(file), ..Origin::default() }.load().expect("valid");
    carried
}

fn keys(carried: &Carried) -> Vec<&str> {
    carried.text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect()
}

#[test]
fn the_two_lines_that_people_use_today_are_carried_over() {
    let carried = carried("two", "refclock PHC /dev/ptp0 poll 1\nmakestep 0.1 -1\n");
    assert_eq!(
        keys(&carried),
        ["device = \"auto\"", "poll = \"1s\"", "step-forward = \"100ms\"", "step-backward = \"100ms\""]
    );
    assert_eq!(carried.without, Vec::<String>::new());
    assert!(carried.text.contains("\n# refclock PHC /dev/ptp0 poll 1\ndevice"), "{}", carried.text);
}

#[test]
fn firecrackers_lines_poll_four_times_a_second() {
    let carried =
        carried("fc", "refclock PHC /dev/ptp0 poll 3 dpoll -2 offset 0 stratum 2 refid KVM\nmakestep 1 3\n");
    assert!(keys(&carried).contains(&"poll = \"250ms\""));
    assert!(keys(&carried).contains(&"steps-after-start = 0"));
    assert_eq!(carried.without.len(), 2, "{:?}", carried.without);
}

#[test]
fn debians_own_file_is_told_line_by_line() {
    let debian = folder(
        "debian",
        &[
            (
                "etc/chrony/chrony.conf",
                "confdir /etc/chrony/conf.d\npool 2.debian.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\nkeyfile /etc/chrony/chrony.keys\ndriftfile /var/lib/chrony/chrony.drift\nntsdumpdir /var/lib/chrony\nlogdir /var/log/chrony\nmaxupdateskew 100.0\nrtcsync\nmakestep 1 3\nleapsectz right/UTC\n",
            ),
            ("etc/chrony/conf.d/b.conf", "! a comment\nrefclock PHC /dev/ptp_kvm:extpps poll 2\n"),
            ("etc/chrony/conf.d/a.txt", "nonsense\n"),
        ],
    );
    let carried = carry_over(debian.path(), Path::new("/etc/chrony/chrony.conf")).expect("readable");
    assert_eq!(
        keys(&carried),
        [
            "device = \"auto\"",
            "poll = \"1s\"",
            "drift-file = \"/var/lib/hostclock/drift\"",
            "step-forward = \"1s\"",
            "step-backward = \"1s\"",
            "steps-after-start = 0"
        ]
    );
    let told: Vec<_> = carried.without.iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(told, ["pool", "sourcedir", "keyfile", "ntsdumpdir", "logdir", "maxupdateskew", "leapsectz"]);
}

#[test]
fn without_makestep_nothing_is_stepped() {
    let carried = carried(
        "never",
        "refclock PHC /dev/ptp_custom tai\nmaxslewrate 1000\nmaxchange 100 1 1\nlock_all\nsched_priority 5\n",
    );
    assert_eq!(
        keys(&carried),
        [
            "device = \"/dev/ptp_custom\"",
            "time-scale = \"tai\"",
            "poll = \"1s\"",
            "slew-limit = \"500ppm\"",
            "fast-slew-limit = \"1000ppm\"",
            "largest-step = \"100s\"",
            "lock-memory = true",
            "step-at-start = false",
            "step-forward = \"never\"",
            "step-backward = \"never\"",
            "undo-foreign-steps = false"
        ]
    );
}

#[test]
fn a_network_cards_clock_is_carried_over_by_its_path() {
    let folder = folder(
        "nic",
        &[("chrony.conf", "refclock PHC /dev/ptp0\n"), ("sys/class/ptp/ptp0/clock_name", "igb\n")],
    );
    let carried = carry_over(folder.path(), Path::new("/chrony.conf")).expect("readable");
    assert!(carried.text.contains("device = \"/dev/ptp0\""), "which hostclock then refuses by name");
}

#[test]
fn a_number_that_is_a_network_cards_today_gives_way_to_the_hypervisors_clock() {
    let folder = folder(
        "swapped",
        &[
            ("chrony.conf", "refclock PHC /dev/ptp0 offset 0\nmakestep 1 -1\n"),
            ("sys/class/ptp/ptp0/clock_name", "igb\n"),
            ("sys/class/ptp/ptp0/device/net/eth0/mtu", ""),
            ("sys/class/ptp/ptp1/clock_name", "KVM virtual PTP\n"),
        ],
    );
    let carried = carry_over(folder.path(), Path::new("/chrony.conf")).expect("readable");
    assert!(carried.text.contains("device = \"auto\""), "{}", carried.text);
    assert!(carried.remarks[0].contains("network card eth0 today"), "{:?}", carried.remarks);
    assert!(carried.remarks[0].contains("taken: \"KVM virtual PTP\""), "{:?}", carried.remarks);
    assert_eq!(carried.without, Vec::<String>::new(), "an offset of nothing is nothing");
}

#[test]
fn of_two_lines_the_last_counts_as_in_chrony() {
    let carried = carried("twice", "refclock PHC /dev/ptp0\nmakestep 1 3\nmaxslewrate 5\nmakestep 0.1 -1\n");
    assert!(carried.text.contains("# makestep 1 3\n#   a later line counts, as in chrony\n"));
    assert!(carried.text.contains("step-forward = \"100ms\"") && !carried.text.contains("steps-after-start"));
    assert!(carried.text.contains("slew-limit = \"5ppm\""), "{}", carried.text);
}

#[test]
fn what_makes_no_sense_is_told_and_what_is_missing_is_an_error() {
    let carried = carried(
        "odd",
        "maxchange soon\nrefclock\nrefclock SHM 0\nfrobnicate\nrefclock PHC /dev/ptp0\nrefclock PHC /dev/ptp1\nmakestep 1 1\n",
    );
    assert_eq!(carried.remarks.len(), 1, "{:?}", carried.remarks);
    assert_eq!(carried.without.len(), 5, "{:?}", carried.without);
    let folder = folder("loop", &[("a.conf", "include /a.conf\n")]);
    assert!(carry_over(folder.path(), Path::new("/a.conf")).expect_err("a loop").contains("too deeply"));
    assert!(carry_over(folder.path(), Path::new("/b.conf")).expect_err("missing").starts_with("cannot read"));
}

#[test]
fn patterns_are_those_of_glob_and_comments_may_be_in_any_encoding() {
    let folder = folder(
        "glob",
        &[
            ("etc/chrony.conf", "include /etc/chrony.?/*clock*.conf\ninclude /etc/[a-b]*.conf\n"),
            ("etc/chrony.d/10-clocks.conf", "refclock PHC /dev/ptp0 poll 1\n"),
            ("etc/chrony.d/.hidden-clock.conf", "makestep 9 -1\n"),
            ("etc/b-steps.conf", ""),
            ("etc/c-steps.conf", "makestep 8 -1\n"),
        ],
    );
    std::fs::write(folder.join("etc/b-steps.conf"), b"# M\xe9nage\nmakestep 0.3 -1\n").expect("written");
    let carried = carry_over(folder.path(), Path::new("/etc/chrony.conf")).expect("readable");
    let found = keys(&carried);
    assert!(found.contains(&"step-forward = \"300ms\"") && found.contains(&"poll = \"1s\""), "{found:?}");
}

#[test]
fn a_network_cards_name_is_no_path_and_that_is_said() {
    let carried = carried("card", "refclock PHC eth0 poll 1\n");
    assert!(keys(&carried).contains(&"device = \"eth0\""));
    assert!(
        carried.remarks.iter().any(|remark| remark.contains("refclock PHC eth0")),
        "{:?}",
        carried.remarks
    );
}
