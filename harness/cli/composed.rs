//! A user's file as the input of a verb: the machine in it, and the destination that a release makes of
//! it.

use std::path::Path;

use super::CliError;
use super::input::machine_type;
use super::source::StreamOptions;
use crate::input::Source;
use crate::matrix::targets::{Origin, OriginHints, origin};
use crate::release::compose::{self, BuildTables, Composed, Lacking, LayoutCache};
use crate::release::library::Library;

/// What may be said of the machine in a file.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct OriginArgs {
    /// The machine type, where a file does not say it (before 2.4)
    #[arg(long, value_name = "MACHINE", value_parser = machine_type)]
    machine: Option<String>,
    /// The release that wrote a file, where it is known
    #[arg(long, value_name = "RELEASE")]
    source: Option<String>,
}

impl OriginArgs {
    /// The same as a question.
    pub fn hints(&self) -> OriginHints {
        OriginHints { machine: self.machine.clone(), source: self.source.clone() }
    }
}

/// For whom an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For a program: all of it
    Json,
}

/// A release that the corpus does not have.
pub(super) fn no_release(library: &Library, release: &str) -> CliError {
    CliError::NoDestination(library.no_release(release))
}

/// A stream of a user, and what it is of.
pub(super) struct Subject {
    /// The stream.
    pub source: Source,
    /// The machine and the release that wrote it.
    pub origin: Origin,
}

impl Subject {
    /// Opens a file and finds out what it is of.
    pub fn open(
        cache: &LayoutCache<'_>,
        path: &Path,
        opened: &StreamOptions,
        hints: &OriginHints,
    ) -> Result<Self, CliError> {
        let mut source = opened.open(path)?;
        let origin = Subject::of(cache, &mut source, hints)?;
        Ok(Subject { source, origin })
    }

    /// What an opened file is of.
    pub fn of(
        cache: &LayoutCache<'_>,
        source: &mut Source,
        hints: &OriginHints,
    ) -> Result<Origin, CliError> {
        let name = source.name().to_string();
        origin(cache, source, hints).map_err(|source| CliError::Targets { name, source })
    }

    /// The destination that a release makes of it.
    pub fn destination(
        &self,
        cache: &LayoutCache<'_>,
        release: &str,
    ) -> Result<Composed, CliError> {
        destination(cache, release, &self.origin)
    }
}

/// The destination that a release makes of a machine.
pub(super) fn destination(
    cache: &LayoutCache<'_>,
    release: &str,
    origin: &Origin,
) -> Result<Composed, CliError> {
    let Some(build) = BuildTables::of(cache.library, release) else {
        return Err(no_release(cache.library, release));
    };
    let Origin { machine, source, .. } = origin;
    compose::destination(cache, &build, machine, source)?.map_err(|lacking| {
        CliError::NoDestination(match lacking {
            Lacking::Type(why) | Lacking::Unknown(why) => why,
        })
    })
}

/// What an answer depends on, as lines.
pub(super) fn assumptions(composed: &Composed) -> String {
    let mut seen = std::collections::BTreeSet::new();
    let lines = composed.assumptions.iter().filter(|what| seen.insert(what.as_str()));
    lines.map(|what| format!("  assumed: {what}\n")).collect()
}
