//! A scripted machine and an engine on it, for what the simulator doesn't have: a delay before the kernel changes the
//! clock, brackets of a chosen width and asymmetry, and calls that are counted.

use hostclock_core::adjust::{Adjustment, Health, KernelRate, KernelState};
use hostclock_core::driver::{Machine, drive};
use hostclock_core::engine::{Applied, Engine, Event};
use hostclock_core::ladder::Ladder;
use hostclock_core::notice::Notice;
use hostclock_core::policy::Policy;
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::status::Status;
use hostclock_core::units::{Duration, Frequency, RawTime, Timestamp};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const EPERM: i32 = 1;
const HOST_START: i64 = 1_793_750_400_000_000_000;
/// When the machine starts, on the raw counter, ns.
const RAW_START: i64 = 5_000_000_000;
/// `NTP_PHASE_LIMIT`: the kernel's `maxerror` is no larger.
const PHASE_LIMIT: Duration = Duration::from_secs(16);
/// The host's clock runs faster than the raw counter by this.
pub(crate) const HOST_PPM: f64 = 20.0;

/// What a bracketed reading is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bracket {
    /// Half its width.
    pub(crate) half: Duration,
    /// Where in it the host's clock is read: -1 at its begin, 0 in the middle, 1 at its end.
    pub(crate) asymmetry: f64,
}

/// A machine with a perfect counter.
pub(crate) struct Script {
    /// ns.
    pub(crate) raw: i64,
    /// What the host's clock was set by, ns.
    pub(crate) host_offset: i64,
    system_raw: i64,
    system: i64,
    rate: KernelRate,
    health: Health,
    /// Methods that give a reading.
    pub(crate) works: Vec<Method>,
    /// With what all of them fail.
    pub(crate) fails: Option<Failure>,
    pub(crate) bracket: Bracket,
    /// From the call to the kernel's change of the clock.
    pub(crate) delay: Duration,
    pub(crate) reading_takes: Duration,
    pub(crate) probe_takes: Duration,
    /// The kernel refuses every adjustment with this errno.
    pub(crate) refuses: Option<i32>,
    /// What is done to the system clock at the next question for the kernel's state, ns.
    pub(crate) step_at_inspection: i64,
    pub(crate) readings: u32,
    /// Adjustments that were asked for.
    pub(crate) adjustments: u32,
    /// Steps that the kernel made.
    pub(crate) steps: Vec<Duration>,
    /// The time that readings, probes and adjustments took.
    pub(crate) busy: Duration,
}

impl Script {
    /// A machine whose system clock is off by `offset`, and that only reads precisely.
    pub(crate) fn new(offset: Duration) -> Self {
        let unknown = Health { synchronised: false, max_error: PHASE_LIMIT, est_error: PHASE_LIMIT };
        let mut script = Self {
            raw: RAW_START,
            host_offset: 0,
            system_raw: RAW_START,
            system: 0,
            rate: KernelRate::NOMINAL,
            health: unknown,
            works: vec![Method::Precise],
            fails: None,
            bracket: Bracket { half: Duration::from_micros(1), asymmetry: 0.0 },
            delay: Duration::from_micros(3),
            reading_takes: Duration::from_micros(2),
            probe_takes: Duration::from_micros(2),
            refuses: None,
            step_at_inspection: 0,
            readings: 0,
            adjustments: 0,
            steps: Vec::new(),
            busy: Duration::ZERO,
        };
        script.system = script.host() + offset.as_nanos();
        script
    }

    fn host(&self) -> i64 {
        let gained = gained(self.raw - RAW_START, Frequency::from_ppm(HOST_PPM));
        HOST_START + self.host_offset + self.raw + gained
    }

    fn system_now(&self) -> i64 {
        let span = self.raw - self.system_raw;
        self.system + span + gained(span, self.rate.as_frequency())
    }

    /// The true offset, ns.
    pub(crate) fn offset(&self) -> i64 {
        self.system_now() - self.host()
    }

    /// Another program sets the system clock by `by`.
    pub(crate) fn step(&mut self, by: Duration) {
        self.system += by.as_nanos();
    }

    /// Another program sets the rate and the health.
    pub(crate) fn steer(&mut self, rate: Frequency, health: Health) {
        self.turn(KernelRate::nearest(rate));
        self.health = health;
    }

    fn turn(&mut self, rate: KernelRate) {
        self.system = self.system_now();
        self.system_raw = self.raw;
        self.rate = rate;
    }

    pub(crate) fn state(&self) -> KernelState {
        let max_error = self.health.max_error.min(PHASE_LIMIT);
        KernelState { rate: self.rate, health: Health { max_error, ..self.health }, tai_offset: 0, status: 0 }
    }

    fn spend(&mut self, span: Duration) {
        self.raw += span.as_nanos();
        self.busy += span;
    }

    fn take(&mut self, method: Method, takes: Duration) -> Result<Reading, Failure> {
        self.spend(takes.half());
        let (half, asymmetry) = match method {
            Method::Precise => (Duration::from_nanos(1), 0.0),
            _ => (self.bracket.half, self.bracket.asymmetry),
        };
        let reading = Reading {
            reference: Timestamp::from_nanos(self.host())
                + Duration::from_nanos_f64(asymmetry * half.as_nanos_f64()),
            system: Timestamp::from_nanos(self.system_now()),
            raw: RawTime::from_nanos(self.raw),
            uncertainty: half,
            tied_within: Duration::from_nanos(2),
            method,
        };
        self.spend(takes.half());
        match self.fails {
            Some(failure) => Err(failure),
            None if self.works.contains(&method) => Ok(reading),
            None => Err(Failure::Unsupported),
        }
    }
}

/// What a clock at `rate` gains in `span` ns.
fn gained(span: i64, rate: Frequency) -> i64 {
    (span as f64 * rate.as_ratio()).round() as i64
}

impl Machine for Script {
    fn now(&mut self) -> RawTime {
        RawTime::from_nanos(self.raw)
    }

    fn read(&mut self, method: Method) -> Result<Reading, Failure> {
        self.readings += u32::from(self.works.contains(&method));
        self.take(method, self.reading_takes)
    }

    fn probe(&mut self, method: Method) -> Result<Reading, Failure> {
        self.take(method, self.probe_takes)
    }

    fn kernel(&mut self) -> Option<KernelState> {
        self.system += std::mem::take(&mut self.step_at_inspection);
        Some(self.state())
    }

    fn compare(&mut self) -> (RawTime, Timestamp) {
        self.spend(Duration::from_micros(1));
        (RawTime::from_nanos(self.raw), Timestamp::from_nanos(self.system_now()))
    }

    fn adjust(&mut self, adjustment: &Adjustment) -> Result<Applied, i32> {
        self.adjustments += 1;
        let (before, found) = (RawTime::from_nanos(self.raw), Some(self.rate));
        self.spend(self.delay);
        if let Some(errno) = self.refuses {
            return Err(errno);
        }
        self.turn(adjustment.rate.unwrap_or(self.rate));
        if let Some(step) = adjustment.step {
            self.system += step.as_nanos();
            self.steps.push(step);
        }
        self.health = adjustment.health.unwrap_or(self.health);
        self.spend(self.delay);
        Ok(Applied { before, after: RawTime::from_nanos(self.raw), found, kernel: self.state() })
    }
}

/// The machine, with an engine that keeps its clock.
pub(crate) struct Bench {
    pub(crate) machine: Script,
    pub(crate) engine: Engine,
    ladder: Ladder,
    wake_at: RawTime,
    /// All notices so far.
    pub(crate) notices: Vec<Notice>,
    /// The true offsets before and after each event, ns.
    pub(crate) seen: Vec<i64>,
}

impl Bench {
    /// An engine that is set up on `machine` and has no device yet.
    pub(crate) fn set_up(mut machine: Script, policy: Policy) -> Self {
        let now = machine.now();
        let engine = Engine::new(policy, now, machine.state());
        let ladder = Ladder::default();
        Self { machine, engine, ladder, wake_at: now, notices: Vec::new(), seen: Vec::new() }
    }

    /// One that has a device from the start.
    pub(crate) fn start(machine: Script, policy: Policy) -> Self {
        let mut bench = Self::set_up(machine, policy);
        bench.event(Event::SourceFound);
        bench
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.look();
        self.wake_at = drive(&mut self.engine, &mut self.ladder, &mut self.machine, event);
        while let Some(notice) = self.engine.take_notice() {
            self.notices.push(notice);
        }
        self.look();
    }

    fn look(&mut self) {
        self.seen.push(self.machine.offset());
    }

    /// Lets `span` pass; the engine is woken 50 us late.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.machine.raw + span.as_nanos();
        while self.wake_at.as_nanos() < end {
            self.machine.raw = self.machine.raw.max(self.wake_at.as_nanos() + 50_000);
            self.event(Event::Wake);
        }
        self.machine.raw = self.machine.raw.max(end);
        self.look();
    }

    pub(crate) fn status(&self) -> Status {
        self.engine.status(RawTime::from_nanos(self.machine.raw))
    }

    /// The device goes, and is away for so long; another one is to follow.
    pub(crate) fn replace_device(&mut self, away: Duration) {
        let works = std::mem::take(&mut self.machine.works);
        self.event(Event::SourceLost(hostclock_core::notice::Loss::DeviceGone));
        self.run(away);
        self.machine.works = works;
        self.ladder = Ladder::default();
    }
}
