//! `crossload drift`: a device's state changes and its version does not. Where is it detected?

use super::input::{Input, machine_type};
use super::progress;
use super::{CliError, Output};
use crate::lab::drift::{Planned, Selection, channel, table};

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Example:
  crossload drift --release 2.3.1 --machine pc-i440fx-2.0 --fields

Without a selection: of each release the newest machine type that there is a fixture of. How many
loads the whole is, is said before it begins; of more than --sample, every so manieth is made.
Exit status is 0: whatever comes out is the answer.")]
pub(super) struct Args {
    /// Only fixtures of this release
    #[arg(long, value_name = "RELEASE")]
    release: Option<String>,
    /// Only fixtures of this machine type
    #[arg(long, value_name = "MACHINE", value_parser = machine_type)]
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
    /// About so many loads
    #[arg(long, value_name = "LOADS", default_value_t = SAMPLE, value_parser = clap::value_parser!(u64).range(1..))]
    sample: u64,
    /// All of them, however many there are
    #[arg(long, conflicts_with = "sample")]
    whole: bool,
    /// Only the question of 2015: bytes added to virtio_ccw_save_config, on s390x
    #[arg(long, conflicts_with_all = ["sections", "fields", "missed"])]
    channel: bool,
    #[command(flatten)]
    input: Input,
}

/// Loads of a sample: some seconds.
const SAMPLE: u64 = 20_000;

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let (library, _) = args.input.open()?;
    let selection = Selection { release: args.release.clone(), machine: args.machine.clone() };
    if args.channel {
        let text = channel::table(&channel::run(&library, &selection)?);
        return Ok(Output { text, holds: true });
    }
    let planned = Planned::new(&library, &selection)?;
    let sample = usize::try_from(args.sample).unwrap_or(usize::MAX);
    let step = if args.whole { 1 } else { planned.step(sample) };
    let (all, bases) = (planned.loads, planned.bases());
    let loads = all.div_ceil(step);
    let made = match step {
        1 => format!("{all} loads of {bases} fixtures, each under a set of rules"),
        _ => format!(
            "a sample of {loads} loads, one in {step} of {all}, of {bases} fixtures, each under a \
             set of rules; --whole makes all"
        ),
    };
    progress::say(&format!("drift: {made}"));
    let bar = progress::count(loads as u64, "loads");
    let drifts = planned.run(step, &|| bar.inc(1));
    let mut text = String::new();
    if step > 1 {
        text += &format!("A sample: one in {step} of {all} changes.\n\n");
    }
    text += &table::summary(&drifts);
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
    Ok(Output { text, holds: true })
}
