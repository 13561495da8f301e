//! One Kalman filter: the host's clock against the raw counter, under one assumption of how restless
//! the host's clock is.
//!
//! State: phase (ns), frequency (ppb, that is ns a second) and drift (ppb a second) of the host's
//! clock against the raw counter. Frequency does a random walk of intensity `q_frequency`; drift
//! does one of intensity `q_drift` and decays with a time constant, because no host's frequency runs
//! off in a straight line for long. Measured is the phase alone.
//!
//! The discrete process noise is the integral of white noise through the chain of integrators, see
//! Bar-Shalom, Li and Kirubarajan, "Estimation with Applications to Tracking and Navigation", 6.2-6.3.
//!
//! While readings come at the same intervals and are as noisy, the covariance comes to rest, and with it the gains: from
//! then on they are taken as they are (the steady-state filter, ibid. 5.2.5), which is most of the work saved.

/// How fast a drift is forgotten, in seconds.
const DRIFT_MEMORY_S: f64 = 20.0;
/// A covariance is at rest when a reading changes none of its variances by more than this part.
const AT_REST: f64 = 1e-4;
/// White phase noise of any clock comparison, ns² per second: what counters and kernels round.
const Q_PHASE: f64 = 0.05;

/// An assumption: how fast the frequency and its drift wander.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Restlessness {
    /// Random walk of the frequency, ppb per square root of a second.
    pub(super) frequency: f64,
    /// Random walk of the drift, ppb per second per square root of a second; 0: no drift at all.
    pub(super) drift: f64,
}

/// The estimate of one filter. The phase counts from the estimator's anchor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    assumed: Restlessness,
    pub(super) phase: f64,
    pub(super) frequency: f64,
    pub(super) drift: f64,
    /// Covariance: phase, frequency, drift; the upper triangle.
    pp: f64,
    pf: f64,
    pd: f64,
    ff: f64,
    fd: f64,
    dd: f64,
    at_rest: Option<Gains>,
}

/// What a reading does once the covariance is at rest.
#[derive(Clone, Copy, Debug)]
struct Gains {
    phase: f64,
    frequency: f64,
    drift: f64,
    /// Of a reading around what is expected, and its logarithm.
    variance: f64,
    ln_variance: f64,
}

/// How far a reading was from where it was expected, the variance of that, and how likely it was: the logarithm of the
/// likelihood but for a constant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Innovation {
    pub(super) value: f64,
    pub(super) variance: f64,
    pub(super) ln_likelihood: f64,
}

/// What readings have in common: how long after the last they come, and their variance, ns².
#[derive(Clone, Copy, Debug)]
pub(super) struct Rhythm {
    pub(super) span: Span,
    pub(super) noise: f64,
}

impl Model {
    pub(super) fn new(
        assumed: Restlessness,
        phase_variance: f64,
        frequency: f64,
        frequency_variance: f64,
    ) -> Self {
        Self {
            assumed,
            phase: 0.0,
            frequency,
            drift: 0.0,
            pp: phase_variance,
            pf: 0.0,
            pd: 0.0,
            ff: frequency_variance,
            fd: 0.0,
            dd: initial_drift_variance(assumed),
            at_rest: None,
        }
    }

    pub(super) const fn phase_variance(&self) -> f64 {
        self.pp
    }

    pub(super) const fn frequency_variance(&self) -> f64 {
        self.ff
    }

    /// The phase after `span`, without changing the filter.
    pub(super) fn phase_after(&self, span: &Span) -> f64 {
        self.phase + self.frequency * span.dt + self.drift * span.to_phase
    }

    /// The frequency, averaged over the next `span`.
    pub(super) fn mean_frequency(&self, span: &Span) -> f64 {
        if span.dt > 0.0 { (self.phase_after(span) - self.phase) / span.dt } else { self.frequency }
    }

    /// The phase that the filter expects of a reading of variance `noise` in `span`, and the variance around it; in
    /// `rhythm`, if it is one more of those.
    pub(super) fn expected(&self, span: &Span, noise: f64, rhythm: Option<&Rhythm>) -> (f64, f64) {
        let variance = match (self.at_rest, rhythm) {
            (Some(gains), Some(_)) => gains.variance,
            _ => {
                let mut grown = *self;
                grown.grow(span);
                grown.pp + noise
            }
        };
        (self.phase_after(span), variance)
    }

    /// Takes in a reading of the phase, `measured`, of variance `noise`, `span` after the last; in `rhythm`, if it is one
    /// more of those.
    pub(super) fn take(
        &mut self,
        measured: f64,
        span: &Span,
        noise: f64,
        rhythm: Option<&Rhythm>,
    ) -> Innovation {
        self.advance(span);
        let innovation = measured - self.phase;
        let gains = match (self.at_rest, rhythm) {
            (Some(gains), Some(_)) => gains,
            (None, Some(rhythm)) => {
                let before = [self.pp, self.ff, self.dd];
                let gains = self.settle(&rhythm.span, rhythm.noise);
                let rests = |(before, after): (f64, f64)| (after - before).abs() <= AT_REST * before;
                if before.into_iter().zip([self.pp, self.ff, self.dd]).all(rests) {
                    self.at_rest = Some(gains);
                }
                gains
            }
            (_, None) => {
                self.at_rest = None;
                self.settle(span, noise)
            }
        };
        self.phase += gains.phase * innovation;
        self.frequency += gains.frequency * innovation;
        self.drift += gains.drift * innovation;
        let ln_likelihood = -0.5 * (gains.ln_variance + innovation * innovation / gains.variance);
        Innovation { value: innovation, variance: gains.variance, ln_likelihood }
    }

    /// Moves the state on by `span`.
    fn advance(&mut self, span: &Span) {
        self.phase = self.phase_after(span);
        self.frequency += self.drift * span.to_frequency;
        self.drift *= span.kept;
    }

    /// Moves the covariance on by `span`.
    fn grow(&mut self, span: &Span) {
        let Span { dt, to_phase: a, to_frequency: b, kept: decay } = *span;
        // P := F P F', F = [1 dt a; 0 1 b; 0 0 decay].
        let (pp, pf, pd, ff, fd, dd) = (self.pp, self.pf, self.pd, self.ff, self.fd, self.dd);
        self.pp = pp + 2.0 * (dt * pf + a * pd) + dt * dt * ff + 2.0 * a * dt * fd + a * a * dd;
        self.pf = pf + dt * ff + a * fd + b * (pd + dt * fd + a * dd);
        self.pd = decay * (pd + dt * fd + a * dd);
        self.ff = ff + 2.0 * b * fd + b * b * dd;
        self.fd = decay * (fd + b * dd);
        self.dd = decay * decay * dd;

        let qf = self.assumed.frequency * self.assumed.frequency;
        let qd = self.assumed.drift * self.assumed.drift;
        let (t1, s1) = (dt, dt.min(DRIFT_MEMORY_S));
        let (t2, s2) = (t1 * t1, s1 * s1);
        self.pp += Q_PHASE * t1 + qf * t1 * t2 / 3.0 + qd * s1 * s2 * t2 / 20.0;
        self.pf += qf * t2 / 2.0 + qd * s1 * s2 * t1 / 8.0;
        // With the same powers of t1 as above: Q then is the usual one, scaled, and stays positive.
        self.pd += qd * s2 * t1 / 6.0;
        self.ff += qf * t1 + qd * s1 * s2 / 3.0;
        self.fd += qd * s2 / 2.0;
        self.dd += qd * s1;
        self.pp = self.pp.max(0.0);
    }

    /// Moves the covariance on by `span`, and takes in a reading of variance `noise` there.
    fn settle(&mut self, span: &Span, noise: f64) -> Gains {
        self.grow(span);
        let s = self.pp + noise;
        let (kp, kf, kd) = (self.pp / s, self.pf / s, self.pd / s);
        let (pp, pf, pd) = (self.pp, self.pf, self.pd);
        self.pp = (pp - kp * pp).max(0.0);
        self.pf = pf - kp * pf;
        self.pd = pd - kp * pd;
        self.ff = (self.ff - kf * pf).max(0.0);
        self.fd -= kf * pd;
        self.dd = (self.dd - kd * pd).max(0.0);
        Gains { phase: kp, frequency: kf, drift: kd, variance: s, ln_variance: s.ln() }
    }

    /// Forgets the phase, which now is zero with this variance; the frequency is kept and its variance
    /// grows by `more_frequency_variance`.
    pub(super) fn rephase(&mut self, phase_variance: f64, more_frequency_variance: f64) {
        self.phase = 0.0;
        self.pp = phase_variance;
        self.pf = 0.0;
        self.pd = 0.0;
        self.doubt_frequency(more_frequency_variance);
    }

    /// What was learnt of the frequency is worth nothing: it is `frequency`, with this variance.
    pub(super) fn forget_frequency(&mut self, frequency: f64, variance: f64) {
        self.frequency = frequency;
        self.ff = 0.0;
        self.pf = 0.0;
        self.doubt_frequency(variance);
    }

    /// The frequency is less certain by this variance, and what drift it had is not known any more.
    pub(super) fn doubt_frequency(&mut self, variance: f64) {
        self.at_rest = None;
        self.ff += variance;
        self.drift = 0.0;
        self.pd = 0.0;
        self.fd = 0.0;
        self.dd = initial_drift_variance(self.assumed);
    }
}

const fn initial_drift_variance(assumed: Restlessness) -> f64 {
    16.0 * assumed.drift * assumed.drift
}

/// A span of `dt` seconds, and what a drift of 1 does in it: to the phase, to the frequency, and what is left of it.
/// The same for all filters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    dt: f64,
    to_phase: f64,
    to_frequency: f64,
    kept: f64,
}

impl Span {
    /// Of so many seconds.
    pub(super) fn of(dt: f64) -> Self {
        let kept = (-dt / DRIFT_MEMORY_S).exp();
        let to_frequency = DRIFT_MEMORY_S * (1.0 - kept);
        // The integral of the above; for a small dt the closed form loses all its digits.
        let to_phase = if dt < 1e-2 { dt * dt / 2.0 } else { DRIFT_MEMORY_S * (dt - to_frequency) };
        Self { dt, to_phase, to_frequency, kept }
    }

    /// In seconds.
    pub(super) const fn dt(&self) -> f64 {
        self.dt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Model {
        /// Takes in a reading that is `off` by so much, `dt` seconds after the last.
        fn read_off(&mut self, dt: f64, off: f64, noise: f64) -> Innovation {
            let span = Span::of(dt);
            self.take(self.phase_after(&span) + off, &span, noise, None)
        }
    }

    #[test]
    fn a_constant_frequency_is_learnt_from_clean_readings() {
        let mut model = Model::new(Restlessness { frequency: 0.1, drift: 0.0 }, 1.0, 0.0, 1e10);
        for second in 1..=10 {
            model.take(20_000.0 * f64::from(second), &Span::of(1.0), 1.0, None);
        }
        assert!((model.frequency - 20_000.0).abs() < 1.0, "{model:?}");
        assert!((model.mean_frequency(&Span::of(5.0)) - 20_000.0).abs() < 1.0);
    }

    #[test]
    fn the_covariance_stays_positive_over_wild_intervals() {
        let mut model = Model::new(Restlessness { frequency: 30.0, drift: 3.0 }, 1.0, 0.0, 1e10);
        for (n, dt) in
            [1e-6, 0.005, 64.0, 1e-4, 1.0, 3600.0, 1e-6, 0.01].into_iter().cycle().take(4_000).enumerate()
        {
            model.read_off(dt, if n % 2 == 0 { 50.0 } else { -50.0 }, 2.0);
            assert!(model.pp >= 0.0 && model.ff >= 0.0 && model.dd >= 0.0, "{model:?}");
            assert!(model.pp.is_finite() && model.frequency.is_finite(), "{model:?}");
        }
    }

    #[test]
    fn the_covariance_is_one_after_any_interval() {
        for dt in [1e-6, 0.01, 1.0, 19.0, 21.0, 64.0, 125.0, 3_600.0, 1e6] {
            let mut model = Model::new(Restlessness { frequency: 12.0, drift: 8.0 }, 1.0, 0.0, 1.0);
            for _ in 0..5 {
                model.grow(&Span::of(dt));
                let Model { pp, pf, pd, ff, fd, dd, .. } = model;
                let second = pp * ff - pf * pf;
                let whole = pp * (ff * dd - fd * fd) - pf * (pf * dd - fd * pd) + pd * (pf * fd - ff * pd);
                assert!(pp > 0.0 && second > 0.0 && whole > -1e-9 * pp * ff * dd, "{dt} s: {model:?}");
                model.settle(&Span::of(0.0), 1.0);
            }
        }
    }

    #[test]
    fn readings_of_all_qualities_after_a_long_silence_leave_a_filter_in_its_senses() {
        let mut model = Model::new(Restlessness { frequency: 4.0, drift: 0.4 }, 1.0, 0.0, 1e10);
        for (dt, variance) in
            [(1.0, 1e5), (125.0, 1e5), (1.0, 1e5), (1.0, 2.0), (3e-6, 1e5), (40.0, 2.0)].repeat(50)
        {
            let innovation = model.read_off(dt, 10.0, variance);
            assert!(innovation.variance >= variance, "{dt} s: {model:?}");
            assert!(model.frequency.is_finite() && model.phase.is_finite(), "{dt} s: {model:?}");
        }
    }

    #[test]
    fn the_drift_terms_meet_where_the_formula_changes() {
        let (below, above) = (Span::of(0.009_999).to_phase, Span::of(0.010_001).to_phase);
        assert!((above / below - 1.0).abs() < 1e-3);
    }

    #[test]
    fn a_filter_that_rests_does_as_one_that_does_not() {
        let rhythm = Rhythm { span: Span::of(1.0), noise: 2.0 };
        for drift in [0.0, 2.0] {
            let mut resting = Model::new(Restlessness { frequency: 12.0, drift }, 1.0, 0.0, 1e10);
            let mut other = resting;
            for n in 0..2_000 {
                let measured = other.phase_after(&rhythm.span) + f64::from(n % 7 - 3);
                let rested = resting.take(measured, &rhythm.span, rhythm.noise, Some(&rhythm));
                let reckoned = other.take(measured, &rhythm.span, rhythm.noise, None);
                assert!((rested.value - reckoned.value).abs() < 0.01, "{n}: {rested:?} {reckoned:?}");
                assert!((rested.variance / reckoned.variance - 1.0).abs() < 0.01, "{n}");
            }
            assert!(resting.at_rest.is_some(), "{resting:?}");
            assert!(resting.read_off(0.5, 0.0, 2.0).value.abs() < 1e-9 && resting.at_rest.is_none());
        }
    }
}
