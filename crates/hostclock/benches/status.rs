//! What a reader of the status costs: the document as JSON, understood again, in words; and answered over the socket.
//!
//! `make microbench`.
#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]
#![expect(missing_docs, reason = "the macros of criterion make public functions")]

// The program is no library: what is timed of it is compiled in.
#[path = "../src/status/summary.rs"]
#[allow(dead_code, unreachable_pub, reason = "a part of it is timed")]
mod summary;
#[path = "../src/status/words.rs"]
#[allow(dead_code, unused_imports, reason = "a part of it is used, and none of its tests")]
mod words;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hostclock_core::status::Status;

/// One as a daemon sends it.
const DOCUMENT: &str = include_str!("../tests/data/status-v1.json");

fn rendering(criterion: &mut Criterion) {
    let document: Status = serde_json::from_str(DOCUMENT).expect("a document");
    criterion.bench_function("status/as JSON", |bencher| {
        bencher.iter(|| serde_json::to_vec(black_box(&document)));
    });
    criterion.bench_function("status/from JSON", |bencher| {
        bencher.iter(|| serde_json::from_str::<Status>(black_box(DOCUMENT)));
    });
    criterion.bench_function("status/in words", |bencher| {
        bencher.iter(|| summary::summary(black_box(&document)));
    });
}

/// A reader connects, is answered, and reads it all; the daemon's part is the middle one.
#[cfg(target_os = "linux")]
fn answering(criterion: &mut Criterion) {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    use hostclock_linux::socket::StatusListener;

    let path = std::env::temp_dir().join(format!("hostclock-bench-{}", std::process::id()));
    let mut listener = StatusListener::bind(&path, 0o600).expect("a socket");
    let mut text = Vec::with_capacity(2 * DOCUMENT.len());
    criterion.bench_function("status/over the socket", |bencher| {
        bencher.iter(|| {
            text.clear();
            let mut reader = UnixStream::connect(&path)?;
            let _ = listener.accept_and_send(|| DOCUMENT);
            reader.read_to_end(&mut text)
        });
    });
}

#[cfg(not(target_os = "linux"))]
fn answering(_: &mut Criterion) {}

criterion_group!(benches, rendering, answering);
criterion_main!(benches);
