//! A machine that answers what it likes, and one in its senses.

use hostclock_core::adjust::{Adjustment, Health, KernelRate, KernelState};
use hostclock_core::driver::Machine;
use hostclock_core::engine::Applied;
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::units::{Duration, RawTime, Timestamp};

use crate::happening::HOST;
use crate::{CHAIN, is_sane};

/// A device and a kernel that answer what they like, in turn.
pub(crate) struct Liar {
    pub(crate) raw: i64,
    pub(crate) readings: Vec<Result<Reading, Failure>>,
    /// Readings pass for recent ones.
    pub(crate) plausible: bool,
    pub(crate) obeys: bool,
    pub(crate) calls: usize,
    pub(crate) system: i64,
    pub(crate) insane: Option<Adjustment>,
}

impl Machine for Liar {
    fn now(&mut self) -> RawTime {
        self.raw += 500;
        RawTime::from_nanos(self.raw)
    }

    fn read(&mut self, method: Method) -> Result<Reading, Failure> {
        self.calls += 1;
        self.raw += 2_000;
        if self.calls > CHAIN {
            return Err(Failure::Busy);
        }
        self.readings.rotate_left(1);
        let answer = self.readings.first().copied().unwrap_or(Err(Failure::Io))?;
        if !self.plausible {
            return Ok(answer);
        }
        Ok(Reading {
            raw: RawTime::from_nanos(self.raw - 1_000),
            system: Timestamp::from_nanos(self.system.saturating_add(self.raw)),
            uncertainty: Duration::from_nanos(1),
            method,
            ..answer
        })
    }

    fn kernel(&mut self) -> Option<KernelState> {
        self.calls += 1;
        (self.calls % 3 > 0).then(|| kernel_at(KernelRate { tick: 9_000, freq: 0 }))
    }

    fn compare(&mut self) -> (RawTime, Timestamp) {
        self.calls += 1;
        self.raw += 500;
        (RawTime::from_nanos(self.raw), Timestamp::from_nanos(self.system.saturating_add(self.raw)))
    }

    fn adjust(&mut self, adjustment: &Adjustment) -> Result<Applied, i32> {
        self.calls += 1;
        if self.calls > CHAIN {
            return Err(1);
        }
        if !is_sane(adjustment) {
            self.insane = Some(*adjustment);
        }
        let before = Machine::now(self);
        if self.obeys {
            self.system = self.system.saturating_add(adjustment.step.unwrap_or_default().as_nanos());
        }
        let rate = adjustment.rate.unwrap_or(KernelRate::NOMINAL);
        Ok(Applied { before, after: Machine::now(self), found: None, kernel: kernel_at(rate) })
    }
}

pub(crate) fn kernel_at(rate: KernelRate) -> KernelState {
    let health = Health { synchronised: true, max_error: Duration::ZERO, est_error: Duration::ZERO };
    KernelState { rate, health, tai_offset: 37, status: 0 }
}

/// A machine in its senses: its host runs 20 ppm fast, and its clock does what it is told.
pub(crate) struct Sane {
    pub(crate) raw: i64,
    /// What the system clock said, and when.
    pub(crate) system: (i64, i64),
    pub(crate) rate: KernelRate,
}

impl Sane {
    pub(crate) fn new(now: RawTime) -> Self {
        let raw = now.as_nanos();
        Self { raw, system: (HOST + raw, raw), rate: KernelRate::NOMINAL }
    }

    fn host(&self) -> i64 {
        HOST + self.raw + self.raw / 50_000
    }

    fn now_system(&self) -> i64 {
        let span = self.raw - self.system.1;
        let gained = span as f64 * self.rate.as_frequency().as_ratio();
        self.system.0 + span + gained.round() as i64
    }

    pub(crate) fn offset(&self) -> i64 {
        self.now_system() - self.host()
    }
}

impl Machine for Sane {
    fn now(&mut self) -> RawTime {
        RawTime::from_nanos(self.raw)
    }

    fn read(&mut self, method: Method) -> Result<Reading, Failure> {
        self.raw += 2_000;
        Ok(Reading {
            reference: Timestamp::from_nanos(self.host()),
            system: Timestamp::from_nanos(self.now_system()),
            raw: RawTime::from_nanos(self.raw),
            uncertainty: Duration::from_nanos(1),
            tied_within: Duration::ZERO,
            method,
        })
    }

    fn kernel(&mut self) -> Option<KernelState> {
        Some(kernel_at(self.rate))
    }

    fn compare(&mut self) -> (RawTime, Timestamp) {
        (RawTime::from_nanos(self.raw), Timestamp::from_nanos(self.now_system()))
    }

    fn adjust(&mut self, adjustment: &Adjustment) -> Result<Applied, i32> {
        let (before, found) = (RawTime::from_nanos(self.raw), self.rate);
        self.raw += 500;
        let step = adjustment.step.unwrap_or_default().as_nanos();
        self.system = (self.now_system().saturating_add(step), self.raw);
        self.rate = adjustment.rate.unwrap_or(self.rate);
        self.raw += 500;
        let kernel = KernelState {
            health: adjustment.health.unwrap_or(kernel_at(self.rate).health),
            ..kernel_at(self.rate)
        };
        Ok(Applied { before, after: RawTime::from_nanos(self.raw), found: Some(found), kernel })
    }
}
