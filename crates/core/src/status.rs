//! The status document: what every reader of the daemon gets, and the only thing they get.
//!
//! It is a promise once written down: fields are added, never renamed, moved or given another meaning
//! without a new [`VERSION`]. Each name carries its unit; offsets are system minus reference; what is
//! not known is `null`, never zero. `docs/status.md` describes each field.

mod events;

pub use events::{Correction, EventKind, EventStatus, RivalStatus};

use serde::{Deserialize, Serialize};

use crate::ladder::Rung;
use crate::policy::{Mode, Withheld};
use crate::reading::{Failure, Method};
use crate::source::{Kind, TimeScale};

/// The version of the document's layout.
pub const VERSION: u32 = 1;

/// What the daemon is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Started, and no reading yet.
    #[default]
    Starting,
    /// Readings come, and the clock is being brought to the host's time.
    Acquiring,
    /// The clock follows the host.
    Synchronised,
    /// The clock was disturbed, or the host's clock moved, and it is being put right.
    Recovering,
    /// The source is gone; the clock runs on with the frequency that it had, and a growing error.
    Holdover,
    /// The host's clock can't be believed: it goes backwards, stands still, or runs at a rate that no clock has.
    /// The clock runs on without it, as in a holdover.
    HostUnreliable,
    /// The clock is not on the host's time and nothing is being done about it: see the reason.
    Unsynchronised,
}

impl State {
    /// The word that the document and the commands use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Acquiring => "acquiring",
            Self::Synchronised => "synchronised",
            Self::Recovering => "recovering",
            Self::Holdover => "holdover",
            Self::HostUnreliable => "host_unreliable",
            Self::Unsynchronised => "unsynchronised",
        }
    }

    /// Whether the clock runs on without the host's.
    #[must_use]
    pub const fn is_holding(self) -> bool {
        matches!(self, Self::Holdover | Self::HostUnreliable)
    }
}

/// The whole document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// [`VERSION`].
    pub version: u32,
    /// The program's version, such as `0.1.0`.
    pub program_version: String,
    /// The daemon's process id.
    pub pid: u32,
    /// The configuration file that was read last; `null` where there is none, and all is as it is by default.
    #[serde(default)]
    pub config_file: Option<String>,
    /// What that file had in it then: 64 bits of FNV-1a, in hexadecimal.
    #[serde(default)]
    pub config_digest: Option<String>,
    /// Seconds since the daemon started.
    pub uptime_s: f64,
    /// What it does with what it finds out.
    pub mode: Mode,
    /// What it is doing now.
    pub state: State,
    /// Seconds since the state began.
    pub state_for_s: f64,
    /// Why, in one line, where the state alone doesn't say it.
    pub reason: Option<String>,
    /// The system clock.
    pub clock: ClockStatus,
    /// The device that is read; `null` while there is none.
    pub source: Option<SourceStatus>,
    /// The host's clock as the estimator sees it; `null` before the second reading.
    pub estimate: Option<EstimateStatus>,
    /// The last correction that the policy withheld, while the reason lasts.
    pub withheld: Option<WithheldStatus>,
    /// The last step of the system clock that the daemon made.
    pub last_step: Option<StepStatus>,
    /// Somebody else who changes the clock again and again; `null` while nobody does.
    #[serde(default)]
    pub rival: Option<RivalStatus>,
    /// What happened lately, the oldest first.
    #[serde(default)]
    pub events: Vec<EventStatus>,
    /// What was counted since the start.
    pub counters: Counters,
    /// What this machine doesn't offer and the daemon does without, one line each.
    pub limitations: Vec<String>,
}

/// The system clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClockStatus {
    /// System minus reference at this moment, as well as it is known; `null` before the first reading.
    pub offset_ns: Option<f64>,
    /// System minus reference as the last reading found it, before it was corrected.
    pub last_offset_ns: Option<f64>,
    /// Root mean square of the last offsets found, over about the last 16 readings.
    pub rms_offset_ns: Option<f64>,
    /// No true offset from the host's clock is larger, as far as can be known; `null` while unknown.
    /// The host's own error against UTC is not in it.
    pub max_error_ns: Option<f64>,
    /// The host's own error against UTC, as the administrator says; `null` where nobody does.
    #[serde(default)]
    pub host_max_error_ns: Option<f64>,
    /// The rate that the kernel was told, against the free-running counter.
    pub rate_ppm: f64,
    /// The part of that rate that corrects an offset; it ends by itself.
    pub slew_ppm: f64,
    /// The kernel: whether `STA_UNSYNC` is clear.
    pub kernel_synchronised: bool,
    /// The kernel's `maxerror` when it was last written or read.
    pub kernel_max_error_us: f64,
    /// The kernel's `esterror`, likewise.
    pub kernel_est_error_us: f64,
    /// TAI − UTC as the kernel has it; 0 when nobody has set it.
    pub tai_offset_s: i32,
}

/// The device that is read, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its path.
    pub device: String,
    /// Its name in sysfs.
    pub clock_name: String,
    /// What it is.
    pub kind: Kind,
    /// The scale on which it counts.
    pub time_scale: TimeScale,
    /// The method of the last reading; `null` before the first.
    pub method: Option<Method>,
    /// The uncertainty of the last reading: half the bracket.
    pub uncertainty_ns: Option<f64>,
    /// Seconds since the last reading.
    pub last_reading_age_s: Option<f64>,
    /// Time until the next reading, as planned at the last.
    pub interval_s: f64,
    /// The guest's clocksource, on which the methods depend.
    pub clocksource: Option<String>,
    /// Every method and what is known of it, best first.
    pub methods: Vec<MethodStatus>,
    /// Why the last attempt gave no reading, while that lasts.
    pub error: Option<String>,
}

/// What is known of one method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodStatus {
    /// Which.
    pub method: Method,
    /// `untried`, `works` or `fails`.
    pub state: MethodState,
    /// Why it fails, for programs.
    pub failure: Option<Failure>,
    /// Why it fails, in words.
    pub explanation: Option<String>,
}

impl From<(Method, Rung)> for MethodStatus {
    fn from((method, rung): (Method, Rung)) -> Self {
        let (state, failure) = match rung {
            Rung::Untried => (MethodState::Untried, None),
            Rung::Works => (MethodState::Works, None),
            Rung::Resting { failure, .. } => (MethodState::Fails, Some(failure)),
        };
        let explanation = failure.map(|failure| failure.explanation(method).to_owned());
        Self { method, state, failure, explanation }
    }
}

/// Whether a method works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodState {
    /// A better one works.
    Untried,
    /// Its last attempt gave a reading.
    Works,
    /// Its last attempt failed.
    Fails,
}

/// The estimator's state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EstimateStatus {
    /// How fast the host's clock runs against this machine's free-running counter.
    pub frequency_ppm: f64,
    /// One standard deviation of that.
    pub skew_ppm: f64,
    /// How fast the frequency changes.
    pub drift_ppb_per_s: f64,
    /// The mean frequency that a holdover would use; `null` before there is one.
    pub long_term_frequency_ppm: Option<f64>,
    /// One standard deviation of the offset's estimate.
    pub offset_sigma_ns: f64,
    /// Root mean square of how far readings fell from their prediction, over about 16 readings.
    pub residual_rms_ns: f64,
}

/// A correction that was not made, or not made as a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WithheldStatus {
    /// For programs.
    pub cause: Withheld,
    /// In words, with the key that says so.
    pub explanation: String,
    /// The offset that was to be corrected.
    pub offset_ns: f64,
}

/// A step that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepStatus {
    /// Why.
    pub cause: StepCause,
    /// System minus reference before.
    pub before_ns: f64,
    /// System minus reference at the reading after it; `null` until then.
    pub after_ns: Option<f64>,
    /// Seconds since.
    pub age_s: f64,
    /// From hearing or finding the disturbance to the clock being right.
    pub took_us: Option<f64>,
}

/// Why the clock was stepped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepCause {
    /// The clock was wrong when the daemon started.
    Start,
    /// Somebody else had stepped the clock.
    ForeignStep,
    /// Somebody else had changed the clock's rate.
    ForeignRate,
    /// The machine had slept, and the kernel had set the clock as well as it could when it woke.
    Resumed,
    /// The host's clock had moved against this machine's counter: the machine was stopped, or the
    /// host's clock was set.
    HostMoved,
    /// The clock had drifted while there was no source.
    Holdover,
    /// What was followed of a host's clock that can't be believed is taken back.
    HostUnreliable,
}

impl StepCause {
    /// The cause as a clause for a log line.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Start => "the clock was wrong at the start",
            Self::ForeignStep => "somebody else had set the clock",
            Self::ForeignRate => "somebody else had changed the clock's rate",
            Self::Resumed => "this machine woke from sleep",
            Self::HostMoved => "this machine was stopped, or the host's clock was set",
            Self::Holdover => "the clock had drifted while the source was away",
            Self::HostUnreliable => {
                "the host's clock can't be believed: what was followed of it is taken back"
            }
        }
    }
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Readings taken.
    pub readings: u64,
    /// Light looks between them.
    #[serde(default)]
    pub probes: u64,
    /// Attempts at which every method failed.
    pub failed_readings: u64,
    /// Readings that a second one did not confirm.
    pub outliers: u64,
    /// Steps made, whatever the cause.
    pub steps: u64,
    /// Steps of somebody else's that were undone.
    pub foreign_steps_undone: u64,
    /// Times that somebody else had changed the clock's rate.
    #[serde(default)]
    pub foreign_rates_undone: u64,
    /// Times that the hypervisor or the kernel told of something.
    #[serde(default)]
    pub hints: u64,
    /// Times that the host's clock moved against this machine's counter.
    pub breaks: u64,
    /// Times that the kernel told of a clock that was set by somebody else.
    pub clock_set_events: u64,
    /// Holdovers entered.
    pub holdovers: u64,
    /// Changes to the system clock that the kernel refused.
    pub failed_adjustments: u64,
}
