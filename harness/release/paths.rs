//! Names of releases, and paths of what a corpus has of each.

use super::provenance::is_name;
use crate::dialect::Version;
use crate::dialect::machine::X86_64;

/// Path of the descriptions of a release's binary of an architecture.
#[must_use]
pub fn tables_path(release: &str, architecture: &str) -> String {
    path_of(release, architecture, "tables.json")
}

/// Path of what there is once for a release's binary of an architecture.
#[must_use]
pub fn path_of(release: &str, architecture: &str, file: &str) -> String {
    match architecture {
        X86_64 => format!("{release}/{file}"),
        other => format!("{release}/{other}/{file}"),
    }
}

/// What is behind the folder of a release in a path.
pub(super) fn strip<'p>(path: &'p str, release: &str) -> Option<&'p str> {
    path.strip_prefix(release)?.strip_prefix('/')
}

/// Whether a folder of this name is a release: whether it is a release number.
#[must_use]
pub fn is_release(folder: &str) -> bool {
    is_name(folder) && folder.parse::<Version>().is_ok()
}

/// Sorts releases by number; those of the same number by name.
pub fn oldest_first(releases: &mut [&str]) {
    releases.sort_by_key(|release| (release.parse::<Version>().ok(), *release));
}
