//! How files of the input are read, and what an import can fail with.

use std::path::Path;

use serde::Deserialize;

use crate::release::bundle::BundleError;
use crate::release::corpus::CorpusError;
use crate::release::debugger::DebuggerError;
use crate::release::files::{self, FileError, LIMIT};
use crate::release::locked::LockError;
use crate::release::paths::is_release;

/// Why an import stopped. The corpus is as it was.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ImportError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("a temporary folder: {0}")]
    Temporary(#[source] std::io::Error),
    #[error(transparent)]
    Debugger(#[from] DebuggerError),
    #[error("bundle of {release}: {source}")]
    Bundle { release: String, source: Box<BundleError> },
    #[error("{path}: {source}")]
    Json { path: String, source: serde_json::Error },
    #[error("{path}: cannot be written as TOML: {source}")]
    Toml { path: String, source: toml::ser::Error },
    #[error("{path}: no such file, but {needed_by} needs it")]
    Missing { path: String, needed_by: String },
    #[error("{path}: {found:?} cannot be {what}")]
    Name { path: String, what: &'static str, found: String },
    #[error("{path}: its file is {found}, expected {expected}")]
    StreamFile { path: String, expected: String, found: String },
    #[error("{path}: scenario {scenario} is not described there")]
    Scenario { path: String, scenario: String },
    #[error("{path}: is about {found}, expected {expected} as its name says")]
    Misplaced { path: String, expected: String, found: String },
    #[error("{path}: the corpus has other content under this name; fixtures never change")]
    FixtureChanged { path: String },
    #[error("{path}: the corpus says something else of {source_release} to {destination}")]
    ObservationChanged { path: String, source_release: String, destination: String },
    #[error(
        "{path}: handler {idstr} has description {missing}, which the tables of {release} do not: \
         remove the file if they replaced those it was made with"
    )]
    Dangling { path: String, release: String, idstr: String, missing: String },
}

/// An error unless `release` can be a folder of the corpus.
pub(super) fn check_release(path: &str, release: &str) -> Result<(), ImportError> {
    if is_release(release) {
        return Ok(());
    }
    Err(ImportError::Name {
        path: path.to_owned(),
        what: "a release: expected MAJOR.MINOR or MAJOR.MINOR.MICRO",
        found: release.to_owned(),
    })
}

/// The bytes of a file of the input, which must be there.
pub(super) fn bytes(dir: &Path, path: &str) -> Result<Vec<u8>, ImportError> {
    Ok(files::read(&dir.join(path))?
        .ok_or_else(|| CorpusError::Missing { path: path.to_owned() })?)
}

/// The same as text.
pub(super) fn text(dir: &Path, path: &str) -> Result<String, ImportError> {
    Ok(files::utf8(path, &bytes(dir, path)?)?.to_owned())
}

/// The same of a file packed by zstd.
pub(super) fn packed_text(dir: &Path, path: &str) -> Result<String, ImportError> {
    let unpacked = files::unzstd(path, &bytes(dir, path)?, LIMIT)?;
    Ok(files::utf8(path, &unpacked)?.to_owned())
}

/// JSON of a file.
pub(super) fn parse<'a, T: Deserialize<'a>>(path: &str, json: &'a str) -> Result<T, ImportError> {
    serde_json::from_str(json).map_err(|source| json_error(path, source))
}

/// An error in the JSON of a file.
pub(super) fn json_error(path: &str, source: serde_json::Error) -> ImportError {
    ImportError::Json { path: path.to_owned(), source }
}
