//! The world as the engine's driver sees it: three system calls and a log.

use hostclock_core::adjust::{Adjustment, KernelState};
use hostclock_core::driver::Machine;
use hostclock_core::engine::Applied;
use hostclock_core::hint::Hint;
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::units::{Duration, RawTime, Timestamp};

use crate::device::Lie;
use crate::world::{Happening, Signal, World};

/// Calls between two waits beyond which something runs away. A disturbance takes about ten.
const MANY_CALLS: u32 = 300;
/// `EPERM`.
const EPERM: i32 = 1;
/// Readings of which `SYS_OFFSET` and the bracket take the best.
const SAMPLES: u32 = 5;

impl World {
    /// Counts a call; beyond a limit the daemon gets nothing any more until it waits.
    fn runs_away(&mut self) -> bool {
        self.calls += 1;
        if self.calls == MANY_CALLS {
            self.happens(Happening::Runaway);
        }
        self.calls >= MANY_CALLS
    }

    /// The daemon makes a call.
    fn note(&mut self, which: i64) {
        let now = self.raw();
        self.digest.call(which, now);
    }

    fn read_precise(&mut self) -> Reading {
        let (before, after) = (self.random.between(0.7, 1.5), self.random.between(0.7, 1.5));
        self.spend(Duration::from_nanos_f64(before * 1e3));
        let noise = self.device.random.normal(self.device.model.precise_noise_ns);
        let truth = self.host.date(World::now(self)) + Duration::from_nanos_f64(noise);
        let reading = Reading {
            reference: self.device.say(truth),
            system: self.kernel.date(self.raw_picos()),
            raw: self.raw(),
            uncertainty: self.device.uncertainty(Duration::from_nanos(2)),
            tied_within: Duration::from_nanos(2),
            method: Method::Precise,
        };
        self.spend(Duration::from_nanos_f64(after * 1e3));
        reading
    }

    /// Several brackets, of which the shortest counts.
    fn read_bracket(&mut self, method: Method, samples: u32) -> Reading {
        let mut best: Option<Reading> = None;
        for _ in 0..samples {
            let (width, part) = self.device.bracket();
            let system = self.kernel.date(self.raw_picos());
            self.spend(Duration::from_nanos_f64(width.as_nanos_f64() * part));
            let truth = self.host.date(World::now(self));
            self.spend(Duration::from_nanos_f64(width.as_nanos_f64() * (1.0 - part)));
            let later = self.kernel.date(self.raw_picos());
            let half = (later - system).half();
            let (tied_within, tie_off) = self.device.tie();
            let reading = Reading {
                reference: self.device.say(truth),
                system: system + half,
                // The raw counter is read beside the brackets, and brought to their middle.
                raw: self.raw() + -half + tie_off,
                uncertainty: self.device.uncertainty((later - system).max(tied_within.times(2))),
                tied_within,
                method,
            };
            if best.is_none_or(|best| reading.uncertainty.abs() < best.uncertainty.abs()) {
                best = Some(reading);
            }
        }
        best.unwrap_or_else(|| self.read_precise())
    }
}

impl Machine for World {
    fn now(&mut self) -> RawTime {
        self.spend(Duration::from_nanos(40));
        self.raw()
    }

    fn read(&mut self, method: Method) -> Result<Reading, Failure> {
        self.note(1 + method as i64);
        self.read_best_of(SAMPLES, method)
    }

    fn probe(&mut self, method: Method) -> Result<Reading, Failure> {
        self.note(11 + method as i64);
        // A light look that fits changes nothing, and so doesn't count as a reading of the daemon's.
        let read_now = self.read_now;
        let probe = self.read_best_of(1, method);
        self.read_now = read_now;
        probe
    }

    fn kernel(&mut self) -> Option<KernelState> {
        self.note(21);
        self.spend(Duration::from_nanos(300));
        Some(self.kernel.state(self.raw_picos()))
    }

    fn compare(&mut self) -> (RawTime, Timestamp) {
        self.note(22);
        self.spend(Duration::from_nanos(150));
        (self.raw(), self.kernel.date(self.raw_picos()))
    }

    fn adjust(&mut self, adjustment: &Adjustment) -> Result<Applied, i32> {
        self.note(23);
        self.digest.adjustment(adjustment);
        if self.runs_away() {
            return Err(EPERM);
        }
        let before = self.raw();
        let found = Some(self.kernel.state(self.raw_picos()).rate);
        let (there, back) = (self.random.between(100.0, 700.0), self.random.between(100.0, 700.0));
        self.spend(Duration::from_nanos_f64(there));
        let before_ns = self.offset_ns();
        self.kernel.adjust(self.raw_picos(), adjustment)?;
        if let Some(by) = adjustment.step {
            let after_ns = self.offset_ns();
            self.happens(Happening::Stepped { by, before_ns, after_ns });
            // The timer tells of our own steps too. Whoever swallows that, swallows everybody's.
            self.inbox.retain(|signal| !matches!(signal, Signal::ClockSet | Signal::Hint(Hint::Resumed)));
        }
        self.spend(Duration::from_nanos_f64(back));
        let kernel = self.kernel.state(self.raw_picos());
        Ok(Applied { before, after: self.raw(), found, kernel })
    }
}

impl World {
    fn read_best_of(&mut self, samples: u32, method: Method) -> Result<Reading, Failure> {
        let begun = World::now(self);
        if self.runs_away() {
            return Err(Failure::Busy);
        }
        if let Err(failure) = self.device.attempt(method) {
            self.spend(Duration::from_nanos(600));
            if method == Method::Bracket {
                // The last resort: what was read before in this turn is not confirmed.
                self.read_now = None;
            }
            return Err(failure);
        }
        if let (Some(Lie::Repeats(kept)), Some((then, last))) = (self.device.lie, self.device.last) {
            if last.method == method && begun - then <= kept {
                self.spend(Duration::from_nanos(600));
                return Ok(last);
            }
        }
        let reading = match method {
            Method::Precise => self.read_precise(),
            Method::Extended | Method::SysOffset | Method::Bracket => self.read_bracket(method, samples),
        };
        self.device.last = Some((begun, reading));
        if matches!(self.device.lie, None | Some(Lie::Bracket(_) | Lie::Repeats(_))) {
            self.read_now = Some(begun);
        }
        Ok(reading)
    }
}
