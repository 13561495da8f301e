//! The pages: links lead somewhere, commands and keys exist, and what is translated has the same commands.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every page, with its path below the root.
fn pages() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for directory in ["", "docs", "docs/hypervisors", "packaging/agent"] {
        for entry in fs::read_dir(root().join(directory)).expect("readable").flatten() {
            let path = Path::new(directory).join(entry.file_name());
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(root().join(&path)).expect("readable");
                found.push((path, text));
            }
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

/// The lines of each fenced block, with what it is written in.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found = Vec::new();
    let mut open: Option<(&str, Vec<&str>)> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language, Vec::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some((_, lines)), None) => lines.push(line),
            (None, None) => {}
        }
    }
    found
}

/// A command without what is said about it.
fn bare(line: &str) -> &str {
    line.split(" #").next().unwrap_or_default().trim_end()
}

/// The text without its fenced blocks.
fn prose(text: &str) -> String {
    let mut inside = false;
    let lines = text.lines().filter(|line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_translated_has_the_same_commands() {
    for (page, translated) in
        [("README.md", "README.zh-CN.md"), ("docs/quick-start.md", "docs/quick-start.zh-CN.md")]
    {
        let commands = |page: &str| -> Vec<String> {
            let text = fs::read_to_string(root().join(page)).expect("readable");
            let blocks = blocks(&text);
            assert!(!blocks.is_empty(), "{page}");
            blocks.into_iter().flat_map(|(_, lines)| lines).map(|line| bare(line).to_owned()).collect()
        };
        assert_eq!(commands(page), commands(translated), "{page} and {translated}");
    }
}

/// The anchors of a page's headings, as the usual renderers make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in pages() {
        let text = prose(&text);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                root().join(&path)
            } else {
                root().join(path.parent().unwrap_or(Path::new(""))).join(file)
            };
            let there = target.exists()
                && (anchor.is_empty()
                    || fs::read_to_string(&target).is_ok_and(|page| anchors(&page).contains(anchor)));
            if !there {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// What `hostclock COMMAND --help` says.
fn help(command: &str) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_hostclock")).args([command, "--help"]).output().expect("it runs");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn every_command_and_flag_in_a_block_exists() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, text) in pages() {
        for (_, lines) in blocks(&text) {
            for line in lines.into_iter().map(bare) {
                let line = line.trim_start_matches("$ ").trim_start_matches("sudo ");
                let Some(rest) = line.strip_prefix("hostclock ") else { continue };
                // What comes after belongs to another program.
                let rest = rest.split([';', '|', '>', '&']).next().unwrap_or_default();
                let mut words = rest.split_whitespace();
                let Some(command) =
                    words.next().filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
                else {
                    continue;
                };
                let help = help(command);
                seen += 1;
                if help.is_empty() {
                    wrong.push(format!("{}: `hostclock {command}`", path.display()));
                }
                for flag in words.filter(|word| word.starts_with("--")) {
                    let flag = flag.split('=').next().unwrap_or_default();
                    let known = help.split(|c: char| c.is_whitespace() || c == ',').any(|word| word == flag);
                    if !known {
                        wrong.push(format!("{}: `hostclock {command} {flag}`", path.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 50, "{seen}");
}

#[test]
fn every_configuration_in_a_block_is_one() {
    let folder = std::env::temp_dir().join(format!("hostclock-docs-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, text) in pages() {
        for (_, lines) in blocks(&text).into_iter().filter(|(language, _)| *language == "toml") {
            let file = folder.join("h.toml");
            fs::write(&file, lines.join("\n")).expect("written");
            let output = Command::new(env!("CARGO_BIN_EXE_hostclock"))
                .args(["config", "--check"])
                .arg(&file)
                .output()
                .expect("it runs");
            seen += 1;
            if !output.status.success() {
                wrong.push(format!(
                    "{}: {lines:?}: {}",
                    path.display(),
                    String::from_utf8_lossy(&output.stderr)
                ));
            }
        }
    }
    let _ = fs::remove_dir_all(&folder);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 5, "{seen}");
}
