//! The state machine: events in, one action out.
//!
//! Whoever drives the engine does what the action says and answers with the event that results, until
//! the action is to wait ([`crate::driver::drive`] is that loop). The engine never asks for the time
//! and never fails: trouble is a [`State`] and a [`Notice`].
//!
//! A reading goes through four questions, each in a file or type of its own: is the host's clock where
//! it was expected (a surprise is read again at once)? Is the system clock where we left it, or did
//! somebody else move it? (Both in `judge`.) What does the policy allow ([`Policy::verdict`])? And how is
//! it done (`decide`)? What the kernel made of it comes back in `applied`, and what that makes of the state is in
//! `conclude`; `holdover` is what is done without readings, `trust` when they can't be believed. Between two
//! polls a light look sees whether all is well (`probe`). `history` remembers what happened, `rivalry` who else
//! changes the clock.

mod applied;
mod conclude;
mod decide;
mod event;
mod foreign;
mod history;
mod holdover;
mod judge;
mod probe;
mod report;
mod rivalry;
#[cfg(test)]
mod tests;
mod trust;

use crate::adjust::{Adjustment, KernelState};
use crate::bound::Bound;
use crate::discipline::Schedule;
use crate::estimator::Estimator;
use crate::hint::Hint;
use crate::line::SystemLine;
use crate::notice::{Loss, Notice};
use crate::pace::Pace;
use crate::policy::Policy;
use crate::reading::{Failure, Method, Reading};
use crate::status::{Counters, State, StepCause};
use crate::units::{Duration, Frequency, RawTime, Timestamp};
use conclude::Outcome;
pub use event::{Action, Applied, Event};
use foreign::{ForeignRate, LineDoubt};
use history::History;
use judge::Judgement;
use probe::Probing;
use report::{Notices, Statistics};
use rivalry::Rivalry;
use trust::Trust;

/// Readings at the start of this century or after the next one are nonsense: no hypervisor host runs
/// there, and the kernel can't represent what lies beyond 2232.
const PLAUSIBLE: (Timestamp, Timestamp) = (
    Timestamp::from_nanos(1_577_836_800_000_000_000), // 2020-01-01
    Timestamp::from_nanos(7_258_118_400_000_000_000), // 2200-01-01
);
/// How often a surprising reading is read again before the source counts as contradictory.
const RETRIES: u32 = 6;
/// Failures in a row after which the source counts as lost.
const FAILURES: u32 = 3;
/// The raw counter at a reading is that of a moment ago. A little later is the arithmetic of a bracket;
/// much earlier, and the process was stopped for so long that the reading says nothing of now.
const FRESH: (Duration, Duration) = (Duration::from_secs(-10), Duration::from_millis(1));
/// The frequency found in the kernel at the start is believed this far: it may be a slew that was going on.
const KERNEL_GUESS: Frequency = Frequency::from_ppb_const(150_000.0);

/// A reading that awaits confirmation.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// The first of those that nothing confirms.
    first: Reading,
    reading: Reading,
    attempts: u32,
}

/// What is being put right.
#[derive(Clone, Copy, Debug)]
struct Disturbance {
    cause: StepCause,
    /// When it was heard of or seen.
    since: RawTime,
}

impl Disturbance {
    /// Whether the user is to hear when it is slewed: of a foreign rate he hears that it is ours again.
    fn is_told_when_slewed(self) -> bool {
        self.cause != StepCause::ForeignRate
    }
}

/// A step that was asked for and not verified yet.
#[derive(Clone, Copy, Debug)]
struct StepUnderWay {
    cause: StepCause,
    before: Duration,
    noticed: RawTime,
    done: Option<RawTime>,
}

/// The engine.
#[derive(Clone, Debug)]
pub struct Engine {
    policy: Policy,
    started: RawTime,
    state: State,
    state_since: RawTime,
    has_source: bool,
    kernel: KernelState,
    /// The host's frequency as it was when somebody last wrote it down, and its standard deviation.
    remembered: Option<(Frequency, Frequency)>,
    estimator: Option<Estimator>,
    line: Option<SystemLine>,
    schedule: Schedule,
    doubt: Option<Doubt>,
    /// Something lies off the system clock's line, without a hint that somebody set the clock.
    line_doubt: Option<LineDoubt>,
    foreign_rate: ForeignRate,
    /// That the clock was set, before it is seen by how much.
    heard: Option<Disturbance>,
    surprised: Option<RawTime>,
    disturbance: Option<Disturbance>,
    step: Option<StepUnderWay>,
    /// What the adjustment that is under way makes of the state.
    outcome: Option<Outcome>,
    start_done: bool,
    steps_after_start: u32,
    steps_in_a_row: u32,
    /// Since the last event from outside, the kernel was told a second time how wrong the clock may be.
    retold: bool,
    failures: u32,
    loss: Option<Loss>,
    last: Option<Reading>,
    /// From a reading to the effect of the adjustment that answers it.
    lag: Duration,
    /// When the adjustment that was asked for should take effect.
    effect_expected: RawTime,
    /// The time between readings in force: the policy's, or a longer one where it asks for an accuracy.
    pace: Pace,
    /// The time to the next.
    interval: Duration,
    slew: Frequency,
    /// How fast the clock may run away until the next adjustment, by a rate that somebody else gave it.
    running_away: Frequency,
    /// In the modes that only observe: how fast the system clock was seen to run against the raw counter, and so
    /// how fast its offset grows by itself.
    rate_seen: Frequency,
    running_free: Frequency,
    /// The adjustment that was asked for last.
    asked: Adjustment,
    wake_at: RawTime,
    probing: Probing,
    trust: Trust,
    history: History,
    rivalry: Rivalry,
    bound: Option<Bound>,
    statistics: Statistics,
    counters: Counters,
    notices: Notices,
    told: report::Told,
}

impl Engine {
    /// An engine that starts at `now` with a system clock in the state `kernel`.
    #[must_use]
    pub fn new(policy: Policy, now: RawTime, kernel: KernelState) -> Self {
        Self {
            policy,
            started: now,
            state: State::Starting,
            state_since: now,
            has_source: false,
            kernel,
            remembered: None,
            estimator: None,
            line: None,
            schedule: Schedule::default(),
            doubt: None,
            line_doubt: None,
            foreign_rate: ForeignRate::No,
            heard: None,
            surprised: None,
            disturbance: None,
            step: None,
            outcome: None,
            start_done: false,
            steps_after_start: 0,
            steps_in_a_row: 0,
            retold: false,
            failures: 0,
            loss: None,
            last: None,
            lag: Duration::ZERO,
            effect_expected: now,
            pace: Pace::new(policy.poll),
            interval: policy.poll,
            slew: Frequency::ZERO,
            running_away: Frequency::ZERO,
            rate_seen: kernel.rate.as_frequency(),
            running_free: Frequency::ZERO,
            asked: Adjustment { step: None, rate: None, health: None, tai_offset: None },
            wake_at: now,
            probing: Probing::default(),
            trust: Trust::default(),
            history: History::default(),
            rivalry: Rivalry::default(),
            bound: None,
            statistics: Statistics::default(),
            counters: Counters::default(),
            notices: Notices::default(),
            told: report::Told::default(),
        }
    }

    /// The host's frequency against the raw counter as it was once, with its standard deviation: to start
    /// with, where the kernel doesn't know better.
    #[must_use]
    pub fn remembering(self, remembered: Option<(Frequency, Frequency)>) -> Self {
        Self { remembered, ..self }
    }

    /// Another policy from now on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
        self.pace = Pace::new(policy.poll);
        self.told = report::Told::default();
        // What is due, and when, follows from the new one.
        self.wake_at = self.started;
    }

    /// The policy in force.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the engine is doing.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// How fast the system clock runs against the raw counter, as far as we set it: timers that count
    /// on a clock that is steered have to be corrected by this.
    #[must_use]
    pub fn system_rate(&self) -> Frequency {
        self.kernel.rate.as_frequency()
    }

    /// Whether there is anything that the user should hear of.
    #[must_use]
    pub const fn has_notices(&self) -> bool {
        self.notices.any()
    }

    /// Adds what the user should hear of to what the engine has to tell itself.
    pub(crate) fn tell(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// The next thing that the user should hear of, until there is none.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.notices.take()
    }

    /// Takes in what happened at `now` and says what to do.
    pub fn handle(&mut self, now: RawTime, event: Event) -> Action {
        match self.react(now, event) {
            Action::Wait(until) => Action::Wait(self.wake_for_probe(now, until)),
            action => action,
        }
    }

    fn react(&mut self, now: RawTime, event: Event) -> Action {
        if matches!(event, Event::Wake | Event::ClockSet | Event::SourceFound | Event::Hint(_)) {
            self.retold = false;
        }
        match event {
            Event::Wake if self.has_source => self.begin_probe(now).unwrap_or(Action::Read),
            Event::Wake => self.look_without_reading(now),
            Event::ClockSet => self.hear_that_clock_was_set(now, StepCause::ForeignStep),
            Event::Hint(hint) => self.on_hint(now, hint),
            Event::SourceFound => {
                self.has_source = true;
                self.failures = 0;
                self.schedule.hurry();
                Action::Read
            }
            Event::SourceLost(loss) => {
                self.has_source = false;
                self.lose(now, loss)
            }
            Event::Ending => self.hold(now),
            Event::Reading(reading) => self.on_reading(now, reading),
            Event::ReadFailed(method, failure) => self.on_failure(now, method, failure),
            Event::Probed(reading) => self.on_probe(now, &reading),
            Event::ProbeFailed => Action::Read,
            Event::Inspected(kernel) => self.on_inspection(kernel),
            Event::Compared(raw, system) => self.on_comparison(now, raw, system),
            Event::Adjusted(applied) => self.on_adjusted(applied),
            Event::AdjustRefused(errno) => self.on_refused(now, errno),
        }
    }

    fn hear_that_clock_was_set(&mut self, now: RawTime, cause: StepCause) -> Action {
        self.counters.clock_set_events += 1;
        self.heard.get_or_insert(Disturbance { cause, since: now });
        if self.has_source { Action::Read } else { Action::Compare }
    }

    fn on_hint(&mut self, now: RawTime, hint: Hint) -> Action {
        self.counters.hints += 1;
        self.history.told(hint, now, self.time_at(now));
        self.notices.push(Notice::Hinted { hint });
        self.schedule.hurry();
        match hint {
            Hint::Resumed => self.hear_that_clock_was_set(now, StepCause::Resumed),
            _ if self.has_source => Action::Read,
            _ => self.look_without_reading(now),
        }
    }

    fn on_reading(&mut self, now: RawTime, reading: Reading) -> Action {
        if !is_plausible(now, &reading) {
            return self.on_failure(now, reading.method, Failure::Nonsense);
        }
        self.counters.readings += 1;
        if let Some(action) = self.reconsider(now, &reading) {
            return action;
        }
        let broke = match self.judge_host(now, &reading) {
            Judgement::ReadAgain => return Action::Read,
            Judgement::GiveUp(loss) => return self.on_contradiction(now, loss),
            Judgement::Unreliable(loss) => return self.distrust(now, Some(&reading), loss),
            Judgement::Expected => false,
            Judgement::Break => true,
        };
        self.failures = 0;
        self.loss = None;
        let foreign = match self.judge_system(now, &reading) {
            Some(foreign) => foreign,
            // Before anybody is accused: what does the kernel say, and is it still so?
            None => return Action::Inspect,
        };
        self.last = Some(reading);
        self.decide(now, &reading, broke, foreign)
    }

    fn on_failure(&mut self, now: RawTime, method: Method, failure: Failure) -> Action {
        self.counters.failed_readings += 1;
        self.retry_or_lose(now, Loss::Failing(method, failure))
    }

    fn on_contradiction(&mut self, now: RawTime, loss: Loss) -> Action {
        self.counters.outliers += 1;
        self.retry_or_lose(now, loss)
    }

    fn on_inspection(&mut self, kernel: Option<KernelState>) -> Action {
        if let Some(found) = kernel.map(|kernel| kernel.rate).filter(|rate| *rate != self.kernel.rate) {
            let by = found.as_frequency() - self.kernel.rate.as_frequency();
            self.foreign_rate = ForeignRate::Found(by);
        }
        match self.line_doubt {
            Some(LineDoubt::Comparison) => Action::Compare,
            Some(LineDoubt::Reading) | None => Action::Read,
        }
    }

    fn retry_or_lose(&mut self, now: RawTime, loss: Loss) -> Action {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            return if loss.is_unreliable() && self.estimator.is_some() {
                self.distrust(now, None, loss)
            } else {
                self.lose(now, loss)
            };
        }
        self.loss = Some(loss);
        if self.failures == 1 {
            self.schedule.hurry();
        }
        self.wake_at = now + self.schedule.advance(self.policy.poll);
        self.wait_without_slew(now)
    }

    fn enter(&mut self, state: State, now: RawTime) {
        if self.state != state {
            self.state = state;
            self.state_since = now;
        }
    }
}

/// Whether a reading can be one of a clock, taken just now.
fn is_plausible(now: RawTime, reading: &Reading) -> bool {
    let age = reading.raw - now;
    (PLAUSIBLE.0..=PLAUSIBLE.1).contains(&reading.reference)
        && !reading.uncertainty.is_negative()
        && (FRESH.0..=FRESH.1).contains(&age)
}
