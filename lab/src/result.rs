//! What a run found, as it is written to disk: one JSON document a run. The fields are an interface;
//! `docs/lab.md` describes them.

use std::fs;
use std::path::{Path, PathBuf};

use hostclock_lab_guest::trace::Sample;
use serde::{Deserialize, Serialize};

use crate::analysis::recovery::Recovery;
use crate::analysis::steady::{Honesty, Steady, honesty};
use crate::analysis::stretch::Stretch;
use crate::analysis::truth::Truth;
use crate::error::{Context, Result};

/// The version of the documents.
pub(crate) const FORMAT: u32 = 1;

/// What a daemon costs while nothing happens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Idle {
    /// Resident memory in kB of 1,024 bytes, shared pages included: `Rss` of /proc/PID/smaps_rollup.
    pub(crate) resident_kb: f64,
    /// Threads.
    pub(crate) threads: f64,
    /// Times a second that it was put on the CPU and left it, of itself or not.
    pub(crate) wakeups_per_second: f64,
    /// Time on the (doubly emulated) CPU, ms a second.
    pub(crate) cpu_ms_per_second: f64,
    /// Time on that CPU for each wake-up, us; 0 in documents that don't say.
    #[serde(default)]
    pub(crate) cpu_us_per_wakeup: f64,
    /// The median of how long the daemon had the CPU each time, us; 0 likewise.
    #[serde(default)]
    pub(crate) turn_us: f64,
    /// Time that the guest's hypervisor had the nested host's CPU, ms a second, whatever for; 0 likewise.
    #[serde(default)]
    pub(crate) host_cpu_ms_per_second: f64,
    /// How often a second the guest was left for its hypervisor; 0 likewise.
    #[serde(default)]
    pub(crate) exits_per_second: f64,
    /// System calls a second; 0 likewise.
    #[serde(default)]
    pub(crate) calls_per_second: f64,
    /// System calls for each reading of the device that the daemon's settings ask for; 0 likewise.
    #[serde(default)]
    pub(crate) calls_per_poll: f64,
    /// (name, number a second) of each, the most frequent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) calls: Vec<(String, f64)>,
}

/// What a scenario found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Findings {
    /// Each disturbance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) recoveries: Vec<Recovery>,
    /// The undisturbed stretch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) steady: Option<Steady>,
    /// Stretches in which something went on all the time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) stretches: Vec<Stretch>,
    /// How good the lab's own truth is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) truth: Option<Truth>,
    /// The cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idle: Option<Idle>,
    /// What the kernel was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) honesty: Option<Honesty>,
    /// Whatever else is to be said, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// What the daemon wrote.
    #[serde(default)]
    pub(crate) log: String,
}

impl Findings {
    /// What every recording tells.
    pub(crate) fn of(samples: &[Sample]) -> Self {
        Self { honesty: Some(honesty(samples)), ..Self::default() }
    }
}

/// A run of a scenario with a daemon.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// The scenario's name.
    pub(crate) scenario: String,
    /// The daemon's name.
    pub(crate) daemon: String,
    /// Counts the runs, from 0.
    pub(crate) run: u32,
    /// The release of both machines' kernel.
    pub(crate) kernel: String,
    /// Observer samples a second that were asked for; 0 for no observer.
    pub(crate) rate_hz: u32,
    /// What was found.
    pub(crate) findings: Findings,
}

impl Run {
    /// Writes the document into `directory`.
    pub(crate) fn write(&self, directory: &Path) -> Result<PathBuf> {
        fs::create_dir_all(directory).context(|| format!("making {}", directory.display()))?;
        let path = directory.join(format!("{}-{}-{}.json", self.scenario, self.daemon, self.run));
        let text = serde_json::to_string(self).context(|| "writing a result".into())?;
        fs::write(&path, text).context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

#[cfg(test)]
impl Run {
    /// One that found nothing, for tests.
    pub(crate) fn example() -> Self {
        let (scenario, daemon, kernel) = ("date".into(), "chrony".into(), "6.1".into());
        Self {
            format: FORMAT,
            scenario,
            daemon,
            run: 0,
            kernel,
            rate_hz: 1_000,
            findings: Findings::default(),
        }
    }
}

/// Every run in `directory`, by scenario, daemon and number.
pub(crate) fn read_all(directory: &Path) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    let entries = fs::read_dir(directory).context(|| format!("reading {}", directory.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(&path).context(|| format!("reading {}", path.display()))?;
            let run: Run =
                serde_json::from_str(&text).context(|| format!("{} is no result", path.display()))?;
            if run.format == FORMAT {
                runs.push(run);
            }
        }
    }
    runs.sort_by(|a, b| (&a.scenario, &a.daemon, a.run).cmp(&(&b.scenario, &b.daemon, b.run)));
    Ok(runs)
}
