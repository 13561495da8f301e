//! Tables and pictures of all results in a directory: `report.md`, and SVG files for each scenario.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::error::{Context, Error, Result};
use crate::result::{Run, read_all};
use crate::{picture, scenario, table};

/// What is said of the results before the tables, where somebody has written it.
pub(crate) const ABOUT: &str = "about.md";
/// What the simulator said of the same daemon, where it was asked.
const SIMULATOR: &str = "simulator.txt";

/// Writes the tables and pictures into `directory`; gives the tables.
pub(crate) fn report(directory: &Path) -> Result<String> {
    let runs = read_all(directory)?;
    if runs.is_empty() {
        return Err(Error::new(format!(
            "no results in {}: make some with `hostclock-lab run`",
            directory.display()
        )));
    }
    let mut text = fs::read_to_string(directory.join(ABOUT)).unwrap_or_default();
    text.push_str(&table::tables(&runs));
    if let Ok(said) = fs::read_to_string(directory.join(SIMULATOR)) {
        text.push_str(&format!("### the simulator\n\n```\n{}\n```\n", said.trim_end()));
    }
    write(directory, "report.md", &text)?;
    let scenarios: BTreeSet<&str> = runs.iter().map(|run| run.scenario.as_str()).collect();
    for scenario in scenarios {
        let runs: Vec<&Run> = runs.iter().filter(|run| run.scenario == scenario).collect();
        for (name, svg) in pictures(&runs, scenario) {
            write(directory, &name, &svg)?;
        }
    }
    Ok(text)
}

/// The names of the files that show what happened in `runs`, all of one scenario, and what is in them.
fn pictures(runs: &[&Run], scenario: &str) -> Vec<(String, String)> {
    let title = match scenario {
        "date" => "A guest's clock is set wrong: how long until it is right again",
        "start" => "A daemon starts on a clock that is wrong",
        "host-step" => "The host's clock is stepped: how long until the guest's has followed",
        "reload" => "ptp_kvm is unloaded and loaded again",
        other => other,
    };
    if !runs.iter().any(|run| run.findings.steady.is_some()) {
        let drawn = picture::recoveries(runs, title);
        return drawn.map(|svg| (format!("{scenario}.svg"), svg)).into_iter().collect();
    }
    let about = scenario::named(scenario).map_or(scenario, |scenario| scenario.about);
    let title = format!("{scenario}: {about}");
    let drawn = [
        (format!("{scenario}.svg"), picture::steady(runs, &title)),
        (format!("{scenario}-allan.svg"), picture::allan(runs, &title)),
        (format!("{scenario}-histogram.svg"), picture::histogram(runs, &title)),
    ];
    drawn.into_iter().filter_map(|(name, svg)| Some((name, svg?))).collect()
}

fn write(directory: &Path, name: &str, content: &str) -> Result<()> {
    let path = directory.join(name);
    fs::write(&path, content).context(|| format!("writing {}", path.display()))?;
    eprintln!("lab: wrote {}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that was ever published is still readable.
    #[test]
    fn published_documents_become_tables_and_pictures() {
        let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/measurements");
        let runs = read_all(&published).unwrap();
        assert!(table::tables(&runs).contains("### steady"));
        let steady: Vec<&Run> = runs.iter().filter(|run| run.scenario == "steady").collect();
        assert!(!pictures(&steady, "steady").is_empty());
    }
}
