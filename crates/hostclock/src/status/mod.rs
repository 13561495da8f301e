//! Looking at the clock: the daemon's status document, fetched by [`client`] and put into words by
//! one pure function for each command; and, where no daemon runs, [`own`].

pub(crate) mod client;
mod events;
pub(crate) mod own;
#[cfg(target_os = "linux")]
mod probe;
mod sources;
mod summary;
mod tracking;
pub(crate) mod verdict;
pub(crate) mod words;

pub(crate) use events::events;
pub(crate) use sources::sources;
pub(crate) use summary::{clock, is_right, summary};
pub(crate) use tracking::tracking;

use hostclock_core::source::SourceConfig;

use own::Own;

/// What can be found out where no daemon runs.
#[cfg(target_os = "linux")]
pub(crate) fn look(source: &SourceConfig) -> Own {
    probe::look(source)
}

/// What can be found out where no daemon runs: nothing on other systems than Linux.
#[cfg(not(target_os = "linux"))]
pub(crate) fn look(_: &SourceConfig) -> Own {
    Own { error: Some("reading the host's clock needs Linux".to_owned()), ..Own::default() }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
