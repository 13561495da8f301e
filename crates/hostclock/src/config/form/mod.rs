//! The forms that a value can have: what each accepts, how it is read, and how it is written back.
//!
//! A form is read from a [`Raw`] value and written as a `toml` one, so that what is shown is always
//! a valid configuration.

mod amounts;
mod command;
mod counts;
mod places;
mod words;

use toml::Value;

use super::value::Raw;

pub(crate) use amounts::{Accuracy, Never, Poll, Responsiveness, SlewRate, Span, SpanOr, Unknown, Unlimited};
pub(crate) use command::Command;
pub(crate) use counts::{CountOrUnlimited, Priority, TaiOffset};
pub(crate) use places::{Device, FileMode, FileOrNone, Socket};
pub(crate) use words::OneOf;

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
