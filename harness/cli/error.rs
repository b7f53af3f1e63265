//! Why a command could not do what it was asked.

use std::error::Error;
use std::path::PathBuf;

use crate::input::InputError;
use crate::lab::drift::DriftError;
use crate::lab::vendors::VendorError;
use crate::matrix::config::ConfigError;
use crate::matrix::plan::PlanError;
use crate::release::corpus::CorpusError;
use crate::release::files::FileError;
use crate::release::import::ImportError;
use crate::release::library::LibraryError;
use crate::release::locked::LockError;

/// See the module documentation.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CliError {
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Drift(#[from] DriftError),
    #[error(transparent)]
    Vendor(#[from] VendorError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Report(#[from] crate::report::html::FolderError),
    #[error("{0}: {1}")]
    Folder(PathBuf, std::io::Error),
    #[error(transparent)]
    Seed(#[from] crate::fuzzing::seed::SeedError),
    #[cfg(unix)]
    #[error(transparent)]
    Qemu(#[from] crate::qemu::QemuError),
    #[error("{path}: the corpus has no release {about}; it has {known}")]
    UnknownBinary { path: PathBuf, about: String, known: String },
    #[error("{0} is not empty: expected a new folder for what is captured")]
    NotEmpty(PathBuf),
    #[error("nothing to load: no fixture is left by these options")]
    NothingToLoad,
    #[error(transparent)]
    Source(#[from] InputError),
    #[error("{name}: {why}")]
    Stream { name: String, why: String },
    #[error("{name}: {source}")]
    Targets { name: String, source: crate::matrix::targets::TargetsError },
    #[error(transparent)]
    Descriptions(#[from] crate::release::changes::DescriptionsError),
    #[error(transparent)]
    Evidence(#[from] crate::report::evidence::EvidenceError),
    #[error("{0}: no such file")]
    NoFile(PathBuf),
    #[error("the corpus has no matrix.toml: name one with --matrix")]
    NoMatrix,
    #[error("no fixture '{asked}'{hint}: expected RELEASE/MACHINE.SCENARIO, such as {example}")]
    NoFixture { asked: String, hint: String, example: String },
    #[error("no scenario '{asked}'{hint}: expected one of {known}")]
    NoScenario { asked: String, hint: String, known: String },
    #[error("{about} has no machine type '{asked}'{hint}")]
    NoMachine { about: String, asked: String, hint: String },
    #[error(
        "no release and no file '{asked}'{hint}: expected a -dump-vmstate file, or one of {known}"
    )]
    NoBuild { asked: String, hint: String, known: String },
    #[error("{0}")]
    NoDestination(String),
    #[error("{0}")]
    Capability(String),
    #[error("{id}: {why}")]
    Fixture { id: String, why: String },
    #[error("no observation is on record")]
    NothingObserved,
    #[error("the report cannot be written as JUnit XML: {0}")]
    Junit(#[from] quick_junit::SerializeError),
    #[error("the report cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("cannot write to standard output: {0}")]
    Output(#[source] std::io::Error),
}

/// An error and its causes, each once: many messages already tell their cause.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(more.trim_end()) {
            text += &format!("\n  because: {more}");
        }
        cause = error.source();
    }
    text
}
