//! What must be true of every life, watched while it is lived.
//!
//! * No step that the policy forbids, none without a reason, and at most one for each disturbance.
//! * The true offset is never beyond the bound that the engine or the kernel publishes, except before
//!   a fresh disturbance can have been noticed.
//! * A step of the guest's clock or its host's, or a pause, is put right without overshoot: the clock never comes
//!   out on the other side by more than 1 µs.
//! * A guest that was stopped has its clock stepped within the time between two probes and 5 ms, counted from
//!   when it runs again; so has one whose host's clock was set.
//! * Once the device gives readings again, the clock is right within the time that the policy needs,
//!   and stays right until the next disturbance.
//! * At the end it is synchronised; nothing ever runs away or oversleeps.
//!
//! While a device lies, and until the clock is right again afterwards, only the last point is held
//! against the engine: a guest can't see through a host that lies well.

use hostclock_core::notice::Notice;
use hostclock_core::policy::Policy;
use hostclock_core::status::State;
use hostclock_core::units::Duration;

use crate::device::{Clocksource, Driver, Lie};
use crate::disturbance::Disturbance;
use crate::life::{Life, is_usual};
use crate::simulation::{Sample, Witness};
use crate::truth::TrueTime;
use crate::world::Happening;

/// What was broken.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// When.
    pub at: TrueTime,
    /// Which rule, and how.
    pub what: String,
}

/// How long the clock took to be right for good after a disturbance that stood alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recovery {
    /// Which kind of disturbance.
    pub kind: &'static str,
    /// From its end.
    pub took: Duration,
}

/// The judge of one life.
#[derive(Clone, Debug)]
pub struct Judge {
    policy: Policy,
    driver: Driver,
    clocksource: Clocksource,
    /// How far the clock may be off because the device's time is rounded.
    blurred: Duration,
    /// Whether the policy puts everything right within seconds.
    lenient: bool,
    lasting: Vec<Disturbance>,
    since_settled: Vec<Disturbance>,
    credit: u32,
    starting: bool,
    steps_used: u32,
    /// How far others have set the clock since it was last stepped or settled.
    foreign: Duration,
    /// Whether a step that undoes another's may do anything.
    forgives_undoing: bool,
    last_trouble: TrueTime,
    last_device_trouble: TrueTime,
    good_since: Option<TrueTime>,
    /// On which side of the host's time the last disturbance put the clock.
    side: Option<f64>,
    /// Since then the daemon was once woken too late to end a slew in time.
    overslept: bool,
    /// The longest that the daemon was late since then.
    latest: Duration,
    late: bool,
    settled: bool,
    /// What is to be put right by the next probe.
    prompt: Option<Disturbance>,
    last: Option<Sample>,
    /// What was broken; no more than the first few.
    pub violations: Vec<Violation>,
    /// The recoveries.
    pub recoveries: Vec<Recovery>,
}

/// Right, by a precise cross timestamp, and by a bracket.
const RIGHT: (Duration, Duration) = (Duration::from_micros(1), Duration::from_micros(20));
/// The best method is tried again within this time.
const CLIMB: Duration = Duration::from_secs(12);
/// Right for so long counts as settled.
const SETTLED: Duration = Duration::from_secs(5);
/// A daemon that is woken so late was starved.
const STARVED: Duration = Duration::from_millis(200);
/// A fast slew stops short of what it would run in 2 ms; who is woken later than that can't end it in time.
const OVERSLEPT: Duration = Duration::from_micros(1_900);
/// From a probe that finds the clock wrong to the clock being right.
const PROMPT: Duration = Duration::from_millis(5);
/// A kernel's clock runs up to 10 % faster or slower, so a host's at this rate leaves little to catch up with.
const AS_FAST_AS_ANY_PPM: f64 = 90_000.0;
/// Enough to understand what happened.
const MOST_VIOLATIONS: usize = 5;

impl Judge {
    /// The judge of `life`.
    #[must_use]
    pub fn new(life: &Life) -> Self {
        Self {
            policy: life.policy,
            driver: life.model.device.driver,
            clocksource: Clocksource::KvmClock,
            blurred: life.model.device.blurs(),
            lenient: is_usual(&life.policy),
            lasting: Vec::new(),
            since_settled: Vec::new(),
            credit: 1,
            starting: true,
            steps_used: 0,
            foreign: Duration::ZERO,
            forgives_undoing: false,
            last_trouble: TrueTime::default(),
            last_device_trouble: TrueTime::default(),
            good_since: None,
            side: None,
            overslept: false,
            latest: Duration::ZERO,
            late: false,
            settled: false,
            prompt: None,
            last: None,
            violations: Vec::new(),
            recoveries: Vec::new(),
        }
    }

    /// The same, which forgives whatever a step does that undoes another's.
    #[must_use]
    pub fn forgiving(life: &Life) -> Self {
        Self { forgives_undoing: true, ..Self::new(life) }
    }

    /// The life is over: the last words.
    pub fn conclude(&mut self) {
        let Some(last) = self.last else { return };
        let fine = last.state == Some(State::Synchronised) && last.kernel_bound.is_some();
        if self.lenient && !(fine && self.is_right(&last)) {
            self.violated(last.at, format!("it ends {:?}, {:.0} ns off", last.state, last.offset_ns));
        }
    }

    fn violated(&mut self, at: TrueTime, what: String) {
        if self.violations.len() < MOST_VIOLATIONS {
            self.violations.push(Violation { at, what });
        }
    }

    /// What counts as right at the moment, in ns.
    fn limit(&self, at: TrueTime) -> f64 {
        let right = if self.is_precise(at) { RIGHT.0 } else { RIGHT.1 };
        // Three standard deviations is what is asked for: seldom it is more.
        (right + self.blurred).as_nanos_f64() + 2.0 * self.policy.accuracy.map_or(0.0, Duration::as_nanos_f64)
    }

    /// Whether readings are precise by now.
    fn is_precise(&self, at: TrueTime) -> bool {
        let precise = match self.driver {
            Driver::Kvm => self.clocksource == Clocksource::KvmClock,
            Driver::Vmclock => true,
            Driver::HyperV => false,
        };
        let climbed = at - self.last_device_trouble > CLIMB + self.policy.longest_poll();
        precise && climbed
    }

    fn is_right(&self, sample: &Sample) -> bool {
        sample.offset_ns.abs() <= self.limit(sample.at)
    }

    fn is_busy(&self) -> bool {
        self.since_settled.iter().any(|what| matches!(what, Disturbance::Busy(_)))
    }

    fn lies(&self) -> bool {
        self.since_settled.iter().any(lies)
    }

    /// How long after the last trouble the clock must be right.
    fn allowance(&self) -> Duration {
        let hold = Duration::from_secs(1);
        self.policy.longest_poll().max(hold).times(2) + Duration::from_millis(2_500)
    }

    fn stepped(&mut self, at: TrueTime, by: Duration, before_ns: f64) {
        if self.lies() {
            return;
        }
        if self.credit == 0 {
            self.violated(
                at,
                format!("a step by {by:+} without a reason, the clock being {before_ns:.0} ns off"),
            );
        }
        self.credit = self.credit.saturating_sub(1);
        let slack = Duration::from_micros(50);
        let foreign = core::mem::take(&mut self.foreign);
        // What others did may be undone whatever the policy says of steps, and nothing else with it that it forbids.
        let undoes = self.policy.undo_foreign_steps && foreign != Duration::ZERO;
        let by = if undoes { by + foreign } else { by };
        // How wrong a kernel is about a sleep, nobody can tell from what the sleep itself did.
        let slept = self.since_settled.iter().any(|what| matches!(what, Disturbance::Suspend(_, _)));
        let undoes = undoes || (slept && self.policy.undo_foreign_steps);
        if by.abs() <= slack || (undoes && (slept || self.forgives_undoing)) {
            return;
        }
        if self.policy.largest_step.is_some_and(|largest| by.abs() > largest + slack) {
            self.violated(at, format!("a step by {by:+}, more than largest-step"));
        }
        let at_start = core::mem::take(&mut self.starting);
        if at_start && self.policy.step_at_start {
            return;
        }
        let threshold = if by.is_negative() { self.policy.step_backward } else { self.policy.step_forward };
        if threshold.is_none_or(|threshold| by.abs() + slack < threshold) {
            self.violated(at, format!("a step by {by:+}, where only more than {threshold:?} is allowed"));
        }
        if !at_start {
            self.steps_used += 1;
        }
        if self.policy.steps_after_start.is_some_and(|allowed| self.steps_used > allowed) {
            self.violated(at, format!("step {} after the start", self.steps_used));
        }
    }

    fn trouble(&mut self, at: TrueTime, what: Disturbance) {
        self.last_trouble = at;
        // A guest that was stopped didn't try the better method meanwhile.
        if what.concerns_device() || what.stops_guest() {
            self.last_device_trouble = at;
        }
        self.since_settled.push(what);
        self.good_since = None;
        self.side = None;
        self.overslept = false;
        self.latest = Duration::ZERO;
        self.prompt = self.settled.then_some(what).filter(Self::is_stepped);
        self.late = false;
        self.settled = false;
    }

    /// How many steps a disturbance may take when it begins.
    fn steps_at_its_beginning(what: &Disturbance) -> u32 {
        match what {
            // Until a rate of somebody else's is overwritten it moves the clock while it is put right.
            Disturbance::ForeignRate(_) | Disturbance::ForeignSlew(_) => 2,
            // It moves no clock; but a second that is inserted because of it may.
            Disturbance::ForeignStatus(_) => 1,
            // Nobody catches up by slewing with a clock that runs as fast as any kernel lets one.
            Disturbance::HostSlew(rate, _) if rate.abs().as_ppm() > AS_FAST_AS_ANY_PPM => 2,
            // What can't be read can't be a reason; when it can again, it may be.
            Disturbance::DeviceGone(_) | Disturbance::Fault(_, _) | Disturbance::Refused(_, _) => 0,
            _ => 1,
        }
    }

    /// Whether the default policy steps the clock for it.
    fn is_stepped(what: &Disturbance) -> bool {
        match *what {
            Disturbance::Pause(span) => span > Duration::from_millis(2),
            Disturbance::HostStep(by) => by > Duration::from_millis(2) || by < Duration::from_millis(-101),
            _ => false,
        }
    }

    /// A disturbance that stands alone, on a clock that was right, waits for nothing but the next probe.
    fn dawdles(&mut self, sample: &Sample) {
        self.latest = self.latest.max(sample.late);
        let within = self.policy.probe.min(self.policy.longest_poll()) + PROMPT + self.latest;
        if self.prompt.is_none()
            || !self.lenient
            || !self.is_precise(sample.at)
            || sample.at - self.last_trouble <= within
        {
            return;
        }
        self.prompt = None;
        if sample.offset_ns.abs() > 1e6 {
            self.violated(sample.at, format!("still {:.0} ns off, a probe later", sample.offset_ns));
        }
    }

    /// A disturbance that stands alone and leaves all rates as they are is put right from one side.
    fn overshoots(&mut self, sample: &Sample) {
        let one_sided = |what: &Disturbance| {
            matches!(what, Disturbance::ForeignStep(_) | Disturbance::HostStep(_) | Disturbance::Pause(_))
        };
        let alone = matches!(self.since_settled.as_slice(), [what] if one_sided(what));
        self.overslept |= sample.late > OVERSLEPT;
        if !(alone && self.is_precise(sample.at) && self.lenient && self.lasting.is_empty()) || self.overslept
        {
            return;
        }
        let limit_ns = self.limit(sample.at);
        match self.side {
            None if sample.offset_ns.abs() > limit_ns => self.side = Some(sample.offset_ns.signum()),
            Some(side) if -sample.offset_ns * side > limit_ns => {
                self.side = None;
                self.violated(sample.at, format!("it overshoots to {:.0} ns", sample.offset_ns));
            }
            _ => {}
        }
    }

    fn settle(&mut self, sample: &Sample) {
        if !(self.is_right(sample) && sample.state == Some(State::Synchronised)) {
            self.good_since = None;
            return;
        }
        let since = *self.good_since.get_or_insert(sample.at);
        if sample.at - since < SETTLED || !self.lasting.is_empty() || sample.unnoticed {
            return;
        }
        if let ([what], true, false) = (self.since_settled.as_slice(), self.lenient, self.settled) {
            self.recoveries.push(Recovery { kind: what.kind(), took: since - self.last_trouble });
        }
        self.settled = true;
        self.starting = false;
        if self.driver == Driver::Kvm && !self.is_precise(sample.at) {
            // By brackets nobody knows; the first precise reading may still find something.
            self.since_settled.retain(|what| !lies(what));
            self.credit = self.credit.min(1);
            return;
        }
        self.since_settled.clear();
        self.credit = 0;
        self.foreign = Duration::ZERO;
    }
}

/// Whether the device says what isn't true; a reading that it gives again was true when it was taken.
fn lies(what: &Disturbance) -> bool {
    matches!(what, Disturbance::Lie(lie, _) if !matches!(lie, Lie::Repeats(_)))
}

impl Witness for Judge {
    fn sample(&mut self, sample: &Sample) {
        if sample.late > STARVED && self.last.is_some_and(|last| last.late <= STARVED) {
            // In the middle of a slew that is a disturbance.
            self.credit += 1;
            self.last_trouble = sample.at;
        }
        self.last = Some(*sample);
        // The longest is a slew of 100 ms at 8 %.
        if sample.sleeps
            > self.policy.longest_poll().max(Duration::from_millis(1_250)) + Duration::from_millis(20)
        {
            self.violated(sample.at, format!("it means to sleep for {}", sample.sleeps));
        }
        // A clock that runs on without a host that isn't believed is bounded against what the host was.
        let believed = sample.state != Some(State::HostUnreliable);
        let refused = self.since_settled.iter().any(|what| matches!(what, Disturbance::Refused(_, _)));
        if sample.exceeds_told(!refused) && believed && !self.lies() {
            let bounds = (sample.bound, sample.kernel_bound);
            self.violated(sample.at, format!("{:.0} ns off, beyond the bound: {bounds:?}", sample.offset_ns));
        }
        let due = sample.at - self.last_trouble > self.allowance();
        if self.lenient && due && self.lasting.is_empty() && !self.late && !self.is_right(sample) {
            self.late = true;
            self.violated(sample.at, format!("still {:.0} ns off", sample.offset_ns));
        }
        self.dawdles(sample);
        self.overshoots(sample);
        self.settle(sample);
    }

    fn happened(&mut self, at: TrueTime, what: &Happening) {
        match *what {
            Happening::Disturbed(what) => {
                if let Disturbance::Clocksource(clocksource) = what {
                    self.clocksource = clocksource;
                }
                // A guest that was stopped is judged from when it runs again.
                let at = if what.stops_guest() { at + what.lasts() } else { at };
                self.credit += Self::steps_at_its_beginning(&what);
                if let Disturbance::ForeignStep(by) = what {
                    self.foreign += by;
                }
                self.trouble(at, what);
                if what.lasts() > Duration::ZERO && !what.stops_guest() {
                    self.lasting.push(what);
                }
            }
            Happening::Over(what) => {
                if let Some(index) = self.lasting.iter().position(|lasting| *lasting == what) {
                    self.lasting.swap_remove(index);
                }
                self.credit += 1;
                self.trouble(at, what);
                self.since_settled.pop();
            }
            Happening::Stepped { by, before_ns, .. } => self.stepped(at, by, before_ns),
            Happening::Started => {
                self.starting = true;
                self.steps_used = 0;
            }
            Happening::Runaway => self.violated(at, "it runs away".to_owned()),
            Happening::Told(Notice::HostUnreliable { .. }) => {
                // One takes back what was followed, another follows it when it is believed again.
                self.credit += 2;
                self.prompt = None;
                self.last_trouble = at;
            }
            // A device that is busy most of the time leads to one holdover after the other.
            Happening::Told(Notice::Holdover { .. }) if self.is_busy() => self.credit += 1,
            Happening::Told(_) => {}
        }
    }
}
