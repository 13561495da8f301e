//! What is believed at the start.

use hostclock_core::adjust::Health;
use hostclock_core::engine::Event;
use hostclock_core::policy::Policy;
use hostclock_core::reading::Method;
use hostclock_core::units::{Duration, Frequency};

use crate::bench::{Bench, HOST_PPM, SECOND, Script};

#[test]
#[should_panic(expected = "fault 7: ")]
fn the_first_guess_is_the_rate_that_the_kernel_has_when_the_device_comes() {
    let max_error = Duration::from_millis(10);
    let good = Health { synchronised: true, max_error, est_error: Duration::from_micros(10) };
    let mut machine = Script::new(Duration::from_micros(50));
    machine.works = vec![Method::SysOffset];
    machine.bracket.half = Duration::from_micros(15);
    // Another clock daemon is in the middle of a slew when ours is set up ...
    machine.steer(Frequency::from_ppm(300.0), good);
    let mut bench = Bench::set_up(machine, Policy::default());
    bench.event(Event::Wake);
    bench.run(SECOND);
    // ... ends it, keeps the clock on the host's time, and stops a minute later.
    let offset = bench.machine.offset();
    bench.machine.step(Duration::from_nanos(-offset));
    bench.machine.steer(Frequency::from_ppm(HOST_PPM), good);
    bench.run(SECOND.times(60));
    assert!(bench.machine.offset().abs() < 100, "{}", bench.machine.offset());
    bench.seen.clear();
    bench.event(Event::SourceFound);
    bench.run(SECOND.times(20));
    let worst = bench.seen.iter().map(|offset| offset.abs()).max().expect("seen");
    // Were ours set up now, it would be 1 ns.
    assert!(
        worst <= bench.machine.bracket.half.as_nanos(),
        "fault 7: a clock that was right, and at the right rate, was taken {worst} ns off; notices: {:?}",
        bench.notices
    );
}
