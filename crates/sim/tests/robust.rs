//! Nothing that a device, a kernel or a caller answers brings the engine down, or makes it run on.

use hostclock_core::adjust::{Adjustment, Health, KernelRate, KernelState};
use hostclock_core::driver::{Machine, drive};
use hostclock_core::engine::{Action, Applied, Engine, Event};
use hostclock_core::hint::Hint;
use hostclock_core::ladder::Ladder;
use hostclock_core::notice::Loss;
use hostclock_core::policy::{Mode, Policy};
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::units::{Duration, RawTime, Timestamp};
use proptest::prelude::*;

/// Calls in a row that no answer of a device or a kernel may cause.
const CHAIN: usize = 100;

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(i64::MIN),
        Just(i64::MAX),
        Just(0),
        Just(-1),
        any::<i64>(),
        -2_000_000_000_i64..2_000_000_000,
        1_793_750_400_000_000_000_i64..1_793_750_500_000_000_000,
    ]
}

fn method() -> impl Strategy<Value = Method> {
    prop::sample::select(Method::ALL.to_vec())
}

fn reading() -> impl Strategy<Value = Reading> {
    (number(), number(), number(), number(), method()).prop_map(|(reference, system, raw, half, method)| {
        Reading {
            reference: Timestamp::from_nanos(reference),
            system: Timestamp::from_nanos(system),
            raw: RawTime::from_nanos(raw),
            uncertainty: Duration::from_nanos(half),
            tied_within: Duration::from_nanos(half),
            method,
        }
    })
}

fn failure() -> impl Strategy<Value = Failure> {
    prop::sample::select(Failure::EACH.to_vec())
}

fn kernel() -> impl Strategy<Value = KernelState> {
    (number(), number(), number(), any::<bool>(), any::<i32>()).prop_map(
        |(tick, freq, error, synchronised, tai)| KernelState {
            rate: KernelRate { tick: tick % 1_000_000, freq },
            health: Health {
                synchronised,
                max_error: Duration::from_nanos(error),
                est_error: Duration::from_nanos(error),
            },
            tai_offset: tai,
            status: 0,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Wake),
        Just(Event::ClockSet),
        Just(Event::SourceFound),
        Just(Event::SourceLost(Loss::DeviceGone)),
        reading().prop_map(Event::Reading),
        reading().prop_map(Event::Reading),
        (method(), failure()).prop_map(|(method, failure)| Event::ReadFailed(method, failure)),
        (number(), number(), kernel()).prop_map(|(before, after, kernel)| Event::Adjusted(Applied {
            before: RawTime::from_nanos(before),
            after: RawTime::from_nanos(after),
            found: Some(kernel.rate),
            kernel,
        })),
        reading().prop_map(Event::Probed),
        Just(Event::ProbeFailed),
        prop::option::of(kernel()).prop_map(Event::Inspected),
        prop::sample::select(Hint::ALL.to_vec()).prop_map(Event::Hint),
        any::<i32>().prop_map(Event::AdjustRefused),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let mode = prop::sample::select(vec![Mode::Control, Mode::Observe, Mode::DryRun]);
    (mode, prop::option::of(number()), prop::option::of(number()), any::<bool>(), prop::option::of(0_u32..3))
        .prop_map(|(mode, backward, largest, undo_foreign_steps, steps_after_start)| Policy {
            mode,
            step_backward: backward.map(Duration::from_nanos),
            largest_step: largest.map(Duration::from_nanos),
            undo_foreign_steps,
            steps_after_start,
            ..Policy::default()
        })
}

/// An adjustment that Linux would take.
fn is_sane(adjustment: &Adjustment) -> bool {
    let rate = adjustment.rate.unwrap_or(KernelRate::NOMINAL);
    let error = adjustment.health.map_or(Duration::ZERO, |health| health.max_error);
    (9_000..=11_000).contains(&rate.tick)
        && (-(500 << 16)..=(500 << 16)).contains(&rate.freq)
        && !error.is_negative()
}

/// A device and a kernel that answer what they like, in turn.
struct Liar {
    raw: i64,
    readings: Vec<Result<Reading, Failure>>,
    /// Readings pass for recent ones.
    plausible: bool,
    obeys: bool,
    calls: usize,
    system: i64,
    insane: Option<Adjustment>,
}

impl Machine for Liar {
    fn now(&mut self) -> RawTime {
        self.raw += 500;
        RawTime::from_nanos(self.raw)
    }

    fn read(&mut self, method: Method) -> Result<Reading, Failure> {
        self.calls += 1;
        self.raw += 2_000;
        if self.calls > CHAIN {
            return Err(Failure::Busy);
        }
        self.readings.rotate_left(1);
        let answer = self.readings.first().copied().unwrap_or(Err(Failure::Io))?;
        if !self.plausible {
            return Ok(answer);
        }
        Ok(Reading {
            raw: RawTime::from_nanos(self.raw - 1_000),
            system: Timestamp::from_nanos(self.system.saturating_add(self.raw)),
            uncertainty: Duration::from_nanos(1),
            method,
            ..answer
        })
    }

    fn kernel(&mut self) -> Option<KernelState> {
        self.calls += 1;
        (self.calls % 3 > 0).then(|| kernel_at(KernelRate { tick: 9_000, freq: 0 }))
    }

    fn compare(&mut self) -> (RawTime, Timestamp) {
        self.calls += 1;
        self.raw += 500;
        (RawTime::from_nanos(self.raw), Timestamp::from_nanos(self.system.saturating_add(self.raw)))
    }

    fn adjust(&mut self, adjustment: &Adjustment) -> Result<Applied, i32> {
        self.calls += 1;
        if self.calls > CHAIN {
            return Err(1);
        }
        if !is_sane(adjustment) {
            self.insane = Some(*adjustment);
        }
        let before = Machine::now(self);
        if self.obeys {
            self.system = self.system.saturating_add(adjustment.step.unwrap_or_default().as_nanos());
        }
        let rate = adjustment.rate.unwrap_or(KernelRate::NOMINAL);
        Ok(Applied { before, after: Machine::now(self), found: None, kernel: kernel_at(rate) })
    }
}

fn kernel_at(rate: KernelRate) -> KernelState {
    let health = Health { synchronised: true, max_error: Duration::ZERO, est_error: Duration::ZERO };
    KernelState { rate, health, tai_offset: 37, status: 0 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_events_in_any_order_are_taken(
        policy in policy(),
        kernel in kernel(),
        events in prop::collection::vec((number(), event()), 1..120),
    ) {
        let mut engine = Engine::new(policy, RawTime::from_nanos(0), kernel);
        for (now, event) in events {
            let now = RawTime::from_nanos(now);
            if let Action::Adjust(adjustment) = engine.handle(now, event) {
                prop_assert!(policy.mode == Mode::Control, "{adjustment:?} in {:?}", policy.mode);
                prop_assert!(is_sane(&adjustment), "{adjustment:?} after {event:?}");
            }
            while let Some(notice) = engine.take_notice() {
                prop_assert!(!notice.to_string().is_empty());
            }
            let _ = engine.status(now);
        }
    }

    #[test]
    fn whatever_a_device_answers_the_engine_waits_before_long(
        policy in policy(),
        readings in prop::collection::vec(
            prop_oneof![4 => reading().prop_map(Ok), 1 => failure().prop_map(Err)], 1..12),
        plausible in any::<bool>(),
        obeys in any::<bool>(),
    ) {
        let mut engine = Engine::new(policy, RawTime::from_nanos(0), kernel_at(KernelRate::NOMINAL));
        let mut ladder = Ladder::default();
        let mut liar = Liar {
            raw: 0, readings, plausible, obeys, calls: 0, system: 1_793_750_400_000_000_000, insane: None,
        };
        let mut event = Event::SourceFound;
        for _ in 0..60 {
            liar.calls = 0;
            let wake = drive(&mut engine, &mut ladder, &mut liar, event);
            while let Some(notice) = engine.take_notice() {
                prop_assert!(!notice.to_string().is_empty());
            }
            prop_assert!(liar.calls < CHAIN, "{} calls in a row", liar.calls);
            prop_assert!(liar.insane.is_none(), "{:?}", liar.insane);
            let now = Machine::now(&mut liar);
            prop_assert!(wake - now <= Duration::from_secs(65), "sleeps for {}", wake - now);
            liar.raw = wake.as_nanos().max(liar.raw) + 50_000;
            event = Event::Wake;
        }
    }
}

#[test]
fn a_device_that_jumps_with_every_other_reading_does_not_keep_the_engine_busy() {
    let mut engine = Engine::new(Policy::default(), RawTime::from_nanos(0), kernel_at(KernelRate::NOMINAL));
    let told = |s: i64| Reading {
        reference: Timestamp::from_nanos(1_793_750_400_000_000_000 + s * 1_000_000_000),
        system: Timestamp::default(),
        raw: RawTime::default(),
        uncertainty: Duration::from_nanos(1),
        tied_within: Duration::ZERO,
        method: Method::Precise,
    };
    let readings = [0, 0, 7, 7, 3, 3].map(|s| Ok(told(s))).to_vec();
    let mut liar = Liar {
        raw: 0,
        readings,
        plausible: true,
        obeys: true,
        calls: 0,
        system: 1_793_750_400_000_000_000,
        insane: None,
    };
    let _ = drive(&mut engine, &mut Ladder::default(), &mut liar, Event::SourceFound);
    assert!(liar.calls < CHAIN, "{} calls in a row", liar.calls);
}
