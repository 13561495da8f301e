//! The host's `CLOCK_REALTIME` against true time: what the guest's clock is compared with.
//!
//! Under NTP the host's frequency changes each second: that of the lab's host, 20 ppm off with a
//! sinusoid of 0.5 ppm in 60 s and random steps of up to 0.02 ppm. Left alone it is its crystal. It
//! can be stepped, and slewed by somebody's `adjtime`.

use hostclock_core::units::{Duration, Frequency, Timestamp};

use crate::random::Random;
use crate::truth::{Line, TrueTime, picos, timestamp};

/// How a host's clock behaves.
#[derive(Clone, Copy, Debug)]
pub struct HostModel {
    /// The mean of its frequency.
    pub frequency: Frequency,
    /// Amplitude of the sinusoid.
    pub sinusoid: Frequency,
    /// Its period in seconds.
    pub period_s: f64,
    /// The most by which the frequency changes at random each second.
    pub steps: Frequency,
}

impl HostModel {
    /// The lab's host: NTP at work, each second.
    #[must_use]
    pub fn ntp() -> Self {
        Self {
            frequency: Frequency::from_ppm(20.0),
            sinusoid: Frequency::from_ppm(0.5),
            period_s: 60.0,
            steps: Frequency::from_ppm(0.02),
        }
    }

    /// A host that nobody steers.
    #[must_use]
    pub fn free() -> Self {
        Self {
            frequency: Frequency::from_ppm(3.0),
            sinusoid: Frequency::ZERO,
            period_s: 60.0,
            steps: Frequency::ZERO,
        }
    }
}

/// A host's clock.
#[derive(Clone, Debug)]
pub struct Host {
    model: HostModel,
    random: Random,
    walk_ppb: f64,
    slew: Frequency,
    slew_ends: TrueTime,
    line: Line,
    edge: TrueTime,
}

/// The frequency changes this often, in picoseconds.
const SECOND: i64 = 1_000_000_000_000;
/// What is kept of the random part each second, so that it doesn't run off.
const KEPT: f64 = 0.998;

impl Host {
    /// A host whose clock shows `date` when the world begins.
    #[must_use]
    pub fn new(model: HostModel, date: Timestamp, mut random: Random) -> Self {
        let edge = TrueTime::from_secs_f64(random.unit());
        Self {
            model,
            random,
            walk_ppb: 0.0,
            slew: Frequency::ZERO,
            slew_ends: TrueTime::default(),
            line: Line::new(0, picos(date), model.frequency),
            edge,
        }
    }

    /// The next moment at which the frequency changes.
    #[must_use]
    pub fn edge(&self) -> TrueTime {
        if self.slew == Frequency::ZERO { self.edge } else { self.edge.min(self.slew_ends) }
    }

    /// Changes the frequency at every edge up to `now`.
    pub fn advance(&mut self, now: TrueTime) {
        while self.edge() <= now {
            let at = self.edge();
            if self.slew != Frequency::ZERO && self.slew_ends <= at {
                self.slew = Frequency::ZERO;
            }
            if self.edge <= at {
                let most = self.model.steps.as_ppb();
                self.walk_ppb = KEPT * self.walk_ppb + self.random.between(-most, most);
                self.edge = TrueTime::from_picos(at.picos().saturating_add(SECOND));
            }
            self.line.turn(at.picos(), self.frequency(at));
        }
    }

    /// Its clock is set by `span`.
    pub fn step(&mut self, now: TrueTime, span: Duration) {
        self.line.shift(now.picos(), span);
    }

    /// It runs faster by `slew` for `span`.
    pub fn slew(&mut self, now: TrueTime, slew: Frequency, span: Duration) {
        self.slew = slew;
        self.slew_ends = now + span;
        self.line.turn(now.picos(), self.frequency(now));
    }

    /// Another host: another frequency, and its clock differs by `span`.
    pub fn replace(&mut self, now: TrueTime, frequency: Frequency, span: Duration) {
        self.model.frequency = frequency;
        self.line.turn(now.picos(), self.frequency(now));
        self.line.shift(now.picos(), span);
    }

    /// Whether it is slewed by more than an ordinary clock daemon does.
    #[must_use]
    pub fn slews_fast(&self) -> bool {
        self.slew.abs() > Frequency::from_ppm(1_000.0)
    }

    /// What its clock shows at `now`, in picoseconds since 1970.
    #[must_use]
    pub fn picos(&self, now: TrueTime) -> i128 {
        self.line.value(now.picos())
    }

    /// What its clock shows at `now`.
    #[must_use]
    pub fn date(&self, now: TrueTime) -> Timestamp {
        timestamp(self.picos(now))
    }

    fn frequency(&self, at: TrueTime) -> Frequency {
        let angle = core::f64::consts::TAU * at.as_secs_f64() / self.model.period_s;
        let wander = Frequency::from_ppb(self.walk_ppb + self.model.sinusoid.as_ppb() * angle.sin());
        self.model.frequency + wander + self.slew
    }
}
