//! Takes a reading where no daemon runs: the device that a daemon would choose, by the methods that it
//! would try, and what the kernel says. Nothing is changed by it.

use std::path::Path;

use hostclock_core::ladder::{Ladder, Rung};
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::source::{Candidate, Choice, SourceConfig, TimeScale, Wanted, choose};
use hostclock_core::status::{MethodState, MethodStatus, SourceStatus};
use hostclock_core::units::Duration;
use hostclock_linux::clock::{self, SystemClock};
use hostclock_linux::clocksource;
use hostclock_linux::discover::{self, Found};
use hostclock_linux::ptp::Device;

use super::own::Own;

/// Where sysfs is.
const SYS_ROOT: &str = "/sys";
/// TAI − UTC since 2017, for a device that counts TAI in a kernel that nobody told.
const TAI_MINUS_UTC: i32 = 37;
/// How often a busy device is asked again.
const ATTEMPTS: u32 = 3;

/// Looks at the clock.
pub(super) fn look(config: &SourceConfig) -> Own {
    let mut own = Own { kernel: SystemClock.state().ok(), ..Own::default() };
    let tai_offset = own.kernel.map(|kernel| kernel.tai_offset).filter(|offset| *offset != 0);
    if let Err(error) = read(&mut own, config, tai_offset.unwrap_or(TAI_MINUS_UTC)) {
        own.error = Some(error);
    }
    own
}

/// Fills in what the device says; the error says why it says nothing.
fn read(own: &mut Own, config: &SourceConfig, tai_offset: i32) -> Result<(), String> {
    let found =
        discover::list(Path::new(SYS_ROOT)).map_err(|error| format!("{SYS_ROOT}/class/ptp: {error}"))?;
    let devices: Vec<_> = found.into_iter().map(Found::into_candidate).collect();
    let choice = choose(&devices, &resolved(config))?;
    let Some(candidate) = devices.get(choice.index) else {
        return Err("the chosen device went away".to_owned());
    };
    let device = Device::open(Path::new(&candidate.path)).map_err(|error| error.to_string());
    let source = own.source.insert(describe(candidate, &choice));
    let device = device?;
    let mut ladder = Ladder::default();
    let outcome = ladder_reading(&mut ladder, &device);
    source.methods = ladder.rungs().map(|(method, rung)| method_status(method, rung)).collect();
    let reading =
        outcome.map_err(|(method, failure)| format!("{method} fails: {}", failure.explanation(method)))?;
    source.method = Some(reading.method);
    source.uncertainty_ns = Some(reading.uncertainty.as_nanos_f64());
    source.last_reading_age_s = Some((clock::now_raw() - reading.raw).as_secs_f64());
    let ahead = match choice.time_scale {
        TimeScale::Utc => Duration::ZERO,
        TimeScale::Tai => Duration::from_secs(i64::from(tai_offset)),
    };
    own.offset_ns = Some((reading.offset() + ahead).as_nanos_f64());
    Ok(())
}

fn ladder_reading(ladder: &mut Ladder, device: &Device) -> Result<Reading, (Method, Failure)> {
    let mut outcome = ladder.read(clock::now_raw(), |method| device.read(method));
    for _ in 1..ATTEMPTS {
        if !matches!(outcome, Err((_, Failure::Busy))) {
            break;
        }
        outcome = ladder.read(clock::now_raw(), |method| device.read(method));
    }
    outcome
}

/// A configured path may be a link, such as `/dev/ptp_kvm`: what sysfs lists is where it leads.
fn resolved(config: &SourceConfig) -> SourceConfig {
    let wanted = match &config.wanted {
        Wanted::Path(path) => match std::fs::canonicalize(path) {
            Ok(target) => Wanted::Path(target.to_string_lossy().into_owned()),
            Err(_) => config.wanted.clone(),
        },
        other => other.clone(),
    };
    SourceConfig { wanted, ..config.clone() }
}

/// The source before its first reading.
fn describe(candidate: &Candidate, choice: &Choice) -> SourceStatus {
    SourceStatus {
        device: candidate.path.clone(),
        clock_name: candidate.clock_name.trim().to_owned(),
        kind: choice.kind,
        time_scale: choice.time_scale,
        method: None,
        uncertainty_ns: None,
        last_reading_age_s: None,
        interval_s: 0.0,
        clocksource: clocksource::current(Path::new(SYS_ROOT)).ok(),
        methods: Ladder::default().rungs().map(|(method, rung)| method_status(method, rung)).collect(),
        error: None,
    }
}

fn method_status(method: Method, rung: Rung) -> MethodStatus {
    let (state, failure) = match rung {
        Rung::Untried => (MethodState::Untried, None),
        Rung::Works => (MethodState::Works, None),
        Rung::Resting { failure, .. } => (MethodState::Fails, Some(failure)),
    };
    let explanation = failure.map(|failure| failure.explanation(method).to_owned());
    MethodStatus { method, state, failure, explanation }
}
