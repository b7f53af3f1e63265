//! The corpus, embedded or in a folder: releases, tables, destinations, fixtures, observations.
//!
//! | path | holds |
//! | --- | --- |
//! | `<release>/tables.json`, `<release>/<architecture>/tables.json` | [`Tables`] |
//! | `<release>/destinations/<machine>.<scenario>.json` | [`Handlers`] |
//! | `<release>/devices.json`, `devices.payloads.zst` | [`Catalogue`] and its payloads |
//! | `<release>/<machine>.<scenario>.toml`, `.stream.zst` | [`Fixture`] and its bytes |
//! | `observed/<machine>.<scenario>.json` | [`Observed`] |
//! | `observed/mutations.jsonl` | [`Mutation`], one a line |
//! | `saved-again/<machine>.<scenario>/<source>-to-<destination>.stream.zst` | [`SavedAgain`] |
//!
//! A machine type of another architecture than x86_64 is `<architecture>/<name>`, a folder more.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;

use super::archive::Archive;
use super::catalogue::{Catalogue, Layouts, Payloads};
use super::files::{self, FileError, LIMIT};
use super::locked::{LockError, recover};
use super::paths::{is_release, oldest_first, strip, tables_path};
use super::provenance::{Fixture, is_machine, is_name, machine_scenario};
use crate::dialect::machine::X86_64;
use crate::release::observed::{Mutation, Observed};
use crate::vmstate::schema::{Handlers, Tables};

/// What is wrong with a corpus; says which file, by its path in the corpus.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CorpusError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Lock(#[from] Box<LockError>),
    #[error("{0}")]
    Embedded(&'static str),
    #[error("{0}: no such folder")]
    NoFolder(PathBuf),
    #[error("{path}: not in the corpus")]
    Missing { path: String },
    #[error("{path}: {source}")]
    Json { path: String, source: serde_json::Error },
    #[error("{path}, line {line}: {source}")]
    JsonLine { path: String, line: usize, source: serde_json::Error },
    #[error("{path}: {source}")]
    Toml { path: String, source: Box<toml::de::Error> },
    #[error("{path}: is about {found}, expected {expected} as its name says")]
    Misplaced { path: String, expected: String, found: String },
    #[error("{path}: {found} bytes when unpacked, expected {expected}")]
    Size { path: String, expected: u64, found: u64 },
    #[error("{path}: SHA-256 is {found}, expected {expected}")]
    Sha256 { path: String, expected: String, found: String },
}

/// The state that a destination held after it accepted a stream, as it saved it at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedAgain {
    /// Machine type.
    pub machine: String,
    /// Scenario.
    pub scenario: String,
    /// Release that wrote the first stream.
    pub source: String,
    /// Release that loaded it and wrote this one.
    pub destination: String,
}

impl SavedAgain {
    /// Path in the corpus.
    #[must_use]
    pub fn path(&self) -> String {
        let SavedAgain { machine, scenario, source, destination } = self;
        format!("saved-again/{machine}.{scenario}/{source}-to-{destination}.stream.zst")
    }

    /// The same from its path; `None` if the path is not of that form.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        let (stem, name) = path.strip_prefix("saved-again/")?.rsplit_once('/')?;
        let (machine, scenario) = machine_scenario(stem)?;
        let (source, destination) = name.strip_suffix(".stream.zst")?.split_once("-to-")?;
        Some(SavedAgain {
            machine: machine.to_owned(),
            scenario: scenario.to_owned(),
            source: source.to_owned(),
            destination: destination.to_owned(),
        })
    }
}

/// A corpus: an index of its files, read on demand.
#[derive(Debug, Clone)]
pub struct Corpus {
    source: Source,
    /// Paths of all files, sorted.
    paths: Vec<String>,
    /// Streams that were unpacked and compared with their provenance.
    unpacked: Arc<Mutex<Unpacked>>,
}

/// Unpacked streams by path, how many bytes they have, and may have at most.
#[derive(Debug)]
struct Unpacked {
    streams: BTreeMap<String, Arc<Vec<u8>>>,
    bytes: usize,
    most: usize,
}

impl Default for Unpacked {
    fn default() -> Self {
        Unpacked { streams: BTreeMap::new(), bytes: 0, most: KEPT }
    }
}

/// Most bytes of unpacked streams that are kept.
const KEPT: usize = 64 << 20;

#[derive(Debug, Clone)]
enum Source {
    Embedded(&'static Archive),
    Folder(PathBuf),
}

impl Corpus {
    /// The corpus in this binary, with `matrix.toml` beside it; without what destinations saved
    /// again.
    pub fn embedded() -> Result<Self, CorpusError> {
        let archive = Archive::embedded().map_err(CorpusError::Embedded)?;
        let paths = archive.names().map(str::to_owned).collect();
        Ok(Corpus { source: Source::Embedded(archive), paths, unpacked: Arc::default() })
    }

    /// The corpus in a folder, such as `corpus` of the repository. Changes to it that were decided
    /// on by a writer that was killed are finished first.
    pub fn open(folder: &Path) -> Result<Self, CorpusError> {
        if !folder.is_dir() {
            return Err(CorpusError::NoFolder(folder.to_owned()));
        }
        recover(folder).map_err(Box::new)?;
        let (source, paths) = (Source::Folder(folder.to_owned()), files::walk(folder)?);
        Ok(Corpus { source, paths, unpacked: Arc::default() })
    }

    /// The same without streams being kept once they were read: for who looks at few of them, once.
    #[must_use]
    pub fn uncached(self) -> Self {
        let unpacked = Unpacked { most: 0, ..Unpacked::default() };
        Corpus { unpacked: Arc::new(Mutex::new(unpacked)), ..self }
    }

    /// Whether it is the one in this binary.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self.source, Source::Embedded(_))
    }

    /// Writes the files that are wanted into a folder that is the caller's alone.
    pub fn unpack(&self, to: &Path, wanted: impl Fn(&str) -> bool) -> Result<(), CorpusError> {
        for path in self.paths.iter().filter(|path| wanted(path)) {
            if let Some(bytes) = self.bytes(path)? {
                files::write_if_changed(&to.join(path), &bytes)?;
            }
        }
        Ok(())
    }

    /// The same without the releases that are not wanted, what was observed of them left in.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&str) -> bool) -> Self {
        self.paths.retain(|path| match path.split_once('/') {
            Some((folder, _)) if is_release(folder) => wanted(folder),
            _ => true,
        });
        self
    }

    /// All releases of which the corpus has anything, oldest first.
    #[must_use]
    pub fn releases(&self) -> Vec<String> {
        let folders = self.paths.iter().filter_map(|path| Some(path.split_once('/')?.0));
        let mut releases: Vec<&str> = folders.filter(|folder| is_release(folder)).collect();
        oldest_first(&mut releases);
        releases.dedup();
        releases.into_iter().map(str::to_owned).collect()
    }

    /// Architectures of which the corpus has descriptions of a release, sorted.
    #[must_use]
    pub fn architectures(&self, release: &str) -> Vec<&str> {
        let of = |path| match strip(path, release)?.strip_suffix("tables.json")? {
            "" => Some(X86_64),
            folder => folder.strip_suffix('/').filter(|name| is_name(name)),
        };
        self.paths.iter().map(String::as_str).filter_map(of).collect()
    }

    /// The descriptions of a release's binary of an architecture; `None` if the corpus has none.
    pub fn tables(&self, release: &str, architecture: &str) -> Result<Option<Tables>, CorpusError> {
        let path = tables_path(release, architecture);
        let Some(tables) = self.json::<Tables>(&path)? else { return Ok(None) };
        placed(&path, release, &tables.release)?;
        Ok(Some(tables))
    }

    /// Whether the corpus has a catalogue of a release's binary of an architecture.
    #[must_use]
    pub fn has_catalogue(&self, release: &str, architecture: &str) -> bool {
        self.paths.contains(&Catalogue::path(release, architecture))
    }

    /// The devices of a release's binary of an architecture; `None` if the corpus has no catalogue
    /// of them.
    pub fn catalogue(
        &self,
        release: &str,
        architecture: &str,
    ) -> Result<Option<Catalogue>, CorpusError> {
        let path = Catalogue::path(release, architecture);
        let Some(catalogue) = self.json::<Catalogue>(&path)? else { return Ok(None) };
        placed(&path, release, &catalogue.release)?;
        Ok(Some(catalogue))
    }

    /// The catalogue of a release's binary of an architecture, with its payloads; `None` if the corpus has
    /// none.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn layouts(
        &self,
        release: &str,
        architecture: &str,
    ) -> Result<Option<Layouts>, CorpusError> {
        let Some(catalogue) = self.catalogue(release, architecture)? else { return Ok(None) };
        let path = Catalogue::payloads_path(release, architecture);
        let packed = self.bytes(&path)?.ok_or(CorpusError::Missing { path: path.clone() })?;
        let mut payloads = Payloads::default();
        files::unzstd_into(&path, &packed, LIMIT, |piece| {
            payloads.push(piece);
        })?;
        Ok(Some(Layouts { catalogue, payloads, ..Layouts::default() }))
    }

    /// Machine type and scenario of every destination of a release, sorted.
    #[must_use]
    pub fn destinations(&self, release: &str) -> Vec<(String, String)> {
        let prefix = format!("{release}/destinations/");
        let stem = |path: &str| {
            let (machine, scenario) =
                machine_scenario(path.strip_prefix(&prefix)?.strip_suffix(".json")?)?;
            Some((machine.to_owned(), scenario.to_owned()))
        };
        self.paths.iter().filter_map(|path| stem(path)).collect()
    }

    /// The handlers of one destination; `None` if the corpus does not have it.
    pub fn handlers(
        &self,
        release: &str,
        machine: &str,
        scenario: &str,
    ) -> Result<Option<Handlers>, CorpusError> {
        let path = format!("{release}/destinations/{machine}.{scenario}.json");
        let Some(handlers) = self.json::<Handlers>(&path)? else { return Ok(None) };
        placed(
            &path,
            &format!("{release}/{machine}.{scenario}"),
            &format!("{}/{}.{}", handlers.release, handlers.machine, handlers.scenario),
        )?;
        Ok(Some(handlers))
    }

    /// Provenance of all fixtures, oldest release first, then by name.
    pub fn fixtures(&self) -> Result<Vec<Fixture>, CorpusError> {
        let mut fixtures = Vec::new();
        for release in self.releases() {
            let prefix = format!("{release}/");
            for path in &self.paths {
                let stem = path.strip_prefix(&prefix).and_then(|p| p.strip_suffix(".toml"));
                if stem.is_some_and(|stem| !stem.contains('/') || is_machine(stem)) {
                    fixtures.extend(self.fixture(path)?);
                }
            }
        }
        Ok(fixtures)
    }

    /// The bytes of a fixture, of the size and SHA-256 that its provenance says.
    pub fn stream(&self, fixture: &Fixture) -> Result<Vec<u8>, CorpusError> {
        Ok(Arc::unwrap_or_clone(self.shared_stream(fixture)?))
    }

    /// The same for one who only reads them.
    pub fn shared_stream(&self, fixture: &Fixture) -> Result<Arc<Vec<u8>>, CorpusError> {
        let path = fixture.stream_path();
        let known = || self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().streams.get(&path).map(Arc::clone);
        if let Some(stream) = found.filter(|stream| stream.len() as u64 == fixture.size) {
            return Ok(stream);
        }
        let packed = self.bytes(&path)?.ok_or(CorpusError::Missing { path: path.clone() })?;
        // What is in the program was compared with its provenance by the tests of this crate.
        let stream = match self.is_embedded() {
            true => unpacked_stream(&path, &packed, fixture.size)?,
            false => checked_stream(&path, &packed, fixture.size, &fixture.sha256)?,
        };
        let stream = Arc::new(stream);
        let mut known = known();
        if known.bytes + stream.len() <= known.most {
            known.bytes += stream.len();
            known.streams.insert(path, Arc::clone(&stream));
        }
        Ok(stream)
    }

    /// What real binaries did with each fixture, in order of machine type and scenario.
    pub fn observed(&self) -> Result<Vec<Observed>, CorpusError> {
        let mut all = Vec::new();
        for path in self.paths.iter().filter(|p| p.starts_with("observed/")) {
            let Some(stem) = path.strip_prefix("observed/").and_then(|p| p.strip_suffix(".json"))
            else {
                continue;
            };
            let Some(observed) = self.json::<Observed>(path)? else { continue };
            placed(path, stem, &format!("{}.{}", observed.machine, observed.scenario))?;
            all.push(observed);
        }
        Ok(all)
    }

    /// What real binaries did with changed streams; none if the corpus has none.
    pub fn mutations(&self) -> Result<Vec<Mutation>, CorpusError> {
        let path = "observed/mutations.jsonl";
        self.text(path)?.map_or(Ok(Vec::new()), |text| json_lines(path, &text))
    }

    /// What destinations saved again; only a corpus in a folder has any.
    #[must_use]
    pub fn saved_again(&self) -> Vec<SavedAgain> {
        self.paths.iter().filter_map(|path| SavedAgain::from_path(path)).collect()
    }

    /// The bytes of a stream that a destination saved again.
    pub fn saved_again_stream(&self, saved: &SavedAgain) -> Result<Vec<u8>, CorpusError> {
        let path = saved.path();
        let packed = self.bytes(&path)?.ok_or(CorpusError::Missing { path: path.clone() })?;
        Ok(files::unzstd(&path, &packed, LIMIT)?)
    }

    /// A text file of the corpus by its path (`renames.toml`, `matrix.toml`); `None` if there is
    /// none. In a folder, `matrix.toml` is looked for in that folder.
    pub fn text(&self, path: &str) -> Result<Option<String>, CorpusError> {
        let Some(bytes) = self.bytes(path)? else { return Ok(None) };
        Ok(Some(files::utf8(path, &bytes)?.to_owned()))
    }

    fn bytes(&self, path: &str) -> Result<Option<Cow<'static, [u8]>>, CorpusError> {
        // The index alone says what there is, so that a path cannot lead out of the folder.
        if self.paths.binary_search_by(|p| p.as_str().cmp(path)).is_err() {
            return Ok(None);
        }
        Ok(match &self.source {
            Source::Embedded(archive) => {
                archive.get(path).transpose().map_err(CorpusError::Embedded)?
            }
            Source::Folder(folder) => files::read(&folder.join(path))?.map(Cow::Owned),
        })
    }

    fn json<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, CorpusError> {
        let Some(text) = self.text(path)? else { return Ok(None) };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|source| CorpusError::Json { path: path.to_owned(), source })
    }

    fn fixture(&self, path: &str) -> Result<Option<Fixture>, CorpusError> {
        let Some(text) = self.text(path)? else { return Ok(None) };
        let fixture: Fixture = toml::from_str(&text).map_err(|source| CorpusError::Toml {
            path: path.to_owned(),
            source: Box::new(source),
        })?;
        placed(path, path, &fixture.provenance_path())?;
        Ok(Some(fixture))
    }
}

/// Unpacks a stream and compares it with its provenance; `path` is for messages.
pub fn checked_stream(
    path: &str,
    packed: &[u8],
    size: u64,
    sha256: &str,
) -> Result<Vec<u8>, CorpusError> {
    let bytes = unpacked_stream(path, packed, size)?;
    let found = files::sha256(&bytes);
    if found != sha256 {
        let expected = sha256.to_owned();
        return Err(CorpusError::Sha256 { path: path.to_owned(), expected, found });
    }
    Ok(bytes)
}

/// Unpacks a stream of `size` bytes.
fn unpacked_stream(path: &str, packed: &[u8], size: u64) -> Result<Vec<u8>, CorpusError> {
    let bytes = files::unzstd(path, packed, LIMIT)?;
    if bytes.len() as u64 != size {
        let found = bytes.len() as u64;
        return Err(CorpusError::Size { path: path.to_owned(), expected: size, found });
    }
    Ok(bytes)
}

/// Parses one JSON value a line; empty lines are skipped.
pub fn json_lines<T: DeserializeOwned>(path: &str, text: &str) -> Result<Vec<T>, CorpusError> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|source| CorpusError::JsonLine {
                path: path.to_owned(),
                line: index + 1,
                source,
            })
        })
        .collect()
}

/// An error if the file is about something else than its path says.
fn placed(path: &str, expected: &str, found: &str) -> Result<(), CorpusError> {
    if expected == found {
        return Ok(());
    }
    Err(CorpusError::Misplaced {
        path: path.to_owned(),
        expected: expected.to_owned(),
        found: found.to_owned(),
    })
}

#[cfg(test)]
mod tests;
