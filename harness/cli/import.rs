//! `crossload import`: a folder of streams, tables and observations into a corpus.

use std::path::{Path, PathBuf};

use super::{CliError, Output, input};
#[cfg(unix)]
use crate::matrix::Config;
use crate::matrix::initial::{default_for, missing_from};
#[cfg(unix)]
use crate::qemu::{QemuError, matrix_toml};
use crate::release::corpus::Corpus;
use crate::release::files;
use crate::release::import::ImportedCopy;
use crate::release::locked::LockedFolder;
use crate::release::notes;
#[cfg(unix)]
use crate::release::provenance::Fixture;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Example:
  crossload import DIR --into my-corpus
  crossload --matrix my-corpus/matrix.toml

What the folder may hold is described in harness/release/import.rs. A corpus without a matrix.toml
gets one that lists what it has; an existing one gets the releases, machine types and scenarios
that it lacks. A second run changes nothing.")]
pub(super) struct Args {
    /// The folder to import
    dir: PathBuf,
    /// The corpus, made if need be
    #[arg(long, value_name = "CORPUS")]
    into: PathBuf,
    /// Print every note of the importer for itself, not what is said of many places in one line
    #[arg(long)]
    notes: bool,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let locked = LockedFolder::lock(&args.into, "import")?;
    let copy = ImportedCopy::new(&args.dir, &locked)?;
    let mut changes = copy.changes()?;
    let matrix = new_matrix(&args.into, copy.folder())?;
    let (matrix_file, _) = &matrix;
    let matrix_file = matrix_file.clone();
    changes.push(matrix);
    let changed = locked.change(&changes)?;
    let report = &copy.report;
    let mut text = String::new();
    for path in &report.written {
        text += &format!("wrote {path}\n");
    }
    text += &notes::lines(&report.notes, args.notes);
    if changed.contains(&matrix_file) {
        text += &format!("wrote {}\n", matrix_file.display());
    }
    let (written, unchanged) = (report.written.len(), report.unchanged);
    text += &format!("{written} files written, {unchanged} unchanged.\n");
    Ok(Output { text, holds: true })
}

/// The `matrix.toml` of a corpus as it is to be, for `copy`, the corpus as it is to be: the one
/// beside its folder if the folder is called `corpus` and there is one, else the one in it.
fn new_matrix(into: &Path, copy: &Path) -> Result<(PathBuf, Vec<u8>), CliError> {
    let corpus = Corpus::open(copy)?;
    let into = std::path::absolute(into).map_err(|e| CliError::Folder(into.to_owned(), e))?;
    let beside = into.with_file_name("matrix.toml");
    let is_beside = into.file_name().is_some_and(|name| name == "corpus") && beside.is_file();
    let file = if is_beside { beside } else { into.join("matrix.toml") };
    let text = match files::read(&file)? {
        None => default_for(&corpus)?,
        Some(old) => {
            let name = file.display().to_string();
            let old = files::utf8(&name, &old)?;
            extended(
                &name,
                old.to_owned() + &missing_from(&corpus, &input::config(&file)?)?,
                &corpus,
            )?
        }
    };
    Ok((file, text.into_bytes()))
}

/// The text with every release of a fixture among those that have its machine type and scenario.
#[cfg(unix)]
fn extended(name: &str, mut text: String, corpus: &Corpus) -> Result<String, CliError> {
    let mut config = Config::parse(name, &text)?;
    for fixture in corpus.fixtures()? {
        let Fixture { release, machine, scenario, .. } = &fixture;
        let m = config.machines.iter().find(|m| m.name == *machine);
        let s = config.scenarios.iter().find(|s| s.name == *scenario);
        if m.is_some_and(|m| !m.releases.contains(release))
            || s.is_some_and(|s| !s.releases.contains(release))
        {
            text = matrix_toml::extended(&text, release, machine, scenario)
                .map_err(|why| QemuError::MatrixToml { file: name.to_owned(), why })?;
            config = Config::parse(name, &text)?;
        }
    }
    Ok(text)
}

#[cfg(not(unix))]
fn extended(_: &str, text: String, _: &Corpus) -> Result<String, CliError> {
    Ok(text)
}
