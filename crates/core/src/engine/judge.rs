//! Two questions to a reading: is the host's clock where it was expected, and is the system clock where
//! we left it? Neither is answered on the word of a single surprising reading.

use super::course::Disturbance;
use super::foreign::{Foreign, ForeignRate, LineDoubt};
use super::source::Doubt;
use super::{Engine, KERNEL_GUESS, RETRIES};
use crate::adjust::{KernelRate, KernelState};
use crate::estimator::{Estimator, Surprise};
use crate::line::{Departure, SystemLine};
use crate::notice::{Loss, Notice};
use crate::policy::Mode;
use crate::reading::Reading;
use crate::units::{Duration, Frequency, RawTime};

/// No machine's oscillator is further off: it is what the kernel's frequency alone can correct.
const ANY_OSCILLATOR: Frequency = Frequency::from_ppb_const(500_000.0);

/// An oscillator that was once known is nearer to that than this.
const STRANGE: Frequency = Frequency::from_ppb_const(100_000.0);
/// What was written down may be so far off by now, one standard deviation: another host, another temperature.
const STALE: Frequency = Frequency::from_ppb_const(20_000.0);

/// A rate that was right a moment ago, but for a correction under way, is right to this, one standard deviation.
const KEPT_GUESS: Frequency = Frequency::from_ppb_const(1_000.0);

/// No kernel makes its clock run faster or slower than 10 %, and a little.
const ANY_RATE: Frequency = Frequency::from_ppb_const(110_000_000.0);

/// What a reading says of the host's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is where it was expected.
    Expected,
    /// It has moved, and a second reading says so too.
    Break,
    /// Surprising: read again.
    ReadAgain,
    /// No two readings agree.
    GiveUp(Loss),
    /// It has moved, as it did before, and more often than a clock may.
    Unreliable(Loss),
}

impl Engine {
    /// Is the host's clock where it was expected? Takes the reading into the estimator if it is
    /// accepted.
    pub(super) fn judge_host(&mut self, now: RawTime, reading: &Reading) -> Judgement {
        let doubt = self.source.doubt.take();
        let confirmed = doubt.is_some_and(|doubt| agree(&doubt.reading, reading));
        let Some(estimator) = &mut self.source.estimator else {
            return match doubt {
                Some(doubt) if confirmed => {
                    let guess = first_guess(&self.clock.kernel, reading.offset(), self.remembered);
                    let mut estimator = Estimator::new(&doubt.reading, Some(guess));
                    estimator.update(reading);
                    self.source.estimator = Some(estimator);
                    Judgement::Expected
                }
                _ => self.doubt_it(reading, doubt),
            };
        };
        let surprise = estimator.surprise(reading);
        if surprise == Surprise::Break && !confirmed {
            self.source.surprised.get_or_insert(now);
            return self.doubt_it(reading, doubt);
        }
        if surprise == Surprise::Unlikely && doubt.is_none() {
            // One such bracket would move the clock by microseconds, and most of them are alone.
            return self.doubt_it(reading, None);
        }
        if surprise == Surprise::Break {
            if let Some(loss) = self.source.trust.on_jump(reading, estimator) {
                return Judgement::Unreliable(loss);
            }
            estimator.rephase(reading);
            self.timing.schedule.hurry();
            self.journal.counters.breaks += 1;
            return Judgement::Break;
        }
        if let Some(doubt) = doubt.filter(|_| !confirmed) {
            self.journal.counters.outliers += 1;
            self.journal.notices.push(Notice::Outlier { reference_ns: doubt.reading.reference });
        }
        self.source.surprised = None;
        if surprise == Surprise::Restless {
            estimator.update_restless(reading);
            // Whatever it was, it began since the last look.
            self.timing.schedule.hurry_a_little(self.policy.poll.min(self.policy.probe));
        } else {
            estimator.update(reading);
        }
        Judgement::Expected
    }

    fn doubt_it(&mut self, reading: &Reading, before: Option<Doubt>) -> Judgement {
        let attempts = before.map_or(0, |doubt| doubt.attempts) + 1;
        let first = before.map_or(*reading, |doubt| doubt.first);
        if attempts > RETRIES {
            return Judgement::GiveUp(contradiction(&first, reading));
        }
        self.source.doubt = Some(Doubt { first, reading: *reading, attempts });
        Judgement::ReadAgain
    }

    /// Is the system clock where we left it? `None`: read again before anybody is accused.
    pub(super) fn judge_system(&mut self, now: RawTime, reading: &Reading) -> Option<Foreign> {
        let Some(line) = &mut self.clock.line else {
            self.clock.line = Some(SystemLine::through(reading, self.clock.kernel.rate));
            return Some(Foreign::No);
        };
        if self.policy.mode != Mode::Control {
            // Somebody else keeps the clock, and may do with it what he likes.
            if let Some(rate) = line.rate_to(reading).filter(|rate| rate.abs() <= ANY_RATE) {
                self.clock.rate_seen = rate;
            }
            line.restart(reading);
            return Some(Foreign::No);
        }
        match line.departure(reading, self.foreign.heard.is_some()) {
            Departure::None => {
                // Whoever set the clock may have moved it by less than can be told from noise.
                if self.foreign.heard.is_some() || self.foreign.rate == ForeignRate::Restored {
                    line.restart(reading)
                } else {
                    line.follow(reading)
                }
                self.foreign.line_doubt = None;
                self.foreign.rate = ForeignRate::No;
                self.foreign.heard = None;
                Some(Foreign::No)
            }
            Departure::Foreign(_)
                if self.foreign.heard.is_none() && self.foreign.line_doubt != Some(LineDoubt::Reading) =>
            {
                self.foreign.line_doubt = Some(LineDoubt::Reading);
                self.source.surprised.get_or_insert(now);
                None
            }
            Departure::Foreign(by) => {
                line.restart(reading);
                self.foreign.line_doubt = None;
                let heard = self.foreign.heard.take();
                self.foreign.rate.shows();
                let rate = if heard.is_some() {
                    Frequency::ZERO
                } else {
                    ANY_RATE + self.clock.kernel.rate.as_frequency().abs()
                };
                let surprised = self.source.surprised.take();
                let Disturbance { cause, since } = heard.unwrap_or(Disturbance {
                    cause: self.foreign.rate.cause(),
                    since: surprised.unwrap_or(now),
                });
                self.timing.schedule.hurry();
                Some(Foreign::Step { cause, by, since, rate })
            }
        }
    }
}

/// The host's frequency to start with, and how far it may be off. What the kernel runs at is what the clock had
/// last; but it says nothing where nobody has set it, and beyond what an oscillator is off, or far from what is
/// remembered, it is a slew that somebody was killed in. Of a clock that is as near to the host's as the kernel
/// says it is, the rate was right a moment ago.
fn first_guess(
    kernel: &KernelState,
    offset: Duration,
    remembered: Option<(Frequency, Frequency)>,
) -> (Frequency, Frequency) {
    let rate = kernel.rate.as_frequency();
    let known = kernel.rate != KernelRate::NOMINAL && rate.abs() <= ANY_OSCILLATOR;
    let kept = kernel.health.synchronised && offset.abs() <= kernel.health.max_error;
    match remembered {
        Some((frequency, sigma)) if !known || (rate - frequency).abs() > STRANGE => {
            (frequency, Frequency::from_ppb(sigma.as_ppb().max(STALE.as_ppb())))
        }
        _ if known => (rate, if kept { KEPT_GUESS } else { KERNEL_GUESS }),
        _ => (Frequency::ZERO, KERNEL_GUESS),
    }
}

/// Why readings contradict each other, from the first to the last of them.
fn contradiction(first: &Reading, last: &Reading) -> Loss {
    let passed = last.raw - first.raw;
    let moved = last.reference - first.reference;
    if moved.abs() <= Duration::from_nanos(passed.as_nanos() / 8) {
        Loss::Frozen
    } else {
        Loss::Contradiction
    }
}

/// Whether two readings tell the same story about the host's clock, at any frequency that a kernel can
/// steer it to (10 %, and a little).
fn agree(first: &Reading, second: &Reading) -> bool {
    let dt = second.raw - first.raw;
    if dt.is_negative() {
        return false;
    }
    let moved = (second.reference - first.reference) - dt;
    let allowed = first.uncertainty
        + second.uncertainty
        + Duration::from_micros(1)
        + Duration::from_nanos(dt.as_nanos() / 8);
    moved.abs() <= allowed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adjust::Health;

    #[test]
    fn the_first_guess_is_the_kernels_unless_it_knows_nothing_or_was_slewing() {
        let ppm = Frequency::from_ppm;
        let guess = |kernel, remembered: Option<f64>| {
            let remembered = remembered.map(|freq| (ppm(freq), ppm(0.1)));
            let health = Health { synchronised: false, max_error: Duration::ZERO, est_error: Duration::ZERO };
            let kernel =
                KernelState { rate: KernelRate::nearest(ppm(kernel)), health, tai_offset: 0, status: 0 };
            (first_guess(&kernel, Duration::ZERO, remembered).0.as_ppm() * 1e3).round() / 1e3
        };
        assert_eq!(guess(20.0, None), 20.0);
        assert_eq!(guess(20.0, Some(21.0)), 20.0);
        assert_eq!(guess(0.0, Some(21.0)), 21.0);
        assert_eq!(guess(80_000.0, Some(21.0)), 21.0);
        assert_eq!(guess(80_000.0, None), 0.0);
        assert_eq!(guess(480.0, Some(21.0)), 21.0, "a slew at the ordinary limit");
        assert_eq!(guess(0.0, None), 0.0);
    }

    #[test]
    fn the_kernels_rate_is_believed_more_where_its_clock_is_as_right_as_it_says() {
        let sure = |synchronised, off_us| {
            let max_error = Duration::from_micros(500);
            let health = Health { synchronised, max_error, est_error: Duration::ZERO };
            let rate = KernelRate::nearest(Frequency::from_ppm(20.0));
            let kernel = KernelState { rate, health, tai_offset: 0, status: 0 };
            first_guess(&kernel, Duration::from_micros(off_us), None).1 == KEPT_GUESS
        };
        assert!(sure(true, -499));
        assert!(!sure(true, 501) && !sure(false, 0));
    }
}
