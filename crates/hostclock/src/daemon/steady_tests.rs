//! What the daemon does at each turn while all is well, with everything that it waits for and tells: that it allocates
//! nothing. It only observes; what it would do to the clock beside is counted with an adjustment that changes nothing,
//! and in the engine's own test.

use std::os::unix::net::UnixDatagram;

use allocation_counter::measure;
use hostclock_core::driver::Machine as _;
use hostclock_core::notice::{Loss, Notice};
use hostclock_core::policy::Policy;
use hostclock_core::reading::Method;
use hostclock_core::{adjust::Adjustment, units::Duration};
use hostclock_linux::wait::PollSet;

use super::*;
use crate::config::{Hook, LogLevel, Notify};
use crate::scratch::Scratch;
use crate::source::Source;
use hostclock_core::engine::Event;

const TURNS: u64 = 200;

fn daemon(socket: &Path) -> Daemon {
    let policy = Policy { mode: Mode::Observe, poll: Duration::from_millis(2), ..Policy::default() };
    let config = Config {
        policy,
        socket: Some(socket.to_owned()),
        drift_file: Some(socket.with_extension("drift")),
        realtime_priority: RealtimePriority::None,
        notify: Notify::Started,
        log_level: LogLevel::Error,
        ..Config::default()
    };
    let options = RunOptions { once: false, force: false, origin: Origin::default(), digest: None };
    let log = Log::new(&config);
    let (daemon, _) = set_up(config, options, log).expect("it starts");
    daemon
}

#[test]
fn a_turn_at_rest_allocates_nothing() {
    let scratch = Scratch::new("steady");
    let manager = UnixDatagram::bind(scratch.join("manager")).expect("a socket");
    manager.set_nonblocking(true).expect("set");
    let mut daemon = daemon(&scratch.join("status.sock"));
    daemon.service = Service::watched_by(&scratch.join("manager"), Duration::from_millis(20));
    daemon.machine.source = Some(Source::stand_in());
    daemon.hints = Hints::listen(|_| ());
    let started = clock::now_raw();
    let mut fds = PollSet::new().expect("a set");
    let mut wake_at = daemon.drive(Event::SourceFound);
    let mut turns = |daemon: &mut Daemon, wanted: u64| {
        let until = daemon.engine.counters().readings + wanted;
        while daemon.engine.counters().readings < until {
            wake_at = daemon.turn(&mut fds, started, wake_at).continue_value().expect("nothing ends it");
        }
    };
    // Until it has told what there is to tell, and has settled.
    turns(&mut daemon, TURNS);
    while manager.recv(&mut [0; 64]).is_ok() {}
    let counted = measure(|| turns(&mut daemon, TURNS));
    assert_eq!(counted.count_total, 0, "in {TURNS} turns");
    let mut message = [0; 64];
    let length = manager.recv(&mut message).expect("the manager was told meanwhile");
    assert_eq!(message.get(..length), Some(&b"WATCHDOG=1\n"[..]));
}

#[test]
fn nor_does_one_while_the_hooks_helper_stands_still_and_it_is_waited_for_no_longer() {
    let scratch = Scratch::new("steady-hook");
    let mut daemon = daemon(&scratch.join("status.sock"));
    let hook = Hook { command: vec!["/bin/true".to_owned()], ..Hook::default() };
    daemon.hooks.configure(hook);
    let helper = daemon.hooks.helper_pid().expect("forked");
    let signal = |name: &str| {
        let sent = std::process::Command::new("sh").args(["-c", &format!("kill -{name} {helper}")]).status();
        assert!(sent.expect("a shell").success());
    };
    signal("STOP");
    daemon.machine.source = Some(Source::stand_in());
    let started = clock::now_raw();
    let mut fds = PollSet::new().expect("a set");
    let mut wake_at = daemon.drive(Event::SourceFound);
    let mut turns = |daemon: &mut Daemon, wanted: u64| {
        let until = daemon.engine.counters().readings + wanted;
        while daemon.engine.counters().readings < until {
            wake_at = daemon.turn(&mut fds, started, wake_at).continue_value().expect("nothing ends it");
        }
    };
    let event = Notice::Holdover { loss: Loss::DeviceGone };
    for _ in 0..3 {
        daemon.hooks.run(&event, |line| panic!("{line}"));
    }
    // The first event is handed over in these.
    turns(&mut daemon, TURNS);
    assert!(!daemon.hooks.is_idle());
    let counted = measure(|| turns(&mut daemon, TURNS));
    signal("KILL");
    assert_eq!(counted.count_total, 0, "in {TURNS} turns");
    assert!(clock::now_raw() - started < Duration::from_secs(60));
}

#[test]
fn a_device_that_has_been_there_is_waited_for_however_long_it_is_gone() {
    let scratch = Scratch::new("steady-timeout");
    let mut daemon = daemon(&scratch.join("status.sock"));
    daemon.config.device_timeout = Some(Duration::from_secs(60));
    let long_ago = clock::now_raw() + Duration::from_secs(-61);
    let mut fds = PollSet::new().expect("a set");
    let wake_at = clock::now_raw();
    assert_eq!(daemon.turn(&mut fds, long_ago, wake_at).break_value(), Some(Code::NoDevice));
    assert_eq!(daemon.turn(&mut fds, wake_at, wake_at).break_value(), None, "there is time left");
    daemon.machine.source = Some(Source::stand_in());
    let wake_at = daemon.drive(Event::SourceFound);
    daemon.machine.source = None;
    assert_eq!(daemon.turn(&mut fds, long_ago, wake_at).break_value(), None);
}

#[test]
fn nor_do_a_probe_and_a_change_of_the_clock() {
    let mut machine =
        Linux { source: Some(Source::stand_in()), clock: SystemClock, watch: None, adjusted: None };
    // Asks for nothing, which needs no permission.
    let nothing = Adjustment { step: None, rate: None, health: None, tai_offset: None };
    let counted = measure(|| {
        for _ in 0..TURNS {
            assert!(machine.probe(Method::Precise).is_ok() && machine.kernel().is_some());
            assert!(machine.adjust(&nothing).is_ok());
        }
    });
    assert_eq!(counted.count_total, 0);
}
