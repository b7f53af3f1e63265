//! `crossload seed`: inputs from which a fuzz target starts.

use std::path::PathBuf;

use super::{CliError, Output};
use crate::fuzzing::packed::FOLDER;
use crate::fuzzing::seed::{keep_seeds, write_seeds};

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload seed stream_decode                    into fuzz/corpus/stream_decode
  crossload seed dictionary --into fuzz           into fuzz/crossload.dict
  crossload seed stream_decode --keep fuzz/corpus/stream_decode    packs those inputs for later runs

Those that are kept in corpus/fuzz-seeds are written, too.")]
pub(super) struct Args {
    /// A fuzz target, or dictionary
    target: String,
    /// Folder to write into; by default fuzz/corpus/TARGET
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
    /// Pack the inputs of this folder instead, as those that are kept of the target
    #[arg(long, value_name = "FOLDER", conflicts_with = "into")]
    keep: Option<PathBuf>,
    /// Where inputs are kept
    #[arg(long, value_name = "FOLDER", default_value = FOLDER)]
    kept: PathBuf,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    if let Some(folder) = &args.keep {
        let (path, length) = keep_seeds(&args.target, folder, &args.kept)?;
        return Ok(Output { text: format!("{}: {length} bytes\n", path.display()), holds: true });
    }
    let usual = || PathBuf::from("fuzz/corpus").join(&args.target);
    let into = args.into.clone().unwrap_or_else(usual);
    let written = write_seeds(&args.target, &into, &args.kept)?;
    Ok(Output { text: format!("{}: {written} written\n", into.display()), holds: true })
}
