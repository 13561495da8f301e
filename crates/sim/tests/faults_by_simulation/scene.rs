//! The engine on a scripted guest, and what is seen of both: a sample each millisecond, and one after each turn.

use hostclock_core::driver::drive;
use hostclock_core::engine::{Engine, Event};
use hostclock_core::ladder::Ladder;
use hostclock_core::notice::Loss;
use hostclock_core::policy::Policy;
use hostclock_core::status::State;
use hostclock_core::units::{Duration, RawTime};

use crate::guest::{Guest, Step};
use crate::script::{raw_at, seconds_at};

/// How late the process is woken.
const LATE_NS: i64 = 50_000;
const MILLISECOND_NS: i64 = 1_000_000;

/// What is true at one moment, and what is said of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Seconds since the script began.
    pub(crate) at: f64,
    /// System minus host, ns.
    pub(crate) offset_ns: f64,
    /// What the engine says that it can't exceed, ns.
    pub(crate) bound_ns: Option<f64>,
    /// `maxerror`, ns, while `STA_UNSYNC` is clear.
    pub(crate) kernel_bound_ns: Option<f64>,
    pub(crate) state: State,
    /// Whether a reading has been taken since the script moved a clock last.
    known: bool,
}

impl Sample {
    /// Whether the clock is further off than the engine says that it can be, although it could know.
    pub(crate) fn exceeds_bound(&self) -> bool {
        self.exceeds(self.bound_ns)
    }

    /// The same of what the kernel says while it says that the clock is synchronised.
    pub(crate) fn exceeds_kernel_bound(&self) -> bool {
        self.exceeds(self.kernel_bound_ns)
    }

    fn exceeds(&self, bound_ns: Option<f64>) -> bool {
        self.known && bound_ns.is_some_and(|bound| self.offset_ns.abs() - 1.0 > bound)
    }
}

/// The engine, its guest, and what was seen.
pub(crate) struct Scene {
    pub(crate) guest: Guest,
    engine: Engine,
    ladder: Ladder,
    wake: i64,
    samples: Vec<Sample>,
    spins: u32,
    /// The most turns in a row after which the engine wanted to be woken at once.
    pub(crate) most_spins: u32,
}

impl Scene {
    /// The engine starts.
    pub(crate) fn start(policy: Policy, guest: Guest) -> Self {
        let engine = Engine::new(policy, RawTime::from_nanos(guest.raw), guest.state());
        let mut scene = Self {
            wake: guest.raw,
            guest,
            engine,
            ladder: Ladder::default(),
            samples: Vec::new(),
            spins: 0,
            most_spins: 0,
        };
        scene.hand(Event::SourceFound);
        scene
    }

    /// The same, run up to a second of the script.
    pub(crate) fn of(policy: Policy, guest: Guest, until: f64) -> Self {
        let mut scene = Self::start(policy, guest);
        scene.run_until(until);
        scene
    }

    fn hand(&mut self, event: Event) {
        self.wake = drive(&mut self.engine, &mut self.ladder, &mut self.guest, event).as_nanos();
        while self.engine.take_notice().is_some() {}
        self.spins = if self.wake > self.guest.raw { 0 } else { self.spins + 1 };
        self.most_spins = self.most_spins.max(self.spins);
        self.sample();
    }

    /// The device goes, for good.
    pub(crate) fn lose_device(&mut self) {
        self.hand(Event::SourceLost(Loss::DeviceGone));
    }

    /// Runs up to a second of the script.
    pub(crate) fn run_until(&mut self, second: f64) {
        let end = raw_at(second);
        while self.guest.raw < end {
            let wake = self.wake.max(self.guest.raw) + LATE_NS;
            let tick = (self.guest.raw / MILLISECOND_NS + 1) * MILLISECOND_NS;
            self.guest.pass(wake.min(tick).min(end));
            if core::mem::take(&mut self.guest.leapt) {
                self.guest.pass(self.guest.raw + LATE_NS);
                self.hand(Event::ClockSet);
            } else if self.guest.raw >= wake {
                self.hand(Event::Wake);
            } else {
                self.sample();
            }
        }
    }

    /// When the engine is woken next, if nothing comes between.
    pub(crate) fn next_turn(&self) -> f64 {
        seconds_at(self.wake.max(self.guest.raw) + LATE_NS)
    }

    /// Runs until the engine has made another step, or to a second of the script. Gives when that was.
    pub(crate) fn run_until_step(&mut self, second: f64) -> Option<f64> {
        let before = self.guest.steps.len();
        while self.guest.steps.len() == before && self.guest.raw < raw_at(second) {
            self.run_until(self.next_turn().min(second));
        }
        self.guest.steps.get(before).map(|step| step.at)
    }

    fn sample(&mut self) {
        let kernel = self.guest.state().health;
        let raw = RawTime::from_nanos(self.guest.raw);
        self.samples.push(Sample {
            at: self.guest.seconds(),
            offset_ns: self.guest.offset_ns(),
            bound_ns: self.engine.max_error(raw).map(Duration::as_nanos_f64),
            kernel_bound_ns: kernel.synchronised.then_some(kernel.max_error.as_nanos_f64()),
            state: self.engine.state(),
            known: self.guest.read_at > self.guest.disturbed_at,
        });
    }

    /// The samples from one second to another.
    pub(crate) fn between(&self, from: f64, to: f64) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.at >= from && sample.at <= to)
    }

    /// The samples from a second on at which the clock is beyond what the engine says, or the kernel.
    pub(crate) fn beyond_bound(&self, from: f64) -> Vec<Sample> {
        let beyond = |sample: &&Sample| sample.exceeds_bound() || sample.exceeds_kernel_bound();
        self.between(from, f64::INFINITY).filter(beyond).copied().collect()
    }

    /// The one of these that is furthest beyond, in proportion.
    pub(crate) fn most_beyond_bound(&self, from: f64) -> Option<Sample> {
        let ratio = |sample: &Sample| sample.offset_ns.abs() / sample.bound_ns.unwrap_or(f64::INFINITY);
        self.beyond_bound(from).into_iter().max_by(|a, b| ratio(a).total_cmp(&ratio(b)))
    }

    /// The largest true offset from one second to another, ns.
    pub(crate) fn largest_ns(&self, from: f64, to: f64) -> f64 {
        self.between(from, to).map(|sample| sample.offset_ns.abs()).fold(0.0, f64::max)
    }

    /// The mean of the true offset from one second to another, ns.
    pub(crate) fn mean_ns(&self, from: f64, to: f64) -> f64 {
        let (sum, count) = self
            .between(from, to)
            .fold((0.0, 0.0), |(sum, count), sample| (sum + sample.offset_ns, count + 1.0));
        sum / f64::max(count, 1.0)
    }

    /// The steps that the engine made from a second on.
    pub(crate) fn steps(&self, from: f64) -> Vec<Step> {
        self.guest.steps.iter().filter(|step| step.at >= from).copied().collect()
    }
}
