//! The paravirtual clock: which methods work at the moment, what they fail with, and how honest it is.
//!
//! What works on which driver is the table of the kernel's drivers (`drivers/ptp/ptp_kvm_common.c`,
//! `ptp_vmclock.c`, `drivers/hv/hv_util.c`; Linux 6.1 to 7.3). A precise cross timestamp pairs both
//! clocks by one counter value and is good to a nanosecond; a bracket spans an exit of the virtual
//! machine, 1 to 3 µs, and is pre-empted now and then. Where in it the device is read is the same for all
//! brackets of a real machine; by default it is another place each time, which is harder.

use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::units::{Duration, Frequency, Timestamp};

use crate::random::Random;
use crate::truth::TrueTime;

/// Which driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// `ptp_kvm`: PRECISE while the clocksource is kvm-clock, and `SYS_OFFSET`.
    Kvm,
    /// `ptp_vmclock`: every method.
    Vmclock,
    /// Hyper-V: `SYS_OFFSET` only.
    HyperV,
}

/// The guest's clocksource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clocksource {
    /// `kvm-clock`.
    KvmClock,
    /// `tsc`.
    Tsc,
}

/// How a device lies, where it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lie {
    /// Every reading is off by another amount, up to this much.
    Scatter(Duration),
    /// Now and then (one reading in twenty, never two in a row) one is off by this much.
    Outliers(Duration),
    /// Each reading says a time before that of the last, by this much.
    Backwards(Duration),
    /// It always says the same.
    Frozen,
    /// It runs faster than the host's clock by this much.
    Runs(Frequency),
    /// It says this date.
    Date(Timestamp),
    /// What it says can't be a time at all.
    Garbage,
    /// Its bracket is this wide.
    Bracket(Duration),
    /// It gives the last reading again, until that is so old: a sample that somebody keeps for a while.
    Repeats(Duration),
}

/// The ways in which every method of a device may fail that doesn't go away by trying again.
pub(crate) const FAILURES: [Failure; 6] = [
    Failure::Unsupported,
    Failure::NoDevice,
    Failure::Stale,
    Failure::Io,
    Failure::Nonsense,
    Failure::Other(5),
];

/// How good the device's readings are.
#[derive(Clone, Copy, Debug)]
pub struct DeviceModel {
    /// Which driver it is.
    pub driver: Driver,
    /// Standard deviation of a precise cross timestamp, ns.
    pub precise_noise_ns: f64,
    /// Shortest and longest bracket that isn't pre-empted, µs.
    pub bracket_us: (f64, f64),
    /// Which part of a bracket lies before the device is read: the least and the most.
    pub place: (f64, f64),
    /// How often it is anywhere.
    pub odd: f64,
    /// How many times longer brackets are while the processor is slow, as when its other thread is busy: now and then
    /// it becomes slow, or quick again.
    pub slow: f64,
    /// How often a bracket is pre-empted.
    pub preempted: f64,
    /// Its time is a whole number of these.
    pub quantum: Duration,
}

impl Default for DeviceModel {
    fn default() -> Self {
        Self {
            driver: Driver::Kvm,
            precise_noise_ns: 1.0,
            bracket_us: (1.0, 3.0),
            place: (0.05, 0.95),
            odd: 0.0,
            slow: 1.0,
            preempted: 0.01,
            quantum: Duration::from_nanos(1),
        }
    }
}

impl DeviceModel {
    /// How far its time may be off because it is rounded.
    #[must_use]
    pub fn blurs(&self) -> Duration {
        if self.quantum > Duration::from_nanos(1) { self.quantum } else { Duration::ZERO }
    }
}

/// The device.
#[derive(Clone, Debug)]
pub struct Device {
    pub(crate) model: DeviceModel,
    pub(crate) random: Random,
    /// Whether it is there at all.
    pub present: bool,
    /// The guest's clocksource.
    pub clocksource: Clocksource,
    /// With what every method fails, while it does.
    pub fault: Option<Failure>,
    /// How often a reading fails with `EAGAIN` or `EBUSY`, all attempts together.
    pub busy: f64,
    /// How it lies, while it does.
    pub lie: Option<Lie>,
    last_told: Option<Timestamp>,
    /// What the host's clock showed when the lie began, once it has been asked.
    lied_first: Option<Timestamp>,
    /// Its last reading, and when that was taken.
    pub(crate) last: Option<(TrueTime, Reading)>,
    outlying: bool,
    is_slow: bool,
}

/// How often a processor becomes slow between two brackets, and quick again.
const BECOMES_SLOW: f64 = 0.03;
const BECOMES_QUICK: f64 = 0.08;

impl Device {
    /// A device that works.
    #[must_use]
    pub const fn new(model: DeviceModel, random: Random) -> Self {
        Self {
            model,
            random,
            present: true,
            clocksource: Clocksource::KvmClock,
            fault: None,
            busy: 0.0,
            lie: None,
            last_told: None,
            lied_first: None,
            last: None,
            outlying: false,
            is_slow: false,
        }
    }

    /// Whether `method` gives a reading this time.
    ///
    /// # Errors
    /// What the kernel would say.
    pub fn attempt(&mut self, method: Method) -> Result<(), Failure> {
        if !self.present {
            return Err(Failure::NoDevice);
        }
        self.offers(method)?;
        if let Some(failure) = self.fault {
            return Err(failure);
        }
        if self.busy > 0.0 && self.random.chance(self.busy) {
            return Err(Failure::Busy);
        }
        if self.lie == Some(Lie::Garbage) { Err(Failure::Nonsense) } else { Ok(()) }
    }

    fn offers(&self, method: Method) -> Result<(), Failure> {
        match (self.model.driver, method) {
            (_, Method::SysOffset | Method::Bracket) | (Driver::Vmclock, _) => Ok(()),
            (Driver::Kvm, Method::Precise) => match self.clocksource {
                Clocksource::KvmClock => Ok(()),
                Clocksource::Tsc => Err(Failure::NoDevice),
            },
            (Driver::Kvm | Driver::HyperV, _) => Err(Failure::Unsupported),
        }
    }

    /// It lies from now on, or doesn't any more.
    pub const fn lies(&mut self, lie: Option<Lie>) {
        self.lie = lie;
        self.lied_first = None;
    }

    /// What the device says when the host's clock shows `truth`.
    pub(crate) fn say(&mut self, truth: Timestamp) -> Timestamp {
        let last = self.last_told.unwrap_or(truth);
        let told = match self.lie {
            None | Some(Lie::Garbage | Lie::Bracket(_) | Lie::Repeats(_)) => {
                let quantum = self.model.quantum.as_nanos().max(1);
                Timestamp::from_nanos(truth.as_nanos().div_euclid(quantum) * quantum)
            }
            Some(Lie::Scatter(most)) => {
                truth + Duration::from_nanos_f64(self.random.between(-1.0, 1.0) * most.as_nanos_f64())
            }
            Some(Lie::Outliers(by)) => {
                self.outlying = !self.outlying && self.random.chance(0.05);
                if self.outlying { truth + by } else { truth }
            }
            Some(Lie::Backwards(by)) => last - by,
            Some(Lie::Frozen) => last,
            Some(Lie::Runs(faster)) => {
                let passed = truth - *self.lied_first.get_or_insert(truth);
                truth + Duration::from_nanos_f64(passed.as_nanos_f64() * faster.as_ratio())
            }
            Some(Lie::Date(date)) => date,
        };
        self.last_told = Some(told);
        told
    }

    /// Half of a bracket that is `width` wide, as it is told.
    pub(crate) const fn uncertainty(&self, width: Duration) -> Duration {
        match self.lie {
            Some(Lie::Bracket(absurd)) => absurd,
            _ => width.half(),
        }
    }

    /// Within how much the raw counter and the system clock are tied together beside a bracket, and by how much they are
    /// off: mostly by the same, because they are read the same way each time. Once in a while something comes between.
    pub(crate) fn tie(&mut self) -> (Duration, Duration) {
        let usual = self.random.between(40.0, 60.0);
        let (within, off) = if self.random.chance(self.model.preempted) {
            let within = usual + self.random.decades(100.0, 20_000.0);
            (within, self.random.between(-within, within))
        } else {
            (usual, self.random.normal(5.0))
        };
        (Duration::from_nanos_f64(within), Duration::from_nanos_f64(off))
    }

    /// How long the next bracket is, and which part of it lies before the device is read.
    pub(crate) fn bracket(&mut self) -> (Duration, f64) {
        let (low, high) = self.model.bracket_us;
        let mut us = self.random.between(low, high);
        if self.model.slow > 1.0 {
            let changes = self.random.chance(if self.is_slow { BECOMES_QUICK } else { BECOMES_SLOW });
            self.is_slow ^= changes;
            us *= if self.is_slow { self.model.slow } else { 1.0 };
        }
        if self.random.chance(self.model.preempted) {
            us += self.random.decades(5.0, 2_000.0);
        }
        // The exit is in the middle, the way there and back is not symmetrical.
        let odd = self.model.odd > 0.0 && self.random.chance(self.model.odd);
        let (first, last) = if odd { (0.0, 1.0) } else { self.model.place };
        (Duration::from_nanos_f64(us * 1e3), self.random.between(first, last))
    }
}
