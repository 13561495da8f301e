//! Values of all kinds, of which most are nonsense.

use hostclock_core::adjust::{Health, KernelRate, KernelState};
use hostclock_core::engine::{Applied, Event};
use hostclock_core::hint::Hint;
use hostclock_core::notice::Loss;
use hostclock_core::policy::{Mode, Policy};
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::units::{Duration, RawTime, Timestamp};
use proptest::prelude::*;

pub(crate) fn number() -> impl Strategy<Value = i64> {
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

pub(crate) fn method() -> impl Strategy<Value = Method> {
    prop::sample::select(Method::ALL.to_vec())
}

pub(crate) fn reading() -> impl Strategy<Value = Reading> {
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

pub(crate) fn failure() -> impl Strategy<Value = Failure> {
    prop::sample::select(Failure::EACH.to_vec())
}

pub(crate) fn kernel() -> impl Strategy<Value = KernelState> {
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

pub(crate) fn event() -> impl Strategy<Value = Event> {
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

pub(crate) fn policy() -> impl Strategy<Value = Policy> {
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
