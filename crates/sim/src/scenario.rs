//! The lab's scenarios in the simulator: one kind of trouble at a time, over as many seeds as one likes, and each
//! with the limits that hostclock promises for it.
//!
//! What every life must obey ([`crate::judge`]) holds here too. The limits are those of a guest on its own
//! hardware, where a wake-up is late by 50 µs in the median and by 5 ms at most.

mod plan;

use hostclock_core::policy::Policy;
use hostclock_core::units::{Duration, Frequency};

use crate::device::{Clocksource, DeviceModel, Driver, FAILURES, Lie};
use crate::disturbance::Disturbance;
use crate::life::{Life, usual_model};
use crate::random::Random;
use crate::tally::Tally;
use crate::truth::TrueTime;
use plan::{BEFORE_MIDNIGHT, Plan};

/// One kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// The guest is stopped for 0.2 s to an hour.
    Pause,
    /// The host takes nine tenths of the guest's processor for half a minute; then programs in the guest do.
    Starve,
    /// The guest's state is saved and restored on the same host, and the hypervisor tells of it.
    Restore,
    /// The guest goes on as a copy on another machine, and the hypervisor tells of it.
    Fork,
    /// The host's clock is stepped by 0.1 s to an hour.
    HostStep,
    /// The host's clock is slewed by 500 ppm and by 10 %.
    HostSlew,
    /// The host's clock runs backwards, stands still, runs fast, or jumps about.
    HostLies,
    /// Somebody sets the clock every 0.3 s for half a minute.
    RivalDate,
    /// Somebody writes the clock's frequency each second for half a minute.
    RivalRate,
    /// The device goes and comes again, five times.
    Module,
    /// The device fails in every way that a driver can.
    Failing,
    /// The clocksource is switched each second for half a minute.
    Clocksource,
    /// The daemon is killed fifty times.
    Kill,
    /// The guest suspends itself, and the kernel sets the clock as well as it can when it wakes.
    Suspend,
    /// A leap second is announced to the guest's kernel; the host inserts it, smears it over 1000 s, or knows nothing of
    /// it.
    Leap,
    /// The kernel refuses every adjustment, while the host's clock is stepped and the guest paused.
    Refused,
    /// The device gives its last reading again for 2 ms to 1 s, while the host's clock is stepped and the guest paused.
    Repeats,
    /// The device's time is a whole number of 100 ns, or of 1 us.
    Quantised,
    /// The device jitters by 50 ns and claims 2.
    Jitters,
    /// The guest moves to hosts on which its counter runs up to 500 ppm faster or slower.
    Counters,
}

/// What hostclock promises for a scenario; `None` where that is no promise.
#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    /// Steps, exactly.
    steps: Option<u32>,
    /// The largest offset, ns.
    largest_ns: Option<f64>,
    /// The longest time at a stretch off by more than 1 µs.
    longest: Option<Duration>,
    /// The part of the time that it may be off by more than 1 µs.
    wrong: Option<f64>,
    /// Times that the user is told something.
    notices: Option<u32>,
}

/// Before the first trouble.
const CALM_S: f64 = 30.0;
const MS: Duration = Duration::from_millis(1);

impl Scenario {
    /// Each of them.
    pub const ALL: [Self; 20] = [
        Self::Pause,
        Self::Starve,
        Self::Restore,
        Self::Fork,
        Self::HostStep,
        Self::HostSlew,
        Self::HostLies,
        Self::RivalDate,
        Self::RivalRate,
        Self::Module,
        Self::Failing,
        Self::Clocksource,
        Self::Kill,
        Self::Suspend,
        Self::Leap,
        Self::Refused,
        Self::Repeats,
        Self::Quantised,
        Self::Jitters,
        Self::Counters,
    ];

    /// What it is called on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Starve => "starve",
            Self::Restore => "restore",
            Self::Fork => "fork",
            Self::HostStep => "host-step",
            Self::HostSlew => "host-slew",
            Self::HostLies => "host-lies",
            Self::RivalDate => "rival-date",
            Self::RivalRate => "rival-rate",
            Self::Module => "module",
            Self::Failing => "failing",
            Self::Clocksource => "clocksource",
            Self::Kill => "kill",
            Self::Suspend => "suspend",
            Self::Leap => "leap",
            Self::Refused => "refused",
            Self::Repeats => "repeats",
            Self::Quantised => "quantised",
            Self::Jitters => "jitters",
            Self::Counters => "counters",
        }
    }

    /// The one that is called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// The life in it that belongs to `seed`: a guest like any other, default policy.
    #[must_use]
    pub fn life(self, seed: u64) -> Life {
        let random = Random::new(seed).part(self.name());
        let mut model = usual_model(&mut random.part("model"));
        model.device = DeviceModel { driver: Driver::Kvm, ..DeviceModel::default() };
        model.tells_of_steps |= matches!(self, Self::RivalDate | Self::Suspend);
        model.tells_of_more |= matches!(self, Self::Restore | Self::Fork);
        match self {
            Self::Quantised => {
                let nanos = random.part("quantum").choice(&[100, 1_000]).copied().unwrap_or(1_000);
                model.device.quantum = Duration::from_nanos(nanos);
            }
            Self::Jitters => model.device.precise_noise_ns = 50.0,
            Self::Leap => model.date = BEFORE_MIDNIGHT,
            _ => {}
        }
        let mut plan =
            Plan { random: random.part("plan"), at: TrueTime::from_secs_f64(CALM_S), events: Vec::new() };
        self.plan(&mut plan, model.oscillator.frequency);
        Life::of_plan(seed, model, Policy::default(), plan.events)
    }

    fn plan(self, plan: &mut Plan, frequency: Frequency) {
        match self {
            Self::Pause => {
                for _ in 0..6 {
                    let span = plan.random.span(0.2, 3_600.0);
                    plan.alone(Disturbance::Pause(span));
                }
            }
            Self::Starve => {
                for _ in 0..300 {
                    plan.then(Disturbance::Starve(Duration::from_millis(90)), 0.01);
                }
                plan.alone(Disturbance::Load(Duration::from_secs(30)));
            }
            Self::Restore => {
                for _ in 0..5 {
                    let span = plan.random.span(5.0, 3_600.0);
                    plan.alone(Disturbance::Migration(span, frequency, Duration::ZERO));
                }
            }
            Self::Fork => {
                for _ in 0..5 {
                    let span = plan.random.span(1.0, 600.0);
                    let frequency = Frequency::from_ppm(plan.random.normal(20.0));
                    let by = plan.random.signed_span(1e-6, 0.1);
                    plan.alone(Disturbance::Migration(span, frequency, by));
                }
            }
            Self::HostStep => {
                for _ in 0..8 {
                    let by = plan.random.signed_span(0.102, 3_600.0);
                    plan.alone(Disturbance::HostStep(by));
                }
            }
            Self::HostSlew => {
                for ppm in [500.0, -500.0, 1e5, -1e5] {
                    let span = plan.random.span(2.0, 20.0);
                    plan.alone(Disturbance::HostSlew(Frequency::from_ppm(ppm), span));
                }
            }
            Self::HostLies => {
                let rate = Frequency::from_ppm(plan.random.decades(2e5, 2e6));
                let lies = [
                    Lie::Backwards(plan.random.span(1e-3, 1.0)),
                    Lie::Frozen,
                    Lie::Runs(rate),
                    Lie::Scatter(Duration::from_secs(3_600)),
                ];
                for lie in lies {
                    plan.alone(Disturbance::Lie(lie, Duration::from_secs(6)));
                }
            }
            Self::RivalDate => {
                for _ in 0..100 {
                    let by = plan.random.signed_span(1e-3, 1e5);
                    plan.then(Disturbance::ForeignStep(by), 0.3);
                }
            }
            Self::RivalRate => {
                for _ in 0..30 {
                    let rate = Frequency::from_ppm(plan.random.sign() * plan.random.decades(10.0, 500.0));
                    plan.then(Disturbance::ForeignRate(rate), 1.0);
                }
            }
            Self::Module => {
                for _ in 0..5 {
                    let span = plan.random.span(0.01, 2.0);
                    plan.then(Disturbance::DeviceGone(span), 2.0);
                }
            }
            Self::Failing => {
                for failure in FAILURES {
                    plan.alone(Disturbance::Fault(failure, Duration::from_secs(2)));
                }
                plan.alone(Disturbance::Busy(Duration::from_secs(10)));
            }
            Self::Clocksource => {
                for _ in 0..15 {
                    plan.then(Disturbance::Clocksource(Clocksource::Tsc), 1.0);
                    plan.then(Disturbance::Clocksource(Clocksource::KvmClock), 1.0);
                }
            }
            Self::Kill => {
                for _ in 0..50 {
                    let (away, lives) = (plan.random.span(1e-3, 0.3), plan.random.decades(0.01, 3.0));
                    plan.then(Disturbance::Kill(away), lives);
                }
            }
            Self::Suspend => {
                for _ in 0..3 {
                    let span = plan.random.span(1.0, 3_600.0);
                    let by = plan.random.signed_span(1e-3, 1.0);
                    plan.alone(Disturbance::Suspend(span, by));
                }
            }
            Self::Leap => plan.leap(),
            Self::Refused => {
                for errno in [1, 22, 1] {
                    let span = plan.random.span(1.0, 100.0);
                    plan.during(Disturbance::Refused(errno, span), span);
                }
            }
            Self::Repeats => {
                for _ in 0..6 {
                    let lie = Lie::Repeats(plan.random.span(2e-3, 1.0));
                    let span = plan.random.span(0.1, 10.0);
                    plan.during(Disturbance::Lie(lie, span), span);
                }
            }
            Self::Quantised | Self::Jitters => {
                for _ in 0..4 {
                    let (span, by) = (plan.random.span(0.2, 600.0), plan.random.signed_span(1e-6, 10.0));
                    plan.alone(Disturbance::Pause(span));
                    plan.alone(Disturbance::HostStep(by));
                    plan.alone(Disturbance::DeviceGone(span));
                }
            }
            Self::Counters => {
                for _ in 0..5 {
                    let span = plan.random.span(0.01, 60.0);
                    let frequency = Frequency::from_ppm(plan.random.between(-500.0, 500.0));
                    let by = plan.random.signed_span(1e-6, 0.1);
                    plan.alone(Disturbance::Migration(span, frequency, by));
                }
            }
        }
    }

    /// What is to be measured of `life`: from just before its first trouble to its end, or where the promise is of
    /// a share of the time, as long as the trouble lasts.
    #[must_use]
    pub fn tally(self, life: &Life) -> Tally {
        let from = TrueTime::from_secs_f64(CALM_S - 1.0);
        Tally::new(from, if self == Self::RivalDate { from + Duration::from_secs(32) } else { life.end })
    }

    /// Which promises were broken.
    #[must_use]
    pub fn broken(self, tally: &Tally) -> Vec<String> {
        let limits = self.limits();
        let mut broken = Vec::new();
        if let Some(steps) = limits.steps.filter(|steps| *steps != tally.steps) {
            broken.push(format!("{} steps, where {steps} are due", tally.steps));
        }
        if let Some(most) = limits.largest_ns.filter(|most| tally.largest_ns > *most) {
            broken.push(format!("{:.0} ns off, of {most:.0} ns allowed", tally.largest_ns));
        }
        if let Some(most) = limits.longest.filter(|most| tally.longest > *most) {
            broken.push(format!("off by over 1 us for {}, of {most} allowed", tally.longest));
        }
        let share = tally.wrong.as_secs_f64() / tally.length().as_secs_f64();
        if let Some(most) = limits.wrong.filter(|most| share > *most) {
            broken.push(format!("off by over 1 us for {:.3} of the time, of {most} allowed", share));
        }
        if let Some(most) = limits.notices.filter(|most| tally.notices > *most) {
            broken.push(format!("{} lines for the user, of {most} allowed", tally.notices));
        }
        broken
    }

    fn limits(self) -> Limits {
        let none = Limits::default();
        match self {
            Self::Pause => Limits { steps: Some(6), longest: Some(MS.times(150)), ..none },
            Self::Starve => Limits { steps: Some(0), largest_ns: Some(10_000.0), ..none },
            Self::Restore | Self::Fork => Limits { steps: Some(5), longest: Some(MS.times(20)), ..none },
            Self::HostStep => Limits { steps: Some(8), longest: Some(MS.times(150)), ..none },
            Self::HostSlew => Limits { largest_ns: Some(25e6), ..none },
            Self::HostLies => Limits { largest_ns: Some(500e6), ..none },
            Self::RivalDate => Limits {
                steps: Some(100),
                longest: Some(MS.times(3)),
                wrong: Some(0.01),
                notices: Some(5),
                ..none
            },
            Self::RivalRate => Limits { longest: Some(MS.times(150)), notices: Some(5), ..none },
            Self::Module | Self::Kill => Limits { steps: Some(0), largest_ns: Some(1_000.0), ..none },
            Self::Failing => Limits { steps: Some(0), largest_ns: Some(5_000.0), ..none },
            Self::Clocksource => Limits { steps: Some(0), largest_ns: Some(50_000.0), ..none },
            Self::Suspend => Limits { steps: Some(3), longest: Some(MS.times(20)), ..none },
            // A smear of 1000 ppm begins and ends within a poll of being seen.
            Self::Leap => Limits { longest: Some(MS.times(400)), ..none },
            Self::Refused | Self::Repeats | Self::Quantised | Self::Jitters | Self::Counters => none,
        }
    }
}
