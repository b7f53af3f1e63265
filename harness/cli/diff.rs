//! `crossload diff`: what changed between the descriptions of two builds, and which of it breaks.

use std::path::Path;

use super::composed::Format;
use super::input::Input;
use super::{CliError, Output};
use crate::dialect::machine::X86_64;
use crate::matrix::Config;
use crate::release::changes::descriptions::Codecs;
use crate::release::changes::{Descriptions, changes, gates};
use crate::release::files;
use crate::release::library::Library;
use crate::release::suggest;
use crate::report::diff::{Direction, ShowOptions, json, text};
use crate::report::evidence::Evidence;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload diff 10.0 11.1
  crossload diff 5.2 7.2 --machine pc-i440fx-5.2 --notes
  qemu-system-x86_64 -machine pc-q35-10.0 -dump-vmstate new.json
  crossload diff old.json new.json --format json

Between releases of the corpus it also tells what happens on the wire: with every fixture and every
catalogued device of one that is loaded into the other, and with real binaries. Of two dumps there
are descriptions only: what a presence hook decides may break, and is told as such.
Exit status is 1 if something breaks from A to B, and 0 if at most it may.")]
pub(super) struct Args {
    /// The older build: a release of the corpus, or a file that -dump-vmstate wrote
    #[arg(value_name = "A")]
    from: String,
    /// The newer build, likewise
    #[arg(value_name = "B")]
    to: String,
    /// Of the loads on record, only those of this machine type
    #[arg(long, value_name = "MACHINE")]
    machine: Option<String>,
    /// Also changes that break nothing
    #[arg(long)]
    notes: bool,
    /// Also the changes for streams that go from B back to A
    #[arg(long)]
    back: bool,
    #[command(flatten)]
    input: Input,
    /// How it is told
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let (library, config) = args.input.open()?;
    let codecs = Codecs::of(&library);
    let mut from = build(&library, &args.from, &codecs)?;
    let mut to = build(&library, &args.to, &codecs)?;
    shorten(&mut from.name, &mut to.name);
    let (from, to) = (&from, &to);
    let machine = args.machine.as_deref();
    let wants_back = args.back || args.format == Format::Json;
    let forward = direction(&library, &config, [from, to], machine, true)?;
    let back = direction(&library, &config, [to, from], machine, wants_back)?;
    let text = match args.format {
        Format::Text => text(&forward, &back, ShowOptions { notes: args.notes, back: args.back }),
        Format::Json => json(&forward, &back)?,
    };
    Ok(Output { text, holds: forward.holds() })
}

/// Files are called by their names alone, if those tell them apart.
fn shorten(from: &mut String, to: &mut String) {
    let short = |name: &str| {
        let file = Path::new(name).file_name().unwrap_or_default();
        file.to_string_lossy().into_owned()
    };
    let (one, other) = (short(from), short(to));
    if one != other {
        (*from, *to) = (one, other);
    }
}

/// A release by its name, or a file.
fn build(library: &Library, name: &str, codecs: &Codecs<'_>) -> Result<Descriptions, CliError> {
    if library.releases().iter().any(|(release, _)| release == name) {
        return Ok(Descriptions::of_release(library, name)?);
    }
    let Some(bytes) = files::read(Path::new(name))? else {
        let known: Vec<&str> = library.releases().iter().map(|r| r.0.as_str()).collect();
        return Err(CliError::NoBuild {
            asked: name.to_owned(),
            hint: suggest::hint(name, known.iter().copied()),
            known: known.join(", "),
        });
    };
    Ok(Descriptions::of_dump(name, files::utf8(name, &bytes)?, codecs)?)
}

fn direction(
    library: &Library,
    config: &Config,
    [from, to]: [&Descriptions; 2],
    machine: Option<&str>,
    loads: bool,
) -> Result<Direction, CliError> {
    let changes = changes(from, to, library.renames());
    let both = [from, to].map(|d| library.tables(&d.name, X86_64).is_some());
    let evidence = match both {
        [true, true] if loads => {
            Some(Evidence::of(library, config, &from.name, &to.name, machine)?)
        }
        _ => None,
    };
    let machines = match (&from.machine, &to.machine) {
        (Some(one), Some(other)) if one != other => Some([one.clone(), other.clone()]),
        _ => None,
    };
    let gates = gates::gates(library, [&from.name, &to.name], &changes)?;
    Ok(Direction {
        from: from.name.clone(),
        to: to.name.clone(),
        machines,
        changes,
        evidence,
        gates,
    })
}
