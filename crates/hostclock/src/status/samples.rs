//! Sample documents, one for each state, for the tests of what is shown of them.

use hostclock_core::adjust::{Health, KernelRate, KernelState};
use hostclock_core::hint::Hint;
use hostclock_core::policy::{Mode, Withheld};
use hostclock_core::reading::{Failure, Method};
use hostclock_core::source::{Kind, TimeScale};
use hostclock_core::status::{
    ClockStatus, Correction, Counters, EstimateStatus, EventKind, EventStatus, MethodState, MethodStatus,
    RivalStatus, SourceStatus, State, Status, StepCause, StepStatus, VERSION, WithheldStatus,
};
use hostclock_core::units::Duration;

use super::own::Own;

/// A clock that has been right for two hours, and was set by somebody 12 minutes ago.
pub(crate) fn synchronised() -> Status {
    Status {
        version: VERSION,
        program_version: "0.1.0".to_owned(),
        pid: 412,
        config_file: None,
        config_digest: None,
        uptime_s: 7_983.2,
        mode: Mode::Control,
        state: State::Synchronised,
        state_for_s: 7_980.0,
        reason: None,
        clock: ClockStatus {
            offset_ns: Some(3.1),
            last_offset_ns: Some(-4.2),
            rms_offset_ns: Some(5.3),
            max_error_ns: Some(1_080.0),
            host_max_error_ns: None,
            rate_ppm: 20.117,
            slew_ppm: 0.000_1,
            kernel_synchronised: true,
            kernel_max_error_us: 2.0,
            kernel_est_error_us: 1.0,
            tai_offset_s: 0,
        },
        source: Some(source()),
        estimate: Some(EstimateStatus {
            frequency_ppm: 20.116_8,
            skew_ppm: 0.002,
            drift_ppb_per_s: 0.04,
            long_term_frequency_ppm: Some(20.11),
            offset_sigma_ns: 1.4,
            residual_rms_ns: 2.9,
        }),
        withheld: None,
        last_step: Some(StepStatus {
            cause: StepCause::ForeignStep,
            before_ns: 3_600e9,
            after_ns: Some(12.0),
            age_s: 725.0,
            took_us: Some(912.0),
        }),
        rival: None,
        events: history(),
        counters: Counters { readings: 7_980, steps: 2, foreign_steps_undone: 1, ..Counters::default() },
        limitations: Vec::new(),
    }
}

/// The device of a KVM guest, all of whose methods are known.
fn source() -> SourceStatus {
    SourceStatus {
        device: "/dev/ptp0".to_owned(),
        clock_name: "KVM virtual PTP".to_owned(),
        kind: Kind::Kvm,
        time_scale: TimeScale::Utc,
        method: Some(Method::Precise),
        uncertainty_ns: Some(1.0),
        last_reading_age_s: Some(0.4),
        interval_s: 1.0,
        clocksource: Some("kvm-clock".to_owned()),
        methods: [MethodState::Works, MethodState::Untried, MethodState::Untried, MethodState::Untried]
            .into_iter()
            .zip(Method::ALL)
            .map(|(state, method)| MethodStatus { method, state, failure: None, explanation: None })
            .collect(),
        error: None,
    }
}

/// A start, a pause, and somebody who set the clock.
fn history() -> Vec<EventStatus> {
    let one = |kind, time: &str, age_s, offset_ns, took_us| EventStatus {
        kind,
        time: time.to_owned(),
        age_s,
        offset_ns: Some(offset_ns),
        correction: Correction::Step,
        took_us: Some(took_us),
        times: 1,
        hints: Vec::new(),
        reason: None,
    };
    let mut stopped = one(EventKind::HostMoved, "2026-11-24T08:02:11.402718204Z", 5_268.6, -18.204e9, 430.0);
    stopped.hints = vec![Hint::Disrupted, Hint::Forked];
    let mut away = one(EventKind::Holdover, "2026-11-24T08:30:00.118320117Z", 3_599.8, 38.0, 2.512e6);
    away.correction = Correction::None;
    away.reason = Some("the device is gone".to_owned());
    vec![
        one(EventKind::Start, "2026-11-24T07:16:56.803114207Z", 7_983.2, -94_608_000e9, 14_210.0),
        stopped,
        away,
        one(EventKind::ForeignStep, "2026-11-24T09:17:54.998304112Z", 725.0, 3_600e9, 912.0),
    ]
}

/// The daemon has just started.
pub(super) fn starting() -> Status {
    Status {
        state: State::Starting,
        state_for_s: 0.2,
        uptime_s: 0.2,
        reason: Some("this machine has no PTP device (is the ptp_kvm module loaded?)".to_owned()),
        clock: ClockStatus { kernel_max_error_us: 16e6, kernel_est_error_us: 16e6, ..ClockStatus::default() },
        source: None,
        estimate: None,
        last_step: None,
        events: Vec::new(),
        counters: Counters::default(),
        ..synchronised()
    }
}

/// The first readings are in, and the clock is not right yet.
pub(super) fn acquiring() -> Status {
    Status {
        state: State::Acquiring,
        state_for_s: 0.08,
        uptime_s: 0.1,
        clock: ClockStatus {
            offset_ns: Some(-42_300.0),
            last_offset_ns: Some(-44_000.0),
            rms_offset_ns: None,
            max_error_ns: Some(45_000.0),
            slew_ppm: 312.5,
            rate_ppm: 332.617,
            kernel_synchronised: false,
            ..synchronised().clock
        },
        estimate: None,
        last_step: Some(StepStatus {
            cause: StepCause::Start,
            before_ns: -94_608_000e9,
            after_ns: None,
            age_s: 0.05,
            took_us: None,
        }),
        counters: Counters { steps: 1, readings: 4, ..Counters::default() },
        ..synchronised()
    }
}

/// A break of 20 ms is being slewed away, because steps backward are forbidden.
pub(super) fn recovering() -> Status {
    Status {
        state: State::Recovering,
        state_for_s: 0.31,
        clock: ClockStatus {
            offset_ns: Some(17.52e6),
            max_error_ns: Some(17.53e6),
            slew_ppm: -80_000.0,
            rate_ppm: -79_979.883,
            ..synchronised().clock
        },
        withheld: Some(WithheldStatus {
            cause: Withheld::NeverBackward,
            explanation: Withheld::NeverBackward.explanation().to_owned(),
            offset_ns: 20e6,
        }),
        ..synchronised()
    }
}

/// The module was unloaded 12 minutes ago.
pub(super) fn holdover() -> Status {
    let error = Some("the device is gone".to_owned());
    Status {
        state: State::Holdover,
        state_for_s: 745.0,
        reason: error.clone(),
        clock: ClockStatus { offset_ns: Some(240.0), max_error_ns: Some(33_700.0), ..synchronised().clock },
        source: Some(SourceStatus { error, last_reading_age_s: Some(746.0), ..source() }),
        ..synchronised()
    }
}

/// The host's clock has gone wrong.
pub(super) fn unreliable_host() -> Status {
    Status {
        state: State::HostUnreliable,
        state_for_s: 42.0,
        reason: Some("it goes backwards again and again".to_owned()),
        ..holdover()
    }
}

/// Somebody sets the clock every 0.3 s.
pub(super) fn rivalled() -> Status {
    let mut rivalled = synchronised();
    if let Some(last) = rivalled.events.last_mut() {
        (last.times, last.took_us) = (100, Some(1_310.0));
    }
    rivalled.rival = Some(RivalStatus {
        changes: 100,
        since_s: 30.1,
        last_s: 0.2,
        suspects: vec!["chronyd (process 123, chrony.service)".to_owned()],
    });
    rivalled
}

/// The same three hours later: over `holdover-limit`.
pub(super) fn long_holdover() -> Status {
    let holdover = holdover();
    Status {
        state_for_s: 11_000.0,
        source: None,
        clock: ClockStatus { max_error_ns: Some(104e6), kernel_synchronised: false, ..holdover.clock },
        ..holdover
    }
}

/// The clock is wrong by more than `largest-step` allows.
pub(super) fn unsynchronised() -> Status {
    let explanation = Withheld::LargerThanLargestStep.explanation().to_owned();
    Status {
        state: State::Unsynchronised,
        state_for_s: 185.0,
        reason: Some(explanation.clone()),
        clock: ClockStatus {
            offset_ns: Some(12.3e9),
            kernel_synchronised: false,
            max_error_ns: Some(12.3e9),
            kernel_max_error_us: 12_300_502.0,
            kernel_est_error_us: 12_300_000.0,
            ..synchronised().clock
        },
        withheld: Some(WithheldStatus {
            cause: Withheld::LargerThanLargestStep,
            explanation,
            offset_ns: 12.3e9,
        }),
        last_step: None,
        counters: Counters::default(),
        ..synchronised()
    }
}

/// Somebody only looks, on a machine whose clocksource the device can't pair with.
pub(super) fn observing() -> Status {
    let mut source = source();
    source.method = Some(Method::SysOffset);
    source.uncertainty_ns = Some(1_730.0);
    source.clocksource = Some("tsc".to_owned());
    source.methods = vec![
        failing(Method::Precise, Failure::NoDevice),
        failing(Method::Extended, Failure::Unsupported),
        MethodStatus {
            method: Method::SysOffset,
            state: MethodState::Works,
            failure: None,
            explanation: None,
        },
        MethodStatus {
            method: Method::Bracket,
            state: MethodState::Untried,
            failure: None,
            explanation: None,
        },
    ];
    Status {
        mode: Mode::Observe,
        state: State::Unsynchronised,
        state_for_s: 61.5,
        reason: Some(Withheld::ObserveOnly.explanation().to_owned()),
        clock: ClockStatus {
            offset_ns: Some(-1.52e9),
            last_offset_ns: Some(-1.52e9),
            max_error_ns: Some(1.521e9),
            kernel_synchronised: true,
            tai_offset_s: 37,
            rate_ppm: -3.2,
            slew_ppm: 0.0,
            ..synchronised().clock
        },
        source: Some(source),
        withheld: Some(WithheldStatus {
            cause: Withheld::ObserveOnly,
            explanation: Withheld::ObserveOnly.explanation().to_owned(),
            offset_ns: -1.52e9,
        }),
        last_step: None,
        counters: Counters { readings: 60, ..Counters::default() },
        limitations: vec![
            "no cancel-on-set timer: a clock that is set is noticed at the next reading".to_owned(),
        ],
        ..synchronised()
    }
}

fn failing(method: Method, failure: Failure) -> MethodStatus {
    MethodStatus {
        method,
        state: MethodState::Fails,
        failure: Some(failure),
        explanation: Some(failure.explanation(method).to_owned()),
    }
}

/// A machine on which no daemon runs, and whose clock is behind.
pub(super) fn own() -> Own {
    Own {
        source: Some(SourceStatus { interval_s: 0.0, last_reading_age_s: Some(0.0), ..source() }),
        offset_ns: Some(-1.2e9),
        error: None,
        kernel: Some(KernelState {
            rate: KernelRate::NOMINAL,
            health: Health {
                synchronised: false,
                max_error: Duration::from_secs(16),
                est_error: Duration::from_secs(16),
            },
            tai_offset: 0,
            status: 0x40,
        }),
    }
}

/// The same without a device.
pub(super) fn own_without_device() -> Own {
    Own {
        source: None,
        offset_ns: None,
        error: Some("this machine has no PTP device (is the ptp_kvm module loaded?)".to_owned()),
        ..own()
    }
}

/// All of them, by name.
pub(super) fn all() -> [(&'static str, Status); 10] {
    [
        ("starting", starting()),
        ("acquiring", acquiring()),
        ("synchronised", synchronised()),
        ("recovering", recovering()),
        ("holdover", holdover()),
        ("unreliable host", unreliable_host()),
        ("long_holdover", long_holdover()),
        ("unsynchronised", unsynchronised()),
        ("observing", observing()),
        ("rivalled", rivalled()),
    ]
}
