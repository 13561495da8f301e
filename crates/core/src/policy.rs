//! What the user allows: when the clock may be stepped, how fast it may be slewed, and what is left
//! alone.
//!
//! A correction has a direction. *Forward* moves the system clock to a later time, because it is
//! behind (a negative offset); *backward* moves it to an earlier one.

use serde::{Deserialize, Serialize};

use crate::units::{Duration, Frequency};

/// The shortest and the longest poll interval that a configuration may ask for.
pub const POLL_RANGE: (Duration, Duration) = (Duration::from_nanos(62_500_000), Duration::from_secs(64));

/// The shortest and the longest time between probes that a configuration may ask for by number.
pub const PROBE_RANGE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(64));
/// Between probes, by default: a pause is found 50 ms after the guest runs again, on average.
pub const PROBE_NORMAL: Duration = Duration::from_millis(100);
/// Between probes, for who wants to know at once.
pub const PROBE_INSTANT: Duration = Duration::from_millis(10);

/// What the program does with what it finds out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Keeps the clock.
    #[default]
    Control,
    /// Measures and reports, and never touches the clock.
    Observe,
    /// As [`Mode::Observe`], and says what the policy would have done.
    DryRun,
}

/// Everything that the user decides about corrections. The default is right for a virtual machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Whether the clock is touched at all.
    pub mode: Mode,
    /// Time between readings once the clock has settled; within [`POLL_RANGE`].
    pub poll: Duration,
    /// Readings may be further apart than [`Policy::poll`], up to the longest of [`POLL_RANGE`], as long as the clock
    /// is expected to be off by less than this; `None`: they never are.
    pub accuracy: Option<Duration>,
    /// Time between light looks from one poll to the next, at which nothing is corrected while everything is
    /// where it should be; as long as [`Policy::poll`] or longer: there are none.
    pub probe: Duration,
    /// Step whatever is wrong at the start.
    pub step_at_start: bool,
    /// Step forward when the clock is behind by more than this; `None`: never.
    pub step_forward: Option<Duration>,
    /// Step backward when the clock is ahead by more than this; `None`: never.
    pub step_backward: Option<Duration>,
    /// A correction larger than this is not made at all; `None`: any is.
    pub largest_step: Option<Duration>,
    /// How many steps may be made after the one at start; `None`: any number. Undoing somebody
    /// else's step doesn't count.
    pub steps_after_start: Option<u32>,
    /// The fastest ordinary slew.
    pub slew_limit: Frequency,
    /// The fastest slew of a break that is under the step thresholds.
    pub fast_slew_limit: Frequency,
    /// Undo a step that somebody else made, whatever its size and direction. Another rate is always overwritten,
    /// and what it did to the clock is corrected by the rules above.
    pub undo_foreign_steps: bool,
    /// TAI − UTC for the kernel; `None`: leave what it has.
    pub tai_offset: Option<i32>,
    /// In holdover the clock counts as synchronised until its error bound passes this.
    pub holdover_limit: Duration,
}

impl Policy {
    /// The longest time between two readings of a device that works.
    #[must_use]
    pub const fn longest_poll(&self) -> Duration {
        if self.accuracy.is_some() { POLL_RANGE.1 } else { self.poll }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::Control,
            poll: Duration::from_secs(1),
            accuracy: None,
            probe: PROBE_NORMAL,
            step_at_start: true,
            step_forward: Some(Duration::from_millis(1)),
            step_backward: Some(Duration::from_millis(100)),
            largest_step: None,
            steps_after_start: None,
            slew_limit: Frequency::from_ppm(500.0),
            fast_slew_limit: Frequency::from_ppm(80_000.0),
            undo_foreign_steps: true,
            tai_offset: None,
            holdover_limit: Duration::from_millis(100),
        }
    }
}

/// Why a correction was not made as a step, or not made at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// It is larger than `largest-step`: the clock is left alone.
    LargerThanLargestStep,
    /// All the steps that `steps-after-start` allows have been made: it is slewed.
    StepsUsedUp,
    /// `step-forward` is `never`: it is slewed.
    NeverForward,
    /// `step-backward` is `never`: it is slewed.
    NeverBackward,
    /// The program only observes.
    ObserveOnly,
}

impl Withheld {
    /// What was withheld and which key says so, in words.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::LargerThanLargestStep => {
                "not corrected: it is more than largest-step; check the host's clock, or raise largest-step"
            }
            Self::StepsUsedUp => "slewed, not stepped: steps-after-start are used up",
            Self::NeverForward => "slewed, not stepped: step-forward is \"never\"",
            Self::NeverBackward => "slewed, not stepped: step-backward is \"never\"",
            Self::ObserveOnly => "not corrected: hostclock only observes",
        }
    }
}

/// What the policy says to an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Correct it at once.
    Step,
    /// Correct it by running faster or slower; the reason is set where a step was withheld.
    Slew(Option<Withheld>),
    /// Don't correct it.
    Refuse,
}

/// The circumstances in which an offset was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circumstance {
    /// The first comparison after the start.
    Start,
    /// Any later one, `steps` steps after the start.
    Later {
        /// How many steps were made since, undone foreign ones aside.
        steps: u32,
    },
    /// Somebody else stepped the clock by about this offset.
    ForeignStep,
}

/// An offset at the start below this is slewed: a restarted daemon then doesn't disturb a good clock.
const START_STEP_FLOOR: Duration = Duration::from_micros(10);

impl Policy {
    /// What to do about `offset` (system minus reference).
    #[must_use]
    pub fn verdict(&self, offset: Duration, circumstance: Circumstance) -> Verdict {
        // The kernel's clock can't be told to go back where it came from: undoing comes first, and a
        // foreign step is no disagreement with the host that largest-step could guard against.
        if circumstance == Circumstance::ForeignStep && self.undo_foreign_steps {
            return Verdict::Step;
        }
        if self.largest_step.is_some_and(|largest| offset.abs() > largest) {
            return Verdict::Refuse;
        }
        if circumstance == Circumstance::Start && self.step_at_start && offset.abs() > START_STEP_FLOOR {
            return Verdict::Step;
        }
        let (threshold, never) = if offset.is_negative() {
            (self.step_forward, Withheld::NeverForward)
        } else {
            (self.step_backward, Withheld::NeverBackward)
        };
        match threshold {
            None if offset.abs() > Self::worth_mentioning() => Verdict::Slew(Some(never)),
            Some(threshold) if offset.abs() > threshold => match (circumstance, self.steps_after_start) {
                (Circumstance::Later { steps }, Some(allowed)) if steps >= allowed => {
                    Verdict::Slew(Some(Withheld::StepsUsedUp))
                }
                _ => Verdict::Step,
            },
            _ => Verdict::Slew(None),
        }
    }

    /// With `never`, a slew of more than this is reported as a step withheld.
    const fn worth_mentioning() -> Duration {
        Duration::from_millis(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Circumstance = Circumstance::Later { steps: 3 };

    fn ms(ms: i64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn by_default_a_clock_that_is_behind_is_stepped_sooner_than_one_that_is_ahead() {
        let policy = Policy::default();
        assert_eq!(policy.verdict(ms(-2), LATER), Verdict::Step);
        assert_eq!(policy.verdict(ms(-1), LATER), Verdict::Slew(None));
        assert_eq!(policy.verdict(ms(2), LATER), Verdict::Slew(None));
        assert_eq!(policy.verdict(ms(101), LATER), Verdict::Step);
    }

    #[test]
    fn whatever_is_wrong_at_the_start_is_stepped_unless_it_is_tiny() {
        let policy = Policy::default();
        assert_eq!(policy.verdict(Duration::from_micros(11), Circumstance::Start), Verdict::Step);
        assert_eq!(policy.verdict(Duration::from_micros(-9), Circumstance::Start), Verdict::Slew(None));
        let never = Policy { step_at_start: false, step_backward: None, ..policy };
        assert_eq!(never.verdict(ms(50), Circumstance::Start), Verdict::Slew(Some(Withheld::NeverBackward)));
    }

    #[test]
    fn a_foreign_step_is_undone_whatever_its_size() {
        let policy = Policy { largest_step: Some(ms(10)), steps_after_start: Some(0), ..Policy::default() };
        assert_eq!(policy.verdict(Duration::from_nanos(500), Circumstance::ForeignStep), Verdict::Step);
        assert_eq!(policy.verdict(Duration::from_secs(3600), Circumstance::ForeignStep), Verdict::Step);
        let lenient = Policy { undo_foreign_steps: false, ..Policy::default() };
        assert_eq!(lenient.verdict(ms(20), Circumstance::ForeignStep), Verdict::Slew(None));
    }

    #[test]
    fn the_largest_step_and_the_number_of_steps_are_limits() {
        let policy = Policy {
            largest_step: Some(Duration::from_secs(60)),
            steps_after_start: Some(3),
            ..Policy::default()
        };
        assert_eq!(policy.verdict(Duration::from_secs(-61), Circumstance::Start), Verdict::Refuse);
        assert_eq!(
            policy.verdict(Duration::from_secs(-59), LATER),
            Verdict::Slew(Some(Withheld::StepsUsedUp))
        );
        assert_eq!(policy.verdict(Duration::from_secs(-59), Circumstance::Later { steps: 2 }), Verdict::Step);
    }
}
