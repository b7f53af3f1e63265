//! On which machine types a hook lets a field or a subsection through, as the catalogues of the corpus
//! recorded it. A presence hook mostly asks for a property that old machine types have set otherwise, so
//! that they go on sending what their releases did.

use std::collections::BTreeSet;

use super::{Change, Changes};
use crate::dialect::machine::X86_64;
use crate::release::catalogue::{Catalogue, Entry};
use crate::release::corpus::CorpusError;
use crate::release::library::Library;

/// For each change a line for each of the releases that has something to say.
///
/// # Errors
/// A catalogue that cannot be read.
pub fn gates(
    library: &Library,
    releases: [&str; 2],
    changes: &Changes,
) -> Result<Vec<Vec<String>>, CorpusError> {
    let mut catalogues = Vec::new();
    for release in releases {
        // A dump has a file's name, which is no release.
        if library.tables(release, X86_64).is_some() {
            catalogues.extend(library.corpus().catalogue(release, X86_64)?);
        }
    }
    let lines = |change: &Change| catalogues.iter().filter_map(|c| line(c, change)).collect();
    Ok(changes.list.iter().map(lines).collect())
}

fn line(catalogue: &Catalogue, change: &Change) -> Option<String> {
    let field = change.what.field()?;
    let mut with = BTreeSet::new();
    let mut without = BTreeSet::new();
    for machine in &catalogue.machines {
        for entry in &catalogue.entries {
            if !change.sections.contains(&entry.section) || !catalogue.is_on(entry, machine) {
                continue;
            }
            for there in answers(entry, field) {
                if there { &mut with } else { &mut without }.insert(machine.as_str());
            }
        }
    }
    // A hook that says the same everywhere is gated by no machine type.
    if with.is_empty() || without.is_empty() || with == without {
        return None;
    }
    let names = |on: &BTreeSet<&str>| catalogue.ranges(|m| on.contains(m)).join(", ");
    Some(format!(
        "in {} it is there on {}, and not on {}",
        catalogue.release,
        names(&with),
        names(&without)
    ))
}

/// What the hooks of a field of that name said in one section.
fn answers<'e>(entry: &'e Entry, field: &'e str) -> impl Iterator<Item = bool> + 'e {
    let named = move |path: &str| {
        let rest = path.strip_suffix(field);
        path == field || rest.is_some_and(|rest| rest.ends_with('.'))
    };
    entry.answers.present.iter().filter(move |(path, _)| named(path)).map(|(_, there)| *there)
}
