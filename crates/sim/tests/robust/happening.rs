//! Events that fit to a moment, but for what is to be off about them.

use hostclock_core::adjust::{KernelRate, KernelState};
use hostclock_core::engine::{Applied, Event};
use hostclock_core::reading::{Method, Reading};
use hostclock_core::units::{Duration, RawTime, Timestamp};
use proptest::prelude::*;

use crate::strategies::{event, kernel, method, number};

/// Where the raw counter stands at first.
pub(crate) const START: RawTime = RawTime::from_nanos(5_000_000_000);
/// What the host's clock is ahead of it.
pub(crate) const HOST: i64 = 1_793_750_400_000_000_000;

/// A moment in a machine's life, as far as an event has to fit to it.
pub(crate) struct Moment {
    pub(crate) now: RawTime,
    pub(crate) rate: KernelRate,
}

impl Moment {
    pub(crate) fn begin(kernel: KernelState) -> Self {
        Self { now: START, rate: kernel.rate }
    }
}

/// An event, but for what has to fit to the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening {
    /// Of a moment ago, with the host's and the system's clock off by so much.
    Reading {
        ago: i64,
        host: i64,
        system: i64,
        half: i64,
        method: Method,
        probed: bool,
    },
    /// Made just before, with the rate that was asked for or another one found.
    Adjusted {
        took: i64,
        found: Option<KernelRate>,
        kernel: KernelState,
        as_asked: bool,
    },
    Compared {
        system: i64,
    },
    Other(Event),
}

impl Happening {
    pub(crate) fn at(self, moment: &Moment) -> Event {
        let now = moment.now.as_nanos();
        match self {
            Self::Reading { ago, host, system, half, method, probed } => {
                let reading = Reading {
                    reference: Timestamp::from_nanos(HOST.saturating_add(now).saturating_add(host)),
                    system: Timestamp::from_nanos(HOST.saturating_add(now).saturating_add(system)),
                    raw: RawTime::from_nanos(now.saturating_sub(ago)),
                    uncertainty: Duration::from_nanos(half),
                    tied_within: Duration::from_nanos(half.clamp(0, 1_000)),
                    method,
                };
                if probed { Event::Probed(reading) } else { Event::Reading(reading) }
            }
            Self::Adjusted { took, found, kernel, as_asked } => Event::Adjusted(Applied {
                before: RawTime::from_nanos(now.saturating_sub(took)),
                after: moment.now,
                found,
                kernel: if as_asked { KernelState { rate: moment.rate, ..kernel } } else { kernel },
            }),
            Self::Compared { system } => Event::Compared(
                moment.now,
                Timestamp::from_nanos(HOST.saturating_add(now).saturating_add(system)),
            ),
            Self::Other(event) => event,
        }
    }
}

/// How long nothing happens: a moment, mostly.
pub(crate) fn passes() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => 0_i64..10_000,
        4 => 10_000_i64..200_000_000,
        2 => 200_000_000_i64..2_000_000_000,
        1 => 2_000_000_000_i64..10_000_000_000_000,
    ]
    .prop_map(Duration::from_nanos)
}

/// By how much a clock is off: hardly, mostly.
pub(crate) fn off() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => -50_i64..50,
        2 => -20_000_i64..20_000,
        2 => -2_000_000_000_i64..2_000_000_000,
        1 => number(),
    ]
}

pub(crate) fn happening() -> impl Strategy<Value = Happening> {
    let half = prop_oneof![4 => Just(1), 2 => 100_i64..20_000, 1 => number()];
    let ago = prop_oneof![6 => 0_i64..3_000, 1 => -2_000_i64..20_000_000_000, 1 => number()];
    let reading = (ago, off(), off(), half, method(), any::<bool>()).prop_map(
        |(ago, host, system, half, method, probed)| Happening::Reading {
            ago,
            host,
            system,
            half,
            method,
            probed,
        },
    );
    let adjusted = (0_i64..3_000, prop::option::of(kernel()), kernel(), any::<bool>()).prop_map(
        |(took, found, kernel, as_asked)| {
            let found = found.map(|found| found.rate).filter(|_| !as_asked);
            Happening::Adjusted { took, found, kernel, as_asked }
        },
    );
    prop_oneof![
        8 => reading,
        3 => adjusted,
        1 => off().prop_map(|system| Happening::Compared { system }),
        4 => event().prop_map(Happening::Other),
    ]
}
