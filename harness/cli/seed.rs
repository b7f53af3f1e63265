//! `crossload seed`: inputs from which a fuzz target starts.

use std::path::PathBuf;

use super::{CliError, Said};
use crate::fuzzing::seed::write_seeds;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload seed stream_decode                    into fuzz/corpus/stream_decode
  crossload seed dictionary --into fuzz           into fuzz/crossload.dict")]
pub(super) struct Args {
    /// A fuzz target, or dictionary
    target: String,
    /// Folder to write into; by default fuzz/corpus/TARGET
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Said, CliError> {
    let usual = || PathBuf::from("fuzz/corpus").join(&args.target);
    let into = args.into.clone().unwrap_or_else(usual);
    let written = write_seeds(&args.target, &into)?;
    Ok(Said { text: format!("{}: {written} written\n", into.display()), holds: true })
}
