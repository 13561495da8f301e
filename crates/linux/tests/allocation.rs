//! What the daemon asks of the kernel at each turn allocates nothing; the reading of a device is counted beside it, in
//! `ptp`.
#![cfg(target_os = "linux")]

use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use allocation_counter::measure;
use hostclock_core::adjust::Adjustment;
use hostclock_core::units::Duration;
use hostclock_linux::clock::{self, SystemClock};
use hostclock_linux::clock_set::ClockSetWatch;
use hostclock_linux::kmsg::Kmsg;
use hostclock_linux::process;
use hostclock_linux::sleep::SleepWatch;
use hostclock_linux::socket::StatusListener;
use hostclock_linux::uevent::UeventSocket;
use hostclock_linux::wait::PollSet;

/// How many allocations a hundred turns of `what` take.
fn allocations(mut what: impl FnMut()) -> u64 {
    measure(|| (0..100).for_each(|_| what())).count_total
}

#[test]
fn reading_and_changing_the_clocks() {
    // Asks for nothing, which needs no permission.
    let nothing = Adjustment { step: None, rate: None, health: None, tai_offset: None };
    let mut sleep = SleepWatch::new();
    assert_eq!(
        allocations(|| {
            let _ = (clock::now_raw(), clock::now_system(), clock::compare(), sleep.woke());
            assert!(SystemClock.state().is_ok() && SystemClock.adjust(&nothing).is_ok());
            assert!(SystemClock.adjust_at_once(&nothing).is_ok());
        }),
        0
    );
}

#[test]
fn waiting_and_hearing() {
    let (end, _other) = UnixStream::pair().expect("a pair");
    let mut set = PollSet::<2>::new().expect("a set");
    // Where this machine doesn't offer them, there is nothing to count.
    let (mut uevents, mut kmsg) = (UeventSocket::new().ok(), Kmsg::open().ok());
    let mut watch = ClockSetWatch::new().ok();
    assert_eq!(
        allocations(|| {
            set.watch(0, Some(end.as_fd())).expect("watched");
            set.watch(1, watch.as_ref().map(|watch| watch.as_fd())).expect("watched");
            set.wait(Some(Duration::from_micros(10))).expect("waited");
            process::set_timer_slack(Duration::from_micros(50)).expect("set");
            let _ = uevents.as_mut().map(|uevents| uevents.drain(|_| {}));
            let _ = kmsg.as_mut().map(|kmsg| kmsg.drain(|_| {}));
            let _ = watch.as_mut().map(ClockSetWatch::heard);
        }),
        0
    );
}

#[test]
fn answering_a_reader_whose_document_is_there() {
    let path = std::env::temp_dir().join(format!("hostclock-allocation-{}", std::process::id()));
    let mut listener = StatusListener::bind(&path, 0o600).expect("bound");
    let mut buffer = [0; 16];
    assert_eq!(
        allocations(|| {
            let mut reader = UnixStream::connect(&path).expect("connected");
            assert_eq!(listener.accept_and_send(|| "document").map(|served| served.sent), Ok(1));
            assert_eq!(reader.read(&mut buffer).expect("read"), 8);
        }),
        0
    );
}
