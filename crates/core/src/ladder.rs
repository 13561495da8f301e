//! Which method takes the next reading: the best that works now.
//!
//! Whether a method works is found out by trying it, never by the device's capability bits (ptp_kvm
//! reports them wrongly in both directions), and never once and for all: the guest's clocksource can
//! change at any time, and with it what works. A method that failed rests for a while, then it is
//! tried again ahead of the others, so that readings fall and climb by themselves.

use crate::reading::{Failure, Method, Reading};
use crate::units::{Duration, RawTime};

/// How long a failed method rests at first, and at most. An attempt costs one system call.
const FIRST_REST: Duration = Duration::from_millis(500);
const LONGEST_REST: Duration = Duration::from_secs(8);
/// At most, for a method that has worked on this device: whatever took it away may give it back.
const LONGEST_REST_OF_A_KNOWN_ONE: Duration = Duration::from_millis(900);

/// A method that was busy at so many attempts in a row rests as any other that fails: a device that is busy at nine
/// attempts of ten is so at thirty in a row one time in twenty-four, and by then others serve better.
const BUSY_IN_A_ROW: u8 = 30;

/// What is known of one method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Rung {
    /// Not tried yet on this device.
    #[default]
    Untried,
    /// The last attempt gave a reading.
    Works,
    /// The last attempt failed.
    Resting {
        /// Why.
        failure: Failure,
        /// When it is tried again.
        until: RawTime,
        /// How long it rests this time.
        rest: Duration,
    },
}

/// The state of every method on one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    rungs: [Rung; Method::ALL.len()],
    has_worked: [bool; Method::ALL.len()],
    /// At how many attempts in a row each was busy.
    busy: [u8; Method::ALL.len()],
}

impl Ladder {
    /// Takes a reading with `attempt` by the best method that works at `now`.
    ///
    /// # Errors
    /// When every method fails: the failure that says most, with its method; of those that say as much,
    /// that of the last. The last method is tried whether it rests or not, so there is always at least one attempt.
    pub fn read(
        &mut self,
        now: RawTime,
        mut attempt: impl FnMut(Method) -> Result<Reading, Failure>,
    ) -> Result<Reading, (Method, Failure)> {
        let mut most: Option<(Method, Failure)> = None;
        let mut hear = |method, failure| {
            if most.is_none_or(|(other, heard)| telling(method, failure) >= telling(other, heard)) {
                most = Some((method, failure));
            }
        };
        let known = self.rungs.iter_mut().zip(&mut self.has_worked).zip(&mut self.busy);
        for (((rung, has_worked), busy), method) in known.zip(Method::ALL) {
            let due = match rung {
                Rung::Untried | Rung::Works => true,
                Rung::Resting { until, .. } => now >= *until,
            };
            if !due && method != Method::Bracket {
                if let Rung::Resting { failure, .. } = rung {
                    hear(method, *failure);
                }
                continue;
            }
            match attempt(method) {
                Ok(reading) => {
                    *rung = Rung::Works;
                    *has_worked = true;
                    *busy = 0;
                    return Ok(reading);
                }
                Err(failure) => {
                    *busy = if failure == Failure::Busy { busy.saturating_add(1) } else { 0 };
                    // Busy: this one reading failed, and the method is as good as before.
                    if failure != Failure::Busy || *busy >= BUSY_IN_A_ROW {
                        rung.rest_after(failure, now, *has_worked);
                    }
                    hear(method, failure);
                }
            }
        }
        Err(most.unwrap_or((Method::Bracket, Failure::Busy)))
    }

    /// Tries every method at the next reading: something changed on which they depend.
    pub fn wake(&mut self) {
        for rung in &mut self.rungs {
            if let Rung::Resting { until, rest, .. } = rung {
                *until = RawTime::default();
                *rest = Duration::ZERO;
            }
        }
    }

    /// Why `method` is used and not a better one: the failure of the best one.
    #[must_use]
    pub fn failure_above(&self, method: Method) -> Option<(Method, Failure)> {
        let mut better = self.rungs().take_while(|(other, _)| *other != method);
        better.find_map(|(other, rung)| match rung {
            Rung::Resting { failure, .. } => Some((other, failure)),
            Rung::Untried | Rung::Works => None,
        })
    }

    /// Each method and what is known of it, best first.
    pub fn rungs(&self) -> impl Iterator<Item = (Method, Rung)> + '_ {
        Method::ALL.into_iter().zip(self.rungs)
    }
}

/// How much a failure says of why there is no reading at all.
const fn telling(method: Method, failure: Failure) -> u8 {
    match (failure, method) {
        (Failure::Busy, _) => 0,
        (Failure::Unsupported, _) => 1,
        // The guest's clocksource is another one: the other methods don't mind.
        (Failure::NoDevice, Method::Precise) => 2,
        (Failure::Stale | Failure::Nonsense | Failure::Other(_), _) => 3,
        (Failure::Io, _) => 4,
        (Failure::Denied, _) => 5,
        // The device is gone.
        (Failure::NoDevice, _) => 6,
    }
}

impl Rung {
    fn rest_after(&mut self, failure: Failure, now: RawTime, has_worked: bool) {
        let longest = if has_worked { LONGEST_REST_OF_A_KNOWN_ONE } else { LONGEST_REST };
        let rest = match self {
            Self::Resting { rest, .. } => rest.times(2).clamp(FIRST_REST, longest),
            Self::Untried | Self::Works => FIRST_REST,
        };
        *self = Self::Resting { failure, until: now + rest, rest };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Timestamp;

    fn at(ms: i64) -> RawTime {
        RawTime::default() + Duration::from_millis(ms)
    }

    fn reading(method: Method) -> Reading {
        Reading {
            reference: Timestamp::from_nanos(0),
            system: Timestamp::from_nanos(0),
            raw: RawTime::default(),
            uncertainty: Duration::ZERO,
            tied_within: Duration::ZERO,
            method,
        }
    }

    /// A device on which just `works` work.
    fn device(works: &[Method]) -> impl FnMut(Method) -> Result<Reading, Failure> + '_ {
        |method| {
            if works.contains(&method) { Ok(reading(method)) } else { Err(Failure::Unsupported) }
        }
    }

    #[test]
    fn the_best_method_that_works_is_used() {
        let mut ladder = Ladder::default();
        let taken = ladder.read(at(0), device(&[Method::SysOffset, Method::Bracket])).expect("one works");
        assert_eq!(taken.method, Method::SysOffset);
    }

    #[test]
    fn readings_fall_when_a_method_fails_and_climb_when_it_works_again() {
        let mut ladder = Ladder::default();
        assert_eq!(ladder.read(at(0), device(&Method::ALL)).map(|r| r.method), Ok(Method::Precise));
        assert_eq!(
            ladder.read(at(1_000), device(&[Method::SysOffset])).map(|r| r.method),
            Ok(Method::SysOffset)
        );
        // Resting: not even tried, though it would work again.
        assert_eq!(ladder.read(at(1_100), device(&Method::ALL)).map(|r| r.method), Ok(Method::SysOffset));
        assert_eq!(ladder.read(at(1_500), device(&Method::ALL)).map(|r| r.method), Ok(Method::Precise));
    }

    #[test]
    fn a_method_that_keeps_failing_is_tried_at_least_every_eight_seconds() {
        let mut ladder = Ladder::default();
        let mut last_attempt = at(0);
        for ms in (0..120_000).step_by(100) {
            let mut tried = false;
            let taken = ladder.read(at(ms), |method| {
                tried |= method == Method::Precise;
                if method == Method::SysOffset { Ok(reading(method)) } else { Err(Failure::NoDevice) }
            });
            assert!(taken.is_ok());
            if tried {
                last_attempt = at(ms);
            }
            assert!(at(ms) - last_attempt <= Duration::from_millis(8_100));
        }
    }

    #[test]
    fn a_method_that_has_worked_before_is_tried_about_every_second() {
        let mut ladder = Ladder::default();
        assert!(ladder.read(at(0), device(&Method::ALL)).is_ok());
        let mut tries = 0;
        for ms in (1_000..=30_000).step_by(1_000) {
            let taken = ladder.read(at(ms), |method| {
                tries += u32::from(method == Method::Precise);
                if method == Method::SysOffset { Ok(reading(method)) } else { Err(Failure::NoDevice) }
            });
            assert!(taken.is_ok());
        }
        assert_eq!(tries, 30);
    }

    #[test]
    fn a_busy_device_does_not_send_the_method_to_rest() {
        let mut ladder = Ladder::default();
        let busy = ladder.read(at(0), |_| Err(Failure::Busy));
        assert_eq!(busy, Err((Method::Bracket, Failure::Busy)));
        assert_eq!(ladder.read(at(1), device(&Method::ALL)).map(|r| r.method), Ok(Method::Precise));
    }

    #[test]
    fn waking_makes_every_method_due() {
        let mut ladder = Ladder::default();
        assert!(ladder.read(at(0), |_| Err(Failure::Unsupported)).is_err());
        ladder.wake();
        assert_eq!(ladder.read(at(1), device(&Method::ALL)).map(|r| r.method), Ok(Method::Precise));
    }

    #[test]
    fn the_failure_that_says_most_is_reported_whichever_method_it_is_of() {
        let mut wrong = Vec::new();
        for broken in [Method::Precise, Method::Extended, Method::SysOffset] {
            let reported = Ladder::default().read(at(0), |method| {
                Err(match method {
                    _ if method == broken => Failure::Io,
                    Method::Bracket => Failure::Busy,
                    _ => Failure::Unsupported,
                })
            });
            if reported != Err((broken, Failure::Io)) {
                wrong.push((broken, reported));
            }
        }
        assert!(
            wrong.is_empty(),
            "fault 13: the method that fails with an I/O error, and what is reported: {wrong:?}"
        );
    }

    /// After a minute, ten times a second, in which the best method was busy and another one worked: how often it was
    /// tried in the second half, and what is said of it.
    fn busy_for_a_minute() -> (u32, Rung) {
        let mut ladder = Ladder::default();
        assert!(ladder.read(at(0), device(&Method::ALL)).is_ok());
        let mut tries = 0;
        for ms in (100..60_000).step_by(100) {
            let taken = ladder.read(at(ms), |method| {
                tries += u32::from(method == Method::Precise && ms >= 30_000);
                match method {
                    Method::Precise => Err(Failure::Busy),
                    _ => Ok(reading(method)),
                }
            });
            assert!(taken.is_ok());
        }
        (tries, ladder.rungs().next().expect("the best").1)
    }

    #[test]
    fn a_method_that_is_busy_for_long_rests() {
        let (tries, _) = busy_for_a_minute();
        assert!(tries <= 100, "fault 13: after half a minute it was tried {tries} times in 300 readings");
    }

    #[test]
    fn a_method_that_is_busy_for_long_is_not_said_to_work() {
        let (_, rung) = busy_for_a_minute();
        assert!(rung != Rung::Works, "fault 13: busy for a minute, it is {rung:?}");
    }
}
