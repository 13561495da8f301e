//! Real commands, run by a real helper, on a clock that the tests move.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use hostclock_core::notice::Loss;
use hostclock_core::status::StepCause;
use hostclock_linux::wait::PollSet;

use super::*;
use crate::scratch::Scratch;

/// Hooks that run a shell script, in which `$1` is `folder`.
fn hooks(folder: &Scratch, script: &str) -> Hooks {
    Hooks::new(shell(folder, script, Duration::from_secs(10)))
}

fn shell(folder: &Scratch, script: &str, time_limit: Duration) -> Hook {
    let words = ["/bin/sh", "-c", script, "sh", folder.path().to_str().expect("UTF-8")];
    Hook { command: words.map(str::to_owned).to_vec(), time_limit, ..Hook::default() }
}

fn stepped(before: Duration) -> Notice {
    Notice::Stepped {
        cause: StepCause::HostMoved,
        before_ns: before,
        after_ns: Duration::ZERO,
        took_ns: Duration::from_micros(90),
    }
}

/// Looks after the hooks until nothing is left to do; the lines for the log.
fn to_the_end(hooks: &mut Hooks) -> Vec<String> {
    let (start, mut lines) = (Instant::now(), Vec::new());
    let mut set = PollSet::<1>::new().expect("a set");
    loop {
        hooks.tend(RawTime::default(), |line| lines.push(line.to_owned()));
        if hooks.is_idle() {
            return lines;
        }
        set.watch(0, hooks.fd()).expect("watched");
        assert_eq!(set.wait(Some(Duration::from_secs(20))), Ok(1), "{lines:?}");
        hooks.heard(|line| lines.push(line.to_owned()));
        assert!(start.elapsed().as_secs() < 20, "{lines:?}");
    }
}

/// Sends a signal to the helper.
fn signal(hooks: &Hooks, name: &str) {
    let helper = hooks.helper.as_ref().expect("there").pid();
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {helper}")]).status();
    assert!(sent.expect("a shell").success());
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
    assert!(hooks.fd().is_some());
    hooks.configure(Hook::default());
    hooks.run(&stepped(Duration::from_secs(9)), silently);
    assert_eq!(hooks.tend(RawTime::default(), silently), None);
    assert!(!folder.join("ran").exists());
    assert!(Hooks::new(Hook::default()).fd().is_none(), "nothing to run, no process");
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
    let limit = Duration::from_millis(1_500);
    let mut hooks = Hooks::new(shell(&folder, "sleep 60 & echo $! > $1/child; wait", limit));
    hooks.run(&stepped(Duration::from_secs(1)), silently);
    let start = Instant::now();
    assert_eq!(to_the_end(&mut hooks), ["hook /bin/sh was killed after 1.500 s"]);
    assert!(start.elapsed().as_millis() >= 1_500, "not a moment too soon");
    let child = Path::new("/proc").join(folder.read("child").trim()).join("stat");
    // Whoever is the parent of orphans here may not have taken it away yet.
    let alive = || fs::read_to_string(&child).is_ok_and(|stat| !stat.contains(") Z "));
    let patience = Instant::now();
    while alive() {
        assert!(patience.elapsed().as_secs() < 10);
    }
}

#[test]
fn a_command_cannot_set_the_clock_and_has_an_ordinary_turn_on_the_processor() {
    let folder = Scratch::new("hook-less");
    let script = "grep ^Cap /proc/self/status > $1/sets; cut -d ' ' -f 40,41 /proc/self/stat > $1/turn";
    let mut hooks = hooks(&folder, script);
    hooks.run(&stepped(Duration::from_secs(1)), silently);
    assert_eq!(to_the_end(&mut hooks), Vec::<String>::new());
    let sets = folder.read("sets");
    let bits =
        |line: &str| u64::from_str_radix(line.split_whitespace().nth(1).expect("a set"), 16).expect("hex");
    // Not in the bounding set either, from which root's programs take theirs; that takes the permission.
    let own = fs::read_to_string("/proc/self/status").expect("read");
    let may_bound = bits(own.lines().find(|line| line.starts_with("CapEff")).expect("a set")) >> 8 & 1 == 1;
    for line in sets.lines().filter(|line| may_bound || !line.starts_with("CapBnd")) {
        assert_eq!(bits(line) >> 25 & 1, 0, "{sets}");
    }
    assert_eq!(folder.read("turn"), "0 0\n", "no real-time priority, and SCHED_OTHER");
}

#[test]
fn a_helper_that_does_not_answer_is_said_to_once_and_events_wait_for_it_in_order() {
    let folder = Scratch::new("hook-stalled");
    let mut hooks = hooks(&folder, "echo $HOSTCLOCK_OFFSET_NS >> $1/said");
    signal(&hooks, "STOP");
    for seconds in 1..=3 {
        hooks.run(&stepped(Duration::from_secs(seconds)), silently);
    }
    let start = RawTime::default();
    let late = start + Duration::from_secs(10) + GRACE;
    assert_eq!(hooks.tend(start, silently), Some(late));
    hooks.heard(silently);
    let mut lines = Vec::new();
    for _ in 0..3 {
        assert_eq!(hooks.tend(late, |line| lines.push(line.to_owned())), None);
    }
    assert_eq!(
        lines,
        ["hook /bin/sh: its program can't be started or killed: a stalled disk? Further events wait for it"]
    );
    assert_eq!(folder.read("said"), "");
    signal(&hooks, "CONT");
    assert_eq!(to_the_end(&mut hooks), Vec::<String>::new());
    assert_eq!(folder.read("said"), "1000000000\n2000000000\n3000000000\n");
}

#[test]
fn a_helper_that_dies_is_replaced_for_the_next_event() {
    let folder = Scratch::new("hook-dies");
    let mut hooks = hooks(&folder, "echo $HOSTCLOCK_OFFSET_NS >> $1/said");
    signal(&hooks, "STOP");
    hooks.run(&stepped(Duration::from_secs(1)), silently);
    hooks.run(&stepped(Duration::from_secs(2)), silently);
    hooks.tend(RawTime::default(), silently);
    signal(&hooks, "KILL");
    let lines = to_the_end(&mut hooks);
    assert_eq!(lines, ["hook /bin/sh was lost sight of: the process that ran it has ended"]);
    assert_eq!(folder.read("said"), "2000000000\n");
    // One that dies while nothing runs is nobody's loss, and a hang-up isn't meant for it.
    signal(&hooks, "HUP");
    let before = hooks.helper.as_ref().expect("there").pid();
    hooks.run(&stepped(Duration::from_secs(3)), silently);
    assert_eq!(to_the_end(&mut hooks), Vec::<String>::new());
    assert_eq!(hooks.helper.as_ref().expect("there").pid(), before);
    signal(&hooks, "KILL");
    hooks.run(&stepped(Duration::from_secs(4)), silently);
    let lines = to_the_end(&mut hooks);
    // The kernel may have taken the event before it noticed.
    assert!(lines.is_empty() || lines.len() == 1, "{lines:?}");
    hooks.run(&stepped(Duration::from_secs(5)), silently);
    assert_eq!(to_the_end(&mut hooks), Vec::<String>::new());
    assert!(folder.read("said").ends_with("5000000000\n"));
}

/// Set where the test below runs a second time, with a file system at /mnt that doesn't answer.
const FROZEN: &str = "HOSTCLOCK_TEST_FROZEN";
/// Makes it: FUSE's, with nobody who serves it. In a namespace of its own.
const FREEZE: &str = "exec 7<>/dev/fuse && \
    mount -i -t fuse -o fd=7,rootmode=40000,user_id=0,group_id=0 frozen /mnt || exit 77; exec \"$@\"";

#[test]
fn a_program_on_a_file_system_that_does_not_answer_holds_nobody_up_but_the_helper() {
    if std::env::var_os(FROZEN).is_none() {
        let name = "a_program_on_a_file_system_that_does_not_answer_holds_nobody_up_but_the_helper";
        let again = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", FREEZE, "sh"])
            .arg(std::env::current_exe().expect("this program"))
            .args(["--exact", &format!("daemon::hook::tests::{name}"), "--nocapture"])
            .env(FROZEN, "1")
            .output()
            .expect("util-linux");
        let said = String::from_utf8_lossy(&again.stdout) + String::from_utf8_lossy(&again.stderr);
        match again.status.code() {
            Some(0) => assert!(said.contains("1 passed"), "{said}"),
            // Neither may be permitted.
            Some(1 | 77) if !said.contains("panicked") => eprintln!("not tested: {said}"),
            _ => panic!("{said}"),
        }
        return;
    }
    let hook = Hook { command: vec!["/mnt/hook".to_owned()], ..Hook::default() };
    let late = RawTime::default() + hook.time_limit + GRACE;
    let mut hooks = Hooks::new(hook);
    let start = Instant::now();
    hooks.run(&stepped(Duration::from_secs(1)), silently);
    assert_eq!(hooks.tend(RawTime::default(), silently), Some(late));
    let mut set = PollSet::<1>::new().expect("a set");
    set.watch(0, hooks.fd()).expect("watched");
    assert_eq!(set.wait(Some(Duration::from_millis(500))), Ok(0), "the program can't be started");
    let mut lines = Vec::new();
    hooks.tend(late, |line| lines.push(line.to_owned()));
    assert!(lines[0].ends_with("a stalled disk? Further events wait for it"), "{lines:?}");
    assert!(start.elapsed().as_secs() < 10);
}
