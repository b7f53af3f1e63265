//! `crossload observe`: records what real binaries do with the fixtures.

use std::path::PathBuf;

use super::input::{Input, corpus_of, machine_type};
use super::running::RunOptions;
use super::verify::{known, with_progress};
use super::{CliError, Output};
use crate::qemu::observe::{observations, record};
use crate::qemu::verify::{Selection, cases};
use crate::wire::Feed;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Example:
  crossload observe --qemu /usr/bin/qemu-system-x86_64 && crossload observed --matrix matrix.toml

Loads every fixture whose machine type a binary has, in bulk and eight bytes at a time. New pairs
are added to the corpus; those on record stay. Exit status is 1 if one is contradicted.")]
pub(super) struct Args {
    /// A binary; may be given more than once
    #[arg(long, value_name = "BIN", required = true, num_args = 1..)]
    qemu: Vec<PathBuf>,
    /// The release that the binaries are, where their version does not tell
    #[arg(long, value_name = "NAME")]
    release: Option<String>,
    /// The claims whose corpus is added to
    #[arg(long, value_name = "FILE", default_value = "matrix.toml")]
    matrix: PathBuf,
    /// Only fixtures of this machine type; may be given more than once
    #[arg(long, value_name = "TYPE", value_parser = machine_type)]
    machine: Vec<String>,
    /// Only fixtures of this scenario; may be given more than once
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    #[command(flatten)]
    running: RunOptions,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let input = Input { matrix: Some(args.matrix.clone()) };
    let (library, _) = input.open()?;
    let binaries = known(&library, &args.running, &args.qemu, args.release.as_deref())?;
    let feeds = [Feed::Bulk, Feed::Trickle(8)];
    let selection = Selection {
        binaries: &binaries,
        feeds: &feeds,
        machines: &args.machine,
        scenarios: &args.scenario,
    };
    let all = cases(&library, &selection)?;
    if all.is_empty() {
        return Err(CliError::NothingToLoad);
    }
    let verified = with_progress(&library, &all, &args.running, 0)?;
    let recorded = record(&corpus_of(&args.matrix), observations(&verified))?;
    let mut text = String::new();
    for path in &recorded.written {
        text += &format!("wrote {path}\n");
    }
    for pair in &recorded.contradicted {
        text += &format!("contradicted: {pair}\n");
    }
    text += &format!("{} pairs were on record and are the same.\n", recorded.same);
    Ok(Output { text, holds: recorded.contradicted.is_empty() })
}
