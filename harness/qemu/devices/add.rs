//! Adds the devices of a release to the corpus: tables, destinations and catalogue are made anew from the
//! fixtures that the corpus has and from recordings, all at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rayon::prelude::*;

use super::super::QemuError;
use super::super::binary::Binary;
use super::super::emulator::Setup;
use super::super::groups::running;
use super::super::incoming::{IncomingOptions, load};
use super::learn::{Learnt, dump, learn};
use crate::release::bundle::recording::{BinaryReport, import_recordings};
use crate::release::bundle::{BundleInput, BundleMachine, BundleScenario};
use crate::release::catalogue::Catalogue;
use crate::release::corpus::Corpus;
use crate::release::import::bundles::bundle_pool;
use crate::release::json;
use crate::release::library::Library;
use crate::release::locked::LockedFolder;
use crate::release::notes::Note;
use crate::release::observed::ObservedVerdict;
use crate::release::paths::tables_path;
use crate::release::provenance::Fixture;
use crate::wire::Feed;

/// What is to be added to what.
#[derive(Debug)]
pub struct Request<'a> {
    /// The binary.
    pub binary: &'a Binary,
    /// The release that the corpus knows it as.
    pub release: &'a str,
    /// The corpus.
    pub corpus: &'a Path,
    /// Only these machine types; none: all that the binary has.
    pub machines: &'a [String],
    /// Machines at a time.
    pub jobs: usize,
    /// Time for each start and each load.
    pub limit: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct AddedDevices {
    /// Files that were written, as paths in the corpus.
    pub written: Vec<String>,
    /// What the importer has to say.
    pub notes: Vec<Note>,
    /// The catalogue.
    pub catalogue: Catalogue,
    /// Machine types on which nothing could be recorded, and why.
    pub silent: BTreeMap<String, String>,
}

/// Packing of the payloads.
const LEVEL: i32 = 19;

/// Records the devices of a release that is on record.
///
/// # Errors
/// When the binary does not load the fixtures of its own release, or files fail. Nothing has been
/// written then.
pub fn add_devices(request: &Request<'_>) -> Result<AddedDevices, QemuError> {
    let architecture = request.binary.architecture.as_str();
    let locked = LockedFolder::lock(request.corpus, "add --devices")?;
    let corpus = Corpus::open(request.corpus)?;
    let library = Library::open(corpus.clone())?;
    let Learnt { types, recordings, alike, silent } =
        learn(request.binary, request.machines, request.jobs, request.limit)?;
    let reported = BinaryReport {
        about: request.binary.about.clone(),
        all_machines: request.binary.machines.iter().map(|m| m.name.clone()).collect(),
        types,
        alike,
        dump: dump(request.binary, request.limit)?,
        recordings,
    };
    let input = BundleInput {
        release: request.release.to_owned(),
        machines: scenarios(request, &library)?,
    };
    let pool = bundle_pool(&corpus, request.release, architecture)?;
    let (imported, catalogue, payloads) =
        import_recordings(input, reported, &pool, library.renames())
            .map_err(|why| QemuError::Recordings { why: Box::new(why) })?;

    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let release = request.release;
    files.push((tables_path(release, architecture).into(), text(&imported.tables)?));
    for list in &imported.handlers {
        let name = format!("{}.{}", list.machine, list.scenario);
        files.push((format!("{release}/destinations/{name}.json").into(), text(list)?));
    }
    files.push((Catalogue::path(release, architecture).into(), text(&catalogue)?));
    // What the same binary says again is on record; clocks in its payloads go on.
    if corpus.catalogue(release, architecture)?.as_ref() != Some(&catalogue) {
        let packed = zstd::encode_all(&payloads[..], LEVEL).map_err(QemuError::files)?;
        files.push((Catalogue::payloads_path(release, architecture).into(), packed));
    }
    // No interrupt comes in between.
    let _running = running();
    let written = locked.change(&files)?.iter().map(|path| path.display().to_string()).collect();
    Ok(AddedDevices { written, notes: imported.notes, catalogue, silent })
}

fn text<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, QemuError> {
    let text = json::layout(value).map_err(|e| QemuError::files(std::io::Error::other(e)))?;
    Ok(text.into_bytes())
}

/// The fixtures of the release, each with the trace of its load by the binary.
fn scenarios(request: &Request<'_>, library: &Library) -> Result<Vec<BundleMachine>, QemuError> {
    let own = library.fixtures().iter().filter(|f| f.release == request.release);
    let own: Vec<&Fixture> = own.filter(|f| request.binary.has(&f.machine)).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(request.jobs).build();
    let pool = pool.map_err(|e| QemuError::files(std::io::Error::other(e)))?;
    let traced: Vec<_> = pool.install(|| {
        own.par_iter().map(|fixture| traced(request, library, fixture)).collect::<Result<_, _>>()
    })?;
    let mut machines: BTreeMap<&str, BundleMachine> = BTreeMap::new();
    for (fixture, scenario) in own.into_iter().zip(traced) {
        let machine = machines.entry(&fixture.machine).or_insert_with(|| BundleMachine {
            machine: fixture.machine.clone(),
            ..BundleMachine::default()
        });
        machine.scenarios.push(scenario);
    }
    Ok(machines.into_values().collect())
}

fn traced(
    request: &Request<'_>,
    library: &Library,
    fixture: &Fixture,
) -> Result<BundleScenario, QemuError> {
    let stream = library.corpus().stream(fixture)?;
    let setup = Setup {
        machine: fixture.machine.clone(),
        arguments: fixture.arguments.clone(),
        ..Setup::default()
    };
    let wanted =
        IncomingOptions { feed: Feed::Bulk, trace: true, save: false, limit: request.limit };
    let own = load(request.binary, &setup, &stream, &wanted)?;
    if own.verdict != ObservedVerdict::Accepted {
        return Err(QemuError::OwnRefused { what: fixture.id(), why: own.stderr });
    }
    let trace = super::trial::log(&fixture.id(), &own.trace)?;
    Ok(BundleScenario { scenario: fixture.scenario.clone(), trace: Some(trace), stream })
}
