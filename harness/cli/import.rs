//! `crossload import`: a folder of streams, tables and observations into a corpus.

use std::path::{Path, PathBuf};

use super::{CliError, Said, input};
use crate::matrix::config::{default_for, missing_from};
use crate::release::corpus::Corpus;
use crate::release::files;
use crate::release::import::import;

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
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Said, CliError> {
    let report = import(&args.dir, &args.into)?;
    let mut text = String::new();
    for path in &report.written {
        text += &format!("wrote {path}\n");
    }
    for note in &report.notes {
        text += &format!("note: {note}\n");
    }
    if let Some(file) = claim(&args.into)? {
        text += &format!("wrote {}\n", file.display());
    }
    let (written, unchanged) = (report.written.len(), report.unchanged);
    text += &format!("{written} files written, {unchanged} unchanged.\n");
    Ok(Said { text, holds: true })
}

/// Writes or extends the `matrix.toml` of a corpus: the one beside its folder if the folder is
/// called `corpus` and there is one, else the one in it. Returns it if it changed.
fn claim(into: &Path) -> Result<Option<PathBuf>, CliError> {
    let corpus = Corpus::open(into)?;
    let beside = into.with_file_name("matrix.toml");
    let is_beside = into.file_name().is_some_and(|name| name == "corpus") && beside.is_file();
    let file = if is_beside { beside } else { into.join("matrix.toml") };
    let text = match files::read(&file)? {
        None => default_for(&corpus)?,
        Some(old) => {
            let name = file.display().to_string();
            let old = files::utf8(&name, &old)?;
            old.to_owned() + &missing_from(&corpus, &input::config(&file)?)?
        }
    };
    Ok(files::write_if_changed(&file, text.as_bytes())?.then_some(file))
}
