//! `crossload drift`: a device's state changes and its version does not. Where is it detected?

use super::input::Input;
use super::{CliError, Said};
use crate::lab::drift::{self, Selection, channel, table};

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Example:
  crossload drift --release 2.3.1 --machine pc-i440fx-2.0 --fields

Without a selection: of each release the newest machine type that there is a fixture of.
Exit status is 0: whatever comes out is the answer.")]
pub(super) struct Args {
    /// Only fixtures of this release
    #[arg(long, value_name = "RELEASE")]
    release: Option<String>,
    /// Only fixtures of this machine type
    #[arg(long, value_name = "MACHINE")]
    machine: Option<String>,
    /// Also a table for each fixture, section by section, under the release's own rules
    #[arg(long)]
    sections: bool,
    /// Also a table for each fixture, field by field, under the release's own rules
    #[arg(long)]
    fields: bool,
    /// Also, for each fixture and section, the worst changes that are never detected
    #[arg(long)]
    missed: bool,
    /// Only the question of 2015: bytes added to virtio_ccw_save_config, on s390x
    #[arg(long, conflicts_with_all = ["sections", "fields", "missed"])]
    channel: bool,
    #[command(flatten)]
    input: Input,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Said, CliError> {
    let (library, _) = args.input.open()?;
    let selection = Selection { release: args.release.clone(), machine: args.machine.clone() };
    if args.channel {
        let text = channel::table(&channel::run(&library, &selection)?);
        return Ok(Said { text, holds: true });
    }
    let drifts = drift::run(&library, &selection)?;
    let mut text = table::summary(&drifts);
    for drift in drifts.iter().filter(|d| d.own) {
        if args.sections {
            text += "\n";
            text += &table::sections(drift);
        }
        if args.missed {
            text += &format!("\n{}", table::missed(drift));
        }
        if args.fields {
            text += "\n";
            text += &table::fields(drift);
        }
    }
    Ok(Said { text, holds: true })
}
