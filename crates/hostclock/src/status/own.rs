//! What the clock says where no daemon runs: by a reading of the command's own.

use hostclock_core::adjust::KernelState;
use hostclock_core::status::{SourceStatus, VERSION};
use serde::Serialize;

use super::sources::{identity, methods};
use super::summary::{device, kernel_words};
use super::words::{bound, from_host, printable};

/// What was found out without a daemon.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Own {
    /// The device that a daemon would read, and how it answered.
    pub(crate) source: Option<SourceStatus>,
    /// System minus reference.
    pub(crate) offset_ns: Option<f64>,
    /// Why there is no reading, in words.
    pub(crate) error: Option<String>,
    /// What the kernel says of the clock.
    pub(crate) kernel: Option<KernelState>,
}

impl Own {
    /// The answer to `hostclock status` and `hostclock tracking`; `problem` says why no daemon answered.
    pub(crate) fn summary(&self, problem: &str) -> String {
        let clock = self.clock();
        let kernel = match &self.kernel {
            Some(state) => kernel_words(
                state.health.synchronised,
                state.health.max_error.as_nanos_f64(),
                state.health.est_error.as_nanos_f64(),
                state.tai_offset,
            ),
            None => "not known".to_owned(),
        };
        format!("{}Clock      {clock}\nKernel     {kernel}\n", headline(problem))
    }

    /// How the clock stands to the host, in words.
    pub(crate) fn clock(&self) -> String {
        match (self.offset_ns, &self.source, &self.error) {
            (Some(offset), Some(source), _) => {
                let within =
                    source.uncertainty_ns.map(|ns| format!(" +/- {}", bound(ns))).unwrap_or_default();
                let by = source.method.map(|method| format!("{method} of ")).unwrap_or_default();
                format!("{}{within}, by {by}{}", from_host(offset), device(source))
            }
            (_, _, Some(error)) => format!("not known: {}", printable(error)),
            _ => "not known".to_owned(),
        }
    }

    /// The answer to `hostclock sources`.
    pub(crate) fn sources(&self, problem: &str) -> String {
        let Some(source) = &self.source else {
            let error = self.error.as_deref().map_or_else(|| "not known".to_owned(), printable);
            return format!("{}No source: {error}\n", headline(problem));
        };
        let mut text = headline(problem);
        for (label, value) in identity(source) {
            text.push_str(&format!("{label:<11} {value}\n"));
        }
        if let Some(error) = &self.error {
            text.push_str(&format!("{:<11} {}\n", "Problem", printable(error)));
        }
        text.push_str(&methods(source));
        text
    }

    /// The same as JSON; `docs/status.md` describes it.
    pub(crate) fn json(&self, problem: &str) -> String {
        let document = Document {
            version: VERSION,
            daemon: None,
            problem,
            offset_ns: self.offset_ns,
            error: self.error.as_deref(),
            source: self.source.as_ref(),
            kernel: self.kernel.map(|state| Kernel {
                synchronised: state.health.synchronised,
                max_error_us: state.health.max_error.as_nanos_f64() / 1e3,
                est_error_us: state.health.est_error.as_nanos_f64() / 1e3,
                rate_ppm: state.rate.as_frequency().as_ppm(),
                tai_offset_s: state.tai_offset,
            }),
        };
        serde_json::to_string(&document).unwrap_or_default()
    }
}

fn headline(problem: &str) -> String {
    let mut letters = problem.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}; by a reading of its own:\n", printable(letters.as_str()))
}

/// What `--json` writes where no daemon runs.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    /// Always `null`: this is how a program tells this document from a daemon's.
    daemon: Option<()>,
    problem: &'a str,
    offset_ns: Option<f64>,
    error: Option<&'a str>,
    source: Option<&'a SourceStatus>,
    kernel: Option<Kernel>,
}

#[derive(Serialize)]
struct Kernel {
    synchronised: bool,
    max_error_us: f64,
    est_error_us: f64,
    rate_ppm: f64,
    tai_offset_s: i32,
}
