//! `crossload inspect`: what every byte of a stream is.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use super::input::Input;
use super::source::Source;
use super::{CliError, Said};
use crate::release::described::{self, Described};
use crate::release::library::Library;
use crate::report::dump::{self, About, ReadBy, StreamInfo};
use crate::stream::frames::{Depth, scan};
use crate::stream::{Destination, Loaded, load_into, record};
use crate::wire::{Error, Feed, Kind, Map};

/// Items that are kept of a stream. A plain PC has some thousands; RAM pages in a row are one.
const MAX_ITEMS: usize = 1 << 17;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload inspect vm.stream
  crossload inspect vm.stream --as 7.2 --machine pc-i440fx-7.2 --scenario legacy
  zcat vm.stream.gz | crossload inspect - --format json

The rows are offset | bytes | meaning, and the last line tells how the load ended.

With --as, the stream is loaded into that release. Otherwise a stream that carries a description of
itself (QEMU 2.3 and later, machine types from 2.3 on) is read by that; of any other stream the
frames are shown, and where an opaque section ends is a guess.

Exit status is 0 if the stream was read to its end, 1 if it was refused or does not agree with its
own description, 2 if it is cut short or is no migration stream.")]
pub(super) struct Args {
    /// The stream, plain or compressed with zstd; - for standard input
    stream: PathBuf,
    /// Load it into this release
    #[arg(long = "as", value_name = "RELEASE", requires = "machine")]
    release: Option<String>,
    /// The machine type it is loaded into
    #[arg(long, requires = "release")]
    machine: Option<String>,
    /// The device set it is loaded into
    #[arg(long, value_name = "NAME", default_value = "idle", requires = "release")]
    scenario: String,
    /// How the rows are printed
    #[arg(long, value_enum, default_value = "tree")]
    format: Format,
    #[command(flatten)]
    input: Input,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Rows for a person
    Tree,
    /// One document for a program
    Json,
}

/// What reads the stream.
enum By {
    Release(Destination),
    Description(Described),
    /// With what is wrong with a description, if there seems to be one.
    Frames(Destination, Option<String>),
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Said, CliError> {
    let mut source = Source::open(&args.stream)?;
    let by = reader(args, &mut source)?;
    let destination = match &by {
        By::Release(to)
        | By::Frames(to, _)
        | By::Description(Described { destination: to, .. }) => to,
    };
    source.rewind()?;
    let map = Map::bounded(MAX_ITEMS);
    let loaded = load_into(destination, &mut source.file, &Feed::Bulk, map);
    if let Some(Error { kind: kind @ (Kind::BadMagic { .. } | Kind::BadVersion { .. }), .. }) =
        loaded.refused.as_deref()
    {
        return Err(CliError::Stream { name: source.name, why: kind.to_string() });
    }
    let described = source.byte(loaded.stopped)? == Some(record::VMDESCRIPTION);
    let about = about(args, &by, &loaded, &source, described);
    show(args.format, &about, &loaded, &mut source)?;
    if let Some(error) = &loaded.refused
        && let Kind::EndOfInput { .. } | Kind::Io(_) = error.kind
    {
        return Err(CliError::Stream { name: source.name, why: error.to_string() });
    }
    Ok(Said { text: String::new(), holds: loaded.refused.is_none() && about.findings.is_empty() })
}

/// Chooses what reads the stream, and looks at its beginning and end for that.
fn reader(args: &Args, source: &mut Source) -> Result<By, CliError> {
    if let (Some(release), Some(machine)) = (&args.release, &args.machine) {
        let (library, _) = args.input.open()?;
        return Ok(By::Release(destination(&library, release, machine, &args.scenario)?));
    }
    let mut unread = None;
    let json = described::find(&mut source.file).map_err(|e| source.failed(e))?;
    if let Some(json) = json {
        source.rewind()?;
        let scan = scan(&mut source.file, Depth::Framing);
        match Described::new(&json, &scan) {
            Ok(described) => return Ok(By::Description(described)),
            Err(error) => unread = Some(error.to_string()),
        }
    }
    source.rewind()?;
    Ok(By::Frames(scan(&mut source.file, Depth::All).destination(), unread))
}

fn destination(
    library: &Library,
    release: &str,
    machine: &str,
    scenario: &str,
) -> Result<Destination, CliError> {
    if let Some(found) = library.destination(release, machine, scenario)? {
        return Ok(found);
    }
    let known: Vec<String> = library.releases().iter().map(|r| r.0.clone()).collect();
    if !known.iter().any(|name| name == release) {
        let known = known.join(", ");
        return Err(CliError::NoDestination(format!(
            "no release {release}: expected one of {known}"
        )));
    }
    let all = library.corpus().destinations(release);
    let all: Vec<String> = all.into_iter().map(|(m, s)| format!("{m} {s}")).collect();
    Err(CliError::NoDestination(format!(
        "{release} has no machine type {machine} with scenario {scenario}: expected one of {}",
        all.join(", ")
    )))
}

/// `described`: what the load left begins with a description, which older releases leave.
fn about(args: &Args, by: &By, loaded: &Loaded<'_>, source: &Source, described: bool) -> About {
    let (read_by, mut findings) = match by {
        By::Release(to) => (
            ReadBy::Release {
                release: to.release.clone(),
                machine: to.machine.clone(),
                scenario: args.scenario.clone(),
            },
            Vec::new(),
        ),
        By::Description(described) => (ReadBy::Description, described.findings(loaded)),
        By::Frames(_, unread) => (ReadBy::Frames, unread.iter().cloned().collect()),
    };
    let left = source.size.saturating_sub(loaded.stopped);
    if loaded.refused.is_none() && left > 0 && !described {
        findings.push(format!("{left} bytes after the end of the stream are read by nobody"));
    }
    let stream = StreamInfo { name: source.name.clone(), size: source.size, packed: source.packed };
    About { stream, read_by, findings }
}

/// Prints the dump row by row. A reader that has seen enough and closed the pipe is no error.
fn show(
    format: Format,
    about: &About,
    loaded: &Loaded<'_>,
    source: &mut Source,
) -> Result<(), CliError> {
    let mut out = BufWriter::new(io::stdout().lock());
    let told = match format {
        Format::Json => dump::json(about, loaded, &mut source.file, &mut out),
        Format::Tree => dump::tree(&loaded.map, &mut source.file, &mut out)
            .and_then(|()| out.write_all(dump::ending(about, loaded).as_bytes())),
    };
    match told.and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(e)),
        _ => Ok(()),
    }
}
