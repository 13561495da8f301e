//! The engine against a small scripted machine. Whole lives are in the simulator.

use super::*;
use crate::adjust::{Health, KernelRate};
use crate::driver::{Machine, drive};
use crate::ladder::Ladder;
use crate::policy::Mode;

const SECOND: Duration = Duration::from_secs(1);
const HOST_START: i64 = 1_790_000_000_000_000_000;

/// A machine with a perfect counter, whose host runs 20 ppm fast, and whose clock does what it is told.
struct Machine1 {
    raw: i64,
    host_offset: i64,
    system_raw: i64,
    system: i64,
    rate: KernelRate,
    health: Health,
    works: Vec<Method>,
    spoil_next: Option<Duration>,
    steps: Vec<Duration>,
    notices: Vec<Notice>,
    adjustments: u32,
    refuse: Option<i32>,
    /// The kernel takes steps and doesn't make them.
    deaf: bool,
    /// The raw counter of a reading is wrong by this much.
    raw_off: Duration,
}

impl Machine1 {
    fn new(system_offset: Duration) -> Self {
        Self {
            raw: 5_000_000_000,
            host_offset: 0,
            system_raw: 5_000_000_000,
            system: HOST_START + 5_000_000_000 + 100_000 + system_offset.as_nanos(),
            rate: KernelRate::NOMINAL,
            health: UNKNOWN,
            works: vec![Method::Precise, Method::SysOffset],
            spoil_next: None,
            steps: Vec::new(),
            notices: Vec::new(),
            adjustments: 0,
            refuse: None,
            deaf: false,
            raw_off: Duration::ZERO,
        }
    }

    fn host(&self) -> i64 {
        HOST_START + self.host_offset + self.raw + self.raw / 50_000
    }

    fn system_now(&self) -> i64 {
        let span = self.raw - self.system_raw;
        self.system + span + (span as f64 * self.rate.as_frequency().as_ratio()).round() as i64
    }

    fn offset(&self) -> i64 {
        self.system_now() - self.host()
    }

    fn foreign_step(&mut self, by: Duration) {
        self.system += by.as_nanos();
    }

    fn kernel(&self) -> KernelState {
        KernelState { rate: self.rate, health: self.health, tai_offset: 0, status: 0 }
    }
}

const UNKNOWN: Health =
    Health { synchronised: false, max_error: Duration::from_secs(16), est_error: Duration::from_secs(16) };

impl Machine for Machine1 {
    fn now(&mut self) -> RawTime {
        RawTime::from_nanos(self.raw)
    }

    fn read(&mut self, method: Method) -> Result<Reading, Failure> {
        self.raw += 20_000;
        if !self.works.contains(&method) {
            return Err(Failure::NoDevice);
        }
        let spoilt = self.spoil_next.take().unwrap_or_default();
        Ok(Reading {
            reference: Timestamp::from_nanos(self.host()) + spoilt,
            system: Timestamp::from_nanos(self.system_now()),
            raw: RawTime::from_nanos(self.raw) + self.raw_off,
            uncertainty: Duration::from_nanos(1),
            method,
        })
    }

    fn compare(&mut self) -> (RawTime, Timestamp) {
        self.raw += 1_000;
        (RawTime::from_nanos(self.raw), Timestamp::from_nanos(self.system_now()))
    }

    fn adjust(&mut self, adjustment: &Adjustment) -> Result<Applied, i32> {
        if let Some(errno) = self.refuse {
            return Err(errno);
        }
        self.adjustments += 1;
        let before = self.now();
        self.raw += 5_000;
        self.system = self.system_now();
        self.system_raw = self.raw;
        if let Some(step) = adjustment.step {
            if !self.deaf {
                self.system += step.as_nanos();
            }
            self.steps.push(step);
            self.health = UNKNOWN;
        }
        self.rate = adjustment.rate.unwrap_or(self.rate);
        self.health = adjustment.health.unwrap_or(self.health);
        self.raw += 5_000;
        Ok(Applied { before, after: self.now(), kernel: self.kernel() })
    }
}

struct Bench {
    machine: Machine1,
    engine: Engine,
    ladder: Ladder,
    wake_at: RawTime,
}

impl Bench {
    fn start(offset: Duration, policy: Policy) -> Self {
        let mut machine = Machine1::new(offset);
        let mut engine = Engine::new(policy, machine.now(), machine.kernel());
        let mut ladder = Ladder::default();
        let wake_at = drive(&mut engine, &mut ladder, &mut machine, Event::SourceFound);
        let mut bench = Self { machine, engine, ladder, wake_at };
        bench.listen();
        bench
    }

    fn listen(&mut self) {
        while let Some(notice) = self.engine.take_notice() {
            self.machine.notices.push(notice);
        }
    }

    fn event(&mut self, event: Event) {
        self.wake_at = drive(&mut self.engine, &mut self.ladder, &mut self.machine, event);
        self.listen();
    }

    /// Runs for `span`, waking whenever the engine asks for it, 50 us late.
    fn run(&mut self, span: Duration) {
        let end = self.machine.raw + span.as_nanos();
        while self.wake_at.as_nanos() < end {
            self.machine.raw = self.machine.raw.max(self.wake_at.as_nanos() + 50_000);
            self.event(Event::Wake);
        }
        self.machine.raw = self.machine.raw.max(end);
    }
}

fn settled() -> Bench {
    let mut bench = Bench::start(Duration::ZERO, Policy::default());
    bench.run(SECOND.times(30));
    bench.machine.steps.clear();
    bench.machine.notices.clear();
    bench
}

#[test]
fn a_clock_that_is_wrong_at_the_start_is_right_before_the_first_wait() {
    for offset in
        [SECOND.times(-94_608_000), SECOND.times(3_600), Duration::from_micros(50), Duration::from_millis(-1)]
    {
        let mut bench = Bench::start(offset, Policy::default());
        assert_eq!(bench.machine.steps.len(), 1, "{offset}");
        assert!(bench.machine.offset().abs() < 1_000, "{offset}: {} ns", bench.machine.offset());
        bench.run(Duration::from_millis(2));
        assert_eq!(bench.engine.state(), State::Synchronised);
        assert!(bench.machine.health.synchronised);
        bench.run(SECOND.times(5));
        assert_eq!(bench.machine.steps.len(), 1);
        assert!(bench.machine.offset().abs() < 20, "{offset}: {} ns", bench.machine.offset());
    }
}

#[test]
fn a_foreign_step_of_any_size_is_undone_when_it_is_heard_of() {
    for by in [1_000, -1_000, 20_000_000, -20_000_000, 3_600_000_000_000, -94_608_000_000_000_000] {
        let mut bench = settled();
        bench.machine.foreign_step(Duration::from_nanos(by));
        bench.event(Event::ClockSet);
        assert_eq!(bench.machine.steps.len(), 1, "{by}");
        assert!(bench.machine.offset().abs() < 50, "{by}: {} ns", bench.machine.offset());
        bench.run(SECOND.times(3));
        assert_eq!(bench.machine.steps.len(), 1, "{by}");
        assert!(matches!(
            bench.machine.notices.as_slice(),
            [Notice::Stepped { cause: StepCause::ForeignStep, .. }]
        ));
    }
}

#[test]
fn a_foreign_step_that_nobody_told_of_is_found_at_the_next_poll() {
    let mut bench = settled();
    bench.machine.foreign_step(Duration::from_millis(-20));
    bench.run(SECOND.times(2));
    assert_eq!(bench.machine.steps.len(), 1);
    assert!(bench.machine.offset().abs() < 50);
}

#[test]
fn a_single_bad_reading_is_thrown_away() {
    let mut bench = settled();
    bench.machine.spoil_next = Some(Duration::from_secs(7));
    bench.run(SECOND.times(3));
    assert_eq!(bench.machine.steps, []);
    assert_eq!(bench.engine.counters().outliers, 1);
    assert!(bench.machine.offset().abs() < 20);
}

#[test]
fn a_host_that_moved_is_followed_once_by_step_or_by_slew() {
    for (by, steps) in [(5_000_000_000, 1), (-500_000_000, 1), (900_000, 0), (-99_000_000, 0), (50_000, 0)] {
        let mut bench = settled();
        bench.machine.host_offset += by;
        bench.run(SECOND.times(4));
        assert_eq!(bench.machine.steps.len(), steps, "{by}");
        assert!(bench.machine.offset().abs() < 30, "{by}: {} ns", bench.machine.offset());
        assert_eq!(bench.engine.state(), State::Synchronised);
        assert_eq!(bench.engine.counters().breaks, 1, "{by}");
    }
}

#[test]
fn without_readings_the_clock_holds_over_and_comes_back() {
    let mut bench = settled();
    bench.machine.works.clear();
    bench.run(SECOND.times(600));
    assert_eq!(bench.engine.state(), State::Holdover);
    assert!(bench.machine.offset().abs() < 1_000, "{} ns", bench.machine.offset());
    let bound = bench.engine.max_error(bench.machine.now()).expect("there is one");
    assert!(bound > Duration::from_micros(100), "{bound}");
    bench.machine.works.push(Method::SysOffset);
    bench.run(SECOND.times(10));
    assert_eq!(bench.engine.state(), State::Synchronised);
    assert_eq!(bench.machine.steps, []);
}

#[test]
fn losing_the_device_and_finding_it_again_is_a_holdover() {
    let mut bench = settled();
    bench.event(Event::SourceLost(Loss::DeviceGone));
    assert_eq!(bench.engine.state(), State::Holdover);
    bench.run(SECOND.times(5));
    bench.event(Event::SourceFound);
    assert_eq!(bench.engine.state(), State::Synchronised);
    assert!(matches!(
        bench.machine.notices.as_slice(),
        [Notice::Holdover { .. }, Notice::HoldoverEnded { .. }]
    ));
}

#[test]
fn what_the_policy_forbids_is_withheld_and_said() {
    let policy = Policy { largest_step: Some(SECOND), ..Policy::default() };
    let mut bench = Bench::start(SECOND.times(10), policy);
    bench.run(SECOND.times(5));
    assert_eq!(bench.machine.steps, []);
    assert_eq!(bench.engine.state(), State::Unsynchronised);
    assert!(!bench.machine.health.synchronised);
    assert!((bench.machine.offset() - 10_000_000_000).abs() < 10_000);
    let withheld = bench.machine.notices.iter().filter(|notice| matches!(notice, Notice::Withheld { .. }));
    assert_eq!(withheld.count(), 1);
}

#[test]
fn an_observer_and_a_dry_run_touch_nothing() {
    for mode in [Mode::Observe, Mode::DryRun] {
        let mut bench = Bench::start(SECOND, Policy { mode, ..Policy::default() });
        bench.run(SECOND.times(10));
        bench.machine.foreign_step(SECOND.times(-1));
        bench.event(Event::ClockSet);
        bench.run(SECOND.times(10));
        assert_eq!(bench.machine.adjustments, 0);
        let told =
            bench.machine.notices.iter().filter(|notice| matches!(notice, Notice::WouldStep { .. })).count();
        assert_eq!(told, usize::from(mode == Mode::DryRun));
    }
}

#[test]
fn a_kernel_that_refuses_is_a_state_and_one_line() {
    let mut bench = settled();
    bench.machine.refuse = Some(1);
    bench.run(SECOND.times(10));
    assert_eq!(bench.engine.state(), State::Unsynchronised);
    assert_eq!(bench.machine.notices, [Notice::AdjustRefused { errno: 1 }]);
    bench.machine.refuse = None;
    bench.run(SECOND.times(3));
    assert_eq!(bench.engine.state(), State::Synchronised);
}

#[test]
fn an_absurd_answer_is_never_followed() {
    let mut bench = settled();
    bench.machine.host_offset -= HOST_START;
    bench.run(SECOND.times(20));
    assert_eq!(bench.machine.steps, []);
    assert_eq!(bench.engine.state(), State::Holdover);
    bench.machine.host_offset += HOST_START;
    bench.run(SECOND.times(3));
    assert_eq!(bench.engine.state(), State::Synchronised);
}

#[test]
fn ending_leaves_the_hosts_frequency_and_no_slew() {
    let mut bench = settled();
    bench.machine.host_offset -= 50_000_000;
    while bench.machine.rate.as_frequency().abs() < Frequency::from_ppm(10_000.0) {
        bench.run(Duration::from_millis(10));
    }
    bench.event(Event::Ending);
    let left = bench.machine.rate.as_frequency() - Frequency::from_ppm(20.0);
    assert!(left.abs().as_ppb() < 10.0, "{left:+}");
}

#[test]
fn a_kernel_that_takes_steps_and_does_not_make_them_does_not_keep_the_engine_busy() {
    let mut machine = Machine1::new(SECOND);
    machine.deaf = true;
    let mut engine = Engine::new(Policy::default(), machine.now(), machine.kernel());
    let wake_at = drive(&mut engine, &mut Ladder::default(), &mut machine, Event::SourceFound);
    assert!(machine.steps.len() <= 3, "{:?}", machine.steps);
    assert!(wake_at > machine.now());
}

#[test]
fn a_reading_whose_counter_is_not_of_this_moment_does_not_put_the_engine_to_sleep() {
    for off in [SECOND.times(3_600), SECOND.times(-3_600), Duration::MAX, -Duration::MAX] {
        let mut bench = settled();
        bench.machine.raw_off = off;
        bench.run(SECOND.times(10));
        assert!(bench.wake_at - bench.machine.now() <= SECOND, "off by {off}");
        bench.machine.raw_off = Duration::ZERO;
        bench.run(SECOND.times(10));
        assert_eq!(bench.engine.state(), State::Synchronised, "off by {off}");
    }
}

#[test]
fn a_foreign_step_is_undone_in_holdover_too() {
    let mut bench = settled();
    bench.event(Event::SourceLost(Loss::DeviceGone));
    bench.run(SECOND.times(3));
    bench.machine.foreign_step(SECOND.times(-3_600));
    bench.event(Event::ClockSet);
    assert_eq!(bench.machine.steps.len(), 1);
    assert!(bench.machine.offset().abs() < 1_000, "{} ns", bench.machine.offset());
    assert!(bench.machine.health.synchronised);
    assert_eq!(bench.engine.state(), State::Holdover);
    bench.run(SECOND.times(3));
    assert_eq!(bench.machine.steps.len(), 1);
}

#[test]
fn a_foreign_step_is_undone_while_every_reading_fails() {
    let mut bench = settled();
    bench.machine.works.clear();
    bench.machine.foreign_step(SECOND.times(3_600));
    bench.event(Event::ClockSet);
    bench.run(Duration::from_millis(50));
    assert_eq!(bench.engine.state(), State::Holdover);
    assert_eq!(bench.machine.steps.len(), 1);
    assert!(bench.machine.offset().abs() < 1_000, "{} ns", bench.machine.offset());
    assert!(bench.machine.health.synchronised);
}

#[test]
fn a_foreign_step_that_nobody_told_of_is_found_in_holdover_too() {
    let mut bench = settled();
    bench.event(Event::SourceLost(Loss::DeviceGone));
    bench.machine.foreign_step(SECOND.times(-3_600));
    bench.run(SECOND.times(3));
    assert_eq!(bench.machine.steps.len(), 1);
    assert!(bench.machine.offset().abs() < 1_000, "{} ns", bench.machine.offset());
}

#[test]
fn a_foreign_step_that_is_not_to_be_undone_is_in_the_bound_of_a_holdover() {
    let policy = Policy { undo_foreign_steps: false, ..Policy::default() };
    let mut bench = Bench::start(SECOND, policy);
    bench.run(SECOND.times(30));
    let before = bench.machine.steps.len();
    bench.event(Event::SourceLost(Loss::DeviceGone));
    bench.machine.foreign_step(SECOND);
    bench.event(Event::ClockSet);
    bench.run(SECOND.times(3));
    assert_eq!(bench.machine.steps.len(), before);
    assert!(!bench.machine.health.synchronised);
    assert!(bench.machine.health.max_error >= SECOND);
}

#[test]
fn a_clock_that_is_being_slewed_after_a_break_is_not_called_synchronised() {
    let mut bench = settled();
    bench.machine.host_offset -= 50_000_000;
    while bench.machine.rate.as_frequency().abs() < Frequency::from_ppm(10_000.0) {
        bench.run(Duration::from_millis(10));
    }
    assert_eq!(bench.engine.state(), State::Recovering);
    assert!(!bench.machine.health.synchronised);
    bench.run(SECOND.times(3));
    assert!(bench.machine.health.synchronised);
}

#[test]
fn whoever_sets_a_clock_right_that_policy_kept_wrong_is_not_undone() {
    let policy = Policy { step_forward: None, ..Policy::default() };
    let mut bench = Bench::start(Duration::ZERO, policy);
    bench.run(SECOND.times(30));
    bench.machine.host_offset += 5_000_000_000;
    bench.run(SECOND.times(3));
    bench.machine.foreign_step(SECOND.times(5));
    bench.event(Event::ClockSet);
    bench.run(Duration::from_millis(20));
    assert!(bench.machine.offset().abs() < 10_000_000, "{} ns", bench.machine.offset());
}

#[test]
fn a_slew_ends_when_the_reading_that_should_end_it_fails() {
    let mut bench = settled();
    bench.machine.host_offset -= 10_000_000;
    bench.machine.raw = bench.wake_at.as_nanos();
    bench.event(Event::Wake);
    assert_ne!(bench.machine.rate.tick, 10_000, "{:?}", bench.machine.rate);
    bench.machine.works.clear();
    bench.machine.raw = bench.wake_at.as_nanos();
    bench.event(Event::Wake);
    assert!((bench.machine.rate.as_frequency().as_ppm() - 20.0).abs() < 1.0, "{:?}", bench.machine.rate);
}

#[test]
fn steps_used_up_are_used_up_for_a_foreign_step_that_is_not_to_be_undone() {
    let policy = Policy { undo_foreign_steps: false, steps_after_start: Some(0), ..Policy::default() };
    let mut bench = Bench::start(SECOND, policy);
    bench.run(SECOND.times(30));
    let before = bench.machine.steps.len();
    bench.machine.foreign_step(SECOND);
    bench.event(Event::ClockSet);
    bench.run(SECOND.times(5));
    assert_eq!(bench.machine.steps.len(), before);
    assert!(bench.engine.status(bench.machine.now()).withheld.is_some());
}

#[test]
fn a_process_that_was_pre_empted_once_does_not_reckon_with_it_the_next_time() {
    let mut bench = settled();
    let usual = bench.engine.lag;
    for late in [100_000, 1_000_000, 9_000_000, 9_000_000] {
        let now = RawTime::from_nanos(bench.machine.raw);
        let after = now + Duration::from_nanos(late);
        bench.engine.effect_expected = now;
        let applied = Applied { before: after, after, kernel: bench.machine.kernel() };
        bench.engine.last = bench.engine.last.map(|last| Reading { raw: now, ..last });
        bench.engine.asked = Adjustment { step: None, rate: None, health: None, tai_offset: None };
        let _ = bench.engine.handle(after, Event::Adjusted(applied));
    }
    assert!(bench.engine.lag <= usual.times(4), "{} from {usual}", bench.engine.lag);
}
