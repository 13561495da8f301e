//! Integers, each with a word for "none".

use toml::Value;

use super::super::RealtimePriority;
use super::super::value::Raw;
use super::{Form, text};

/// An integer, or a word for none.
fn integer_or<T: TryFrom<i64>>(
    raw: Raw<'_>,
    word: &str,
    fits: impl Fn(&T) -> bool,
) -> Result<Option<T>, String> {
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

/// A real-time priority, `auto` or `none`.
pub(crate) struct Priority;

impl Form for Priority {
    type Value = RealtimePriority;
    const ACCEPTS: &'static str = "an integer from 1 to 99, \"auto\" or \"none\"";

    fn parse(raw: Raw<'_>) -> Result<Self::Value, String> {
        if raw.text() == Ok("auto") {
            return Ok(RealtimePriority::Auto);
        }
        let priority = integer_or(raw, "none", |priority| (1..=99).contains(priority))?;
        Ok(priority.map_or(RealtimePriority::None, RealtimePriority::At))
    }

    fn show(value: &Self::Value) -> Value {
        match value {
            RealtimePriority::Auto => text("auto"),
            RealtimePriority::None => text("none"),
            RealtimePriority::At(priority) => Value::Integer((*priority).into()),
        }
    }
}
