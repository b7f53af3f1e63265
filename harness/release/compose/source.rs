//! A composed source: the machine of a stream in the release that wrote it.

use std::collections::BTreeMap;

use super::build::{by_hand, completed_tables, destination_of, handler, unknown};
use super::choose::{self, SectionQuery};
use super::composed::{BuildTables, Choice, Composed};
use super::find::Lacking;
use super::find::layouts_of;
use super::layouts::LayoutCache;
use super::machine::Machine;
use super::recorded::recorded;
use crate::release::library::LibraryError;
use crate::vmstate::schema::{Answers, Body, Handler};

/// A machine as a build sent it. Layouts are the release's; what its configuration decides is what
/// the stream's description says, or the recorded values without one.
///
/// # Errors
/// Files that cannot be read. `Err` inside: why the release cannot have sent it.
pub fn source(
    cache: &LayoutCache<'_>,
    build: &BuildTables<'_>,
    machine: &Machine,
) -> Result<Result<Composed, Lacking>, LibraryError> {
    let Some(name) = &machine.machine else {
        return Ok(Err(Lacking::Unknown("the stream does not say its machine type".to_owned())));
    };
    let Some(build) = &build.on(cache.library, name) else { return Ok(Err(build.lacks(name))) };
    let completed_tables = completed_tables(cache.library, build, machine, true);
    let build =
        &BuildTables { tables: completed_tables.as_ref().unwrap_or(build.tables), ..*build };
    let BuildTables { release, tables, .. } = *build;
    let (mut mismatches, mut foreign) = (0, 0);
    let catalogue = cache.catalogue_on(release, name)?;
    let sends = |section: &str| {
        let known = catalogue.iter().flat_map(|layouts| &layouts.catalogue.described);
        known.into_iter().any(|described| described == section)
    };
    let (described_tables, described) = &machine.described_tables;
    let mut chosen = Vec::new();
    // As the machine is configured, and as the release has them by default.
    let (mut handlers, mut own) = (Vec::new(), Vec::new());
    let loaders = cache.loaders(release, name)?;
    for sent in &machine.sections {
        if let Some(known) = by_hand(sent, &loaders) {
            own.push(known.clone());
            handlers.push(known);
            chosen.push(Choice { entry: None, answers: Answers::default(), missing: None });
            continue;
        }
        let body = machine.body(sent);
        let query = SectionQuery { sent, body, machine: name };
        let mut found = None;
        for layouts in layouts_of(cache, release, name)? {
            found = choose::own(&layouts, tables, &query)
                .cloned()
                .map(|entry| (entry, layouts.clone()));
            if found.is_some() {
                break;
            }
        }
        let missing = found.is_none().then(|| format!("section {} of {release}", sent.name()));
        foreign += usize::from(found.is_none() && !sends(sent.name()));
        let mut answers = Answers::default();
        if let Some((entry, _)) = &found {
            answers = entry.answers.clone();
            answers.extend(&sent.answers);
            mismatches += usize::from(entry.version_id != sent.version_id);
            if let (Body::Vmsd(key), Some(body)) = (&entry.body, body) {
                mismatches += choose::mismatches(tables, key, body);
                answers.extend(&choose::described(tables, key, body));
            }
            let (idstr, id) = (|| sent.idstr.clone(), sent.instance_id);
            handlers.push(handler(entry, idstr(), id, answers.clone()));
            own.push(handler(entry, idstr(), id, entry.answers.clone()));
        } else {
            // It is read as it describes itself.
            let same = |h: &&Handler| h.idstr == sent.idstr && h.instance_id == sent.instance_id;
            let what = missing.as_deref().unwrap_or_default();
            let described = described.iter().find(same).cloned();
            let described = described.unwrap_or_else(|| unknown(sent, what));
            own.push(described.clone());
            handlers.push(described);
        }
        chosen.push(Choice { entry: found, answers, missing });
    }
    let mut extended = None;
    if chosen.iter().any(|chosen: &Choice| chosen.missing.is_some()) {
        let mut tables = tables.clone();
        tables.vmsd.extend(described_tables.vmsd.clone());
        extended = Some(tables);
    }
    let build = &BuildTables { tables: extended.as_ref().unwrap_or(tables), ..*build };
    let mut destination = destination_of(cache, build, name, handlers)?;
    let plain = destination_of(cache, build, name, own)?;
    destination.dialect.description = machine.described;
    let defaults = recorded(&chosen, &plain).local.items;
    let (assumptions, elsewhere) = (Vec::new(), BTreeMap::new());
    Ok(Ok(Composed { destination, assumptions, foreign, mismatches, elsewhere, chosen, defaults }))
}
