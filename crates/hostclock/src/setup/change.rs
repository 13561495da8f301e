//! One change of the tree, made and unmade. Either may have happened already, in whole or in part, when a crash came in
//! between: each looks at what is there first.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::node::Node;
use super::tree::{Access, Tree, kept_name};

/// One change. Paths are below the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// A directory is made.
    Directory { path: PathBuf },
    /// What is at a path gives way to something else. A file that was there is kept under another name beside it.
    Replace {
        path: PathBuf,
        before: Node,
        after: Node,
        /// What setup put there before, while it isn't certain that `after` is there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        earlier: Vec<Node>,
    },
    /// The service's user is made, by a command, and its group where there wasn't one of that name, with that number.
    User {
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group_before: Option<u32>,
    },
}

/// What became of taking a change back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Undone {
    /// It is as it was.
    Whole,
    /// Somebody has changed it since, and needs it as it is: what, in a line.
    Changed(String),
}

impl Change {
    /// What is at a path gives way.
    pub(super) fn replace(path: &Path, before: Node, after: Node) -> Self {
        Self::Replace { path: path.to_owned(), before, after, earlier: Vec::new() }
    }

    /// Whether setup itself put `now` there.
    pub(super) fn is_made(&self, now: &Node) -> bool {
        match self {
            Self::Replace { after, earlier, .. } => {
                now.serves_as(after) || earlier.iter().any(|earlier| now.serves_as(earlier))
            }
            Self::Directory { .. } | Self::User { .. } => false,
        }
    }

    /// The path, where it has one.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Directory { path } | Self::Replace { path, .. } => Some(path),
            Self::User { .. } => None,
        }
    }

    /// The path, where it is none that setup changes: of a record that setup did not write.
    pub(super) fn outside(&self) -> Option<&Path> {
        const PLACES: [&str; 4] = ["etc", "run/systemd", "usr/local", "opt"];
        let path = self.path()?;
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)))
            && PLACES.iter().any(|place| path.starts_with(place));
        let above =
            matches!(self, Self::Directory { .. }) && ["usr", "run"].iter().any(|top| path == Path::new(top));
        (!inside && !above).then_some(path)
    }

    /// What has to be in the tree for it.
    pub(super) fn place(&self) -> Option<&Path> {
        match self {
            Self::Directory { path } => Some(path),
            Self::Replace { path, .. } => path.parent(),
            Self::User { .. } => None,
        }
    }

    /// What was done, in a line.
    pub(super) fn done(&self) -> String {
        match self {
            Self::Directory { path } => format!("made /{}", path.display()),
            Self::Replace { path, after, .. } if after.is_mask() => {
                format!("disabled by masking it: /{} -> /dev/null", path.display())
            }
            Self::Replace { path, before: Node::Absent, after: Node::Link { .. }, .. } => {
                format!("enabled by /{}", path.display())
            }
            Self::Replace { path, before: Node::Link { .. }, after: Node::Absent, .. } => {
                format!("disabled by removing /{}", path.display())
            }
            Self::Replace { path, after: Node::Absent, .. } => format!("removed /{}", path.display()),
            Self::Replace { path, .. } => format!("wrote /{}", path.display()),
            Self::User { name, .. } => format!("made the user {name}"),
        }
    }

    /// Makes the change; `content` is a file's.
    ///
    /// # Errors
    /// In one line, with what was there still there.
    pub(super) fn make(&self, tree: &Tree, content: &[u8]) -> Result<(), String> {
        match self {
            Self::Directory { path } => tree.make_directory(path),
            Self::Replace { path, before, after, .. } => {
                if let Node::File { .. } = before {
                    if tree.node(path)?.is(before) {
                        tree.keep(path, &kept_name(path), before)?;
                    }
                }
                match after {
                    Node::File { mode, owner, label, .. } => {
                        let access = Access { mode: *mode, owner: *owner, label: label.as_deref() };
                        tree.write(path, content, access)
                    }
                    Node::Link { target, owner, label } => tree.link(path, target, *owner, label.as_deref()),
                    Node::Absent | Node::Other => tree.remove(path),
                }
            }
            Self::User { .. } => Ok(()),
        }
    }

    /// Takes the change back, however far it had come. What somebody else has put there since is left alone.
    ///
    /// # Errors
    /// When what was there before can't be put back, in one line.
    pub(super) fn unmake(&self, tree: &Tree) -> Result<Undone, String> {
        match self {
            // Who has put something else into it keeps it.
            Self::Directory { path } => tree.remove_directory(path).map(|()| Undone::Whole),
            Self::Replace { path, before, .. } => {
                tree.tidy(path)?;
                let now = tree.node(path)?;
                put_back(tree, path, before, &now, self.is_made(&now))
            }
            Self::User { .. } => Ok(Undone::Whole),
        }
    }
}

/// Puts `before` back in the place of `now`; `ours` says whether setup put that there.
fn put_back(tree: &Tree, path: &Path, before: &Node, now: &Node, ours: bool) -> Result<Undone, String> {
    let kept = kept_name(path);
    if now.is(before) || (matches!(before, Node::Link { .. }) && now.serves_as(before)) {
        // The second name of a file that never gave way.
        if matches!(before, Node::File { .. }) && tree.node(&kept)?.is(before) {
            tree.remove(&kept)?;
        }
        return Ok(Undone::Whole);
    }
    let place = tree.at(path);
    let (place, found) = (place.display(), described(now));
    match before {
        Node::Link { .. } if !ours && matches!(now, Node::Link { .. }) => {
            Ok(Undone::Changed(format!("{place} is another link since, and is left as it is")))
        }
        Node::Absent if ours => tree.remove(path).map(|()| Undone::Whole),
        Node::Absent => Ok(Undone::Changed(format!("{place} was changed since, and is left as it is"))),
        _ if !ours && *now != Node::Absent => {
            Err(format!("{place}: {found} is there now, where {} was: move it away first", described(before)))
        }
        Node::Link { target, owner, label } => {
            let above = path.parent().unwrap_or(Path::new(""));
            if tree.node(above)? == Node::Absent {
                return Ok(Undone::Changed(format!("{place}: its directory is gone, and so is the link")));
            }
            tree.link(path, target, *owner, label.as_deref()).map(|()| Undone::Whole)
        }
        Node::File { .. } => {
            let shown = tree.at(&kept);
            let shown = shown.display();
            match tree.node(&kept)? {
                Node::Absent => Err(format!("{shown}: what was kept of {place} is gone")),
                there if !there.is(before) => Err(format!("{shown} is not what was at {place} before")),
                _ => tree.put_back(&kept, path).map(|_| Undone::Whole),
            }
        }
        Node::Other => Ok(Undone::Whole),
    }
}

const fn described(node: &Node) -> &'static str {
    match node {
        Node::Absent => "nothing",
        Node::Link { .. } => "a link",
        Node::File { .. } => "a file",
        Node::Other => "a directory or a device",
    }
}
