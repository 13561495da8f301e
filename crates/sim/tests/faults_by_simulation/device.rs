//! The scripted guest's device: how its readings are taken, and what is wrong with them.

use hostclock_core::driver::Machine;
use hostclock_core::reading::{Failure, Method, Reading};
use hostclock_core::units::{Duration, RawTime, Timestamp};
use hostclock_sim::random::Random;

use crate::guest::Guest;
use crate::script::Change;

/// How brackets are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bracket {
    pub(crate) width: Duration,
    /// At most so much wider, both halves by the same, ns.
    pub(crate) scatter_ns: f64,
    /// Which part of it lies before the host's clock is read.
    pub(crate) place: f64,
}

impl Bracket {
    /// So wide, and the host's clock is read in the middle.
    pub(crate) const fn of(width: Duration) -> Self {
        Self { width, scatter_ns: 0.0, place: 0.5 }
    }
}

/// A reading takes so many brackets, of which the narrowest counts; a probe takes one.
pub(crate) const SAMPLES: u32 = 9;

/// The device.
#[derive(Debug)]
pub(crate) struct Device {
    /// How brackets are; `None`: readings are precise.
    pub(crate) bracket: Option<Bracket>,
    /// How long a reading takes before its first sample.
    pub(crate) takes: Duration,
    /// The uncertainty that precise readings claim.
    pub(crate) claim: Duration,
    /// One standard deviation, ns.
    pub(crate) jitter_ns: f64,
    /// Its time is a whole number of these, rounded down.
    pub(crate) quantum: Duration,
    pub(crate) random: Random,
    frozen: Option<Timestamp>,
    repeats: Duration,
    fails: bool,
    longer: Duration,
    bad_tie: (Duration, Duration),
    last: Option<Reading>,
}

impl Device {
    /// One that works, and is as precise as it says.
    pub(crate) const fn new() -> Self {
        Self {
            bracket: None,
            takes: Duration::from_micros(2),
            claim: Duration::from_nanos(1),
            jitter_ns: 0.0,
            quantum: Duration::from_nanos(1),
            random: Random::new(1),
            frozen: None,
            repeats: Duration::ZERO,
            fails: false,
            longer: Duration::ZERO,
            bad_tie: (Duration::ZERO, Duration::ZERO),
            last: None,
        }
    }

    /// Takes in `change`, at which the host's clock shows `host`.
    pub(crate) fn change(&mut self, change: Change, host: Timestamp) {
        match change {
            Change::Frozen(on) => self.frozen = on.then_some(host),
            Change::Repeats(until_old) => self.repeats = until_old,
            Change::Fails(on) => self.fails = on,
            Change::Longer(by) => self.longer = by,
            Change::BadTie(within, off) => self.bad_tie = (within, off),
            _ => {}
        }
    }

    /// What it says when the host's clock shows `host`.
    fn say(&mut self, host: Timestamp) -> Timestamp {
        if let Some(frozen) = self.frozen {
            return frozen;
        }
        let jittered = host + Duration::from_nanos_f64(self.random.normal(self.jitter_ns));
        let quantum = self.quantum.as_nanos();
        Timestamp::from_nanos(jittered.as_nanos().div_euclid(quantum) * quantum)
    }
}

impl Guest {
    /// A reading by `method`, of so many samples if it is a bracket.
    pub(crate) fn take_reading(&mut self, method: Method, samples: u32) -> Result<Reading, Failure> {
        let offered = if self.device.bracket.is_some() { Method::SysOffset } else { Method::Precise };
        if method != offered {
            return Err(Failure::Unsupported);
        }
        self.spend(self.device.takes);
        if self.device.fails {
            return Err(Failure::Io);
        }
        let now = Machine::now(self);
        if let Some(last) = self.device.last.filter(|last| now - last.raw < self.device.repeats) {
            return Ok(last);
        }
        let bracketed = self.device.bracket.and_then(|bracket| self.read_brackets(bracket, samples));
        let reading = bracketed.unwrap_or_else(|| self.read_precisely());
        self.read_at = reading.raw.as_nanos();
        self.device.last = Some(reading);
        Ok(reading)
    }

    fn read_precisely(&mut self) -> Reading {
        let host = self.host_date();
        Reading {
            reference: self.device.say(host),
            system: self.system_date(),
            raw: Machine::now(self),
            uncertainty: self.device.claim,
            tied_within: Duration::ZERO,
            method: Method::Precise,
        }
    }

    fn read_brackets(&mut self, bracket: Bracket, samples: u32) -> Option<Reading> {
        let readings: Vec<Reading> = (0..samples).map(|_| self.read_bracket(bracket)).collect();
        self.device.longer = Duration::ZERO;
        self.device.bad_tie = (Duration::ZERO, Duration::ZERO);
        readings.into_iter().min_by_key(|reading| reading.uncertainty)
    }

    fn read_bracket(&mut self, bracket: Bracket) -> Reading {
        let scatter = self.device.random.between(0.0, bracket.scatter_ns);
        let width = bracket.width + Duration::from_nanos_f64(scatter);
        let before = Duration::from_nanos_f64(bracket.place * width.as_nanos_f64());
        let longer = self.device.longer;
        let (begin, began) = (self.system_date(), self.raw);
        self.spend(before + (-longer).max(Duration::ZERO));
        let host = self.host_date();
        let reference = self.device.say(host);
        self.spend(width - before + longer.max(Duration::ZERO));
        let half = (self.system_date() - begin).half();
        let (within, off) = self.device.bad_tie;
        Reading {
            reference,
            system: begin + half,
            raw: RawTime::from_nanos(began + (self.raw - began) / 2) + off,
            // As the daemon's readings: `uncertainty.max(tied_within)`.
            uncertainty: half.max(within),
            tied_within: Duration::from_nanos(50).max(within),
            method: Method::SysOffset,
        }
    }
}
