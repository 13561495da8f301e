//! What the engine costs: one poll, with every filter of the bank and the answer to it; one probe; the status document.
//!
//! `make microbench`. The machine is made of numbers, so the kernel's part is in none of it: that is measured where
//! there is a device (`lab reading`, docs/lab.md).
#![expect(missing_docs, reason = "the macros of criterion make public functions")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hostclock_core::policy::{POLL_RANGE, PROBE_RANGE, Policy};
use hostclock_core::reading::Method;
use hostclock_core::units::Duration;
use support::Bench;

/// Every turn is a poll.
fn only_polls() -> Policy {
    let poll = Duration::from_secs(1);
    Policy { poll, probe: poll, ..Policy::default() }
}

/// Of 12,800 turns one is a poll.
fn hardly_any_polls() -> Policy {
    Policy { poll: POLL_RANGE.1, probe: PROBE_RANGE.0, ..Policy::default() }
}

fn engine(criterion: &mut Criterion) {
    let mut turns = |name: &str, policy, best| {
        let mut bench = Bench::steady(policy, best);
        criterion.bench_function(name, |bencher| bencher.iter(|| black_box(&mut bench).turn()));
    };
    turns("engine/poll, precise", only_polls(), Method::Precise);
    turns("engine/poll, bracket", only_polls(), Method::SysOffset);
    turns("engine/probe", hardly_any_polls(), Method::Precise);
    let mut bench = Bench::steady(Policy::default(), Method::Precise);
    bench.turn();
    let now = bench.wake_at;
    criterion
        .bench_function("status/document", |bencher| bencher.iter(|| bench.engine.status(black_box(now))));
    let status = bench.engine.status(now);
    criterion.bench_function("status/as JSON, short history", |bencher| {
        bencher.iter(|| serde_json::to_vec(black_box(&status)));
    });
}

criterion_group!(benches, engine);
criterion_main!(benches);
