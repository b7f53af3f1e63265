//! `crossload add`: a release, from a binary to a diff.

use std::path::PathBuf;

use super::running::Running;
use super::{CliError, Said};
use crate::qemu::add::{Order, add};
use crate::report::table::table;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Example:
  crossload add --qemu /usr/bin/qemu-system-x86_64
  git add -N corpus matrix.toml && git diff --stat

Captures every scenario on every listed machine type that the binary has and on its newest, loads
each by the same binary under trace, imports all of it into a copy of the corpus, runs the new row
and column, and only then writes. A second run changes nothing. Exit status is 1 if a new cell
breaks the policy.")]
pub(super) struct Args {
    /// The binary
    #[arg(long, value_name = "BIN")]
    qemu: PathBuf,
    /// Name of the release [default: MAJOR.MINOR of its version]
    #[arg(long, value_name = "NAME")]
    release: Option<String>,
    /// The claims to add to
    #[arg(long, value_name = "FILE", default_value = "matrix.toml")]
    matrix: PathBuf,
    #[command(flatten)]
    running: Running,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Said, CliError> {
    let binary = args.running.binary(&args.qemu)?;
    let release = args.release.clone().unwrap_or_else(|| binary.series());
    let corpus = super::input::beside(&args.matrix);
    let order = Order {
        binary: &binary,
        release: release.clone(),
        matrix: &args.matrix,
        corpus: &corpus,
        jobs: args.running.jobs(),
        limit: args.running.limit(),
    };
    let added = add(&order)?;
    let Some((config, run)) = &added.run else {
        return Ok(Said {
            text: format!(
                "{release} is there already: nothing changed; {}\n",
                binary.own_release()
            ),
            holds: true,
        });
    };
    let mut text = format!("{release}: {}\n\n", binary.about);
    for note in &added.notes {
        text += &format!("note: {note}\n");
    }
    for change in &added.changes {
        text += &format!("{change}\n");
    }
    text += &format!("\n{}", table(config, run, &run.cells));
    text += &format!("\n{} files written.\n", added.written.len());
    Ok(Said { text, holds: run.holds() })
}
