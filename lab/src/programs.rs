//! Building what runs inside the machines: the lab's own helper and hostclock, both static, with the
//! same cargo that built the lab.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Context, Error, Result};

/// The helper has glibc: observed by one with musl, the same daemon's recoveries look longer by 0.4 ms (`run date`; why,
/// isn't known). Named, to keep `crt-static` away from procedural macros, which can't be static.
const HELPERS_TARGET: &str = "x86_64-unknown-linux-gnu";

/// Programs for the images.
pub(crate) struct Programs {
    /// The lab's helper.
    pub(crate) guest: PathBuf,
    /// The daemon, where a run needs it.
    pub(crate) hostclock: Option<PathBuf>,
}

impl Programs {
    /// Builds the helper, and hostclock if it is wanted.
    pub(crate) fn build(with_hostclock: bool) -> Result<Self> {
        eprintln!("lab: building the programs for the machines");
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let guest = build(&workspace, HELPERS_TARGET, "hostclock-lab-guest", "lab")?;
        let hostclock = if with_hostclock {
            Some(build(&workspace, &static_target(&workspace)?, "hostclock", "release")?)
        } else {
            None
        };
        Ok(Self { guest, hostclock })
    }
}

/// What packages are built for: musl's target where there is one.
fn static_target(workspace: &Path) -> Result<String> {
    let output = Command::new(workspace.join("scripts/static-target"))
        .stderr(Stdio::inherit())
        .output()
        .context(|| "starting scripts/static-target".into())?;
    if !output.status.success() {
        return Err(Error::new(format!("scripts/static-target failed ({})", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn build(workspace: &Path, target: &str, package: &str, profile: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .current_dir(workspace)
        .args([
            "build",
            "--locked",
            "--quiet",
            "--package",
            package,
            "--profile",
            profile,
            "--target",
            target,
        ])
        .arg("--message-format=json-render-diagnostics")
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .stderr(Stdio::inherit())
        .output()
        .context(|| "starting cargo (is it installed?)".into())?;
    if !output.status.success() {
        return Err(Error::new(format!("cargo could not build {package} ({})", output.status)));
    }
    executable(&String::from_utf8_lossy(&output.stdout), package)
        .context(|| format!("cargo built {package} but named no program of that name"))
}

/// Finds the program `name` in cargo's messages.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message.pointer("/target/name").and_then(|value| value.as_str()) == Some(name))
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_one_that_cargo_names() {
        let messages = "not json\n{\"target\":{\"name\":\"x\"},\"executable\":null}\n{\"target\":{\"name\":\"x\"},\"executable\":\"/t/x\"}\n";
        assert_eq!(executable(messages, "x"), Some(PathBuf::from("/t/x")));
        assert_eq!(executable(messages, "y"), None);
    }
}
