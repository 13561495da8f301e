//! Durations and rates, with the range that makes sense for each.

use hostclock_core::policy::{POLL_RANGE, PROBE_INSTANT, PROBE_NORMAL, PROBE_RANGE};
use hostclock_core::units::{Duration, Frequency};
use toml::Value;

use super::super::span::{parse_duration, parse_frequency, show_duration, show_frequency};
use super::super::value::Raw;
use super::{Form, text};

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
    if span < Duration::from_micros(1) {
        Err(format!("{} is less than 1us", raw.described()))
    } else {
        Ok(span)
    }
}

/// A duration from `shortest` to `longest`.
fn within(raw: Raw<'_>, (shortest, longest): (Duration, Duration)) -> Result<Duration, String> {
    let span = duration(raw)?;
    if span < shortest {
        Err(format!("{} is too short", raw.described()))
    } else if span > longest {
        Err(format!("{} is too long", raw.described()))
    } else {
        Ok(span)
    }
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

/// A duration of 1 µs or more, or the word that `W` is.
pub(crate) struct SpanOr<W>(std::marker::PhantomData<W>);

/// What stands in place of a duration.
pub(crate) trait Instead {
    const WORD: &'static str;
    const ACCEPTS: &'static str;
}

macro_rules! instead {
    ($name:ident: $word:literal, such as $example:literal) => {
        #[doc = concat!("`", $word, "`.")]
        pub(crate) struct $name;

        impl Instead for $name {
            const WORD: &'static str = $word;
            const ACCEPTS: &'static str =
                concat!("a duration of 1us or more, such as \"", $example, "\", or \"", $word, "\"");
        }
    };
}

instead!(Never: "never", such as "1ms");
instead!(Unlimited: "unlimited", such as "1h");
instead!(Unknown: "unknown", such as "5ms");

impl<W: Instead> Form for SpanOr<W> {
    type Value = Option<Duration>;
    const ACCEPTS: &'static str = W::ACCEPTS;

    fn parse(raw: Raw<'_>) -> Result<Self::Value, String> {
        if raw.text() == Ok(W::WORD) { Ok(None) } else { threshold(raw).map(Some) }
    }

    fn show(value: &Self::Value) -> Value {
        text(value.map_or_else(|| W::WORD.to_owned(), show_duration))
    }
}

/// The time between readings.
pub(crate) struct Poll;

impl Form for Poll {
    type Value = Duration;
    const ACCEPTS: &'static str = "a duration from \"62.5ms\" to \"64s\"";

    fn parse(raw: Raw<'_>) -> Result<Duration, String> {
        within(raw, POLL_RANGE)
    }

    fn show(value: &Duration) -> Value {
        text(show_duration(*value))
    }
}

/// How far off the clock may be, or `none`.
pub(crate) struct Accuracy;

impl Form for Accuracy {
    type Value = Option<Duration>;
    const ACCEPTS: &'static str = "a duration from \"10ns\" to \"1s\", such as \"1us\", or \"none\"";

    fn parse(raw: Raw<'_>) -> Result<Self::Value, String> {
        match raw.text() {
            Ok("none") => Ok(None),
            _ => within(raw, (Duration::from_nanos(10), Duration::from_secs(1))).map(Some),
        }
    }

    fn show(value: &Self::Value) -> Value {
        text(value.map_or_else(|| "none".to_owned(), show_duration))
    }
}

/// The time between probes.
pub(crate) struct Responsiveness;

/// The words for it; "quiet" is as long as any poll interval.
const RESPONSIVENESS: [(&str, Duration); 3] =
    [("quiet", PROBE_RANGE.1), ("normal", PROBE_NORMAL), ("instant", PROBE_INSTANT)];

impl Form for Responsiveness {
    type Value = Duration;
    const ACCEPTS: &'static str = "\"quiet\", \"normal\", \"instant\", or a duration from \"5ms\" to \"64s\"";

    fn parse(raw: Raw<'_>) -> Result<Duration, String> {
        let word = raw.text().unwrap_or_default();
        if let Some((_, span)) = RESPONSIVENESS.iter().find(|(name, _)| *name == word) {
            return Ok(*span);
        }
        within(raw, PROBE_RANGE)
    }

    fn show(value: &Duration) -> Value {
        let word = RESPONSIVENESS.iter().find(|(_, span)| span == value).map(|(name, _)| *name);
        text(word.map_or_else(|| show_duration(*value), str::to_owned))
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
