//! A random guest's life: a world, a policy, and everything that happens, all from one seed.

use hostclock_core::policy::{PROBE_INSTANT, PROBE_NORMAL, PROBE_RANGE, Policy};
use hostclock_core::reading::Failure;
use hostclock_core::units::{Duration, Frequency, Timestamp};

use crate::device::{Clocksource, DeviceModel, Driver, FAILURES, Lie};
use crate::disturbance::Disturbance;
use crate::host::HostModel;
use crate::kernel::Rounding;
use crate::oscillator::OscillatorModel;
use crate::random::Random;
use crate::truth::TrueTime;
use crate::world::WorldModel;

/// A life that can be lived again.
#[derive(Clone, Debug)]
pub struct Life {
    /// What everything follows from.
    pub seed: u64,
    /// The world at its beginning.
    pub model: WorldModel,
    /// What the user allows.
    pub policy: Policy,
    /// What happens, and when.
    pub plan: Vec<(TrueTime, Disturbance)>,
    /// When it ends: two quiet minutes after the last disturbance.
    pub end: TrueTime,
}

/// At the end nothing happens for so long.
const QUIET: Duration = Duration::from_secs(120);
const YEAR_S: f64 = 31_556_952.0;

impl Life {
    /// The life that belongs to `seed`, of about `hours`.
    #[must_use]
    pub fn new(seed: u64, hours: f64) -> Self {
        let random = Random::new(seed);
        let mut model = usual_model(&mut random.part("model"));
        let mut policy = policy(&mut random.part("policy"));
        if !is_usual(&policy) {
            limits(&mut random.part("limits"), &mut policy);
        }
        let mut draw = random.part("plan");
        model.wrong_by = draw.signed_span(1e-7, YEAR_S);
        let last = TrueTime::from_secs_f64(hours * 3_600.0);
        let mut plan = Vec::new();
        let mut at = TrueTime::default() + draw.span(0.01, 60.0);
        while at < last {
            if draw.chance(0.01) {
                at = rival(&mut draw, &mut plan, at);
            }
            let disturbance = disturbance(&mut draw, &model);
            plan.push((at, disturbance));
            // One thing in four happens before the last is digested, or even over.
            at = if draw.chance(0.25) {
                at + draw.span(1e-5, 5.0)
            } else {
                at + disturbance.lasts() + draw.span(5.0, 300.0)
            };
        }
        Self::of_plan(seed, model, policy, plan)
    }

    /// The life of `model` in which that happens.
    pub(crate) fn of_plan(
        seed: u64,
        model: WorldModel,
        policy: Policy,
        mut plan: Vec<(TrueTime, Disturbance)>,
    ) -> Self {
        let over = plan.iter().map(|(at, what)| *at + what.lasts()).max().unwrap_or_default();
        // Whatever the clocksource was, at the end it is the one that works.
        plan.push((over, Disturbance::Clocksource(Clocksource::KvmClock)));
        // What the guest's programs would have done while it was stopped happens later.
        let stopped = plan.iter().filter(|(_, what)| what.stops_guest()).map(|(_, what)| what.lasts());
        let late = stopped.fold(Duration::ZERO, |sum, span| sum + span);
        Self { seed, model, policy, plan, end: over + late + QUIET }
    }
}

/// A guest like any other.
pub(crate) fn usual_model(random: &mut Random) -> WorldModel {
    let oscillator = OscillatorModel {
        frequency: Frequency::from_ppm(random.normal(20.0)),
        wander: Frequency::from_ppb(random.decades(0.01, 1.0)),
        temperature: Frequency::from_ppb(random.decades(1.0, 300.0)),
        temperature_period_s: random.decades(600.0, 20_000.0),
        ..OscillatorModel::default()
    };
    let host = if random.chance(0.7) { HostModel::ntp() } else { HostModel::free() };
    let host = HostModel { frequency: Frequency::from_ppm(random.normal(10.0)), ..host };
    let driver = match random.unit() {
        x if x < 0.75 => Driver::Kvm,
        x if x < 0.9 => Driver::Vmclock,
        _ => Driver::HyperV,
    };
    // From 2021 to 2190.
    let date =
        Timestamp::from_nanos(0) + Duration::from_nanos_f64(1e9 * YEAR_S * random.between(51.0, 220.0));
    WorldModel {
        oscillator,
        host,
        date,
        wrong_by: Duration::ZERO,
        rounding: random.chance(0.5).then(Rounding::default),
        device: DeviceModel { driver, place: place(&mut random.part("place")), ..DeviceModel::default() },
        tells_of_steps: random.chance(0.85),
        tells_of_devices: random.chance(0.8),
        tells_of_more: random.chance(0.5),
    }
}

/// Where in a bracket the device is read: about the same place each time, or anywhere.
fn place(random: &mut Random) -> (f64, f64) {
    if random.chance(0.3) {
        return DeviceModel::default().place;
    }
    let place = random.between(0.05, 0.9);
    (place, place + 0.05)
}

/// Most users change nothing; the others forbid something.
fn policy(random: &mut Random) -> Policy {
    let mut policy = Policy::default();
    if let Some(ms) = random.choice(&[63, 250, 1_000, 1_000, 1_000, 2_000]) {
        policy.poll = Duration::from_millis(*ms);
    }
    if let Some(probe) = random.choice(&[PROBE_NORMAL, PROBE_NORMAL, PROBE_INSTANT, PROBE_RANGE.1]) {
        policy.probe = *probe;
    }
    let mut automatic = random.part("accuracy");
    if automatic.chance(0.2) {
        policy.accuracy = Some(automatic.span(1e-7, 1e-4));
    }
    if random.chance(0.7) {
        return policy;
    }
    if random.chance(0.25) {
        policy.step_forward = None;
    }
    if random.chance(0.4) {
        policy.step_backward = None;
    }
    if random.chance(0.3) {
        policy.largest_step = Some(random.span(0.01, 1e5));
    }
    if random.chance(0.3) {
        policy.steps_after_start = random.choice(&[0, 1, 3]).copied();
    }
    if random.chance(0.2) {
        policy.step_at_start = false;
    }
    if random.chance(0.2) {
        policy.undo_foreign_steps = false;
    }
    policy
}

/// Whether the policy is the default one but for the times between readings.
pub(crate) fn is_usual(policy: &Policy) -> bool {
    let Policy { poll, probe, accuracy, .. } = *policy;
    *policy == Policy { poll, probe, accuracy, ..Policy::default() }
}

/// Whoever forbids something may have other limits, too.
fn limits(random: &mut Random, policy: &mut Policy) {
    if random.chance(0.3) {
        policy.step_forward = policy.step_forward.map(|_| random.span(1e-3, 10.0));
        policy.step_backward = policy.step_backward.map(|_| random.span(1e-3, 10.0));
    }
    if random.chance(0.3) {
        policy.slew_limit = Frequency::from_ppm(random.decades(10.0, 500.0));
        policy.fast_slew_limit = Frequency::from_ppm(random.decades(500.0, 80_000.0));
    }
    if random.chance(0.2) {
        policy.holdover_limit = random.span(1e-4, 10.0);
    }
    if random.chance(0.2) {
        policy.poll = random.span(0.0625, 64.0);
    }
}

/// Somebody sets the clock again and again, for half a minute; the end of it is returned.
fn rival(random: &mut Random, plan: &mut Vec<(TrueTime, Disturbance)>, from: TrueTime) -> TrueTime {
    let (mut at, every) = (from, random.span(0.05, 3.0));
    while at - from < Duration::from_secs(30) {
        plan.push((at, Disturbance::ForeignStep(random.signed_span(1e-3, 1e5))));
        at = at + every;
    }
    at
}

fn disturbance(random: &mut Random, model: &WorldModel) -> Disturbance {
    let span = |random: &mut Random, low, high| random.span(low, high);
    match random.unit() {
        x if x < 0.20 => Disturbance::ForeignStep(random.signed_span(1e-6, 100.0 * YEAR_S)),
        x if x < 0.23 => {
            Disturbance::ForeignRate(Frequency::from_ppm(random.sign() * random.decades(1.0, 1e5)))
        }
        x if x < 0.25 => Disturbance::Suspend(span(random, 0.1, 3_600.0), random.signed_span(1e-6, 1.0)),
        x if x < 0.38 => Disturbance::Pause(span(random, 1e-3, 3_600.0)),
        x if x < 0.44 => Disturbance::Starve(span(random, 1e-3, 100.0)),
        x if x < 0.48 => Disturbance::Load(span(random, 0.1, 100.0)),
        x if x < 0.58 => Disturbance::HostStep(random.signed_span(1e-6, 1e5)),
        x if x < 0.62 => {
            let most = if random.chance(0.8) { 500.0 } else { 1e5 };
            let slew = Frequency::from_ppm(random.sign() * random.decades(1.0, most));
            Disturbance::HostSlew(slew, span(random, 0.1, 100.0))
        }
        x if x < 0.67 => {
            let frequency = Frequency::from_ppm(random.normal(20.0));
            Disturbance::Migration(span(random, 0.01, 10.0), frequency, random.signed_span(1e-6, 0.1))
        }
        x if x < 0.75 => Disturbance::DeviceGone(span(random, 0.01, 600.0)),
        x if x < 0.80 => {
            let failure = random.choice(&FAILURES).copied().unwrap_or(Failure::Io);
            Disturbance::Fault(failure, span(random, 0.01, 600.0))
        }
        x if x < 0.84 => Disturbance::Busy(span(random, 0.01, 60.0)),
        x if x < 0.91 && model.device.driver == Driver::Kvm => {
            let clocksources = [Clocksource::KvmClock, Clocksource::Tsc];
            Disturbance::Clocksource(random.choice(&clocksources).copied().unwrap_or(Clocksource::Tsc))
        }
        x if x < 0.95 => Disturbance::Lie(lie(random), span(random, 0.01, 30.0)),
        _ => Disturbance::Kill(span(random, 1e-3, 60.0)),
    }
}

fn lie(random: &mut Random) -> Lie {
    match random.unit() {
        x if x < 0.2 => Lie::Scatter(random.span(1e-6, 1e6)),
        x if x < 0.4 => Lie::Outliers(random.signed_span(1e-5, 1e6)),
        x if x < 0.5 => Lie::Backwards(random.span(1e-9, 10.0)),
        x if x < 0.55 => Lie::Frozen,
        x if x < 0.6 => Lie::Runs(Frequency::from_ppm(random.sign() * random.decades(1e4, 1e6))),
        x if x < 0.7 => Lie::Date(Timestamp::from_nanos(random.normal(1e18) as i64)),
        x if x < 0.8 => Lie::Date(Timestamp::from_nanos(i64::MAX)),
        x if x < 0.9 => Lie::Garbage,
        _ => Lie::Bracket(random.signed_span(1e-3, 1e9)),
    }
}
