//! Paths of a tree of files that may be another system's: an absolute link in it leads to a file of that tree, and not
//! to one of this machine.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// No path has more links in it; one that goes round must not be followed for ever.
const MOST_LINKS: usize = 40;

/// Where `path` of the tree under `root` is, with its links followed inside of that tree.
#[must_use]
pub fn inside(root: &Path, path: &Path) -> PathBuf {
    let place = without_links(root, path);
    place.strip_prefix("/").map_or_else(|_| root.to_owned(), |place| root.join(place))
}

/// `path` of the tree under `root` with its links followed inside of that tree, from its `/` on. What isn't there
/// stays as it is written.
#[must_use]
pub fn without_links(root: &Path, path: &Path) -> PathBuf {
    let mut rest: Vec<PathBuf> = vec![path.to_owned()];
    let (mut done, mut links) = (PathBuf::from("/"), 0);
    while let Some(next) = rest.pop() {
        let mut parts = next.components();
        let Some(part) = parts.next() else { continue };
        rest.push(parts.as_path().to_owned());
        match part {
            Component::Normal(name) => {
                let place = done.join(name);
                let below =
                    place.strip_prefix("/").map_or_else(|_| root.to_owned(), |place| root.join(place));
                match fs::read_link(below) {
                    Ok(target) if links < MOST_LINKS => {
                        links += 1;
                        rest.push(target);
                    }
                    _ => done = place,
                }
            }
            Component::RootDir => done = PathBuf::from("/"),
            Component::ParentDir => {
                done.pop();
            }
            Component::CurDir | Component::Prefix(_) => {}
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn links_are_followed_inside_of_the_tree() {
        let scratch = Scratch::new();
        let root = scratch.path();
        scratch.file("var/usrlocal/file", "");
        scratch.file("usr/file", "");
        symlink("../var/usrlocal", root.join("usr/local")).expect("a link");
        symlink("/usr", root.join("absolute")).expect("a link");
        symlink("round", root.join("round")).expect("a link");
        let place = |path: &str| without_links(root, Path::new(path));
        assert_eq!(place("usr/local/bin"), Path::new("/var/usrlocal/bin"));
        assert_eq!(place("/absolute/local/bin"), Path::new("/var/usrlocal/bin"));
        assert_eq!(place("usr/./missing/../bin"), Path::new("/usr/bin"));
        assert_eq!(place("round"), Path::new("/round"), "it ends");
        assert_eq!(inside(root, Path::new("absolute/file")), root.join("usr/file"));
    }
}
