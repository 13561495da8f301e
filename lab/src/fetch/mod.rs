//! Getting the parts of the lab: Debian's packages, downloaded and unpacked into a cache directory.
//! Nothing is installed and no privilege is needed; a second run finds everything in the cache.

mod apt;
mod modules;
mod newer;
mod suite;
pub(crate) mod system;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use modules::Modules;
pub(crate) use suite::Suite;
pub(crate) use tree::Tree;

use crate::error::{Context, Result};

/// Where downloads and unpacked packages are kept.
pub(crate) fn cache_directory() -> Result<PathBuf> {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    from("HOSTCLOCK_LAB_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|path| path.join("hostclock-lab")))
        .or_else(|| from("HOME").map(|path| path.join(".cache/hostclock-lab")))
        .context(|| "no place for downloads: set HOSTCLOCK_LAB_CACHE to a directory with 500 MB free".into())
}

/// Makes sure that the unpacked packages are in the cache, and gives them. With `refresh` they are
/// fetched again even where they are there.
pub(crate) fn prepare(refresh: bool) -> Result<Tree> {
    tree("tree", refresh, apt::fetch)
}

/// The same with a newer hypervisor and kernel, which only some scenarios need.
pub(crate) fn prepare_newer() -> Result<Tree> {
    tree("tree-newer", false, newer::fetch)
}

fn tree(name: &str, refresh: bool, fetch: fn(&Path, &Path) -> Result<Vec<String>>) -> Result<Tree> {
    let cache = cache_directory()?;
    let root = cache.join(name);
    let stamp = cache.join(format!("{name}.complete"));
    if refresh || !stamp.exists() {
        let _ = fs::remove_file(&stamp);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).context(|| format!("making {}", root.display()))?;
        let packages = fetch(&cache, &root)?;
        fs::write(&stamp, packages.join("\n")).context(|| format!("writing {}", stamp.display()))?;
    }
    Tree::open(root)
}
