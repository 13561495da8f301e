//! Figures in words: how a number of the status document is said to a person.
//!
//! Offsets are system minus reference, so a positive one is `ahead of the host`. The document may
//! come from anybody who listens on a socket: text from it goes through [`printable`].

use hostclock_core::source::Kind;
use hostclock_core::units::Duration;

/// From here on a span is written in minutes, hours and days.
const LONG_NS: f64 = 600e9;

/// A span without its sign, to three digits: `0.4 ns`, `3.42 us`, `20.0 ms`, `1 h 0 min 0 s`.
pub(crate) fn amount(ns: f64) -> String {
    let ns = ns.abs();
    if ns >= LONG_NS {
        return Duration::from_nanos_f64(ns).to_string();
    }
    let (value, unit) = in_unit(ns);
    let digits = match value {
        ..9.995 if unit == "ns" => 1,
        ..9.995 => 2,
        ..99.95 if unit == "ns" => 0,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

/// A bound on an error, to two digits and never rounded down: `1.1 us`, `35 ms`.
pub(crate) fn bound(ns: f64) -> String {
    let ns = ns.abs();
    if ns >= LONG_NS {
        return Duration::from_nanos_f64(ns.ceil()).to_string();
    }
    let (value, unit) = in_unit(ns);
    if value < 9.9 {
        format!("{:.1} {unit}", (value * 10.0).ceil() / 10.0)
    } else {
        format!("{:.0} {unit}", value.ceil())
    }
}

fn in_unit(ns: f64) -> (f64, &'static str) {
    // A value that rounds to 1000 belongs to the next unit.
    match ns {
        ..999.5 => (ns, "ns"),
        ..999.5e3 => (ns / 1e3, "us"),
        ..999.5e6 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    }
}

/// An offset: `3.0 ns ahead of the host`.
pub(crate) fn from_host(offset_ns: f64) -> String {
    format!("{} of the host", aside(offset_ns)).replace("behind of", "behind")
}

/// An offset: `3.0 ns ahead`, `20.0 ms behind`.
pub(crate) fn aside(offset_ns: f64) -> String {
    let side = if offset_ns.is_sign_negative() { "behind" } else { "ahead" };
    format!("{} {side}", amount(offset_ns))
}

/// A frequency with its sign: `+20.117 ppm`, `-8.000 %`, `0.000 ppm`.
pub(crate) fn rate(ppm: f64) -> String {
    if is_nothing(ppm) {
        "0.000 ppm".to_owned()
    } else if ppm.abs() < 10_000.0 {
        format!("{ppm:+.3} ppm")
    } else {
        format!("{:+.3} %", ppm / 1e4)
    }
}

/// Whether a frequency is zero to the digits that are shown.
pub(crate) fn is_nothing(ppm: f64) -> bool {
    ppm.abs() < 0.000_5
}

/// How long something has lasted: `0.4 s`, `12 s`, `12 min`, `2 h 13 min`, `3 d 4 h`.
pub(crate) fn lasting(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    if seconds < 120.0 {
        return format!("{seconds:.0} s");
    }
    let whole = Duration::from_nanos_f64(seconds * 1e9).as_nanos() / 1_000_000_000;
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// How long between two readings: `62.5 ms`, `1 s`, `64 s`.
pub(crate) fn interval(seconds: f64) -> String {
    if seconds < 1.0 { format!("{} ms", trimmed(seconds * 1e3)) } else { format!("{} s", trimmed(seconds)) }
}

fn trimmed(value: f64) -> String {
    format!("{value:.1}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `1 step`, `2 steps`.
pub(crate) fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Text that came from elsewhere, on one line and without control characters.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// What a kind of device is.
pub(crate) fn kind(kind: Kind) -> String {
    match kind {
        Kind::Kvm => "the KVM host's clock (ptp_kvm)".to_owned(),
        Kind::Vmclock => "the hypervisor's VMClock page (ptp_vmclock)".to_owned(),
        Kind::VirtioRtc(clock) => format!("a virtio clock of type {clock} (virtio_rtc)"),
        Kind::HyperV => "the Hyper-V host's clock".to_owned(),
        Kind::Vmware => "the VMware host's precision clock (ptp_vmw)".to_owned(),
        Kind::Ena => "the Amazon platform's clock (ena)".to_owned(),
        Kind::Other => "not a kind that is known to give the host's time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_unit_and_the_digits_that_a_person_would_choose() {
        assert_eq!(amount(0.0), "0.0 ns");
        assert_eq!(amount(-0.43), "0.4 ns");
        assert_eq!(amount(12.4), "12 ns");
        assert_eq!(amount(999.7), "1.00 us");
        assert_eq!(amount(3_420.0), "3.42 us");
        assert_eq!(amount(20e6), "20.0 ms");
        assert_eq!(amount(123.4e6), "123 ms");
        assert_eq!(amount(75.3e9), "75.3 s");
        assert_eq!(amount(3_600e9), "1 h 0 min 0 s");
        assert_eq!(amount(-1e30), "106751 d 23 h 47 min");
    }

    #[test]
    fn a_bound_is_never_rounded_down() {
        assert_eq!(bound(1_001.0), "1.1 us");
        assert_eq!(bound(34_200.0), "35 us");
        assert_eq!(bound(9_950.0), "10 us");
        assert_eq!(bound(0.2e9), "200 ms");
        assert_eq!(bound(999.6e3), "1.0 ms");
    }

    #[test]
    fn an_offset_says_its_direction_in_words() {
        assert_eq!(from_host(3.0), "3.0 ns ahead of the host");
        assert_eq!(from_host(-20e6), "20.0 ms behind the host");
        assert_eq!(aside(-1.5e9), "1.50 s behind");
    }

    #[test]
    fn a_rate_has_its_sign_unless_it_is_nothing() {
        assert_eq!(rate(20.117), "+20.117 ppm");
        assert_eq!(rate(-0.000_1), "0.000 ppm");
        assert_eq!(rate(-80_000.0), "-8.000 %");
    }

    #[test]
    fn a_time_that_lasted_is_said_roughly() {
        assert_eq!(lasting(0.42), "0.4 s");
        assert_eq!(lasting(61.2), "61 s");
        assert_eq!(lasting(723.0), "12 min");
        assert_eq!(lasting(7_980.0), "2 h 13 min");
        assert_eq!(lasting(273_600.0), "3 d 4 h");
        assert_eq!(lasting(-1.0), "0.0 s");
        assert_eq!(
            (interval(0.0625), interval(1.0), interval(64.0)),
            ("62.5 ms".into(), "1 s".into(), "64 s".into())
        );
    }

    #[test]
    fn text_from_elsewhere_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2J\nb"), "a?[2J?b");
    }
}
