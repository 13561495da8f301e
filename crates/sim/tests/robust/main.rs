//! Nothing that a device, a kernel or a caller answers brings the engine down, or makes it run on.

mod happening;
mod machines;
mod strategies;

use happening::{Moment, START, happening, passes};
use hostclock_core::adjust::{Adjustment, KernelRate};
use hostclock_core::driver::{Machine, drive};
use hostclock_core::engine::{Action, Engine, Event};
use hostclock_core::ladder::Ladder;
use hostclock_core::policy::{Mode, Policy};
use hostclock_core::reading::{Method, Reading};
use hostclock_core::status::State;
use hostclock_core::units::{Duration, RawTime, Timestamp};
use machines::{Liar, Sane, kernel_at};
use proptest::prelude::*;
use strategies::{failure, kernel, policy, reading};

/// Calls in a row that no answer of a device or a kernel may cause.
const CHAIN: usize = 100;

/// An adjustment that Linux would take.
fn is_sane(adjustment: &Adjustment) -> bool {
    let rate = adjustment.rate.unwrap_or(KernelRate::NOMINAL);
    let error = adjustment.health.map_or(Duration::ZERO, |health| health.max_error);
    (9_000..=11_000).contains(&rate.tick)
        && (-(500 << 16)..=(500 << 16)).contains(&rate.freq)
        && !error.is_negative()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_events_in_any_order_are_taken(
        policy in policy(),
        kernel in kernel(),
        events in prop::collection::vec((passes(), happening()), 1..120),
    ) {
        let mut engine = Engine::new(policy, START, kernel);
        let mut moment = Moment::begin(kernel);
        for (passes, happening) in events {
            moment.now = moment.now + passes;
            let event = happening.at(&moment);
            let action = engine.handle(moment.now, event);
            if let Action::Adjust(adjustment) = action {
                prop_assert!(policy.mode == Mode::Control, "{adjustment:?} in {:?}", policy.mode);
                prop_assert!(is_sane(&adjustment), "{adjustment:?} after {event:?}");
                moment.rate = adjustment.rate.unwrap_or(moment.rate);
            }
            while let Some(notice) = engine.take_notice() {
                prop_assert!(!notice.to_string().is_empty());
            }
            let _ = engine.status(moment.now);
        }
        // However it was treated, a machine in its senses is followed again.
        let policy = Policy { poll: Duration::from_secs(1), ..Policy::default() };
        engine.set_policy(policy);
        let mut machine = Sane::new(moment.now);
        let mut ladder = Ladder::default();
        let mut event = Event::SourceFound;
        let until = machine.raw + 60_000_000_000;
        while machine.raw < until {
            let wake = drive(&mut engine, &mut ladder, &mut machine, event);
            machine.raw = machine.raw.max(wake.as_nanos()) + 50_000;
            event = Event::Wake;
        }
        let bound = engine.max_error(RawTime::from_nanos(machine.raw));
        let offset = Duration::from_nanos(machine.offset());
        prop_assert!(engine.state() == State::Synchronised, "{:?}, {offset} off", engine.state());
        prop_assert!(bound.is_some_and(|bound| bound >= offset.abs()), "{offset} off, beyond {bound:?}");
        prop_assert!(offset.abs() <= Duration::from_micros(1), "{offset} off");
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
