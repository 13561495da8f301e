//! Tables and pictures of all results in a directory: `report.md`, and one SVG file a scenario.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::error::{Context, Error, Result};
use crate::result::{Run, read_all};
use crate::{picture, table};

/// Writes the tables and pictures into `directory`; gives the tables.
pub(crate) fn report(directory: &Path) -> Result<String> {
    let runs = read_all(directory)?;
    if runs.is_empty() {
        return Err(Error::new(format!(
            "no results in {}: make some with `hostclock-lab run`",
            directory.display()
        )));
    }
    let tables = table::tables(&runs);
    write(directory, "report.md", &tables)?;
    let scenarios: BTreeSet<&str> = runs.iter().map(|run| run.scenario.as_str()).collect();
    for scenario in scenarios {
        let runs: Vec<&Run> = runs.iter().filter(|run| run.scenario == scenario).collect();
        let title = match scenario {
            "date" => "A guest's clock is set wrong: how long until it is right again",
            "start" => "A daemon starts on a clock that is wrong",
            "host-step" => "The host's clock is stepped: how long until the guest's has followed",
            "reload" => "ptp_kvm is unloaded and loaded again",
            other => other,
        };
        let drawn = match scenario {
            "steady" => picture::steady(&runs),
            _ => picture::recoveries(&runs, title),
        };
        if let Some(svg) = drawn {
            write(directory, &format!("{scenario}.svg"), &svg)?;
        }
    }
    Ok(tables)
}

fn write(directory: &Path, name: &str, content: &str) -> Result<()> {
    let path = directory.join(name);
    fs::write(&path, content).context(|| format!("writing {}", path.display()))?;
    eprintln!("lab: wrote {}", path.display());
    Ok(())
}
