//! `crossload devices`: every catalogued device alone through all releases.

use super::composed::Format;
use super::input::Input;
use super::{CliError, Output};
use crate::matrix::devices::{devices_between, fits, standing};
use crate::matrix::policy::Standing;
use crate::release::compose::LayoutCache;
use crate::report::devices::{json, text};

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload devices
  crossload devices 'virtio-*'
  crossload devices --source 10.0 --destination 11.1
  crossload devices --format json

Every device type of every release that has a catalogue (crossload add), alone, into every other
release that has it, on each machine type that both have. What is neither faithful nor defaulted is
listed, grouped by cause: what breaks the policy of matrix.toml first, then what a [[known_device]]
entry there names, then what the policy allows. Exit status is 1 if anything breaks it.")]
pub(super) struct Args {
    /// Device types, by name; * stands for anything
    #[arg(value_name = "GLOB", default_value = "*")]
    glob: String,
    /// Only what this release sends
    #[arg(long, value_name = "RELEASE")]
    source: Option<String>,
    /// Only what this release is given
    #[arg(long, value_name = "RELEASE")]
    destination: Option<String>,
    #[command(flatten)]
    input: Input,
    /// How it is told
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let (library, config) = args.input.open()?;
    let cache = LayoutCache::new(&library);
    let pair = |source: &str, destination: &str| {
        args.source.as_ref().is_none_or(|name| name == source)
            && args.destination.as_ref().is_none_or(|name| name == destination)
    };
    let rows = devices_between(&cache, |device| fits(&args.glob, device), pair)?;
    let results: Vec<_> = rows.into_iter().map(|row| (standing(&config, &row), row)).collect();
    let holds = results.iter().all(|(standing, _)| *standing != Standing::Broken);
    let text = match args.format {
        Format::Text => text(&results, &config),
        Format::Json => json(&results, &config),
    };
    Ok(Output { text, holds })
}
