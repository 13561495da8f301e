//! Which distribution this is, for commands that a user can copy.

use std::fs;
use std::path::Path;

use crate::inside::inside;

/// What os-release(5) says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// `ID`, such as `debian`.
    pub id: String,
    /// `ID_LIKE`: what it descends from, such as `rhel fedora`.
    pub like: Vec<String>,
    /// `PRETTY_NAME`.
    pub name: String,
}

impl Distribution {
    /// What the tree under `root` says; empty where it doesn't.
    #[must_use]
    pub fn find(root: &Path) -> Self {
        // A pipe in its place would never end, and a line in another encoding is none of ours.
        let read = |path: &str| {
            let place = inside(root, Path::new(path));
            let bytes = place.is_file().then(|| fs::read(place).ok())??;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = read("etc/os-release").or_else(|| read("usr/lib/os-release")).unwrap_or_default();
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.map(|value| value.trim().trim_matches(|c| c == '"' || c == '\'').to_owned())
                .unwrap_or_default()
        };
        Self {
            id: value("ID"),
            like: value("ID_LIKE").split_whitespace().map(str::to_owned).collect(),
            name: value("PRETTY_NAME"),
        }
    }

    /// Whether it is `id`, or descends from it.
    #[must_use]
    pub fn is(&self, id: &str) -> bool {
        self.id == id || self.like.iter().any(|like| like == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_distribution_is_what_it_says_and_what_it_descends_from() {
        let scratch = Scratch::new();
        assert_eq!(Distribution::find(scratch.path()), Distribution::default());
        let text =
            "PRETTY_NAME=\"Rocky Linux 9.4 (Blue Onyx)\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n";
        scratch.file("usr/lib/os-release", text);
        let rocky = Distribution::find(scratch.path());
        assert_eq!((rocky.id.as_str(), rocky.name.as_str()), ("rocky", "Rocky Linux 9.4 (Blue Onyx)"));
        assert!(rocky.is("rocky") && rocky.is("fedora") && !rocky.is("debian") && !rocky.is("ID"));
    }
}
