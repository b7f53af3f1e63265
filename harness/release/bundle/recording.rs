//! Machines with many devices, recorded from a stock binary, as the entries of a catalogue.
//!
//! Their traces and streams show descriptions as those of any scenario do. Whose a section is follows from
//! its path, or, where it has none, from its description, which a dump gives for each class.

mod catalogue_builder;
mod recorded;

use super::{
    BundleError, BundleInput, BundleMachine, BundleScenario, Imported, Pool, import_bundle,
};
use crate::release::catalogue::Catalogue;
use crate::release::library::build;
use crate::release::notes::Note;
use crate::vmstate::Renames;
use crate::vmstate::schema::Handlers;
use catalogue_builder::CatalogueBuilder;
pub use recorded::{ALONE, BinaryReport, RecordedDevice, Recording, split_path};

/// Scenario names of recordings begin so; no scenario of a corpus is called so.
const SCENARIO: &str = "recorded-";

/// Imports a bundle with recordings: tables and destinations of both, and a catalogue of the
/// recordings with its payloads.
///
/// # Errors
/// As [`import_bundle`].
pub fn import_recordings(
    input: BundleInput,
    mut reported: BinaryReport,
    pool: &Pool,
    renames: &Renames,
) -> Result<(Imported, Catalogue, Vec<u8>), BundleError> {
    let mut all = input;
    for (number, recording) in reported.recordings.iter_mut().enumerate() {
        let trace = std::mem::take(&mut recording.trace);
        all.machines.push(BundleMachine {
            machine: recording.machine.clone(),
            dump: (number == 0).then(|| reported.dump.clone()),
            scenarios: vec![BundleScenario {
                scenario: format!("{SCENARIO}{number}"),
                trace: Some(trace),
                stream: recording.stream.clone(),
            }],
        });
    }
    let release = all.release.clone();
    let mut imported = import_bundle(all, pool)?;
    let (recorded, handlers) =
        imported.handlers.into_iter().partition(|list| list.scenario.starts_with(SCENARIO));
    imported.handlers = handlers;
    let recorded: Vec<Handlers> = recorded;
    let mut builder = CatalogueBuilder::new(&release, &reported);
    // Boards first: what a device adds is what they do not have.
    let mut recorded: Vec<(&Recording, &Handlers)> = recorded
        .iter()
        .filter_map(|list| {
            let number = list.scenario.strip_prefix(SCENARIO)?.parse::<usize>().ok()?;
            Some((reported.recordings.get(number)?, list))
        })
        .collect();
    // Then devices alone, which tell whose a section without a path is.
    recorded.sort_by_key(|(recording, _)| recording.devices.len().min(2));
    for (recording, list) in recorded {
        match build(list, &imported.tables, renames) {
            Ok(destination) => builder.add(recording, list, &destination),
            Err(why) => imported.notes.push(Note::at(&list.machine, why)),
        }
    }
    imported.notes.append(&mut builder.notes);
    let (catalogue, payloads) = builder.finish(&reported);
    Ok((imported, catalogue, payloads))
}
