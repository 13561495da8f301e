//! Real commands, on a clock that the tests move.

use std::fs;
use std::path::Path;
use std::time::Instant;

use hostclock_core::notice::Loss;
use hostclock_core::status::StepCause;

use super::*;
use crate::scratch::Scratch;

/// Hooks that run a shell script, in which `$1` is `folder`.
fn hooks(folder: &Scratch, script: &str) -> Hooks {
    let words = ["/bin/sh", "-c", script, "sh", folder.path().to_str().expect("UTF-8")];
    Hooks::new(Hook { command: words.map(str::to_owned).to_vec(), ..Hook::default() })
}

fn stepped(before: Duration) -> Notice {
    Notice::Stepped {
        cause: StepCause::HostMoved,
        before_ns: before,
        after_ns: Duration::ZERO,
        took_ns: Duration::from_micros(90),
    }
}

/// Looks after the hooks until nothing is left to do, at a time that goes on as the machine's does; the lines
/// for the log.
fn to_the_end(hooks: &mut Hooks) -> Vec<String> {
    let (start, mut lines) = (Instant::now(), Vec::new());
    loop {
        let elapsed = i64::try_from(start.elapsed().as_nanos()).expect("not for long");
        let now = RawTime::from_nanos(elapsed);
        let Some(again) = hooks.tend(now, |line| lines.push(line.to_owned())) else { return lines };
        assert!(again > now && again - now <= LOOK_AGAIN_LATER);
        assert!(elapsed < 20_000_000_000, "{lines:?}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

fn silently(line: &str) {
    panic!("{line}");
}

#[test]
fn a_command_is_told_what_happened_and_one_runs_after_the_other() {
    let folder = Scratch::new("hook-told");
    // What the environment of the tests has (docs/lab.md) is not the hook's.
    let own = "env | grep ^HOSTCLOCK_ | grep -v ^HOSTCLOCK_LAB_ | sort";
    let mut hooks = hooks(&folder, &format!("{own} >> $1/said; echo >> $1/said"));
    assert_eq!(hooks.tend(RawTime::default(), silently), None);
    hooks.run(&stepped(Duration::from_millis(-250)), silently);
    hooks.run(&Notice::Holdover { loss: Loss::DeviceGone }, silently);
    let (lasted_ns, offset_ns) = (Duration::from_secs(60), Duration::from_nanos(12));
    hooks.run(&Notice::HoldoverEnded { lasted_ns, offset_ns }, silently);
    assert_eq!(to_the_end(&mut hooks), Vec::<String>::new());
    assert_eq!(
        folder.read("said"),
        "HOSTCLOCK_CAUSE=host_moved\nHOSTCLOCK_DURATION_NS=90000\nHOSTCLOCK_EVENT=step\n\
         HOSTCLOCK_OFFSET_NS=-250000000\n\
         HOSTCLOCK_REASON=this machine was stopped, or the host's clock was set\n\n\
         HOSTCLOCK_EVENT=holdover\nHOSTCLOCK_REASON=the device is gone\n\n\
         HOSTCLOCK_DURATION_NS=60000000000\nHOSTCLOCK_EVENT=holdover_ended\nHOSTCLOCK_OFFSET_NS=12\n\n"
    );
}

#[test]
fn small_steps_other_events_and_a_hook_that_is_not_set_run_nothing() {
    let folder = Scratch::new("hook-nothing");
    let mut hooks = hooks(&folder, "touch $1/ran");
    hooks.run(&stepped(Duration::from_micros(99_999)), silently);
    hooks.run(&Notice::Slewing { offset_ns: Duration::from_secs(9) }, silently);
    assert_eq!(hooks.tend(RawTime::default(), silently), None);
    hooks.configure(Hook::default());
    hooks.run(&stepped(Duration::from_secs(9)), silently);
    assert_eq!(hooks.tend(RawTime::default(), silently), None);
    assert!(!folder.join("ran").exists());
}

#[test]
fn of_too_many_events_the_oldest_are_left_out_with_one_line() {
    let folder = Scratch::new("hook-many");
    let mut hooks = hooks(&folder, "echo $HOSTCLOCK_OFFSET_NS >> $1/said");
    let mut lines = Vec::new();
    for seconds in 1..=12 {
        hooks.run(&stepped(Duration::from_secs(seconds)), |line| lines.push(line.to_owned()));
    }
    assert_eq!(lines, ["hook /bin/sh is slower than events come: it is not told of the oldest"]);
    assert_eq!(to_the_end(&mut hooks), Vec::<String>::new());
    let told: Vec<_> = folder.read("said").lines().map(|line| line.len()).collect();
    assert_eq!(told, [10, 10, 10, 10, 10, 11, 11, 11], "5 s to 12 s, in nanoseconds");
}

#[test]
fn a_command_that_fails_or_cannot_be_started_gets_a_line_and_the_next_one_runs() {
    let folder = Scratch::new("hook-fails");
    let mut hooks = hooks(&folder, "test -e $1/ran && kill -KILL $$; touch $1/ran; exit 3");
    hooks.run(&stepped(Duration::from_secs(1)), silently);
    hooks.run(&stepped(Duration::from_secs(1)), silently);
    let lines = to_the_end(&mut hooks);
    assert_eq!(lines, ["hook /bin/sh ended with status 3", "hook /bin/sh was ended by signal 9"]);
    let mut hooks = Hooks::new(Hook { command: vec!["/no/such/hook".to_owned()], ..Hook::default() });
    hooks.run(&stepped(Duration::from_secs(1)), silently);
    let lines = to_the_end(&mut hooks);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("hook /no/such/hook could not be started: No such file"), "{lines:?}");
}

#[test]
fn a_command_that_takes_too_long_is_killed_with_what_it_started() {
    let folder = Scratch::new("hook-long");
    let mut hooks = hooks(&folder, "sleep 60 & echo $! > $1/child; wait");
    hooks.run(&stepped(Duration::from_secs(1)), silently);
    let start = RawTime::default();
    assert_eq!(hooks.tend(start, silently), Some(start + LOOK_AGAIN));
    while !folder.read("child").ends_with('\n') {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let late = start + Duration::from_millis(9_990);
    let end = start + Duration::from_secs(10);
    assert_eq!(hooks.tend(late, silently), Some(end), "not a moment too late");
    assert_eq!(hooks.tend(end, silently), Some(end + LOOK_AGAIN));
    let mut lines = Vec::new();
    while hooks.tend(end + LOOK_AGAIN, |line| lines.push(line.to_owned())).is_some() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert_eq!(lines, ["hook /bin/sh was killed after 10.00 s"]);
    let child = Path::new("/proc").join(folder.read("child").trim()).join("stat");
    // Whoever is the parent of orphans here may not have taken it away yet.
    let alive = || fs::read_to_string(&child).is_ok_and(|stat| !stat.contains(") Z "));
    let patience = Instant::now();
    while alive() {
        assert!(patience.elapsed().as_secs() < 10);
    }
}
