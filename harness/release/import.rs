//! `crossload import`: a folder of captured streams, tables, bundles and observations into a
//! corpus.
//!
//! | in the folder | in the corpus |
//! | --- | --- |
//! | `streams/index.json`, `streams/<release>/` | fixtures and provenance |
//! | `tables/vmsd/<release>.json.zst`, `<release>/<architecture>.json.zst` | `<release>/tables.json`, `<release>/<architecture>/tables.json` |
//! | `tables/handlers/<release>/<machine>.<scenario>.json` | `<release>/destinations/` |
//! | `bundles/<release>/...`, where the release has no debugger tables | both of the above |
//! | `observed/`, `saved-again/` | the same |
//!
//! Any part may be missing. What the corpus has already is kept: a fixture or an observation that
//! says something else is an error, tables and destinations are made anew. A second run changes
//! nothing.

pub mod bundles;
mod index;
mod merge;
mod observations;
mod read;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::TempDir;

pub use self::bundles::{bundle_input, bundle_pool};
use self::bundles::{bundled, lacking};
pub use self::read::ImportError;
use self::read::{bytes, check_release, json_error, packed_text, text};
use super::bundle::import_bundle;
use super::corpus::{Corpus, checked_stream};
use super::debugger;
use super::files::{self, FileError, LIMIT};
use super::json;
use super::locked::LockedFolder;
use super::notes::Note;
use super::paths::{oldest_first, tables_path};
use super::provenance::{Fixture, is_name, machine_scenario};
use crate::dialect::machine::{X86_64, architecture as of, of_architecture};
use crate::vmstate::schema::{Body, Tables};

/// What an import did. Paths are those in the corpus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Files that were written or replaced.
    pub written: Vec<String>,
    /// How many files were as they should be already.
    pub unchanged: usize,
    /// What was passed over or left open, in words.
    pub notes: Vec<Note>,
}

/// Imports all that is found in `dir` into the corpus folder `into`, which is made if need be:
/// all of it, or, where that fails or somebody else writes there, nothing.
pub fn import(dir: &Path, into: &Path) -> Result<ImportReport, ImportError> {
    let locked = LockedFolder::lock(into, "import")?;
    let copy = ImportedCopy::new(dir, &locked)?;
    locked.change(&copy.changes()?)?;
    Ok(copy.report)
}

/// A copy of a corpus with a folder imported; the corpus itself is not touched.
#[derive(Debug)]
pub struct ImportedCopy<'h> {
    copy: TempDir,
    locked: &'h LockedFolder,
    /// What was done in the copy.
    pub report: ImportReport,
}

impl<'h> ImportedCopy<'h> {
    /// Copies the corpus that is locked, and imports there what is found in `dir`.
    pub fn new(dir: &Path, locked: &'h LockedFolder) -> Result<Self, ImportError> {
        let copy = tempfile::Builder::new().prefix("crossload-").tempdir();
        let copy = copy.map_err(ImportError::Temporary)?;
        files::copy_folder(locked.folder(), copy.path())?;
        let mut report = import_into(dir, copy.path())?;
        if let Some(who) = locked.stale() {
            let what = format!("the corpus was held by {who}, which is gone");
            report.notes.push(Note::at("", what));
        }
        Ok(ImportedCopy { copy, locked, report })
    }

    /// The copy.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.copy.path()
    }

    /// What is new or other than in the corpus, for [`LockedFolder::change`].
    pub fn changes(&self) -> Result<Vec<(PathBuf, Vec<u8>)>, ImportError> {
        Ok(files::differing(self.copy.path(), self.locked.folder())?)
    }
}

/// The same as [`import`] into a folder that is the caller's alone: where it fails, what was written
/// by then stays.
pub fn import_into(dir: &Path, into: &Path) -> Result<ImportReport, ImportError> {
    let write = |source| FileError::Write { path: into.display().to_string(), source };
    fs::create_dir_all(into).map_err(write)?;
    let mut run = Run { dir, into, report: ImportReport::default() };
    run.streams()?;
    run.tables()?;
    run.destinations()?;
    run.observed()?;
    run.mutations()?;
    run.saved_again()?;
    run.bundles()?;
    check_destinations(&Corpus::open(into)?)?;
    Ok(run.report)
}

/// One run of the import.
struct Run<'a> {
    dir: &'a Path,
    into: &'a Path,
    report: ImportReport,
}

impl Run<'_> {
    fn streams(&mut self) -> Result<(), ImportError> {
        let mut unlisted: BTreeSet<String> = self.found("streams")?.into_iter().collect();
        if unlisted.is_empty() {
            return Ok(());
        }
        if !unlisted.remove(index::PATH) {
            let needed_by = unlisted.pop_first().unwrap_or_default();
            return Err(ImportError::Missing { path: index::PATH.to_owned(), needed_by });
        }
        for fixture in index::fixtures(&text(self.dir, index::PATH)?)? {
            let file = format!("streams/{}", fixture.stream_path());
            self.fixture(&file, &fixture)?;
            unlisted.remove(&file);
        }
        for path in unlisted {
            self.pass_over(&path, "the index does not list it");
        }
        Ok(())
    }

    /// Stores a fixture: the stream before its provenance, so that a run cut short leaves none
    /// without bytes.
    fn fixture(&mut self, file: &str, fixture: &Fixture) -> Result<(), ImportError> {
        let packed = bytes(self.dir, file)?;
        checked_stream(file, &packed, fixture.size, &fixture.sha256)?;
        self.keep_stream(&fixture.stream_path(), &packed)?;
        let path = fixture.provenance_path();
        let text = toml::to_string(fixture)
            .map_err(|source| ImportError::Toml { path: path.clone(), source })?;
        self.write(&path, text.as_bytes())
    }

    /// Stores a packed stream that is known to be whole, unless the corpus has it already.
    fn keep_stream(&mut self, path: &str, packed: &[u8]) -> Result<(), ImportError> {
        let Some(old) = files::read(&self.into.join(path))? else {
            return self.write(path, packed);
        };
        if files::unzstd(path, &old, LIMIT)? != files::unzstd(path, packed, LIMIT)? {
            return Err(ImportError::FixtureChanged { path: path.to_owned() });
        }
        self.report.unchanged += 1;
        Ok(())
    }

    fn tables(&mut self) -> Result<(), ImportError> {
        for path in self.found("tables/vmsd")? {
            let name = path.strip_prefix("tables/vmsd/").and_then(|p| p.strip_suffix(".json.zst"));
            let Some(name) = name else {
                self.pass_over(&path, "not <release>.json.zst");
                continue;
            };
            let (release, architecture) = name.split_once('/').unwrap_or((name, X86_64));
            check_release(&path, release)?;
            if !is_name(architecture) {
                let (what, found) = ("an architecture", architecture.to_owned());
                return Err(ImportError::Name { path, what, found });
            }
            let tables = debugger::tables(&path, release, &packed_text(self.dir, &path)?)?;
            self.write_json(&tables_path(release, architecture), &tables)?;
            self.say(release, debugger::sentences(&tables.more));
        }
        Ok(())
    }

    fn destinations(&mut self) -> Result<(), ImportError> {
        let corpus = Corpus::open(self.into)?;
        let mut tables: BTreeMap<(String, String), Tables> = BTreeMap::new();
        for path in self.found("tables/handlers")? {
            let parts = path.strip_prefix("tables/handlers/").and_then(|p| p.split_once('/'));
            let named = parts.and_then(|(release, name)| {
                Some((release, machine_scenario(name.strip_suffix(".json")?)?))
            });
            let Some((release, (machine, scenario))) = named else {
                self.pass_over(&path, "not <release>/<machine>.<scenario>.json");
                continue;
            };
            check_release(&path, release)?;
            let key = (release.to_owned(), of(machine).to_owned());
            if !tables.contains_key(&key) {
                let found = corpus.tables(&key.0, &key.1)?.ok_or_else(|| ImportError::Missing {
                    path: vmsd_path(&key.0, &key.1),
                    needed_by: path.clone(),
                })?;
                tables.insert(key.clone(), found);
            }
            let Some(tables) = tables.get(&key) else { continue };
            let json = text(self.dir, &path)?;
            let handlers = debugger::handlers(&path, tables, machine, scenario, &json)?;
            self.write_json(
                &format!("{release}/destinations/{machine}.{scenario}.json"),
                &handlers,
            )?;
            self.say(release, debugger::sentences(&handlers.more));
        }
        Ok(())
    }

    /// Imports the bundles of releases without debugger tables, oldest first.
    fn bundles(&mut self) -> Result<(), ImportError> {
        let corpus = Corpus::open(self.into)?;
        let paths = self.found("bundles")?;
        let releases: BTreeSet<&str> =
            paths.iter().filter_map(|path| path.split('/').nth(1)).collect();
        let mut releases: Vec<&str> = releases.into_iter().collect();
        oldest_first(&mut releases);
        for release in releases {
            check_release(&format!("bundles/{release}"), release)?;
            for architecture in bundled(self.dir, release)? {
                self.bundle(&corpus, release, &architecture)?;
            }
        }
        Ok(())
    }

    /// Imports the bundle of a release's binary of one architecture.
    fn bundle(
        &mut self,
        corpus: &Corpus,
        release: &str,
        architecture: &str,
    ) -> Result<(), ImportError> {
        let destinations = corpus.destinations(release);
        for (machine, scenario) in destinations.iter().filter(|d| of(&d.0) == architecture) {
            let known = corpus.handlers(release, machine, scenario)?;
            if known.is_some_and(|known| known.origin == debugger::ORIGIN) {
                return Ok(());
            }
        }
        let pool = bundle_pool(corpus, release, architecture)?;
        let input = bundle_input(self.dir, release, architecture, corpus)?;
        let Some(mut input) = input else { return Ok(()) };
        let known = corpus.tables(release, architecture)?;
        let lacking = known.iter().flat_map(|_| lacking(self.dir, release, architecture, corpus));
        let lacking: Vec<String> = lacking.collect();
        for machine in &mut input.machines {
            let stem = |scenario: &str| format!("{}.{scenario}", machine.machine);
            machine.scenarios.retain(|one| !lacking.contains(&stem(&one.scenario)));
        }
        input.machines.retain(|machine| lacking.is_empty() || !machine.scenarios.is_empty());
        let mut imported = import_bundle(input, &pool).map_err(|source| ImportError::Bundle {
            release: release.to_owned(),
            source: Box::new(source),
        })?;
        if let Some(known) = known.filter(|_| !lacking.is_empty()) {
            (imported.tables, imported.handlers) =
                merge::merged(&known, &imported.tables, imported.handlers);
            let note = format!("joined to what is on record of {}", lacking.join(", "));
            self.say(release, vec![note]);
        }
        self.write_json(&tables_path(release, architecture), &imported.tables)?;
        for handlers in &imported.handlers {
            let name = format!("{}.{}", handlers.machine, handlers.scenario);
            self.write_json(&format!("{release}/destinations/{name}.json"), handlers)?;
        }
        let named = of_architecture(architecture, release);
        self.report.notes.extend(imported.notes.into_iter().map(|note| note.of(&named)));
        Ok(())
    }

    /// Files below a folder of the input, as paths in the input.
    fn found(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let paths = files::walk(&self.dir.join(folder))?;
        Ok(paths.into_iter().map(|path| format!("{folder}/{path}")).collect())
    }

    /// Notes of a release; what was said before is not said again.
    fn say(&mut self, release: &str, notes: Vec<String>) {
        for note in notes.into_iter().map(|note| Note::at("", note).of(release)) {
            if !self.report.notes.contains(&note) {
                self.report.notes.push(note);
            }
        }
    }

    fn pass_over(&mut self, path: &str, why: &str) {
        self.report.notes.push(Note::at(path, format!("passed over: {why}")));
    }

    fn write_json<T: Serialize>(&mut self, path: &str, value: &T) -> Result<(), ImportError> {
        let text = json::layout(value).map_err(|source| json_error(path, source))?;
        self.write(path, text.as_bytes())
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), ImportError> {
        if files::write_if_changed(&self.into.join(path), bytes)? {
            self.report.written.push(path.to_owned());
        } else {
            self.report.unchanged += 1;
        }
        Ok(())
    }
}

/// Where the input has the descriptions that a debugger read out of a binary.
fn vmsd_path(release: &str, architecture: &str) -> String {
    match architecture {
        X86_64 => format!("tables/vmsd/{release}.json.zst"),
        other => format!("tables/vmsd/{release}/{other}.json.zst"),
    }
}

/// An error if a handler of any destination has a description that its release's tables do not.
fn check_destinations(corpus: &Corpus) -> Result<(), ImportError> {
    for release in corpus.releases() {
        let mut all: BTreeMap<String, Tables> = BTreeMap::new();
        for architecture in corpus.architectures(&release) {
            let tables = corpus.tables(&release, architecture)?;
            all.extend(tables.map(|tables| (architecture.to_owned(), tables)));
        }
        for (machine, scenario) in corpus.destinations(&release) {
            let tables = all.entry(of(&machine).to_owned()).or_default();
            let handlers = corpus.handlers(&release, &machine, &scenario)?.unwrap_or_default();
            for handler in handlers.handlers {
                if let Body::Vmsd(missing) = handler.body
                    && !tables.vmsd.contains_key(&missing)
                {
                    return Err(ImportError::Dangling {
                        path: format!("{release}/destinations/{machine}.{scenario}.json"),
                        release,
                        idstr: handler.idstr,
                        missing,
                    });
                }
            }
        }
    }
    Ok(())
}
