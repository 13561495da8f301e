//! What spoils the guest's clock, and what starts a daemon on a spoilt one. Each writes down when.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::change::{NOTHING, adjust, step};
use crate::manage;
use crate::moment::{self, Who};
use hostclock_core::adjust::{Adjustment, Health, KernelRate};
use hostclock_core::reading::Method;
use hostclock_core::units::{Duration, Timestamp};
use hostclock_lab_guest::event::Event;
use hostclock_linux::clock::{now_raw, now_system};
use hostclock_linux::clock_set::ClockSetWatch;
use hostclock_linux::ptp::Device;
use hostclock_linux::wait::PollSet;
use rustix::time::{ClockId, Timespec, clock_settime};

/// Below this, setting the clock to "now and a bit" would be mostly the time that setting takes.
const SMALL: Duration = Duration::from_micros(100);

/// How long the clock is looked at without a pause afterwards: the observer's own samples lie too far
/// apart for what happens within a millisecond.
const LOOK: Duration = Duration::from_millis(5);

/// By how much a process is made nicer that is to run after all others.
const LAST: i32 = 19;

/// Sets the clock with `date TIME`, as a person would. When `date` called clock_settime is taken from
/// the kernel's own trace.
///
/// # Errors
/// When `date` can't be run or fails, or the event can't be written.
pub(crate) fn date(label: &str, time: &str, log: &Path) -> io::Result<()> {
    let device = open()?;
    let _ = look_once(&device);
    moment::trace(Who::Anybody)?;
    let mut set = ClockSetWatch::new().map_err(io::Error::other)?;
    let start = now_raw();
    // Setting the clock takes the emulator a moment, and ending the process several: who looks goes first.
    rustix::process::nice(LAST)?;
    let mut child = Command::new("/bin/date").arg(time).stdout(std::process::Stdio::null()).spawn()?;
    rustix::process::nice(-LAST)?;
    wait_until_set(&mut set)?;
    let seen = look(&device);
    let status = child.wait()?;
    if !status.success() {
        return Err(io::Error::other(format!("date {time}: {status}")));
    }
    let (before, after) = moment::moment().unwrap_or((start.as_nanos(), start.as_nanos()));
    write(&Event { label: label.into(), before, after, amount: None, seen }, log)
}

/// Moves the clock by `amount`: with `clock_settime`, or where that would be too coarse, with
/// `clock_adjtime`'s `ADJ_SETOFFSET`, which is the same to the kernel and to every listener.
///
/// # Errors
/// When the clock can't be set, or the event can't be written.
pub(crate) fn by(label: &str, amount: Duration, log: &Path) -> io::Result<()> {
    // The device may be absent just now.
    let device = open().ok();
    // What is used for the first time costs page faults, which don't belong to the measurement.
    let _ = device.as_ref().and_then(look_once);
    moment::trace(Who::Myself)?;
    let start = now_raw();
    if amount.abs() < SMALL {
        step(amount)?;
    } else {
        let (tv_sec, tv_nsec) = (now_system() + amount).parts();
        clock_settime(ClockId::Realtime, Timespec { tv_sec, tv_nsec })?;
    }
    let seen = device.as_ref().map(look).unwrap_or_default();
    let (before, after) = moment::moment().unwrap_or((start.as_nanos(), start.as_nanos()));
    write(&Event { label: label.into(), before, after, amount: Some(amount.as_nanos()), seen }, log)
}

/// Waits until somebody sets the clock, or for a second.
fn wait_until_set(set: &mut ClockSetWatch) -> io::Result<()> {
    let mut fds = PollSet::<1>::new().map_err(io::Error::other)?;
    fds.watch(0, Some(set.as_fd())).map_err(io::Error::other)?;
    fds.wait(Some(Duration::from_secs(1))).map_err(io::Error::other)?;
    set.heard();
    Ok(())
}

fn open() -> io::Result<Device> {
    Device::open(Path::new("/dev/ptp0")).map_err(io::Error::other)
}

fn look_once(device: &Device) -> Option<(i64, i64, i64)> {
    let reading = device.read(Method::Precise).ok()?;
    Some((reading.raw.as_nanos(), reading.reference.as_nanos(), reading.offset().as_nanos()))
}

/// Looks on without a pause, and out of everybody's way: the guest has one CPU, and whoever wants to put
/// the clock right is to have it at once.
fn look(device: &Device) -> Vec<(i64, i64, i64)> {
    let end = now_raw() + LOOK;
    let mut seen = Vec::with_capacity(512);
    seen.extend(look_once(device));
    // Where that is refused, what is measured is too long and not too short.
    let _ = rustix::process::nice(LAST);
    while now_raw() < end {
        seen.extend(look_once(device));
    }
    seen
}

/// Writes down that `program` starts now, and becomes it.
///
/// # Errors
/// When the event can't be written or the program can't be started.
pub(crate) fn launch(label: &str, log: &Path, program: &[String]) -> io::Result<()> {
    let now = now_raw().as_nanos();
    write(&Event { label: label.into(), before: now, after: now, amount: None, seen: Vec::new() }, log)?;
    Err(manage::command(program)?.exec())
}

/// Makes the clock as a fresh guest has it: nominal rate, unsynchronised, and wrong by `offset`.
///
/// # Errors
/// When the device can't be read or the clock can't be set.
pub(crate) fn reset(device: &Path, offset: Duration) -> io::Result<()> {
    let health = Health {
        synchronised: false,
        max_error: Duration::from_secs(16),
        est_error: Duration::from_secs(16),
    };
    let mut change = Adjustment { rate: Some(KernelRate::NOMINAL), health: Some(health), ..NOTHING };
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

fn write(event: &Event, log: &Path) -> io::Result<()> {
    let mut line = serde_json::to_string(event)?;
    line.push('\n');
    OpenOptions::new().create(true).append(true).open(log)?.write_all(line.as_bytes())
}
