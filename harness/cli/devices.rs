//! `crossload devices`: every catalogued device alone through all releases.

use super::composed::Format;
use super::input::Input;
use super::{CliError, Said};
use crate::matrix::devices::devices;
use crate::release::compose::Shelves;
use crate::report::devices::{json, text};
use crate::trace::Verdict;

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
listed, grouped by cause. Exit status is 1 if anything is misparsed.")]
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
pub(super) fn run(args: &Args) -> Result<Said, CliError> {
    let (library, _) = args.input.open()?;
    let shelves = Shelves::new(&library);
    let mut rows = devices(&shelves, |device| fits(&args.glob, device))?;
    rows.retain(|row| {
        args.source.as_ref().is_none_or(|name| *name == row.source)
            && args.destination.as_ref().is_none_or(|name| *name == row.destination)
    });
    let holds = rows.iter().all(|row| row.answer.verdict() != Verdict::Misparsed);
    let text = match args.format {
        Format::Text => text(&rows),
        Format::Json => json(&rows),
    };
    Ok(Said { text, holds })
}

/// Whether a name fits a pattern in which `*` stands for any text.
fn fits(glob: &str, name: &str) -> bool {
    let Some((head, rest)) = glob.split_once('*') else { return glob == name };
    let Some(mut name) = name.strip_prefix(head) else { return false };
    loop {
        if fits(rest, name) {
            return true;
        }
        let Some(first) = name.chars().next() else { return false };
        name = name.get(first.len_utf8()..).unwrap_or("");
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[rstest::rstest]
    #[case("*", "anything", true)]
    #[case("virtio-*", "virtio-net-pci", true)]
    #[case("virtio-*-pci", "virtio-net-pci", true)]
    #[case("virtio-*-pci", "virtio-net-device", false)]
    #[case("e1000", "e1000e", false)]
    #[case("*e", "e1000e", true)]
    fn patterns(#[case] glob: &str, #[case] name: &str, #[case] fit: bool) {
        assert_eq!(fits(glob, name), fit);
    }
}
