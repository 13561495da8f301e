//! Pairs of the processor's counter and the clock, in either machine. Host and guest read one counter, up to an
//! offset that the host knows, so pairs of both compare their clocks where the hypervisor doesn't.
//!
//! The clock is read between two readings of the counter, several times; what counts is the time at which the
//! two lay closest, and the middle of them. `clock_gettime` makes no system call here (vDSO), and reads the
//! counter itself, as it does in the other machine: that this isn't quite the middle is so in both, and falls out
//! of the difference.

use std::io;
use std::path::Path;

use hostclock_lab_guest::trace::Sample;
use hostclock_linux::clock::{SystemClock, now_system};
use hostclock_linux::tsc;

use crate::paced;

/// So many readings make a pair. The first few find nothing in the processor's caches.
const TRIES: u32 = 12;

/// Records `rate` pairs a second to `out` until `stop` exists, as samples: `raw` is the counter, `reference` this
/// machine's clock, and `uncertainty` half of what lay between the two readings of the counter, in its own unit.
///
/// # Errors
/// When `out` can't be written, or the processor has no such counter.
pub(crate) fn pairs(rate: u32, stop: &Path, out: &Path) -> io::Result<()> {
    if tsc::now().is_none() {
        return Err(io::Error::other("this processor has no time-stamp counter"));
    }
    paced::record(rate, stop, out, pair)
}

fn pair() -> Option<Sample> {
    let state = SystemClock.state().ok()?;
    let best = (0..TRIES).filter_map(|_| once()).min_by_key(|sample| sample.uncertainty)?;
    Some(Sample {
        max_error_us: state.health.max_error.as_nanos() / 1_000,
        synchronised: state.health.synchronised,
        ..best
    })
}

fn once() -> Option<Sample> {
    let before = i64::try_from(tsc::now()?).ok()?;
    let clock = now_system();
    let after = i64::try_from(tsc::now()?).ok()?;
    let half = (after - before) / 2;
    Some(Sample { raw: before + half, reference: clock.as_nanos(), uncertainty: half, ..Sample::default() })
}
