//! What spoils the guest's clock, and what starts a daemon on a spoilt one. Each writes down when.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use hostclock_core::adjust::{Adjustment, Health, KernelRate};
use hostclock_core::reading::Method;
use hostclock_core::units::{Duration, Timestamp};
use hostclock_lab_guest::event::Event;
use hostclock_linux::clock::{SystemClock, now_raw, now_system};
use hostclock_linux::ptp::Device;
use rustix::time::{ClockId, Timespec, clock_settime};

/// Below this, setting the clock to "now and a bit" would be mostly the time that setting takes.
const SMALL: Duration = Duration::from_micros(100);

/// Sets the clock with `date TIME`, as a person would.
///
/// # Errors
/// When `date` can't be run or fails, or the event can't be written.
pub(crate) fn date(label: &str, time: &str, log: &Path) -> io::Result<()> {
    let before = now_raw();
    let status = Command::new("/bin/date").arg(time).stdout(std::process::Stdio::null()).status()?;
    if !status.success() {
        return Err(io::Error::other(format!("date {time}: {status}")));
    }
    let event =
        Event { label: label.into(), before: before.as_nanos(), after: now_raw().as_nanos(), whole_minute: true };
    write(&event, log)
}

/// Moves the clock by `amount`: with `clock_settime`, or where that would be too coarse, with
/// `clock_adjtime`'s `ADJ_SETOFFSET`, which is the same to the kernel and to every listener.
///
/// # Errors
/// When the clock can't be set, or the event can't be written.
pub(crate) fn by(label: &str, amount: Duration, log: &Path) -> io::Result<()> {
    let before = now_raw();
    if amount.abs() < SMALL {
        adjust(&Adjustment { step: Some(amount), rate: None, health: None, tai_offset: None })?;
    } else {
        let (tv_sec, tv_nsec) = (now_system() + amount).parts();
        clock_settime(ClockId::Realtime, Timespec { tv_sec, tv_nsec })?;
    }
    let event =
        Event { label: label.into(), before: before.as_nanos(), after: now_raw().as_nanos(), whole_minute: false };
    write(&event, log)
}

/// Writes down that `program` starts now, and becomes it.
///
/// # Errors
/// When the event can't be written or the program can't be started.
pub(crate) fn launch(label: &str, log: &Path, program: &[String]) -> io::Result<()> {
    let now = now_raw().as_nanos();
    write(&Event { label: label.into(), before: now, after: now, whole_minute: false }, log)?;
    let Some((name, arguments)) = program.split_first() else {
        return Err(io::Error::other("no program to start"));
    };
    Err(Command::new(name).args(arguments).exec())
}

/// Makes the clock as a fresh guest has it: nominal rate, unsynchronised, and wrong by `offset`.
///
/// # Errors
/// When the device can't be read or the clock can't be set.
pub(crate) fn reset(device: &Path, offset: Duration) -> io::Result<()> {
    let health = Health { synchronised: false, max_error: Duration::from_secs(16), est_error: Duration::from_secs(16) };
    let mut change =
        Adjustment { step: None, rate: Some(KernelRate::NOMINAL), health: Some(health), tai_offset: None };
    adjust(&change)?;
    let device = Device::open(device).map_err(io::Error::other)?;
    let reading = device
        .read(Method::Precise)
        .or_else(|_| device.read(Method::SysOffset))
        .map_err(|failure| io::Error::other(failure.explanation(Method::SysOffset)))?;
    change.rate = None;
    change.step = Some(offset - reading.offset());
    // A step of zero would do, but the kernel refuses times before its own start.
    if reading.system + (offset - reading.offset()) <= Timestamp::from_nanos(0) {
        return Err(io::Error::other("the clock can't be set to before 1970"));
    }
    adjust(&change)
}

fn adjust(change: &Adjustment) -> io::Result<()> {
    SystemClock.adjust(change).map(drop).map_err(io::Error::other)
}

fn write(event: &Event, log: &Path) -> io::Result<()> {
    let mut line = serde_json::to_string(event)?;
    line.push('\n');
    OpenOptions::new().create(true).append(true).open(log)?.write_all(line.as_bytes())
}
