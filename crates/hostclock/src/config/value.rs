//! A value on its way into the configuration: from the file with its TOML type, or from the command
//! line as a bare word.

use toml::de::{DeArray, DeValue};

/// A value as it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Raw<'a> {
    /// Text in quotes.
    Text(&'a str),
    /// An integer.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// A word of the command line, which has no type of its own.
    Word(&'a str),
    /// A list of anything.
    List(&'a DeArray<'a>),
    /// Anything else, by the name of its type: none of the keys takes one.
    Other(&'static str),
}

impl<'a> Raw<'a> {
    /// The value that the TOML parser found.
    pub(crate) fn of(value: &'a DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text),
            DeValue::Boolean(truth) => Self::Boolean(*truth),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Self::Integer(number),
                Err(_) => Self::Other("an integer that is too large"),
            },
            DeValue::Float(_) => Self::Other("a number with a fraction"),
            DeValue::Datetime(_) => Self::Other("a date"),
            DeValue::Array(list) => Self::List(list),
            DeValue::Table(_) => Self::Other("a table"),
        }
    }

    /// The text of a key that takes text.
    pub(crate) fn text(self) -> Result<&'a str, String> {
        match self {
            Self::Text(text) | Self::Word(text) => Ok(text),
            other => Err(format!("{} where text in quotes belongs", other.described())),
        }
    }

    /// The integer, where there is one; `None` where there is text, which may be a word such as
    /// `none`.
    pub(crate) fn integer(self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(number),
            Self::Word(word) => word.parse().ok(),
            _ => None,
        }
    }

    /// The truth value.
    pub(crate) fn boolean(self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(truth),
            Self::Word(word) => word.parse().ok(),
            _ => None,
        }
    }

    /// The value as a message shows it: one line, not too long, no control characters.
    pub(crate) fn described(self) -> String {
        match self {
            Self::Text(text) | Self::Word(text) => quoted(text),
            Self::Integer(number) => format!("the integer {number}"),
            Self::Boolean(truth) => format!("{truth}"),
            Self::List(_) => "a list".to_owned(),
            Self::Other(what) => what.to_owned(),
        }
    }
}

/// Text in quotes for a message: one line, not too long, no control characters.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// As [`quoted`], without the quotes: for the name of a key.
pub(crate) fn bare(text: &str) -> String {
    quoted(text).trim_matches('"').to_owned()
}
