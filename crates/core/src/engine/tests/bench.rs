//! A small scripted machine, and an engine on it.

use crate::adjust::{Adjustment, Health, KernelRate};
use crate::driver::{Machine, drive};
use crate::engine::*;
use crate::ladder::Ladder;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const HOST_START: i64 = 1_790_000_000_000_000_000;

/// A machine with a perfect counter, whose host runs 20 ppm fast, and whose clock does what it is told.
pub(super) struct Machine1 {
    pub(super) raw: i64,
    pub(super) host_offset: i64,
    pub(super) system_raw: i64,
    pub(super) system: i64,
    pub(super) rate: KernelRate,
    pub(super) health: Health,
    pub(super) works: Vec<Method>,
    /// What a bracket may be off by.
    pub(super) half: Duration,
    pub(super) spoil_next: Option<Duration>,
    pub(super) steps: Vec<Duration>,
    pub(super) notices: Vec<Notice>,
    pub(super) adjustments: u32,
    pub(super) refuse: Option<i32>,
    /// The kernel takes steps and doesn't make them.
    pub(super) deaf: bool,
    /// The raw counter of a reading is wrong by this much.
    pub(super) raw_off: Duration,
    /// ns.
    pub(super) reading_takes: i64,
    /// The host's clock stands still there.
    pub(super) frozen: Option<i64>,
}

impl Machine1 {
    pub(super) fn new(system_offset: Duration) -> Self {
        Self {
            raw: 5_000_000_000,
            host_offset: 0,
            system_raw: 5_000_000_000,
            system: HOST_START + 5_000_000_000 + 100_000 + system_offset.as_nanos(),
            rate: KernelRate::NOMINAL,
            health: UNKNOWN,
            works: vec![Method::Precise, Method::SysOffset],
            half: Duration::from_nanos(1),
            spoil_next: None,
            steps: Vec::new(),
            notices: Vec::new(),
            adjustments: 0,
            refuse: None,
            deaf: false,
            raw_off: Duration::ZERO,
            reading_takes: 20_000,
            frozen: None,
        }
    }

    pub(super) fn host(&self) -> i64 {
        HOST_START + self.host_offset + self.raw + self.raw / 50_000
    }

    pub(super) fn system_now(&self) -> i64 {
        let span = self.raw - self.system_raw;
        self.system + span + (span as f64 * self.rate.as_frequency().as_ratio()).round() as i64
    }

    pub(super) fn offset(&self) -> i64 {
        self.system_now() - self.host()
    }

    pub(super) fn foreign_step(&mut self, by: Duration) {
        self.system += by.as_nanos();
    }

    /// Somebody else sets the rate.
    pub(super) fn rate_now(&mut self, rate: KernelRate) {
        self.system = self.system_now();
        self.system_raw = self.raw;
        self.rate = rate;
    }

    pub(super) fn state(&self) -> KernelState {
        KernelState { rate: self.rate, health: self.health, tai_offset: 0, status: 0 }
    }
}

pub(super) const UNKNOWN: Health =
    Health { synchronised: false, max_error: Duration::from_secs(16), est_error: Duration::from_secs(16) };

impl Machine for Machine1 {
    fn now(&mut self) -> RawTime {
        RawTime::from_nanos(self.raw)
    }

    fn read(&mut self, method: Method) -> Result<Reading, Failure> {
        self.raw += self.reading_takes;
        if !self.works.contains(&method) {
            return Err(Failure::NoDevice);
        }
        let spoilt = self.spoil_next.take().unwrap_or_default();
        Ok(Reading {
            reference: Timestamp::from_nanos(self.frozen.unwrap_or_else(|| self.host())) + spoilt,
            system: Timestamp::from_nanos(self.system_now()),
            raw: RawTime::from_nanos(self.raw) + self.raw_off,
            uncertainty: if method == Method::Precise { Duration::from_nanos(1) } else { self.half },
            tied_within: Duration::ZERO,
            method,
        })
    }

    fn kernel(&mut self) -> Option<KernelState> {
        Some(self.state())
    }

    fn compare(&mut self) -> (RawTime, Timestamp) {
        self.raw += 1_000;
        (RawTime::from_nanos(self.raw), Timestamp::from_nanos(self.system_now()))
    }

    fn adjust(&mut self, adjustment: &Adjustment) -> Result<Applied, i32> {
        if let Some(errno) = self.refuse {
            return Err(errno);
        }
        self.adjustments += 1;
        let found = self.rate;
        let before = self.now();
        self.raw += 5_000;
        self.system = self.system_now();
        self.system_raw = self.raw;
        if let Some(step) = adjustment.step {
            if !self.deaf {
                self.system += step.as_nanos();
            }
            self.steps.push(step);
            self.health = UNKNOWN;
        }
        self.rate = adjustment.rate.unwrap_or(self.rate);
        self.health = adjustment.health.unwrap_or(self.health);
        self.raw += 5_000;
        Ok(Applied { before, after: self.now(), found: Some(found), kernel: self.state() })
    }
}

pub(super) struct Bench {
    pub(super) machine: Machine1,
    pub(super) engine: Engine,
    pub(super) ladder: Ladder,
    pub(super) wake_at: RawTime,
}

impl Bench {
    pub(super) fn start(offset: Duration, policy: Policy) -> Self {
        let mut machine = Machine1::new(offset);
        let mut engine = Engine::new(policy, machine.now(), machine.state());
        let mut ladder = Ladder::default();
        let wake_at = drive(&mut engine, &mut ladder, &mut machine, Event::SourceFound);
        let mut bench = Self { machine, engine, ladder, wake_at };
        bench.listen();
        bench
    }

    pub(super) fn listen(&mut self) {
        while let Some(notice) = self.engine.take_notice() {
            self.machine.notices.push(notice);
        }
    }

    /// How far the clock is off, in ns.
    pub(super) fn offset(&self) -> i64 {
        self.machine.offset().abs()
    }

    /// What happened.
    pub(super) fn kinds(&mut self) -> Vec<crate::status::EventKind> {
        let now = self.machine.now();
        self.engine.status(now).events.iter().map(|event| event.kind).collect()
    }

    pub(super) fn event(&mut self, event: Event) {
        self.wake_at = drive(&mut self.engine, &mut self.ladder, &mut self.machine, event);
        self.listen();
    }

    /// Runs for `span`, waking whenever the engine asks for it, 50 us late.
    pub(super) fn run(&mut self, span: Duration) {
        let end = self.machine.raw + span.as_nanos();
        while self.wake_at.as_nanos() < end {
            self.machine.raw = self.machine.raw.max(self.wake_at.as_nanos() + 50_000);
            self.event(Event::Wake);
        }
        self.machine.raw = self.machine.raw.max(end);
    }
}

pub(super) fn settled() -> Bench {
    let mut bench = Bench::start(Duration::ZERO, Policy::default());
    bench.run(SECOND.times(30));
    bench.machine.steps.clear();
    bench.machine.notices.clear();
    bench
}
