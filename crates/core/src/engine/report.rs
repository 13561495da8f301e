//! What the engine tells: notices as they happen, and the status document when somebody asks.

use super::Engine;
use crate::notice::{Importance, Notice};
use crate::policy::Withheld;
use crate::status::{
    ClockStatus, Counters, EstimateStatus, State, Status, StepCause, StepStatus, VERSION, WithheldStatus,
};
use crate::units::{Duration, Frequency, RawTime};

/// The notices that wait to be taken: a handful between two waits, kept without allocating.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Notices {
    waiting: [Option<Notice>; 8],
}

impl Notices {
    /// Adds a notice. Where there is no room, the least important one makes it.
    pub(super) fn push(&mut self, notice: Notice) {
        if let Some(free) = self.waiting.iter_mut().find(|place| place.is_none()) {
            *free = Some(notice);
            return;
        }
        let least = self.waiting.iter_mut().min_by_key(|place| place.as_ref().map(Notice::importance));
        if let Some(place) = least {
            if place.as_ref().map(Notice::importance) < Some(notice.importance())
                || notice.importance() == Importance::Warning
            {
                *place = Some(notice);
            }
        }
    }

    pub(super) const fn any(&self) -> bool {
        matches!(self.waiting, [Some(_), ..])
    }

    pub(super) fn take(&mut self) -> Option<Notice> {
        let first = self.waiting.first_mut()?.take();
        self.waiting.rotate_left(1);
        first
    }
}

/// What the user was told already, so that a lasting condition is one line and not one a second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    withheld: Option<(Withheld, Duration)>,
    would_step: bool,
    errno: Option<i32>,
    slewing: bool,
    last_step: Option<LastStep>,
}

#[derive(Clone, Copy, Debug)]
struct LastStep {
    cause: StepCause,
    before: Duration,
    after: Duration,
    at: RawTime,
}

impl Told {
    pub(super) fn withheld(&mut self, cause: Withheld, offset_ns: Duration, notices: &mut Notices) {
        if self.withheld.is_none_or(|(told, _)| told != cause) {
            notices.push(Notice::Withheld { cause, offset_ns });
        }
        self.withheld = Some((cause, offset_ns));
    }

    pub(super) fn observed(&mut self, offset: Duration) {
        self.withheld = Some((Withheld::ObserveOnly, offset));
    }

    pub(super) fn nothing_withheld(&mut self) {
        self.withheld = None;
    }

    /// The kernel took an adjustment.
    pub(super) fn accepted(&mut self) {
        self.errno = None;
    }

    pub(super) fn would_step(&mut self, cause: StepCause, offset_ns: Duration, notices: &mut Notices) {
        if !self.would_step {
            self.would_step = true;
            notices.push(Notice::WouldStep { cause, offset_ns });
        }
    }

    pub(super) fn refused(&mut self, errno: i32, notices: &mut Notices) {
        if self.errno != Some(errno) {
            self.errno = Some(errno);
            notices.push(Notice::AdjustRefused { errno });
        }
    }

    /// Whether the user is still to be told of a slew; he counts as told from now on.
    pub(super) fn slewing(&mut self) -> bool {
        !core::mem::replace(&mut self.slewing, true)
    }

    /// Whether the user was told of a slew that is over now.
    pub(super) fn slewed(&mut self) -> bool {
        self.would_step = false;
        core::mem::take(&mut self.slewing)
    }

    pub(super) fn stepped(&mut self, cause: StepCause, before: Duration, after: Duration, at: RawTime) {
        self.last_step = Some(LastStep { cause, before, after, at });
    }
}

/// Figures over the last readings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Statistics {
    last_offset_ns: Option<f64>,
    mean_square: f64,
    count: u32,
    first_synchronised: Option<RawTime>,
    step_took: Option<Duration>,
}

impl Statistics {
    /// Takes in the offset at a reading; a disturbance counts as the last offset but not in the mean.
    pub(super) fn offset(&mut self, offset_ns: f64, disturbed: bool) {
        self.last_offset_ns = Some(offset_ns);
        if disturbed {
            self.count = 0;
            self.mean_square = 0.0;
            return;
        }
        self.count = self.count.saturating_add(1);
        let share = 1.0 / f64::from(self.count.min(16));
        self.mean_square += share * (offset_ns * offset_ns - self.mean_square);
    }

    /// Whether the clock is synchronised for the first time, at `now`.
    pub(super) fn first_synchronised(&mut self, now: RawTime) -> bool {
        let first = self.first_synchronised.is_none();
        self.first_synchronised.get_or_insert(now);
        first
    }

    pub(super) fn step_took(&mut self, took: Duration) {
        self.step_took = Some(took);
    }
}

impl Engine {
    /// Whether the clock has been synchronised at least once since the start.
    #[must_use]
    pub const fn was_synchronised(&self) -> bool {
        self.journal.statistics.first_synchronised.is_some()
    }

    /// The host's frequency as it may be relied upon at the next start, with its standard deviation; `None`
    /// while it isn't known for long enough.
    #[must_use]
    pub fn frequency_to_remember(&self) -> Option<(Frequency, Frequency)> {
        self.source
            .estimator
            .as_ref()?
            .long_term_frequency()
            .filter(|_| self.course.state == State::Synchronised)
    }

    /// What was counted since the start.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.journal.counters
    }

    /// No true offset is larger at `now`, as far as is known; `None` while nothing is.
    #[must_use]
    pub fn max_error(&self, now: RawTime) -> Option<Duration> {
        Some(self.bound?.after(now - self.source.last?.raw))
    }

    /// The status document at `now`. The source's part and the process's are left to whoever knows them.
    #[must_use]
    pub fn status(&self, now: RawTime) -> Status {
        Status {
            version: VERSION,
            program_version: String::new(),
            pid: 0,
            config_file: None,
            config_digest: None,
            uptime_s: (now - self.started).as_secs_f64(),
            mode: self.policy.mode,
            state: self.course.state,
            state_for_s: (now - self.course.since).as_secs_f64(),
            reason: self.reason(),
            clock: self.clock_status(now),
            source: None,
            estimate: self.estimate_status(),
            withheld: self.journal.told.withheld.map(|(cause, offset)| WithheldStatus {
                cause,
                explanation: cause.explanation().to_owned(),
                offset_ns: offset.as_nanos_f64(),
            }),
            last_step: self.journal.told.last_step.map(|step| StepStatus {
                cause: step.cause,
                before_ns: step.before.as_nanos_f64(),
                after_ns: Some(step.after.as_nanos_f64()),
                age_s: (now - step.at).as_secs_f64(),
                took_us: self.journal.statistics.step_took.map(|took| took.as_nanos_f64() / 1e3),
            }),
            rival: self.rival(now),
            events: self.journal.history.report(now),
            counters: self.journal.counters,
            limitations: Vec::new(),
        }
    }

    /// Why there are no readings, while that lasts.
    #[must_use]
    pub const fn loss(&self) -> Option<crate::notice::Loss> {
        self.source.loss
    }

    /// The time until the next reading, as planned at the last; and when the last was taken.
    #[must_use]
    pub fn pace(&self) -> (Duration, Option<RawTime>) {
        (self.timing.interval, self.source.last.map(|last| last.raw))
    }

    /// The last reading that was accepted.
    #[must_use]
    pub const fn last_reading(&self) -> Option<&crate::reading::Reading> {
        self.source.last.as_ref()
    }

    fn reason(&self) -> Option<String> {
        if let Some(loss) = self.source.loss {
            return Some(loss.to_string());
        }
        if let Some(errno) = self.journal.told.errno {
            return Some(Notice::AdjustRefused { errno }.to_string());
        }
        match (self.course.state, self.journal.told.withheld) {
            (State::Unsynchronised, Some((cause, _))) => Some(cause.explanation().to_owned()),
            _ => None,
        }
    }

    fn clock_status(&self, now: RawTime) -> ClockStatus {
        let micros = |span: Duration| span.as_nanos_f64() / 1e3;
        ClockStatus {
            offset_ns: self.offset_at_moment(now),
            last_offset_ns: self.journal.statistics.last_offset_ns,
            rms_offset_ns: (self.journal.statistics.count > 0)
                .then(|| self.journal.statistics.mean_square.sqrt()),
            max_error_ns: self.max_error(now).map(Duration::as_nanos_f64),
            host_max_error_ns: None,
            rate_ppm: self.clock.kernel.rate.as_frequency().as_ppm(),
            slew_ppm: self.clock.slew.as_ppm(),
            kernel_synchronised: self.clock.kernel.health.synchronised,
            kernel_max_error_us: micros(self.clock.kernel.health.max_error),
            kernel_est_error_us: micros(self.clock.kernel.health.est_error),
            tai_offset_s: self.clock.kernel.tai_offset,
        }
    }

    fn offset_at_moment(&self, now: RawTime) -> Option<f64> {
        let host = self.source.estimator.as_ref()?.at(now);
        let (system, fraction_ns) = self.clock.line.as_ref()?.system_at(now);
        Some((system - host.reference).as_nanos_f64() + fraction_ns - host.fraction_ns)
    }

    fn estimate_status(&self) -> Option<EstimateStatus> {
        let estimator = self.source.estimator.as_ref()?;
        let (frequency, skew) = estimator.frequency();
        Some(EstimateStatus {
            frequency_ppm: frequency.as_ppm(),
            skew_ppm: skew.as_ppm(),
            drift_ppb_per_s: estimator.drift_ppb_per_s(),
            long_term_frequency_ppm: estimator.long_term_frequency().map(|(mean, _)| mean.as_ppm()),
            offset_sigma_ns: estimator.at(estimator.last()).sigma_ns,
            residual_rms_ns: estimator.residual_rms_ns(),
        })
    }
}
