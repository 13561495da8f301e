//! What a configuration file may say, and what is said about one that is wrong.

use std::path::Path;

use hostclock_core::source::{TimeScale, Wanted};
use hostclock_core::units::{Duration, Frequency};

use super::*;

/// The lines that are printed about this file.
fn mistakes(text: &str) -> Vec<String> {
    let (_, mistakes) = parse::parse(Path::new("h.toml"), text);
    mistakes.0.iter().map(ToString::to_string).collect()
}

/// The configuration that this file makes.
fn parsed(text: &str) -> Config {
    let (config, mistakes) = parse::parse(Path::new("h.toml"), text);
    assert_eq!(mistakes, Mistakes::default());
    config
}

#[test]
fn an_empty_file_gives_the_defaults() {
    assert_eq!(parsed(""), Config::default());
    assert_eq!(parsed("# nothing\n\n"), Config::default());
}

#[test]
fn an_image_without_a_configuration_has_the_defaults_whatever_this_machine_has() {
    assert_eq!(of_tree(Path::new("/nonexistent")), (Config::default(), Mistakes::default()));
}

#[test]
fn every_key_reaches_its_place() {
    let config = parsed(
        r#"
        device = "/dev/ptp3"
        force-device = true
        time-scale = "tai"
        confidential-guest = "follow"
        load-module = false
        device-timeout = "30s"
        poll = "62.5ms"
        step-at-start = false
        step-forward = "never"
        step-backward = "2min"
        largest-step = "1h"
        steps-after-start = 3
        slew-limit = "100ppm"
        fast-slew-limit = "1%"
        undo-foreign-steps = false
        tai-offset = 37
        holdover-limit = "10ms"
        host-max-error = "5ms"
        drift-file = "/var/lib/h/drift"
        hook = ["/bin/x", "-y", "z z"]
        hook-step = "1s"
        hook-time-limit = "2s"
        socket = "none"
        socket-mode = "0660"
        notify = "started"
        log-level = "debug"
        log-format = "json"
        realtime-priority = 50
        lock-memory = true
        "#,
    );
    assert_eq!(config.source.wanted, Wanted::Path("/dev/ptp3".to_owned()));
    assert!(config.source.force && config.lock_memory && !config.load_module);
    assert_eq!(config.source.time_scale, Some(TimeScale::Tai));
    assert_eq!(config.device_timeout, Some(Duration::from_secs(30)));
    assert_eq!(config.policy.poll, Duration::from_nanos(62_500_000));
    assert_eq!((config.policy.step_at_start, config.policy.undo_foreign_steps), (false, false));
    assert_eq!(
        (config.policy.step_forward, config.policy.step_backward),
        (None, Some(Duration::from_secs(120)))
    );
    assert_eq!(config.policy.largest_step, Some(Duration::from_secs(3_600)));
    assert_eq!(config.policy.steps_after_start, Some(3));
    assert_eq!(config.policy.slew_limit, Frequency::from_ppm(100.0));
    assert_eq!(config.policy.fast_slew_limit, Frequency::from_ppm(10_000.0));
    assert_eq!(config.policy.tai_offset, Some(37));
    assert_eq!(config.policy.holdover_limit, Duration::from_millis(10));
    assert_eq!(config.confidential_guest, ConfidentialGuest::Follow);
    assert_eq!(config.host_max_error, Some(Duration::from_millis(5)));
    assert_eq!(config.drift_file, Some("/var/lib/h/drift".into()));
    assert_eq!(config.hook.command, ["/bin/x", "-y", "z z"]);
    assert_eq!((config.hook.step, config.hook.time_limit), (Duration::from_secs(1), Duration::from_secs(2)));
    assert_eq!((config.socket, config.socket_mode), (None, 0o660));
    assert_eq!((config.notify, config.log_level), (Notify::Started, LogLevel::Debug));
    assert_eq!((config.log_format, config.realtime_priority), (LogFormat::Json, RealtimePriority::At(50)));
}

#[test]
fn a_key_that_is_not_known_gets_its_line_and_the_nearest_known_one() {
    assert_eq!(
        mistakes("poll = \"1s\"\nstep-foward = \"1ms\"\n"),
        ["h.toml:2: unknown key `step-foward`; did you mean `step-forward`?"]
    );
    assert_eq!(
        mistakes("step_forward = \"1ms\""),
        ["h.toml:1: unknown key `step_forward`; did you mean `step-forward`?"]
    );
    assert_eq!(
        mistakes("server = \"pool.ntp.org\""),
        ["h.toml:1: unknown key `server`; `hostclock config --show` lists the known ones"]
    );
}

#[test]
fn a_section_is_refused_once_however_much_is_in_it() {
    assert_eq!(
        mistakes("poll = \"1s\"\n[policy]\nlog-level = \"warn\"\n"),
        ["h.toml:2: unknown section `[policy]`; all keys stand at the top, without sections"]
    );
    assert_eq!(
        mistakes("[[source]]\na = 1\n[[source]]\na = 1\n"),
        ["h.toml:1: unknown section `[source]`; all keys stand at the top, without sections"]
    );
}

#[test]
fn all_mistakes_are_reported_a_line_each() {
    let lines = mistakes(
        "poll = 1\nsocket = 7\nslew-limit = \"500\"\nlog-level = \"trace\"\nstep-at-start = \"yes\"\n",
    );
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert!(
        lines[0].starts_with("h.toml:1: `poll`: 1 needs a unit and quotes, such as \"1s\""),
        "{lines:#?}"
    );
    assert!(
        lines[1].starts_with("h.toml:2: `socket`: the integer 7 where text in quotes belongs"),
        "{lines:#?}"
    );
    assert!(lines[2].starts_with("h.toml:3: `slew-limit`: 500 needs a unit"), "{lines:#?}");
    assert!(lines[3].starts_with("h.toml:4: `log-level`: \"trace\" is not known; accepted is"), "{lines:#?}");
    assert!(
        lines[4].starts_with("h.toml:5: `step-at-start`: \"yes\" is neither true nor false"),
        "{lines:#?}"
    );
    assert!(lines.iter().all(|line| !line.contains('\n')));
}

#[test]
fn values_out_of_range_are_refused_with_what_is_accepted() {
    for (line, said) in [
        ("poll = \"10ms\"", "too short; accepted is a duration from \"62.5ms\" to \"64s\""),
        ("poll = \"2min\"", "too long"),
        ("step-forward = \"0s\"", "less than 1us"),
        ("fast-slew-limit = \"10%\"", "too fast; accepted is a rate from \"1ppm\" to \"9%\""),
        ("slew-limit = \"1ppb\"", "too slow"),
        ("tai-offset = -1", "out of range"),
        ("steps-after-start = -1", "out of range"),
        ("realtime-priority = 0", "out of range"),
        ("realtime-priority = 100", "out of range"),
        ("steps-after-start = 99999999999999999999", "too large"),
        ("socket-mode = 0o666", "no quotes"),
        ("socket-mode = \"0999\"", "not an octal number"),
        ("socket-mode = \"1777\"", "not an octal number"),
        ("socket = \"hostclock.sock\"", "does not start with /"),
        ("drift-file = \"drift\"", "does not start with /"),
        ("drift-file = \"/var/lib/\"", "cannot be the path of a file"),
        ("device = \"ptp0\"", "not a whole path"),
        ("device = \"\"", "empty"),
        ("notify = \"synchronized\"", "did you mean \"synchronised\"?"),
        ("poll = [\"1s\"]", "a list where text in quotes belongs"),
        ("poll = 1.5", "a number with a fraction where"),
    ] {
        let lines = mistakes(line);
        assert_eq!(lines.len(), 1, "{line}: {lines:#?}");
        assert!(lines[0].contains(said), "{line}: {lines:#?}");
    }
    let long = format!("socket = \"/{}\"", "x".repeat(107));
    assert!(mistakes(&long)[0].contains("longer than 107 bytes"));
}

#[test]
fn broken_syntax_names_the_line_the_key_and_what_it_accepts() {
    let lines = mistakes("poll = 1s\nstep-forward = \"1ms\"\ndevice = \n");
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].starts_with("h.toml:1: `poll`: not valid TOML"), "{lines:#?}");
    assert!(lines[0].contains("accepted is a duration"), "{lines:#?}");
    assert!(lines[1].starts_with("h.toml:3: `device`: "), "{lines:#?}");
}

#[test]
fn a_key_that_is_set_twice_is_a_mistake() {
    assert_eq!(mistakes("poll = \"1s\"\npoll = \"2s\"\n"), ["h.toml:2: `poll`: it is set twice"]);
}

#[test]
fn what_is_shown_of_a_mistake_stays_on_one_line_without_control_characters() {
    let nasty = format!("\"\\u001b[2J\\n{}\" = 1\ndevice = \"a\\u0007b\"\n", "x".repeat(5_000));
    let lines = mistakes(&nasty);
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert!(line.len() < 300 && !line.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn a_thousand_mistakes_are_not_all_listed() {
    let text: String = (0..1_000).map(|n| format!("key{n} = 1\n")).collect();
    let lines = mistakes(&text);
    assert_eq!(lines.len(), 51);
    assert_eq!(lines[50], "h.toml: and 950 more mistakes");
}

#[test]
fn rubbish_takes_no_longer_than_its_length_deserves() {
    let start = std::time::Instant::now();
    for rubbish in ["=\n", "a\n", "a.", "[[", "\"", "{", "a=["] {
        assert!(!mistakes(&rubbish.repeat(65_000 / rubbish.len())).is_empty());
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    let origin = Origin {
        overrides: vec![
            ("slew-limit".to_owned(), "5%".to_owned()),
            ("fast-slew-limit".to_owned(), "1%".to_owned()),
        ],
        file: Some("/dev/null".into()),
        ..Origin::default()
    };
    let said = origin.load().expect_err("contradiction").to_string();
    assert_eq!(said, "command line: `fast-slew-limit` (1%) is below `slew-limit` (5%)");
    assert_eq!(
        mistakes("poll = \"1s\"\nfast-slew-limit = \"100ppm\"\n"),
        ["h.toml:2: `fast-slew-limit` (100ppm) is below `slew-limit` (500ppm)"]
    );
}

#[test]
fn the_command_line_wins_and_has_bare_words() {
    let words =
        [("poll", "250ms"), ("step-at-start", "false"), ("steps-after-start", "2"), ("socket-mode", "0600")];
    let overrides = words.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    let config =
        Origin { overrides, file: Some("/dev/null".into()), mode: Mode::Observe }.load().expect("valid");
    assert_eq!(config.policy.poll, Duration::from_millis(250));
    assert_eq!((config.policy.step_at_start, config.policy.steps_after_start), (false, Some(2)));
    assert_eq!((config.socket_mode, config.policy.mode), (0o600, Mode::Observe));
    let wrong = Origin { overrides: vec![("pol".to_owned(), "1s".to_owned())], ..Origin::default() };
    assert_eq!(
        wrong.load().expect_err("unknown").to_string(),
        "command line: unknown key `pol`; did you mean `poll`?"
    );
}

#[test]
fn what_is_shown_is_a_valid_configuration_that_says_the_same() {
    assert_eq!(parsed(&show_toml(&Config::default())), Config::default());
    let other = parsed(
        "device = \"odd \\\"name\\\"\"\npoll = \"62.5ms\"\nstep-forward = \"never\"\nsteps-after-start = 0\n\
         fast-slew-limit = \"1234.5ppm\"\ntai-offset = 37\nsocket = \"none\"\nrealtime-priority = 7\n",
    );
    assert_eq!(parsed(&show_toml(&other)), other);
    assert!(show_toml(&other).contains("poll = \"62.5ms\"  # default: \"1s\"\n"));
    assert!(show_toml(&other).contains("lock-memory = false  # default\n"));
    assert!(show_json(&other).contains("\"default\": \"1s\""));
}

#[test]
fn a_damaged_file_is_understood_or_refused_in_lines_and_never_a_panic() {
    let whole = show_toml(&Config::default());
    for position in (0..whole.len()).step_by(3) {
        let (before, after) = (&whole[..position], &whole[position + 1..]);
        for damaged in [
            before.to_owned(),
            format!("{before}{after}"),
            format!("{before}\"{after}"),
            format!("{before}=[{{{after}"),
        ] {
            for line in mistakes(&damaged) {
                assert!(line.starts_with("h.toml:") && !line.chars().any(char::is_control), "{line:?}");
            }
        }
    }
}

#[test]
fn the_documentation_names_every_key_with_its_default() {
    let page = include_str!("../../../../docs/configuration.md");
    for key in KEYS {
        let heading = format!("`{} = {}`", key.name, key.default());
        assert!(page.contains(&heading), "docs/configuration.md lacks {heading}");
    }
}

#[test]
fn files_that_are_no_configuration_get_one_clear_line() {
    let folder = std::env::temp_dir().join(format!("hostclock-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let said = |name: &str, content: Option<&[u8]>| {
        let path = folder.join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).expect("written");
        }
        let mistakes = file::read(&path).mistakes;
        mistakes.to_string().replace(&folder.display().to_string(), "")
    };
    assert_eq!(said("absent.toml", None), "/absent.toml: there is no such file");
    assert_eq!(said("", None), "/: it is a directory, not a file");
    assert_eq!(said("latin1.toml", Some(b"# one\n# f\xfcr\n")), "/latin1.toml:2: it is not UTF-8 text");
    let long = vec![b' '; 70_000];
    assert_eq!(
        said("long.toml", Some(&long)),
        "/long.toml: it is longer than 64 KiB, so it is not a configuration"
    );
    assert!(said("binary.toml", Some(b"\x00\x01\x02")).starts_with("/binary.toml:1: not valid TOML"));
    std::fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn a_file_that_was_edited_has_another_digest_and_one_that_is_not_there_has_none() {
    let folder = crate::scratch::Scratch::new("config-digest");
    let file = folder.join("h.toml");
    assert_eq!(digest_of(&file), None);
    // From the algorithm's reference (RFC 9923): of nothing, and of "a".
    folder.file("h.toml", "");
    assert_eq!(digest_of(&file).as_deref(), Some("cbf29ce484222325"));
    folder.file("h.toml", "a");
    assert_eq!(digest_of(&file).as_deref(), Some("af63dc4c8601ec8c"));
    folder.file("h.toml", "poll = \"2s\"\n");
    let read = Origin { file: Some(file.clone()), ..Origin::default() }.load_with_digest().expect("valid").1;
    assert_eq!(read, digest_of(&file));
    folder.file("h.toml", "poll = \"2s\" \n");
    assert_ne!(read, digest_of(&file), "another byte");
    assert_eq!(
        Origin { file: Some("/dev/null".into()), ..Origin::default() }
            .load_with_digest()
            .expect("valid")
            .1
            .as_deref(),
        Some("cbf29ce484222325")
    );
}
