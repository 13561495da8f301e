//! Is the clock good enough? The question that `hostclock check` and `hostclock wait` ask of the status.
//!
//! The answer goes by the error bound alone: a clock that is being slewed, or runs on in a holdover, is good
//! enough for as long as it can't be further off than the limit.

use std::fmt;

use hostclock_core::status::{Status, VERSION};
use hostclock_core::units::Duration;
use serde::Serialize;

use super::client::{Answer, Trouble};
use super::summary::clock;
use super::words::{bound, from_host};
use crate::exit::Code;

/// Whose time the clock is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Basis {
    /// The host's clock, which is all that hostclock sees.
    Host,
    /// UTC: the host's own error, as `host-max-error` promises, comes on top.
    Utc,
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "the host",
            Self::Utc => "UTC",
        })
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Verdict {
    version: u32,
    /// Whether the clock is good enough.
    pub(crate) ok: bool,
    basis: Basis,
    limit_ns: f64,
    /// No true offset from the basis is larger; `null` while unknown.
    max_error_ns: Option<f64>,
    /// System minus host; `null` while unknown.
    offset_ns: Option<f64>,
    /// The daemon's state; `null` where it couldn't be asked.
    state: Option<&'static str>,
    /// Why not, in words.
    problem: Option<String>,
    #[serde(skip)]
    code: Code,
}

impl Verdict {
    /// Judges what the daemon answered.
    pub(crate) fn of(answer: &Result<Answer, Trouble>, limit: Duration, basis: Basis) -> Self {
        let nothing = Self {
            version: VERSION,
            ok: false,
            basis,
            limit_ns: limit.as_nanos_f64(),
            max_error_ns: None,
            offset_ns: None,
            state: None,
            problem: None,
            code: Code::Failed,
        };
        match answer {
            Ok(answer) => nothing.judged(&answer.status),
            Err(trouble) => Self { problem: Some(trouble.to_string()), code: trouble.code(), ..nothing },
        }
    }

    fn judged(self, status: &Status) -> Self {
        let (to_host, hosts) = (status.clock.max_error_ns, status.clock.host_max_error_ns);
        let (max_error_ns, unknown) = match self.basis {
            Basis::Host => (to_host, None),
            Basis::Utc => {
                let unknown = hosts.is_none().then(|| {
                    "how far the host is from UTC is not known: the host does not say, and the configuration has no \
                     host-max-error"
                        .to_owned()
                });
                (to_host.zip(hosts).map(|(to_host, hosts)| to_host + hosts), unknown)
            }
        };
        let ok = max_error_ns.is_some_and(|error| error <= self.limit_ns);
        let problem = (!ok).then(|| {
            unknown.unwrap_or_else(|| match max_error_ns {
                // The state says more than the figure where it is the reason.
                Some(error) => format!(
                    "it may be {} from {}, and {} is allowed; the clock is {}",
                    bound(error),
                    self.basis,
                    bound(self.limit_ns),
                    clock(status)
                ),
                None => format!("the clock is {}", clock(status)),
            })
        });
        Self {
            ok,
            max_error_ns,
            offset_ns: status.clock.offset_ns,
            state: Some(status.state.word()),
            problem,
            code: if ok { Code::Fine } else { Code::Failed },
            ..self
        }
    }

    /// How a command ends with it.
    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    /// What `--json` writes.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What a monitoring plugin of Nagios' kind writes and ends with: 0 OK, 2 CRITICAL, 3 UNKNOWN.
    /// <https://nagios-plugins.org/doc/guidelines.html>
    pub(crate) fn as_plugin(&self) -> (String, u8) {
        let (word, code) = match self.code {
            Code::Fine => ("OK", 0),
            Code::Failed if self.max_error_ns.is_some() => ("CRITICAL", 2),
            _ => ("UNKNOWN", 3),
        };
        let seconds = |ns: f64| format!("{:.9}s", ns / 1e9);
        let limit = seconds(self.limit_ns);
        let error = self.max_error_ns.map(|ns| format!(" max_error={};;{limit};0", seconds(ns)));
        let offset = self.offset_ns.map(|ns| format!(" offset={}", seconds(ns)));
        let figures = [error, offset].into_iter().flatten().collect::<String>();
        let separator = if figures.is_empty() { "" } else { " |" };
        // A bar would begin the figures.
        (format!("HOSTCLOCK {word} - {}{separator}{figures}", self.reason().replace('|', "/")), code)
    }

    fn reason(&self) -> String {
        match (&self.problem, self.max_error_ns) {
            (Some(problem), _) => problem.clone(),
            (None, Some(error)) => {
                let offset = self.offset_ns.map(|ns| format!(" ({})", from_host(ns))).unwrap_or_default();
                format!("at most {} from {}{offset}", bound(error), self.basis)
            }
            (None, None) => String::new(),
        }
    }
}

impl fmt::Display for Verdict {
    /// One line: `ok: at most 1.1 us from the host (3.1 ns ahead of the host)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", if self.ok { "ok" } else { "not ok" }, self.reason())
    }
}
