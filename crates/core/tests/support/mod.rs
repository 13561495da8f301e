//! A machine made of a few numbers, which allocates nothing itself: for counting what the engine allocates, and for
//! timing it.
#![allow(dead_code, unreachable_pub, reason = "each program has its own copy and uses a part of it")]

use hostclock_core::adjust::{Adjustment, Health, KernelRate, KernelState};
use hostclock_core::driver::{Machine, drive};
use hostclock_core::engine::{Applied, Engine, Event};
use hostclock_core::ladder::Ladder;
use hostclock_core::policy::Policy;
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::units::{Duration, RawTime, Timestamp};

/// What the host's clock said when the raw counter was 0.
const HOST: i64 = 1_790_000_000_000_000_000;
/// The host's clock runs this part of its time faster than the raw counter: 20 ppm.
const FAST: i64 = 50_000;

/// A counter, a host's clock that runs faster than it and jitters, and a system clock that does what it is told.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// The raw counter, in ns.
    pub raw: i64,
    /// How far the host's clock has jumped, in ns.
    pub host_jumps: i64,
    /// What the system clock said, and when, in ns.
    system: (i64, i64),
    rate: KernelRate,
    health: Health,
    /// The best method that works; `None`: there is no device.
    pub best: Option<Method>,
    random: u64,
}

impl Numbers {
    fn new(best: Method) -> Self {
        let raw = 5_000_000_000;
        let health = Health {
            synchronised: false,
            max_error: Duration::from_secs(16),
            est_error: Duration::from_secs(16),
        };
        Self {
            raw,
            host_jumps: 0,
            system: (HOST + raw, raw),
            rate: KernelRate::NOMINAL,
            health,
            best: Some(best),
            random: 1,
        }
    }

    /// Somebody else moves the system clock.
    pub fn set_system_clock(&mut self, by: Duration) {
        self.system.0 += by.as_nanos();
    }

    fn host(&self) -> i64 {
        HOST + self.host_jumps + self.raw + self.raw / FAST
    }

    fn system(&self) -> i64 {
        let span = Duration::from_nanos(self.raw - self.system.1);
        let gained = Duration::from_nanos_f64(span.as_nanos_f64() * self.rate.as_frequency().as_ratio());
        self.system.0 + (span + gained).as_nanos()
    }

    /// A number between 0 and `most`: xorshift, good enough for jitter.
    fn jitter(&mut self, most: i64) -> i64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        i64::from((self.random >> 40) as u32) % (most + 1)
    }

    fn state(&self) -> KernelState {
        KernelState { rate: self.rate, health: self.health, tai_offset: 0, status: 0 }
    }
}

impl Machine for Numbers {
    fn now(&mut self) -> RawTime {
        RawTime::from_nanos(self.raw)
    }

    fn read(&mut self, method: Method) -> Result<Reading, Failure> {
        let best = self.best.ok_or(Failure::NoDevice)?;
        let rank = |method: Method| Method::ALL.into_iter().position(|other| other == method);
        if rank(method) < rank(best) {
            return Err(Failure::Unsupported);
        }
        let half = if method == Method::Precise { 1 } else { 500 + self.jitter(2_000) };
        self.raw += half;
        let reference = Timestamp::from_nanos(self.host() + self.jitter(half) - half / 2);
        let system = Timestamp::from_nanos(self.system());
        let raw = RawTime::from_nanos(self.raw);
        self.raw += half;
        let uncertainty = Duration::from_nanos(half);
        Ok(Reading { reference, system, raw, uncertainty, tied_within: Duration::ZERO, method })
    }

    fn kernel(&mut self) -> Option<KernelState> {
        Some(self.state())
    }

    fn compare(&mut self) -> (RawTime, Timestamp) {
        (RawTime::from_nanos(self.raw), Timestamp::from_nanos(self.system()))
    }

    fn adjust(&mut self, adjustment: &Adjustment) -> Result<Applied, i32> {
        let (before, found) = (self.now(), self.rate);
        self.raw += 500;
        self.system = (self.system() + adjustment.step.unwrap_or_default().as_nanos(), self.raw);
        self.rate = adjustment.rate.unwrap_or(self.rate);
        self.health = adjustment.health.unwrap_or(self.health);
        self.raw += 500;
        Ok(Applied { before, after: self.now(), found: Some(found), kernel: self.state() })
    }
}

/// An engine on such a machine.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The machine.
    pub machine: Numbers,
    /// The engine.
    pub engine: Engine,
    ladder: Ladder,
    /// When the engine wants to be woken.
    pub wake_at: RawTime,
    /// How much it had to tell.
    pub notices: u32,
}

impl Bench {
    /// One that has not begun.
    pub fn new(policy: Policy, best: Method) -> Self {
        let mut machine = Numbers::new(best);
        let engine = Engine::new(policy, machine.now(), machine.state());
        let wake_at = machine.now();
        Self { machine, engine, ladder: Ladder::default(), wake_at, notices: 0 }
    }

    /// One that has found its device and kept the clock for a minute.
    pub fn steady(policy: Policy, best: Method) -> Self {
        let mut bench = Self::new(policy, best);
        bench.event(Event::SourceFound);
        bench.run(Duration::from_secs(60));
        bench
    }

    /// Something happens.
    pub fn event(&mut self, event: Event) {
        self.wake_at = drive(&mut self.engine, &mut self.ladder, &mut self.machine, event);
        while self.engine.take_notice().is_some() {
            self.notices += 1;
        }
    }

    /// The engine's next turn, 50 µs late.
    pub fn turn(&mut self) {
        self.machine.raw = self.machine.raw.max(self.wake_at.as_nanos() + 50_000);
        self.event(Event::Wake);
    }

    /// Lets `span` pass; gives how many turns that took.
    pub fn run(&mut self, span: Duration) -> u32 {
        let end = self.machine.raw + span.as_nanos();
        let mut turns = 0;
        while self.wake_at.as_nanos() < end {
            self.turn();
            turns += 1;
        }
        self.machine.raw = self.machine.raw.max(end);
        turns
    }

    /// System minus host, in ns.
    pub fn offset_ns(&self) -> i64 {
        self.machine.system() - self.machine.host()
    }
}
