//! A scripted guest: what happens to it, happens at the nanosecond that the script says, also in the middle of a call.
//!
//! The raw counter is perfect, and the host runs 20 ppm fast against it until the script says otherwise. The kernel is
//! the simulator's, without rounding. Calls take the times that the guest says; nothing is random but the device's
//! jitter, which is seeded.

use hostclock_core::adjust::{Adjustment, KernelRate, KernelState};
use hostclock_core::driver::Machine;
use hostclock_core::engine::Applied;
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::units::{Duration, Frequency, RawTime, Timestamp};
use hostclock_sim::kernel::Kernel;
use hostclock_sim::random::Random;
use hostclock_sim::truth::Line;

use crate::device::{Device, SAMPLES};
use crate::script::{BEGIN, Change, raw_at, seconds_at};

/// What the host's clock shows when the script begins: 100 s before midnight.
const DATE: i64 = 1_793_836_700_000_000_000;
const PER_NANO: i64 = 1_000;
/// What the system call itself takes of the lag, on either side of its effect.
const CALL: Duration = Duration::from_nanos(200);

/// A step that the engine made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Seconds since the script began.
    pub(crate) at: f64,
    pub(crate) by: Duration,
    /// The true offset before it, ns.
    pub(crate) before_ns: f64,
}

/// The guest.
#[derive(Debug)]
pub(crate) struct Guest {
    /// The raw counter, ns.
    pub(crate) raw: i64,
    pub(crate) device: Device,
    /// From the instant of a reading to the effect of an adjustment.
    pub(crate) lag: Duration,
    kernel: Kernel,
    host: Line,
    due: Vec<(i64, Change)>,
    /// The kernel has inserted a second, and that is not reported yet.
    pub(crate) leapt: bool,
    /// When the script moved a clock last, and when the last reading was taken, on the raw counter.
    pub(crate) disturbed_at: i64,
    pub(crate) read_at: i64,
    /// Every step that the engine made.
    pub(crate) steps: Vec<Step>,
}

impl Guest {
    /// A guest whose clock is `wrong_by` off, and to which `script` happens.
    pub(crate) fn new(wrong_by: Duration, script: &[(f64, Change)]) -> Self {
        let (picos, date) = (BEGIN * PER_NANO, Timestamp::from_nanos(DATE));
        let mut guest = Self {
            raw: BEGIN,
            device: Device::new(),
            lag: Duration::from_micros(10),
            kernel: Kernel::new(picos, date + wrong_by, None, Random::new(1)),
            host: Line::new(picos, i128::from(DATE) * i128::from(PER_NANO), Frequency::from_ppm(20.0)),
            due: Vec::new(),
            leapt: false,
            disturbed_at: BEGIN,
            read_at: 0,
            steps: Vec::new(),
        };
        for (second, change) in script {
            guest.plan(*second, *change);
        }
        guest
    }

    /// `change` is to happen at a second of the script.
    pub(crate) fn plan(&mut self, second: f64, change: Change) {
        self.due.push((raw_at(second), change));
        self.due.sort_by_key(|(at, _)| core::cmp::Reverse(*at));
    }

    /// Seconds since the script began.
    pub(crate) fn seconds(&self) -> f64 {
        seconds_at(self.raw)
    }

    /// System minus host, ns.
    pub(crate) fn offset_ns(&self) -> f64 {
        let picos = self.raw * PER_NANO;
        (self.kernel.picos(picos) - self.host.value(picos)) as f64 / 1e3
    }

    /// What the kernel says of the system clock.
    pub(crate) fn state(&self) -> KernelState {
        self.kernel.state(self.raw * PER_NANO)
    }

    pub(crate) fn host_date(&self) -> Timestamp {
        let nanos = self.host.value(self.raw * PER_NANO).div_euclid(i128::from(PER_NANO));
        Timestamp::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    pub(crate) fn system_date(&self) -> Timestamp {
        self.kernel.date(self.raw * PER_NANO)
    }

    /// Lets time pass, and what is due happen.
    pub(crate) fn pass(&mut self, until: i64) {
        while let Some((at, change)) = self.due.last().copied().filter(|(at, _)| *at <= until) {
            self.due.pop();
            self.go(at);
            self.happen(change);
        }
        self.go(until);
    }

    pub(crate) fn spend(&mut self, span: Duration) {
        self.pass(self.raw + span.as_nanos());
    }

    fn go(&mut self, to: i64) {
        self.raw = self.raw.max(to);
        self.leapt |= self.kernel.advance(self.raw * PER_NANO);
    }

    fn happen(&mut self, change: Change) {
        let picos = self.raw * PER_NANO;
        match change {
            Change::Pause(span) | Change::HostStep(span) => self.host.shift(picos, span),
            Change::HostRate(rate) => self.host.turn(picos, rate),
            Change::ForeignRate(more) => {
                let rate = self.state().rate.as_frequency() + more;
                self.kernel.set_rate(picos, KernelRate::nearest(rate));
            }
            Change::ForeignSlew(span) => self.kernel.adjtime(picos, span),
            Change::ForeignStatus(word) => self.kernel.set_status(picos, word),
            Change::Refused(errno) => self.kernel.refuses(errno),
            _ => self.device.change(change, self.host_date()),
        }
        if change.moves_a_clock() {
            self.disturbed_at = self.raw;
        }
    }
}

impl Machine for Guest {
    fn now(&mut self) -> RawTime {
        RawTime::from_nanos(self.raw)
    }

    fn read(&mut self, method: Method) -> Result<Reading, Failure> {
        self.take_reading(method, SAMPLES)
    }

    fn probe(&mut self, method: Method) -> Result<Reading, Failure> {
        self.take_reading(method, 1)
    }

    fn kernel(&mut self) -> Option<KernelState> {
        Some(self.state())
    }

    fn compare(&mut self) -> (RawTime, Timestamp) {
        (Machine::now(self), self.system_date())
    }

    fn adjust(&mut self, adjustment: &Adjustment) -> Result<Applied, i32> {
        let call = self.lag.min(CALL);
        self.spend(self.lag - call);
        let (before, now) = (Machine::now(self), self.state());
        self.spend(call);
        // As the daemon does: the kernel is asked for its rate before an adjustment that has a status, and no step.
        let found = (adjustment.health.is_some() && adjustment.step.is_none()).then_some(now.rate);
        let before_ns = self.offset_ns();
        self.kernel.adjust(self.raw * PER_NANO, adjustment)?;
        if let Some(by) = adjustment.step {
            self.steps.push(Step { at: self.seconds(), by, before_ns });
        }
        self.spend(call);
        Ok(Applied { before, after: Machine::now(self), found, kernel: self.state() })
    }
}
