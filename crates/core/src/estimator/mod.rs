//! Where the host's clock is, and how fast it runs against the raw counter.
//!
//! A host whose clock is kept by NTP may be anything between a rock and a kite: its frequency is
//! constant for hours, or changes by tens of ppb every second. No one assumption suits both, so a
//! small bank of Kalman filters runs side by side, each with its own assumption (`model`), and each
//! reading says how likely each of them is. What comes out is their mean, weighted by how well they
//! did lately: a multiple-model estimator (D. T. Magill, "Optimal Adaptive Estimation of Sampled
//! Stochastic Processes", 1965) whose memory fades. It is about ten readings long where these are
//! precise, up to a hundred where they are noisy and each of them tells little. Its weak point is a
//! host that changes its habits; it then takes a few readings for the weights to move, and until
//! then the published uncertainty is the old habit's.
//!
//! A **break** (the machine was stopped, the host's clock was set) is not noise and never goes into
//! the filters: [`Estimator::surprise`] tells it beforehand, the engine confirms it, and
//! [`Estimator::rephase`] drops the phase and keeps the frequency.
//!
//! How much readings jitter is learnt too (`noise`): the filters are told, so that neither a device that is worse than
//! it says shakes the clock, nor brackets that are wider than they are wrong slow it down. And it is learnt where in its
//! bracket the host's time lies (`place`): all that follows works with readings that are corrected by that.
//!
//! The estimator also remembers the frequencies of up to an hour (`long_term`, `outlook`). A holdover uses those,
//! not the last second's.

mod bank;
mod long_term;
mod model;
mod noise;
mod outlook;
mod place;
mod recent;

use crate::reading::{Method, Reading};
use crate::units::{Duration, Frequency, RawTime, Timestamp};
use bank::Bank;
use long_term::LongTerm;
use noise::Noise;
use outlook::Outlook;

/// How long an excursion from the long-term frequency lasts.
const EXCURSION_S: f64 = 30.0;
/// A host whose frequency is so far from its mean is being slewed.
const SLEWED_PPB: f64 = 1e6;
/// What is left of a bias after each better reading by the same method.
const BIAS_KEPT: f64 = 0.9;
/// How many times worse than the others a reading is in which the process slept.
const MUCH_WORSE: f64 = 1_000.0;
/// Over less than this no frequency is told at all.
const SHORTEST_LOOK_S: f64 = 1e-3;
/// Kernels steer by up to 10 %: no clock runs faster or slower than this.
const ANY_FREQUENCY_PPB: f64 = 1.1e8;
/// How much the frequency may have changed at a break, one standard deviation, ppb: four of them are
/// the 500 ppm of an ordinary slew.
const MOVED_PPB: f64 = 125_000.0;
/// What the variance of the frequency is when nothing is known: (500 ppm)².
const UNKNOWN_FREQUENCY_VARIANCE: f64 = 2.5e11;

/// How far a reading lies from what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surprise {
    /// Within what the estimator has learnt to expect.
    None,
    /// More than that, but within the reading's own uncertainty: chance, or a bracket in which something else happened.
    Unlikely,
    /// More than that, but a host that changed its frequency can explain it.
    Restless,
    /// No frequency that a steered clock has explains it: the phase jumped, or the reading is bad.
    Break,
}

/// The estimator.
#[derive(Clone, Debug)]
pub struct Estimator {
    /// The last reading: phases count from here.
    anchor_raw: RawTime,
    anchor_reference: Timestamp,
    /// The first reading.
    began: RawTime,
    bank: Bank,
    noise: Noise,
    long_term: LongTerm,
    outlook: Outlook,
    residual_square: f64,
    readings: u32,
    /// Readings since the last break.
    since_break: u32,
    method: Method,
    /// When the phase began: the first reading that still counts for it.
    phase_since: RawTime,
    /// How far all readings that still weigh may be off on the same side: the largest of their
    /// uncertainties, fading. The filters take uncertainty for noise, but a bracket's asymmetry is the
    /// same every time.
    bias: Duration,
}

/// The host's clock at one moment, in the terms of the raw counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// What the host's clock says.
    pub reference: Timestamp,
    /// What has to be added to `reference`, in nanoseconds: below one in magnitude.
    pub fraction_ns: f64,
    /// One standard deviation of that.
    pub sigma_ns: f64,
}

impl Estimator {
    /// Starts at `first`. `frequency` is a guess of the host's frequency against the raw counter with
    /// its standard deviation, such as the kernel's last setting.
    #[must_use]
    pub fn new(first: &Reading, frequency: Option<(Frequency, Frequency)>) -> Self {
        let (mean, variance) = match frequency {
            Some((guess, sigma)) => (guess.as_ppb(), sigma.as_ppb() * sigma.as_ppb()),
            None => (0.0, UNKNOWN_FREQUENCY_VARIANCE),
        };
        let noise = Noise::new(first);
        Self {
            anchor_raw: first.raw,
            anchor_reference: first.reference,
            began: first.raw,
            bank: Bank::new(noise.variance(first), mean, variance),
            noise,
            long_term: LongTerm::default(),
            outlook: Outlook::default(),
            residual_square: 0.0,
            readings: 1,
            since_break: u32::MAX,
            method: first.method,
            phase_since: first.raw,
            bias: first.uncertainty,
        }
    }

    /// How surprising `reading` is. Nothing is changed.
    #[must_use]
    pub fn surprise(&self, reading: &Reading) -> Surprise {
        let reading = &self.noise.corrected(reading);
        let dt = self.seconds_to(reading.raw);
        if dt < 0.0 {
            return Surprise::Break;
        }
        let (mean, variance) = self.bank.expected(dt, self.noise.variance(reading));
        let off = (self.measured(reading) - mean).abs();
        // Anything that a kernel or an NTP daemon steers changes its frequency by less than this
        // between two readings, except when it has to catch up, and that is a break to us.
        let steerable = 1_000.0 + 1_000.0 * dt + self.allowed_bias(reading).as_nanos_f64();
        if off <= 6.0 * variance.sqrt() {
            Surprise::None
        } else if off <= reading.uncertainty.as_nanos_f64() {
            Surprise::Unlikely
        } else if off <= steerable {
            Surprise::Restless
        } else {
            Surprise::Break
        }
    }

    /// How much further the host's clock is at `reading` than was expected.
    #[must_use]
    pub fn departure(&self, reading: &Reading) -> Duration {
        self.noise.corrected(reading).reference - self.at(reading.raw).reference
    }

    /// How far a reading may be off the prediction because both have a bias: that of the readings
    /// before it counts when another method took them.
    fn allowed_bias(&self, reading: &Reading) -> Duration {
        if reading.method == self.method { reading.uncertainty } else { reading.uncertainty + self.bias }
    }

    /// Takes in a reading that is not a break. One that is not newer than the last is ignored. The first
    /// one by a better method takes the phase over from the biased ones.
    pub fn update(&mut self, reading: &Reading) {
        let dt = self.seconds_to(reading.raw);
        if dt <= 0.0 {
            return;
        }
        if reading.method != self.method {
            if reading.uncertainty < self.bias {
                self.start_phase(reading, 0.0);
                return;
            }
            self.noise = Noise::after_better(reading);
            self.method = reading.method;
        }
        if self.noise.follows_better() {
            let (expected, variance) = self.bank.expected(dt, 0.0);
            self.noise.take_off(reading, self.measured(reading) - expected, variance);
        }
        let reading = &self.noise.corrected(reading);
        let noise = self.noise.variance(reading);
        let measured = self.measured(reading);
        let further = self.noise.learn(reading, dt, measured);
        let before = self.bank.frequency().0;
        let usual = self.long_term_frequency().map_or(0.0, |(mean, _)| mean.as_ppb());
        let residual = self.bank.update(measured, dt, noise, usual);
        self.take_bias(reading.uncertainty, self.bank.gain());
        self.anchor_raw = reading.raw;
        self.anchor_reference = reading.reference - Duration::from_nanos_f64(further);
        self.readings = self.readings.saturating_add(1);
        self.since_break = self.since_break.saturating_add(1);
        let share = (1.0 / f64::from(self.readings.saturating_sub(1).max(1))).max(1.0 / 16.0);
        self.residual_square += share * (residual * residual - self.residual_square);
        let (frequency, variance) = self.bank.frequency();
        if (frequency - before).abs() > 4.0 * MOVED_PPB {
            // More than any oscillator is off. The next reading will have to tell whether it was that, or
            // another jump.
            self.bank.doubt_frequency(frequency - before);
            return;
        }
        if self.long_term.take(frequency, variance, dt) {
            self.outlook.take(measured, dt);
        } else {
            self.outlook.begin_anew();
        }
    }

    /// The bias is that of the worst reading, fading. One in which the process slept is so much worse that the
    /// filters hardly heed it; then it counts for the bias as much as for the phase.
    fn take_bias(&mut self, uncertainty: Duration, gain: f64) {
        let (bias, new) = (self.bias.as_nanos_f64(), uncertainty.as_nanos_f64());
        let new = if new > MUCH_WORSE * bias { bias + gain * (new - bias) } else { new };
        self.bias = Duration::from_nanos_f64(new.max(bias * BIAS_KEPT));
    }

    /// Accepts a break at `reading`: the phase starts anew there, the frequency is kept. Where the jump
    /// could also be a changed frequency, the frequency becomes as uncertain as that.
    pub fn rephase(&mut self, reading: &Reading) {
        let reading = &self.noise.corrected(reading);
        let dt = self.seconds_to(reading.raw).max(1e-6);
        let apparent = ((self.measured(reading) - self.bank.phase(dt).0) / dt).abs();
        // A single break was a jump, most likely. But the machine may be another one now, or the host be
        // slewed: a frequency in doubt is known again after one short interval. One break after the
        // other is a slew of per cents; beyond what any clock runs at it is no frequency.
        let most = if self.since_break <= 2 { ANY_FREQUENCY_PPB } else { 4.0 * MOVED_PPB };
        self.since_break = 0;
        self.start_phase(
            reading,
            if apparent < ANY_FREQUENCY_PPB { apparent.clamp(MOVED_PPB, most) } else { MOVED_PPB },
        );
    }

    fn start_phase(&mut self, reading: &Reading, doubt_ppb: f64) {
        self.bank.rephase(self.noise.variance(reading), doubt_ppb);
        self.noise.begin_anew(reading);
        self.outlook.begin_anew();
        self.anchor_raw = reading.raw;
        self.anchor_reference = reading.reference;
        self.method = reading.method;
        self.phase_since = reading.raw;
        self.bias = reading.uncertainty;
    }

    /// Whether the frequency has been measured, and isn't only what was guessed at the start: over microseconds,
    /// as between the first readings, it can't be.
    #[must_use]
    pub fn knows_frequency(&self) -> bool {
        (self.anchor_raw - self.began).as_secs_f64() >= SHORTEST_LOOK_S
    }

    /// How far the estimate may be off because the readings are, all on the same side.
    #[must_use]
    pub const fn bias(&self) -> Duration {
        self.bias
    }

    /// How fast the host's clock may run away without a reading that shows it, when the next is taken after
    /// `interval`: from one end of what readings may be off to the other, from each to the next, if not for
    /// longer than a second.
    #[must_use]
    pub fn unseen(&self, interval: Duration) -> Frequency {
        let seen_s =
            (self.anchor_raw - self.phase_since).min(interval).as_secs_f64().clamp(SHORTEST_LOOK_S, 1.0);
        Frequency::from_ppb(2.0 * self.bias.as_nanos_f64() / seen_s)
    }

    /// Takes in a reading that only a changed frequency explains, or a small jump: the frequency is
    /// learnt from it and not taken for a drift that goes on; and the next reading will have to tell
    /// which of the two it was.
    pub fn update_restless(&mut self, reading: &Reading) {
        let dt = self.seconds_to(reading.raw);
        if dt <= 0.0 {
            return;
        }
        // Over microseconds a little noise looks like any frequency.
        let apparent = ((self.measured(&self.noise.corrected(reading)) - self.bank.phase(dt).0) / dt)
            .clamp(-4.0 * MOVED_PPB, 4.0 * MOVED_PPB);
        self.bank.doubt_frequency(apparent);
        self.update(reading);
        self.bank.doubt_frequency(apparent);
    }

    /// The host's clock at `raw`, which may lie a little before the last reading.
    #[must_use]
    pub fn at(&self, raw: RawTime) -> Estimate {
        let dt = self.seconds_to(raw);
        let (phase, variance) = self.bank.phase(dt);
        let whole = Duration::from_nanos_f64(phase);
        Estimate {
            reference: self.anchor_reference + (raw - self.anchor_raw) + whole,
            fraction_ns: phase - whole.as_nanos_f64(),
            sigma_ns: variance.sqrt(),
        }
    }

    /// How far the host's clock may be from where it is expected `span` after the last reading, in ns: three standard
    /// deviations, so that it is further in one reading of 370 if errors are normally distributed.
    #[must_use]
    pub fn expected_error_ns(&self, span: Duration) -> f64 {
        3.0 * self.bank.expected(span.as_secs_f64(), 0.0).1.sqrt()
    }

    /// The host's frequency against the raw counter, as it is expected on average over the next `span`.
    #[must_use]
    pub fn mean_frequency(&self, span: Duration) -> Frequency {
        Frequency::from_ppb(self.bank.mean_frequency(span.as_secs_f64()))
    }

    /// The frequency now, and one standard deviation of it.
    #[must_use]
    pub fn frequency(&self) -> (Frequency, Frequency) {
        let (mean, variance) = self.bank.frequency();
        (Frequency::from_ppb(mean), Frequency::from_ppb(variance.sqrt()))
    }

    /// How fast the frequency changes, in ppb a second.
    #[must_use]
    pub fn drift_ppb_per_s(&self) -> f64 {
        self.bank.drift()
    }

    /// The frequency to run with `age` after the last reading, and by how much it may be off (one
    /// standard deviation): at first what it was, later what the last hour lets expect. An NTP daemon's
    /// excursions are over in a minute or so.
    #[must_use]
    pub fn holdover_frequency(&self, age: Duration) -> (Frequency, Frequency) {
        let (now, sigma) = self.frequency();
        let Some((mean, spread)) = self.long_term_frequency() else { return (now, sigma) };
        let mean = self.outlook.frequency(age.as_secs_f64()).unwrap_or(mean);
        // As far as the present frequency isn't known, just after a break, the mean is the better guess.
        let (known, usual) = (sigma.as_ppb().powi(2), spread.as_ppb().powi(2) + 1.0);
        let kept = (-age.as_secs_f64().max(0.0) / EXCURSION_S).exp() * usual / (usual + known);
        // What no NTP daemon does was a host that is slewed, for once.
        let kept = if (now - mean).abs().as_ppb() > SLEWED_PPB { 0.0 } else { kept };
        let frequency = Frequency::from_ppb(mean.as_ppb() + kept * (now - mean).as_ppb());
        // What was measured last, and is passed over, may be right all the same.
        let passed_over = (frequency - now).abs().as_ppb();
        (frequency, Frequency::from_ppb(spread.as_ppb().max(sigma.as_ppb()).max(passed_over)))
    }

    /// The mean frequency over up to the last hour, and by how much single readings differ from it
    /// (one standard deviation); `None` until there are ten seconds of it.
    #[must_use]
    pub fn long_term_frequency(&self) -> Option<(Frequency, Frequency)> {
        self.long_term.value()
    }

    /// Root mean square of how far the last readings (about 16) fell from their prediction.
    #[must_use]
    pub fn residual_rms_ns(&self) -> f64 {
        self.residual_square.sqrt()
    }

    /// The moment of the last reading.
    #[must_use]
    pub const fn last(&self) -> RawTime {
        self.anchor_raw
    }

    fn seconds_to(&self, raw: RawTime) -> f64 {
        (raw - self.anchor_raw).as_secs_f64()
    }

    /// The phase that `reading` measures: how much further the host's clock went than the raw counter
    /// since the anchor.
    fn measured(&self, reading: &Reading) -> f64 {
        ((reading.reference - self.anchor_reference) - (reading.raw - self.anchor_raw)).as_nanos_f64()
    }
}

#[cfg(test)]
mod tests;
