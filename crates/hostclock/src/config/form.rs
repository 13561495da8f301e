//! The forms that a value can have: what each accepts, how it is read, and how it is written back.
//!
//! A form is read from a [`Raw`] value and written as a `toml` one, so that what is shown is always
//! a valid configuration.

use std::path::{Path, PathBuf};

use hostclock_core::policy::POLL_RANGE;
use hostclock_core::source::{TimeScale, Wanted};
use hostclock_core::units::{Duration, Frequency};
use toml::Value;

use super::span::{parse_duration, parse_frequency, show_duration, show_frequency};
use super::value::{Raw, quoted};
use super::{LogFormat, LogLevel, Notify};

/// How a value of type `T` is written in the configuration.
pub(crate) trait Form {
    /// The type that it becomes.
    type Value;
    /// What is accepted, for messages and `config --show`.
    const ACCEPTS: &'static str;
    /// Reads it; the error says what is wrong with it.
    fn parse(raw: Raw<'_>) -> Result<Self::Value, String>;
    /// Writes it.
    fn show(value: &Self::Value) -> Value;
}

fn text(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

/// `true` or `false`.
pub(crate) struct Truth;

impl Form for Truth {
    type Value = bool;
    const ACCEPTS: &'static str = "true or false";

    fn parse(raw: Raw<'_>) -> Result<bool, String> {
        raw.boolean().ok_or_else(|| format!("{} is neither true nor false", raw.described()))
    }

    fn show(value: &bool) -> Value {
        Value::Boolean(*value)
    }
}

/// One of a few words.
pub(crate) trait Words: Copy + PartialEq + 'static {
    /// Each word and what it means.
    const WORDS: &'static [(&'static str, Self)];
    /// The words as a message lists them.
    const ACCEPTS: &'static str;
}

/// A [`Words`] value.
pub(crate) struct OneOf<T>(std::marker::PhantomData<T>);

impl<T: Words> Form for OneOf<T> {
    type Value = T;
    const ACCEPTS: &'static str = T::ACCEPTS;

    fn parse(raw: Raw<'_>) -> Result<T, String> {
        let word = raw.text()?;
        T::WORDS.iter().find(|(name, _)| *name == word).map(|(_, value)| *value).ok_or_else(|| {
            let near = super::nearest(word, T::WORDS.iter().map(|(name, _)| *name));
            match near {
                Some(near) => {
                    format!("{} is not known; did you mean \"{near}\"?", quoted(word))
                }
                None => format!("{} is not known", quoted(word)),
            }
        })
    }

    fn show(value: &T) -> Value {
        text(T::WORDS.iter().find(|(_, known)| known == value).map_or("", |(name, _)| name))
    }
}

impl Words for Option<TimeScale> {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", None), ("utc", Some(TimeScale::Utc)), ("tai", Some(TimeScale::Tai))];
    const ACCEPTS: &'static str = "\"auto\", \"utc\" or \"tai\"";
}

impl Words for Notify {
    const WORDS: &'static [(&'static str, Self)] = &[("synchronised", Self::Synchronised), ("started", Self::Started)];
    const ACCEPTS: &'static str = "\"synchronised\" or \"started\"";
}

impl Words for LogLevel {
    const WORDS: &'static [(&'static str, Self)] =
        &[("error", Self::Error), ("warn", Self::Warn), ("info", Self::Info), ("debug", Self::Debug)];
    const ACCEPTS: &'static str = "\"error\", \"warn\", \"info\" or \"debug\"";
}

impl Words for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
    const ACCEPTS: &'static str = "\"text\" or \"json\"";
}

fn duration(raw: Raw<'_>) -> Result<Duration, String> {
    match raw {
        Raw::Integer(number) => {
            Err(format!("{number} needs a unit and quotes, such as \"{number}s\" or \"{number}ms\""))
        }
        raw => parse_duration(raw.text()?),
    }
}

/// A duration that is at least 1 µs: anything below is noise, and a threshold of 0 would act on
/// every reading.
fn threshold(raw: Raw<'_>) -> Result<Duration, String> {
    let span = duration(raw)?;
    if span < Duration::from_micros(1) { Err(format!("{} is less than 1us", raw.described())) } else { Ok(span) }
}

/// A duration of 1 µs or more.
pub(crate) struct Span;

impl Form for Span {
    type Value = Duration;
    const ACCEPTS: &'static str = "a duration of 1us or more, such as \"100ms\" or \"1s\"";

    fn parse(raw: Raw<'_>) -> Result<Duration, String> {
        threshold(raw)
    }

    fn show(value: &Duration) -> Value {
        text(show_duration(*value))
    }
}

/// A duration of 1 µs or more, or `never`.
pub(crate) struct SpanOrNever;

impl Form for SpanOrNever {
    type Value = Option<Duration>;
    const ACCEPTS: &'static str = "a duration of 1us or more, such as \"1ms\", or \"never\"";

    fn parse(raw: Raw<'_>) -> Result<Self::Value, String> {
        if raw.text() == Ok("never") { Ok(None) } else { threshold(raw).map(Some) }
    }

    fn show(value: &Self::Value) -> Value {
        text(value.map_or_else(|| "never".to_owned(), show_duration))
    }
}

/// A duration of 1 µs or more, or `unlimited`.
pub(crate) struct SpanOrUnlimited;

impl Form for SpanOrUnlimited {
    type Value = Option<Duration>;
    const ACCEPTS: &'static str = "a duration of 1us or more, such as \"1h\", or \"unlimited\"";

    fn parse(raw: Raw<'_>) -> Result<Self::Value, String> {
        if raw.text() == Ok("unlimited") { Ok(None) } else { threshold(raw).map(Some) }
    }

    fn show(value: &Self::Value) -> Value {
        text(value.map_or_else(|| "unlimited".to_owned(), show_duration))
    }
}

/// The time between readings.
pub(crate) struct Poll;

impl Form for Poll {
    type Value = Duration;
    const ACCEPTS: &'static str = "a duration from \"62.5ms\" to \"64s\"";

    fn parse(raw: Raw<'_>) -> Result<Duration, String> {
        let span = duration(raw)?;
        let (shortest, longest) = POLL_RANGE;
        if span < shortest {
            Err(format!("{} is too short", raw.described()))
        } else if span > longest {
            Err(format!("{} is too long", raw.described()))
        } else {
            Ok(span)
        }
    }

    fn show(value: &Duration) -> Value {
        text(show_duration(*value))
    }
}

/// How fast the clock may be slewed. The kernel's own limit is 10 %, of which 1 % is kept for what
/// the clock needs to keep time at all.
pub(crate) struct SlewRate;

impl Form for SlewRate {
    type Value = Frequency;
    const ACCEPTS: &'static str = "a rate from \"1ppm\" to \"9%\", in ppb, ppm or %";

    fn parse(raw: Raw<'_>) -> Result<Frequency, String> {
        let rate = match raw {
            Raw::Integer(number) => {
                return Err(format!("{number} needs a unit and quotes, such as \"{number}ppm\""));
            }
            raw => parse_frequency(raw.text()?)?,
        };
        if rate < Frequency::from_ppm(1.0) {
            Err(format!("{} is too slow", raw.described()))
        } else if rate > Frequency::from_ppm(90_000.0) {
            Err(format!("{} is too fast", raw.described()))
        } else {
            Ok(rate)
        }
    }

    fn show(value: &Frequency) -> Value {
        text(show_frequency(*value))
    }
}

/// An integer, or a word for none.
fn integer_or<T: TryFrom<i64>>(raw: Raw<'_>, word: &str, fits: impl Fn(&T) -> bool) -> Result<Option<T>, String> {
    if raw.text() == Ok(word) {
        return Ok(None);
    }
    match raw.integer() {
        Some(number) => match T::try_from(number) {
            Ok(value) if fits(&value) => Ok(Some(value)),
            _ => Err(format!("{number} is out of range")),
        },
        None => Err(format!("{} is neither an integer nor \"{word}\"", raw.described())),
    }
}

fn show_integer_or<T: Into<i64> + Copy>(value: Option<T>, word: &str) -> Value {
    value.map_or_else(|| text(word), |number| Value::Integer(number.into()))
}

/// A number of times, or `unlimited`.
pub(crate) struct CountOrUnlimited;

impl Form for CountOrUnlimited {
    type Value = Option<u32>;
    const ACCEPTS: &'static str = "an integer from 0, or \"unlimited\"";

    fn parse(raw: Raw<'_>) -> Result<Self::Value, String> {
        integer_or(raw, "unlimited", |_| true)
    }

    fn show(value: &Self::Value) -> Value {
        show_integer_or(*value, "unlimited")
    }
}

/// TAI − UTC in whole seconds, or `keep`.
pub(crate) struct TaiOffset;

impl Form for TaiOffset {
    type Value = Option<i32>;
    const ACCEPTS: &'static str = "whole seconds from 0 to 1000, such as 37, or \"keep\"";

    fn parse(raw: Raw<'_>) -> Result<Self::Value, String> {
        integer_or(raw, "keep", |seconds| (0..=1_000).contains(seconds))
    }

    fn show(value: &Self::Value) -> Value {
        show_integer_or(*value, "keep")
    }
}

/// A real-time priority, or `none`.
pub(crate) struct Priority;

impl Form for Priority {
    type Value = Option<u8>;
    const ACCEPTS: &'static str = "an integer from 1 to 99, or \"none\"";

    fn parse(raw: Raw<'_>) -> Result<Self::Value, String> {
        integer_or(raw, "none", |priority| (1..=99).contains(priority))
    }

    fn show(value: &Self::Value) -> Value {
        show_integer_or(*value, "none")
    }
}

/// Which device.
pub(crate) struct Device;

impl Form for Device {
    type Value = Wanted;
    const ACCEPTS: &'static str = "\"auto\", a path such as \"/dev/ptp0\", or a clock name such as \"KVM virtual PTP\"";

    fn parse(raw: Raw<'_>) -> Result<Wanted, String> {
        let name = raw.text()?.trim();
        let is_node = name.strip_prefix("ptp").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if name.is_empty() {
            Err("the name is empty".to_owned())
        } else if name.chars().any(char::is_control) {
            Err(format!("{} has a control character", quoted(name)))
        } else if is_node || name.starts_with("dev/") || name.starts_with("./") {
            Err(format!("{} is not a whole path", quoted(name)))
        } else if name == "auto" {
            Ok(Wanted::Auto)
        } else if name.starts_with('/') {
            Ok(Wanted::Path(name.to_owned()))
        } else {
            Ok(Wanted::ClockName(name.to_owned()))
        }
    }

    fn show(value: &Wanted) -> Value {
        text(value.to_string())
    }
}

/// Where the control socket is, or `none`.
pub(crate) struct Socket;

/// What fits in `sun_path` of `struct sockaddr_un` (108 bytes) with the NUL behind it.
const LONGEST_SOCKET_PATH: usize = 107;

impl Form for Socket {
    type Value = Option<PathBuf>;
    const ACCEPTS: &'static str = "an absolute path of at most 107 bytes, or \"none\"";

    fn parse(raw: Raw<'_>) -> Result<Self::Value, String> {
        let path = raw.text()?;
        if path == "none" {
            Ok(None)
        } else if !path.starts_with('/') {
            Err(format!("{} does not start with /", quoted(path)))
        } else if path.len() > LONGEST_SOCKET_PATH {
            Err(format!("{} is longer than {LONGEST_SOCKET_PATH} bytes", quoted(path)))
        } else if path.ends_with('/') || path.chars().any(char::is_control) {
            Err(format!("{} cannot be the path of a socket", quoted(path)))
        } else {
            Ok(Some(PathBuf::from(path)))
        }
    }

    fn show(value: &Self::Value) -> Value {
        text(value.as_deref().map_or_else(|| "none".into(), Path::to_string_lossy))
    }
}

/// The permission bits of a file.
pub(crate) struct FileMode;

impl Form for FileMode {
    type Value = u32;
    const ACCEPTS: &'static str = "permission bits in octal and in quotes, such as \"0660\"";

    fn parse(raw: Raw<'_>) -> Result<u32, String> {
        let digits = match raw {
            Raw::Integer(_) => return Err("it has no quotes".to_owned()),
            raw => raw.text()?,
        };
        match u32::from_str_radix(digits, 8) {
            Ok(mode) if mode <= 0o777 && !digits.starts_with('+') => Ok(mode),
            _ => Err(format!("{} is not an octal number up to 0777", quoted(digits))),
        }
    }

    fn show(value: &u32) -> Value {
        text(format!("{value:04o}"))
    }
}
