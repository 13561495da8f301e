//! Which of udev's rules decides who may read a PTP device: the last one that gives its node an owner, a group or a
//! mode.
//!
//! By the text of the rules, udev(7); udev is not asked. What a rule demands of the device and isn't known here, such
//! as its properties, counts as fulfilled. So what is found is the rule to look at, and no proof.

mod line;
mod pattern;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::inside::inside;
use line::{Item, Line, Operator};

/// Where rules are, the directory that wins first.
const DIRECTORIES: [&str; 5] = [
    "etc/udev/rules.d",
    "run/udev/rules.d",
    "usr/local/lib/udev/rules.d",
    "usr/lib/udev/rules.d",
    "lib/udev/rules.d",
];

/// What the rules say of the node, and where the last word is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The file with the last rule that says anything of it, as the system itself names it: `/etc/udev/rules.d/…`.
    pub file: PathBuf,
    /// The line on which that rule begins.
    pub line: usize,
    /// `OWNER`, a name or a number.
    pub owner: Option<String>,
    /// `GROUP`, a name or a number.
    pub group: Option<String>,
    /// `MODE`, in octal. Without one udev takes 0660 where a group is given, else 0600.
    pub mode: Option<String>,
}

/// What the rules of the system at `root` say of the PTP device `kernel_name` (`ptp0`) that is called `clock_name`;
/// `None` where none says anything of its node.
#[must_use]
pub fn decides(root: &Path, kernel_name: &str, clock_name: &str) -> Option<Decision> {
    let device = Device { sys: root.join("sys/class/ptp").join(kernel_name), kernel_name, clock_name };
    let mut words = Words::default();
    for (file, path) in files(root) {
        let lines = line::lines(&String::from_utf8_lossy(&fs::read(path).unwrap_or_default()));
        let mut rest = lines.as_slice();
        while let Some((line, after)) = rest.split_first() {
            rest = after;
            let fit = device.fit(line);
            if fit == Fit::No {
                continue;
            }
            words.take(&file, line);
            // A jump that may not be taken is not: what it would pass over may apply. Nor is one to nowhere.
            if let Some(label) = value(line, "GOTO").filter(|_| fit == Fit::Yes) {
                let to = after.iter().position(|line| value(line, "LABEL") == Some(label));
                rest = to.and_then(|to| after.get(to..)).unwrap_or(after);
            }
        }
    }
    words.decision()
}

/// The files in udev's order, by name over all directories: the name that the system has for each, and where it is.
fn files(root: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut found: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for directory in DIRECTORIES {
        for entry in fs::read_dir(inside(root, Path::new(directory))).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if Path::new(&name).extension().is_some_and(|extension| extension == "rules") {
                found.entry(name).or_insert_with(|| Path::new(directory).to_owned());
            }
        }
    }
    let files = found.into_iter().map(|(name, directory)| directory.join(name));
    files
        .map(|file| (Path::new("/").join(&file), inside(root, &file)))
        .filter(|(_, place)| *place != root.join("dev/null"))
        .collect()
}

/// The value that `line` gives to `key`.
fn value<'a>(line: &'a Line, key: &str) -> Option<&'a str> {
    line.items.iter().find(|item| item.key == key).map(|item| item.value.as_str())
}

/// Whether a rule applies to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    No,
    Maybe,
    Yes,
}

/// A PTP device that is being added.
struct Device<'a> {
    /// Its directory in sysfs, which need not be there.
    sys: PathBuf,
    kernel_name: &'a str,
    clock_name: &'a str,
}

impl Device<'_> {
    /// Whether all that `line` demands is so.
    fn fit(&self, line: &Line) -> Fit {
        line.items.iter().map(|item| self.fulfils(item)).min().unwrap_or(Fit::Yes)
    }

    fn fulfils(&self, item: &Item) -> Fit {
        let demanded = match item.operator {
            Operator::Is => true,
            Operator::IsNot => false,
            // The result of a program or a file counts, whatever the sign.
            _ if matches!(item.key.as_str(), "PROGRAM" | "IMPORT") => return Fit::Maybe,
            _ => return Fit::Yes,
        };
        let sure = |text: &str| if fits(item, text) == demanded { Fit::Yes } else { Fit::No };
        match (item.key.as_str(), item.attribute.as_deref()) {
            ("SUBSYSTEM", _) => sure("ptp"),
            ("KERNEL", _) => sure(self.kernel_name),
            // A device is added at the start; what it is given when it changes stays too.
            ("ACTION", _) if demanded && fits(item, "change") && !fits(item, "add") => Fit::Maybe,
            ("ACTION", _) => sure("add"),
            ("ATTR", Some("clock_name")) => sure(self.clock_name),
            // One that the device doesn't have is neither so nor not so.
            ("ATTR", Some(name)) if self.sys.is_dir() => {
                fs::read_to_string(self.sys.join(name)).map_or(Fit::No, |text| sure(text.trim_end()))
            }
            ("SUBSYSTEMS" | "KERNELS" | "ATTRS", _) if demanded => self.one_above(item),
            _ => Fit::Maybe,
        }
    }

    /// Whether the device or one that it hangs on may be what `item` demands.
    fn one_above(&self, item: &Item) -> Fit {
        let Ok(directory) = fs::canonicalize(&self.sys) else { return Fit::Maybe };
        let so = |text: Option<String>| text.is_some_and(|text| fits(item, text.trim_end()));
        let name_of = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
        let any = directory.ancestors().any(|above| match (item.key.as_str(), item.attribute.as_deref()) {
            ("SUBSYSTEMS", _) => {
                so(fs::read_link(above.join("subsystem")).ok().and_then(|target| name_of(&target)))
            }
            ("KERNELS", _) => so(name_of(above)),
            (_, Some("clock_name")) if above == directory => so(Some(self.clock_name.to_owned())),
            (_, Some(name)) => so(fs::read_to_string(above.join(name)).ok()),
            _ => false,
        });
        // The tree of a test or an image has no `subsystem`; several demands have to be those of one device.
        let itself = item.key == "SUBSYSTEMS" && fits(item, "ptp");
        if any || itself { Fit::Maybe } else { Fit::No }
    }
}

/// Whether the pattern of `item` is that of `text`.
fn fits(item: &Item, text: &str) -> bool {
    if item.any_case {
        pattern::fits(&item.value.to_lowercase(), &text.to_lowercase())
    } else {
        pattern::fits(&item.value, text)
    }
}

/// What has been said of the node so far.
#[derive(Default)]
struct Words {
    last: Option<(PathBuf, usize)>,
    owner: Word,
    group: Word,
    mode: Word,
}

#[derive(Default)]
struct Word {
    value: Option<String>,
    is_final: bool,
}

impl Words {
    fn take(&mut self, file: &Path, line: &Line) {
        for item in &line.items {
            let is_final = item.operator == Operator::AssignFinally;
            if !is_final && item.operator != Operator::Assign {
                continue;
            }
            let word = match item.key.as_str() {
                "OWNER" => &mut self.owner,
                "GROUP" => &mut self.group,
                "MODE" => &mut self.mode,
                _ => continue,
            };
            if !word.is_final {
                *word = Word { value: Some(item.value.clone()), is_final };
                self.last = Some((file.to_owned(), line.number));
            }
        }
    }

    fn decision(self) -> Option<Decision> {
        let (file, line) = self.last?;
        Some(Decision { file, line, owner: self.owner.value, group: self.group.value, mode: self.mode.value })
    }
}

#[cfg(test)]
mod tests;
