//! What a bench ran on and what it compared, for whoever reads its results: the machine, the versions, and how
//! large the programs are. Nothing that tells one machine from another of its kind.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::error::{Context, Result, output_of};
use crate::fetch::Tree;

/// What is said before the tables. `command` is what makes them anew, `hostclock` the daemon.
pub(super) fn about(command: &str, tree: &Tree, hostclock: &Path) -> Result<String> {
    let first_line = |program: &str, option: &str| -> Result<String> {
        let said = output_of(tree.command(&tree.find(&[program])?).arg(option))?;
        Ok(String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned())
    };
    let version = output_of(std::process::Command::new(hostclock).arg("--version"))?;
    let mut text = String::new();
    let _ = write!(
        text,
        "# hostclock and its peers in the lab\n\n\
         Made by `{command}`. One run each; all daemons meet the same host, with the same seed. Offsets are system minus \
         host. `docs/lab.md` says how it is measured, and what the lab can't show.\n\n\
         | | |\n|---|---|\n\
         | machine | {}, {} cores, Linux {} |\n\
         | emulated host and guest | {}; Linux {} in both; host 2 CPUs, guest 1 |\n\
         | hostclock | {} |\n\
         | chrony | {} |\n\
         | phc2sys | linuxptp {} |\n\n",
        processor(),
        std::thread::available_parallelism().map_or(0, Into::into),
        series(&fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default()),
        first_line("usr/bin/qemu-system-x86_64", "--version")?,
        tree.release()?,
        String::from_utf8_lossy(&version).trim(),
        first_line("usr/sbin/chronyd", "--version")?,
        first_line("usr/sbin/phc2sys", "-v")?,
    );
    text.push_str("| size | the program | shared libraries that it loads |\n|---|---|---|\n");
    let _ = writeln!(
        text,
        "| hostclock (static, its symbols included) | {} | none |",
        megabytes(size(hostclock)?)
    );
    for program in ["usr/sbin/chronyd", "usr/sbin/phc2sys"] {
        let path = tree.find(&[program])?;
        let libraries = tree.libraries(&path)?;
        let sizes = libraries.values().map(|library| size(library)).collect::<Result<Vec<_>>>()?;
        let _ = writeln!(
            text,
            "| {} | {} | {} in {} files |",
            program.rsplit('/').next().unwrap_or(program),
            megabytes(size(&path)?),
            megabytes(sizes.iter().sum()),
            sizes.len()
        );
    }
    text.push('\n');
    Ok(text)
}

/// The processor's model, as it calls itself.
fn processor() -> String {
    let said = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = said.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(|| "unknown processor".to_owned(), |(_, name)| name.trim().to_owned())
}

/// `6.1` of `6.1.0-56-cloud-amd64`: what follows can name whose machine it is.
fn series(release: &str) -> String {
    release.trim().split(['.', '-']).take(2).collect::<Vec<_>>().join(".")
}

fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).context(|| format!("looking at {}", path.display()))?.len())
}

fn megabytes(bytes: u64) -> String {
    let hundredths = (bytes + 5_000) / 10_000;
    format!("{}.{:02} MB", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_machines_kernel_only_the_series_is_told() {
        assert_eq!(series("6.1.0-56-cloud-amd64\n"), "6.1");
    }

    #[test]
    fn sizes_are_shown_to_ten_kilobytes() {
        let shown = [3_456_789, 4_000, 12_000_000, 995_001].map(megabytes);
        assert_eq!(shown, ["3.46 MB", "0.00 MB", "12.00 MB", "1.00 MB"]);
    }
}
