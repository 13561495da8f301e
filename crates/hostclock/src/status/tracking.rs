//! `hostclock tracking`: the clock in numbers, in the order and under the names that a user of
//! `chronyc tracking` expects, with the units written and the signs in words.

use hostclock_core::status::Status;
use hostclock_core::units::{Duration, Timestamp};

use super::summary::{device, is_right};
use super::words::{amount, aside, bound, from_host, interval, lasting, rate};

/// What stands where a figure isn't known.
const UNKNOWN: &str = "not known";

/// The lines that `hostclock tracking` prints; `now` is what the system clock says.
pub(crate) fn tracking(status: &Status, now: Timestamp) -> String {
    let clock = &status.clock;
    let estimate = status.estimate.as_ref();
    let source = status.source.as_ref();
    let known = |figure: Option<f64>, say: fn(f64) -> String| figure.map_or_else(|| UNKNOWN.to_owned(), say);
    let residual = estimate.map(|estimate| estimate.frequency_ppm - (clock.rate_ppm - clock.slew_ppm));
    let lines = [
        (
            "Reference",
            source.map_or_else(|| "none".to_owned(), |s| format!("{} ({})", device(s), s.time_scale)),
        ),
        ("Stratum", "- (the host does not say how it keeps its time)".to_owned()),
        ("Ref time (UTC)", known_time(source.and_then(|s| s.last_reading_age_s), now)),
        ("System time", known(clock.offset_ns, from_host)),
        ("Last offset", known(clock.last_offset_ns, aside)),
        ("RMS offset", known(clock.rms_offset_ns, amount)),
        ("Frequency", known(estimate.map(|e| e.frequency_ppm), uncorrected)),
        ("Residual freq", known(residual, rate)),
        ("Skew", known(estimate.map(|e| e.skew_ppm), |ppm| format!("{ppm:.3} ppm (one standard deviation)"))),
        ("Drift", known(estimate.map(|e| e.drift_ppb_per_s), |drift| format!("{drift:+.3} ppb/s"))),
        ("Slewing", rate(clock.slew_ppm)),
        (
            "Reading error",
            known(source.and_then(|s| s.uncertainty_ns), |ns| format!("at most {}", bound(ns))),
        ),
        ("Maximum error", known(clock.max_error_ns, |ns| format!("{} from the host", bound(ns)))),
        ("Update interval", source.map_or_else(|| UNKNOWN.to_owned(), |s| interval(s.interval_s))),
        ("Leap status", leap_status(status)),
    ];
    lines.iter().map(|(label, text)| format!("{label:<15} : {text}\n")).collect()
}

fn known_time(age_s: Option<f64>, now: Timestamp) -> String {
    let Some(age) = age_s else { return UNKNOWN.to_owned() };
    let time = (now - Duration::from_nanos_f64(age * 1e9)).to_string();
    let seconds = time.split('.').next().unwrap_or(&time);
    format!("{} ({} ago)", seconds.replace('T', " "), lasting(age))
}

/// The rate of this machine's clock if nobody corrected it: the host being fast is the clock being
/// slow.
fn uncorrected(host_ppm: f64) -> String {
    let side = if host_ppm.is_sign_negative() { "fast" } else { "slow" };
    format!("{:.3} ppm {side} (without correction)", host_ppm.abs())
}

fn leap_status(status: &Status) -> String {
    if is_right(status) { "Normal".to_owned() } else { format!("Not synchronised ({})", status.state.word()) }
}
