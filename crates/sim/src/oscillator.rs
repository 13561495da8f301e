//! The guest's raw counter against true time: what `CLOCK_MONOTONIC_RAW` counts.
//!
//! Its frequency is the sum of a constant, the noises that oscillators have (white, flickering, walking: IEEE Std
//! 1139), and a temperature that goes up and down. A paused machine's counter stands still: that is what `stop` and
//! `cont` of QEMU's monitor do to it.

use hostclock_core::units::{Frequency, RawTime};

use crate::random::Random;
use crate::scatter::Scatter;
use crate::truth::{Line, PER_NANO, TrueTime, floor_nanos};

/// How an oscillator behaves.
#[derive(Clone, Copy, Debug)]
pub struct OscillatorModel {
    /// Constant part of its frequency.
    pub frequency: Frequency,
    /// Random walk of the frequency, per square root of a second.
    pub wander: Frequency,
    /// White noise of the frequency, times the square root of a second.
    pub white: Frequency,
    /// Flicker noise of the frequency: its Allan deviation, the same over each time from a second to a week.
    pub flicker: Frequency,
    /// Amplitude of the temperature's effect.
    pub temperature: Frequency,
    /// The temperature's period in seconds.
    pub temperature_period_s: f64,
}

impl Default for OscillatorModel {
    /// A server's crystal: 12 ppm off, 1 ppb of wander a minute, an air conditioner.
    fn default() -> Self {
        Self {
            frequency: Frequency::from_ppm(-12.0),
            wander: Frequency::from_ppb(0.1),
            white: Frequency::ZERO,
            flicker: Frequency::ZERO,
            temperature: Frequency::from_ppb(20.0),
            temperature_period_s: 1_200.0,
        }
    }
}

/// A running counter.
#[derive(Clone, Debug)]
pub struct Oscillator {
    model: OscillatorModel,
    random: Random,
    walk_ppb: f64,
    scatter: Scatter,
    line: Line,
    edge: TrueTime,
}

/// How often the frequency changes, in true picoseconds.
const SEGMENT: i64 = 500_000_000_000;
/// The same in seconds.
pub(crate) const SEGMENT_S: f64 = 0.5;

impl Oscillator {
    /// A counter that shows `uptime` when the world begins.
    #[must_use]
    pub fn new(model: OscillatorModel, uptime: RawTime, mut random: Random) -> Self {
        let phase = random.unit();
        let value = i128::from(uptime.as_nanos()) * i128::from(PER_NANO);
        let edge = TrueTime::from_secs_f64(0.5 * phase);
        let scatter = Scatter::new(model.white, model.flicker, SEGMENT_S, random.part("scatter"));
        Self { model, random, walk_ppb: 0.0, scatter, line: Line::new(0, value, model.frequency), edge }
    }

    /// The next moment at which the frequency changes: [`Self::advance`] there before asking beyond.
    #[must_use]
    pub const fn edge(&self) -> TrueTime {
        self.edge
    }

    /// Changes the frequency at every edge up to `now`.
    pub fn advance(&mut self, now: TrueTime) {
        while self.edge <= now {
            let at = self.edge;
            self.walk_ppb +=
                self.random.normal(self.model.wander.as_ppb() * core::f64::consts::FRAC_1_SQRT_2);
            let angle = core::f64::consts::TAU * at.as_secs_f64() / self.model.temperature_period_s;
            let ppb = self.model.frequency.as_ppb()
                + self.walk_ppb
                + self.scatter.next_ppb()
                + self.model.temperature.as_ppb() * angle.sin();
            self.line.turn(at.picos(), Frequency::from_ppb(ppb));
            self.edge = TrueTime::from_picos(at.picos().saturating_add(SEGMENT));
        }
    }

    /// The machine under the guest is another one from now on: the constant part changes.
    pub fn replace(&mut self, now: TrueTime, frequency: Frequency) {
        let change = frequency - self.model.frequency;
        self.model.frequency = frequency;
        self.line.turn(now.picos(), self.line.rate() + change);
    }

    /// Its frequency walks by so much per square root of a second from now on.
    pub(crate) const fn walks(&mut self, wander: Frequency) {
        self.model.wander = wander;
    }

    /// The counter stands still from `now` to `until`.
    pub fn pause(&mut self, now: TrueTime, until: TrueTime) {
        self.line.stand_still(now.picos(), until.picos());
        while self.edge <= until {
            self.edge = TrueTime::from_picos(self.edge.picos().saturating_add(SEGMENT));
        }
    }

    /// The counter at `now`, in picoseconds.
    #[must_use]
    pub fn picos(&self, now: TrueTime) -> i64 {
        i64::try_from(self.line.value(now.picos())).unwrap_or(i64::MAX)
    }

    /// The counter at `now`, as it is read.
    #[must_use]
    pub fn raw(&self, now: TrueTime) -> RawTime {
        RawTime::from_nanos(floor_nanos(self.line.value(now.picos())))
    }

    /// When the counter reaches `raw` at its present frequency.
    #[must_use]
    pub fn when(&self, raw: RawTime) -> TrueTime {
        TrueTime::from_picos(self.line.when(i128::from(raw.as_nanos()) * i128::from(PER_NANO)))
    }
}
