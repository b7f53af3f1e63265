//! `crossload inspect`: what every byte of a stream is.

mod channels;
mod compare;
mod read;

use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::input::{Input, machine_type};
use super::source::StreamOptions;
use super::{CliError, Output};
use crate::input::Source;
use crate::report::dump::{self, Dump, Filter};
use crate::stream::{LoadOptions, load_with};
use crate::wire::{Feed, Kind, Map};
use read::{about, check_header, concluded, reader, rest};

/// Items that are kept of a stream at a time. A plain PC has some thousands; RAM pages in a row are
/// one.
const ITEMS: usize = 1 << 16;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload inspect vm.stream
  crossload inspect vm.stream --as 11.1
  crossload inspect /var/lib/libvirt/qemu/save/vm.save
  crossload inspect disk.qcow2 --snapshot before-update
  ssh host cat vm.stream.gz | crossload inspect - --format json
  crossload inspect vm.stream --section e1000 --field mac_reg
  crossload inspect before.stream --diff after.stream
  crossload inspect --channel channel1 channel2

A file may be a plain stream, a libvirt save image, a qcow2 disk with an internal snapshot, or one
of these packed with gzip, bzip2, xz, lzop or zstd; its first bytes tell, not its name.
The rows are offset | bytes | meaning, and the last line tells how the load ended.

With --as, the stream is loaded into that release. Otherwise a stream that carries a description of
itself (QEMU 2.3 and later, machine types from 2.3 on) is read by that; of any other stream the
frames are shown, and where an opaque section ends is a guess.

Nothing is cut in the JSON, and it holds no contents of memory; --section and --field choose from
either form.

Exit status is 0 if the stream was read to its end, 1 if it was refused or does not agree with its
own description, 2 if it is cut short or is no migration stream; with --diff 0 if all fields are the
same, 1 if not; 1 if what --section and --field ask for is not there.")]
pub(super) struct Args {
    /// The file with the stream; - for standard input
    #[arg(required_unless_present = "channel")]
    stream: Option<PathBuf>,
    /// Show these recorded channels of a multifd migration: packets, flags, pages
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["format", "section", "field", "diff", "domain_xml"])]
    channel: Vec<PathBuf>,
    /// Load it into this release, started with the configuration that the stream shows
    #[arg(long = "as", value_name = "RELEASE")]
    release: Option<String>,
    /// The machine type it is loaded into, where the stream does not say it
    #[arg(long, requires = "release", value_parser = machine_type)]
    machine: Option<String>,
    /// Load it into this device set of the corpus instead
    #[arg(long, value_name = "NAME", requires = "machine")]
    scenario: Option<String>,
    /// How the rows are printed
    #[arg(long, value_enum, default_value = "tree")]
    format: Format,
    /// Only this section: its name, or the last part of that
    #[arg(long, value_name = "IDSTR")]
    section: Option<String>,
    /// Only this field, wherever it comes: its path below the section, or part of it between dots
    #[arg(long, value_name = "PATH")]
    field: Option<String>,
    /// Compare with this stream of the same machine, field by field
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "release"])]
    diff: Option<PathBuf>,
    /// Print the domain XML of a libvirt save image, and nothing else
    #[arg(long, conflicts_with_all = ["format", "section", "field", "diff", "release"])]
    domain_xml: bool,
    #[command(flatten)]
    opened: StreamOptions,
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

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let Some(stream) = &args.stream else { return channels::run(&args.channel) };
    let mut source = args.opened.open(stream)?;
    if args.domain_xml {
        return xml(&source);
    }
    let by = reader(args, &mut source)?;
    let filter = Filter { section: args.section.clone(), field: args.field.clone() };
    if let Some(other) = &args.diff {
        return compare::run(args, (&source, &by), &args.opened.open(other)?, &filter);
    }
    check_header(&source)?;
    let format = if args.format == Format::Json { dump::Format::Json } else { dump::Format::Tree };
    let about = about(&by, &source);
    let out = BufWriter::new(io::stdout());
    let dump = Dump::new(source.reader(), out, format, filter.clone());
    let dump = Arc::new(Mutex::new((dump.map_err(|e| source.failed(e))?, Ok(()))));
    let rows = {
        let dump = Arc::clone(&dump);
        move |map: &Map<'_>| {
            let (dump, written) = &mut *dump.lock().unwrap_or_else(PoisonError::into_inner);
            // After an error of the output nothing more is written.
            if written.is_ok() {
                *written = dump.rows(map);
            }
        }
    };
    let begun = lock(&dump).0.begin(Some(&about));
    lock(&dump).1 = begun;
    let map = Map::streamed(ITEMS, rows.clone());
    let loaded =
        load_with(by.destination(), &mut source.reader(), &Feed::Bulk, LoadOptions::with_map(map));
    rows(&loaded.map);
    let left = rest(&mut source, loaded.stopped).map_err(|e| source.failed(e))?;
    let mut dump = lock(&dump);
    let (dump, written) = &mut *dump;
    let about = concluded(about, &by, &loaded, left, (dump.guessed(), dump.cut()));
    let written = std::mem::replace(written, Ok(())).and_then(|()| dump.end(&about, &loaded));
    match written {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => return Err(CliError::Output(e)),
        _ => {}
    }
    if let Some(error) = &loaded.refused
        && let Kind::EndOfInput { .. } | Kind::Io(_) = error.kind
    {
        return Err(CliError::Stream { name: source.name().to_string(), why: error.to_string() });
    }
    let mut text = String::new();
    let found = filter.is_empty() || dump.shown() > 0;
    if !found && args.format == Format::Tree {
        text = format!("nothing of that; the sections are {}\n", dump.sections().join(", "));
    }
    let channels = channels::run(&args.channel)?;
    text += &channels.text;
    Ok(Output { text, holds: found && loaded.refused.is_none() && about.findings.is_empty() })
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn xml(source: &Source) -> Result<Output, CliError> {
    match &source.facts().domain {
        Some(domain) => Ok(Output { text: format!("{}\n", domain.xml.trim_end()), holds: true }),
        None => Err(CliError::Stream {
            name: source.name().to_string(),
            why: "no domain XML came with it: only libvirt save images have one".to_string(),
        }),
    }
}
