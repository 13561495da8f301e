//! The daemon in its world: wakes the engine when its time has come or when the kernel tells it
//! something, exactly as the daemon's loop does, and lets a witness see what is true meanwhile.

use hostclock_core::driver::drive;
use hostclock_core::engine::{Engine, Event};
use hostclock_core::ladder::Ladder;
use hostclock_core::notice::Loss;
use hostclock_core::policy::Policy;
use hostclock_core::reading::Method;
use hostclock_core::status::State;
use hostclock_core::units::{Duration, RawTime};

use crate::life::Life;
use crate::truth::TrueTime;
use crate::world::{Happening, Signal, World, WorldModel};

/// What is true at one moment, and what the daemon says of it.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When.
    pub at: TrueTime,
    /// System minus host, ns.
    pub offset_ns: f64,
    /// What the engine says that it can't exceed; `None` while it says nothing, or isn't running.
    pub bound: Option<Duration>,
    /// `maxerror` of the kernel; `None` while `STA_UNSYNC` is set.
    pub kernel_bound: Option<Duration>,
    /// The engine's state; `None` while the daemon isn't running.
    pub state: Option<State>,
    /// How long the daemon means to sleep, from its last turn.
    pub sleeps: Duration,
    /// How late it is.
    pub late: Duration,
    /// Whether something happened that the daemon can't know of yet: no reading has been taken since.
    /// A slew of the host's takes the readings of two turns, as one tells a phase and no frequency;
    /// and a second where they are brackets, a microsecond wide. A slew of per cents is over before.
    pub unnoticed: bool,
}

impl Sample {
    /// Whether the clock was further off than the engine or the kernel said that it could be, although
    /// the daemon could know.
    #[must_use]
    pub fn exceeds_bound(&self) -> bool {
        self.exceeds_told(true)
    }

    /// The same, where the kernel could be told, or could not (`tells`): it then goes by what it was told before.
    #[must_use]
    pub fn exceeds_told(&self, tells: bool) -> bool {
        // Half a century in a float is good to half a microsecond.
        let seen = self.offset_ns.abs() * (1.0 - 1e-15) - 1.0;
        let beyond = |bound: Option<Duration>| bound.is_some_and(|bound| seen > bound.as_nanos_f64());
        // What the kernel was told holds until it lets it grow by itself, a second later.
        let told = self.kernel_bound.filter(|_| tells && self.late < Duration::from_secs(1));
        !self.unnoticed && (beyond(self.bound) || beyond(told))
    }
}

/// Whoever wants to know what happens.
pub trait Witness {
    /// One moment. There is one before and one after each time the daemon runs, and some in between.
    fn sample(&mut self, sample: &Sample);
    /// Something happened.
    fn happened(&mut self, at: TrueTime, what: &Happening);
}

/// Two at once.
impl<A: Witness, B: Witness> Witness for (A, B) {
    fn sample(&mut self, sample: &Sample) {
        self.0.sample(sample);
        self.1.sample(sample);
    }

    fn happened(&mut self, at: TrueTime, what: &Happening) {
        self.0.happened(at, what);
        self.1.happened(at, what);
    }
}

/// Nobody wants to know.
impl Witness for () {
    fn sample(&mut self, _: &Sample) {}
    fn happened(&mut self, _: TrueTime, _: &Happening) {}
}

/// A daemon in a world.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The world.
    pub world: World,
    policy: Policy,
    engine: Option<Engine>,
    ladder: Ladder,
    wake: RawTime,
    /// When the last reading of the last turn but one that had any was taken.
    read_before: TrueTime,
    /// Whether the readings of the last turn, and of the one before it, were precise.
    precise: (bool, bool),
    sleeps: Duration,
    spins: u32,
    without_device: bool,
    lateness: Duration,
    lively_until: TrueTime,
    next_sample: TrueTime,
}

/// After something happened, samples are dense for so long, and so dense.
const LIVELY: Duration = Duration::from_secs(3);
const DENSE: Duration = Duration::from_millis(2);
/// At other times.
const SPARSE: Duration = Duration::from_millis(130);

/// Turns in a row without a pause beyond which the daemon spins.
const MANY_SPINS: u32 = 20;

impl Simulation {
    /// A world, and a daemon that starts in it as soon as time passes.
    #[must_use]
    pub fn new(model: &WorldModel, policy: Policy, seed: u64) -> Self {
        let mut world = World::new(model, seed);
        world.inbox.push_back(Signal::Started);
        Self {
            world,
            policy,
            engine: None,
            ladder: Ladder::default(),
            wake: RawTime::default(),
            read_before: TrueTime::default(),
            precise: (false, false),
            sleeps: Duration::ZERO,
            spins: 0,
            without_device: false,
            lateness: Duration::ZERO,
            lively_until: TrueTime::default(),
            next_sample: TrueTime::default(),
        }
    }

    /// The world of `life`, with everything that is to happen in it.
    #[must_use]
    pub fn of(life: &Life) -> Self {
        let mut simulation = Self::new(&life.model, life.policy, life.seed);
        for (at, disturbance) in &life.plan {
            simulation.world.plan(*at, *disturbance);
        }
        simulation
    }

    /// The engine, while the daemon is running.
    #[must_use]
    pub const fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// The engine's state, while the daemon is running.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        self.engine.as_ref().map(Engine::state)
    }

    /// When the daemon is to be woken, on the raw counter.
    #[must_use]
    pub const fn wake(&self) -> RawTime {
        self.wake
    }

    /// Lets `span` pass.
    pub fn run(&mut self, span: Duration, witness: &mut impl Witness) {
        self.run_until(self.world.now() + span, witness);
    }

    /// Lets time pass up to `until`.
    pub fn run_until(&mut self, until: TrueTime, witness: &mut impl Witness) {
        loop {
            self.hand_out(witness);
            if let Some(signal) = self.world.inbox.pop_front() {
                self.on_signal(signal, witness);
                continue;
            }
            let now = self.world.now();
            if now >= until {
                return;
            }
            let wake = match self.engine {
                Some(_) => self.world.oscillator.when(self.wake) + self.lateness,
                None => TrueTime::MAX,
            };
            // A wake-up that is due is never earlier than a microsecond from now: no world stands still.
            let wake = wake.max(now + Duration::from_micros(1));
            let due = self.world.next_due().unwrap_or(TrueTime::MAX);
            let next = wake.min(due).min(self.next_sample.max(now)).min(until);
            self.world.pass(next);
            if self.world.now() >= self.next_sample {
                self.sample(witness);
            }
            if self.world.now() >= wake && self.world.inbox.is_empty() && self.still_due() {
                self.on_wake(witness);
            }
        }
    }

    /// Whether the counter has reached the wake-up: it may have been stopped on the way.
    fn still_due(&self) -> bool {
        self.world.raw() >= self.wake
    }

    /// Where the kernel doesn't tell of devices, the daemon looks for one whenever it wakes without.
    fn on_wake(&mut self, witness: &mut impl Witness) {
        if self.without_device && self.world.device.present && !self.world.tells_of_devices {
            self.without_device = false;
            self.ladder = Ladder::default();
            self.drive(Event::SourceFound, witness);
        } else {
            self.drive(Event::Wake, witness);
        }
    }

    fn on_signal(&mut self, signal: Signal, witness: &mut impl Witness) {
        match signal {
            Signal::Started => self.start(witness),
            Signal::Killed => self.engine = None,
            Signal::ClockSet => self.drive(Event::ClockSet, witness),
            Signal::Hint(hint) => self.drive(Event::Hint(hint), witness),
            Signal::DeviceAdded => {
                self.ladder = Ladder::default();
                self.drive(Event::SourceFound, witness);
            }
            Signal::DeviceRemoved => self.drive(Event::SourceLost(Loss::DeviceGone), witness),
        }
    }

    fn start(&mut self, witness: &mut impl Witness) {
        self.world.happens(Happening::Started);
        let kernel = self.world.kernel.state(self.world.raw_picos());
        self.engine = Some(Engine::new(self.policy, self.world.raw(), kernel));
        self.ladder = Ladder::default();
        self.without_device = !self.world.device.present;
        let event =
            if self.world.device.present { Event::SourceFound } else { Event::SourceLost(Loss::DeviceGone) };
        self.drive(event, witness);
    }

    fn drive(&mut self, event: Event, witness: &mut impl Witness) {
        self.sample(witness);
        if let Some(engine) = &mut self.engine {
            self.world.calls = 0;
            self.wake = drive(engine, &mut self.ladder, &mut self.world, event);
            self.world.digest.take(self.wake.as_nanos());
            while let Some(notice) = engine.take_notice() {
                self.world.digest.take_text(&notice.to_string());
                self.world.happens(Happening::Told(notice));
            }
            if let Some(read_now) = self.world.read_now.take() {
                self.read_before = self.world.read_at;
                self.world.read_at = read_now;
                let precise = engine.last_reading().is_some_and(|last| last.method == Method::Precise);
                self.precise = (precise, self.precise.0);
            }
            self.lateness = self.world.lateness();
            self.sleeps = self.wake - self.world.raw();
            self.spins = if self.sleeps > Duration::ZERO { 0 } else { self.spins + 1 };
            if self.spins == MANY_SPINS {
                self.world.happens(Happening::Runaway);
            }
        }
        self.hand_out(witness);
        self.sample(witness);
    }

    /// How long it takes to tell the host's frequency from the readings of two turns.
    const fn insight(&self) -> Duration {
        if self.precise.0 && self.precise.1 { Duration::from_millis(2) } else { Duration::from_secs(1) }
    }

    fn hand_out(&mut self, witness: &mut impl Witness) {
        if self.world.happened.is_empty() {
            return;
        }
        for (at, what) in core::mem::take(&mut self.world.happened) {
            witness.happened(at, &what);
            if !matches!(what, Happening::Told(_)) {
                self.lively_until = at + LIVELY;
                self.next_sample = self.world.now();
            }
        }
    }

    fn sample(&mut self, witness: &mut impl Witness) {
        self.hand_out(witness);
        let now = self.world.now();
        let raw = self.world.raw();
        let kernel = self.world.kernel.state(self.world.raw_picos()).health;
        witness.sample(&Sample {
            at: now,
            offset_ns: self.world.offset_ns(),
            bound: self.engine.as_ref().and_then(|engine| engine.max_error(raw)),
            kernel_bound: kernel.synchronised.then_some(kernel.max_error),
            state: self.state(),
            sleeps: self.sleeps,
            late: raw - self.wake,
            unnoticed: self.world.read_at <= self.world.disturbed_at
                || self.read_before <= self.world.slewed_at
                || self.world.read_at <= self.world.slewed_at + self.insight()
                || self.world.host.slews_fast(),
        });
        self.next_sample = now + if now < self.lively_until { DENSE } else { SPARSE };
    }
}
