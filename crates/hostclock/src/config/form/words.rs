//! Values that are one of a few words.

use hostclock_core::source::TimeScale;
use toml::Value;

use super::super::value::{Raw, quoted};
use super::super::{ConfidentialGuest, LogFormat, LogLevel, Notify, nearest};
use super::{Form, text};

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
            let near = nearest(word, T::WORDS.iter().map(|(name, _)| *name));
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

impl Words for ConfidentialGuest {
    const WORDS: &'static [(&'static str, Self)] = &[("refuse", Self::Refuse), ("follow", Self::Follow)];
    const ACCEPTS: &'static str = "\"refuse\" or \"follow\"";
}

impl Words for Notify {
    const WORDS: &'static [(&'static str, Self)] =
        &[("synchronised", Self::Synchronised), ("started", Self::Started)];
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
