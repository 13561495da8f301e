//! Takes a reading where no daemon runs: the device that a daemon would choose, by the methods that it
//! would try, and what the kernel says. Nothing is changed by it.

use hostclock_core::ladder::Ladder;
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::source::SourceConfig;
use hostclock_core::status::MethodStatus;
use hostclock_linux::clock::{self, SystemClock};

use super::own::Own;
use crate::source::{self, Source};

/// How often a busy device is asked again.
const ATTEMPTS: u32 = 3;

/// Looks at the clock.
pub(super) fn look(config: &SourceConfig) -> Own {
    let mut own = Own { kernel: SystemClock.state().ok(), ..Own::default() };
    if let Err(error) = read(&mut own, config) {
        own.error = Some(error);
    }
    own
}

/// Fills in what the device says; the error says why it says nothing.
fn read(own: &mut Own, config: &SourceConfig) -> Result<(), String> {
    let tai_offset = source::kernel_tai_offset(own.kernel.as_ref());
    let mut ladder = Ladder::default();
    let chosen = source::find(config)?;
    let status = own.source.insert(chosen.status(&ladder));
    let source = chosen.open(tai_offset).map_err(|unusable| unusable.reason)?;
    let outcome = ladder_reading(&mut ladder, &source);
    status.methods = ladder.rungs().map(MethodStatus::from).collect();
    let reading =
        outcome.map_err(|(method, failure)| format!("{method} fails: {}", failure.explanation(method)))?;
    status.method = Some(reading.method);
    status.uncertainty_ns = Some(reading.uncertainty.as_nanos_f64());
    status.last_reading_age_s = Some((clock::now_raw() - reading.raw).as_secs_f64());
    own.offset_ns = Some(reading.offset().as_nanos_f64());
    Ok(())
}

fn ladder_reading(ladder: &mut Ladder, source: &Source) -> Result<Reading, (Method, Failure)> {
    let mut outcome = ladder.read(clock::now_raw(), |method| source.read(method));
    for _ in 1..ATTEMPTS {
        if !matches!(outcome, Err((_, Failure::Busy))) {
            break;
        }
        outcome = ladder.read(clock::now_raw(), |method| source.read(method));
    }
    outcome
}
