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
mod clock;
mod conclude;
mod course;
mod decide;
mod event;
mod foreign;
mod history;
mod holdover;
mod journal;
mod judge;
mod probe;
mod report;
mod rivalry;
mod source;
#[cfg(test)]
mod tests;
mod timing;
mod trust;

use crate::adjust::KernelState;
use crate::bound::Bound;
use crate::hint::Hint;
use crate::notice::{Loss, Notice};
use crate::pace::Pace;
use crate::policy::Policy;
use crate::reading::{Failure, Method, Reading};
use crate::status::{State, StepCause};
use crate::units::{Duration, Frequency, RawTime, Timestamp};
use clock::Clock;
use course::{Course, Disturbance};
pub use event::{Action, Applied, Event};
use foreign::{ForeignRate, LineDoubt, Traces};
use journal::Journal;
use judge::Judgement;
use source::Source;
use timing::Timing;

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

/// The engine.
#[derive(Clone, Debug)]
pub struct Engine {
    policy: Policy,
    started: RawTime,
    /// The host's frequency as it was when somebody last wrote it down, and its standard deviation.
    remembered: Option<(Frequency, Frequency)>,
    source: Source,
    clock: Clock,
    foreign: Traces,
    timing: Timing,
    course: Course,
    bound: Option<Bound>,
    journal: Journal,
}

impl Engine {
    /// An engine that starts at `now` with a system clock in the state `kernel`.
    #[must_use]
    pub fn new(policy: Policy, now: RawTime, kernel: KernelState) -> Self {
        Self {
            policy,
            started: now,
            remembered: None,
            source: Source::default(),
            clock: Clock::new(now, kernel),
            foreign: Traces::default(),
            timing: Timing::new(now, policy.poll),
            course: Course::new(now),
            bound: None,
            journal: Journal::default(),
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
        self.timing.pace = Pace::new(policy.poll);
        self.journal.told = report::Told::default();
        // What is due, and when, follows from the new one.
        self.timing.wake_at = self.started;
    }

    /// The policy in force.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the engine is doing.
    #[must_use]
    pub const fn state(&self) -> State {
        self.course.state
    }

    /// How fast the system clock runs against the raw counter, as far as we set it: timers that count
    /// on a clock that is steered have to be corrected by this.
    #[must_use]
    pub fn system_rate(&self) -> Frequency {
        self.clock.kernel.rate.as_frequency()
    }

    /// Whether there is anything that the user should hear of.
    #[must_use]
    pub const fn has_notices(&self) -> bool {
        self.journal.notices.any()
    }

    /// Adds what the user should hear of to what the engine has to tell itself.
    pub(crate) fn tell(&mut self, notice: Notice) {
        self.journal.notices.push(notice);
    }

    /// The next thing that the user should hear of, until there is none.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.journal.notices.take()
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
            self.timing.retold = false;
        }
        match event {
            Event::Wake if self.source.present => self.begin_probe(now).unwrap_or(Action::Read),
            Event::Wake => self.look_without_reading(now),
            Event::ClockSet => self.hear_that_clock_was_set(now, StepCause::ForeignStep),
            Event::Hint(hint) => self.on_hint(now, hint),
            Event::SourceFound => {
                self.source.present = true;
                self.source.failures = 0;
                self.timing.schedule.hurry();
                Action::Read
            }
            Event::SourceLost(loss) => {
                self.source.present = false;
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
        self.journal.counters.clock_set_events += 1;
        self.foreign.heard.get_or_insert(Disturbance { cause, since: now });
        if self.source.present { Action::Read } else { Action::Compare }
    }

    fn on_hint(&mut self, now: RawTime, hint: Hint) -> Action {
        self.journal.counters.hints += 1;
        self.journal.history.told(hint, now, self.time_at(now));
        self.journal.notices.push(Notice::Hinted { hint });
        self.timing.schedule.hurry();
        match hint {
            Hint::Resumed => self.hear_that_clock_was_set(now, StepCause::Resumed),
            _ if self.source.present => Action::Read,
            _ => self.look_without_reading(now),
        }
    }

    fn on_reading(&mut self, now: RawTime, reading: Reading) -> Action {
        if !is_plausible(now, &reading) {
            return self.on_failure(now, reading.method, Failure::Nonsense);
        }
        self.journal.counters.readings += 1;
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
        self.source.failures = 0;
        self.source.loss = None;
        let foreign = match self.judge_system(now, &reading) {
            Some(foreign) => foreign,
            // Before anybody is accused: what does the kernel say, and is it still so?
            None => return Action::Inspect,
        };
        self.source.last = Some(reading);
        self.decide(now, &reading, broke, foreign)
    }

    fn on_failure(&mut self, now: RawTime, method: Method, failure: Failure) -> Action {
        self.journal.counters.failed_readings += 1;
        self.retry_or_lose(now, Loss::Failing(method, failure))
    }

    fn on_contradiction(&mut self, now: RawTime, loss: Loss) -> Action {
        self.journal.counters.outliers += 1;
        self.retry_or_lose(now, loss)
    }

    fn on_inspection(&mut self, kernel: Option<KernelState>) -> Action {
        if let Some(found) = kernel.map(|kernel| kernel.rate).filter(|rate| *rate != self.clock.kernel.rate) {
            let by = found.as_frequency() - self.clock.kernel.rate.as_frequency();
            self.foreign.rate = ForeignRate::Found(by);
        }
        match self.foreign.line_doubt {
            Some(LineDoubt::Comparison) => Action::Compare,
            Some(LineDoubt::Reading) | None => Action::Read,
        }
    }

    fn retry_or_lose(&mut self, now: RawTime, loss: Loss) -> Action {
        self.source.failures = self.source.failures.saturating_add(1);
        if self.source.failures >= FAILURES {
            return if loss.is_unreliable() && self.source.estimator.is_some() {
                self.distrust(now, None, loss)
            } else {
                self.lose(now, loss)
            };
        }
        self.source.loss = Some(loss);
        if self.source.failures == 1 {
            self.timing.schedule.hurry();
        }
        self.timing.wake_at = now + self.timing.schedule.advance(self.policy.poll);
        self.wait_without_slew(now)
    }
}

/// Whether a reading can be one of a clock, taken just now.
fn is_plausible(now: RawTime, reading: &Reading) -> bool {
    let age = reading.raw - now;
    (PLAUSIBLE.0..=PLAUSIBLE.1).contains(&reading.reference)
        && !reading.uncertainty.is_negative()
        && (FRESH.0..=FRESH.1).contains(&age)
}
