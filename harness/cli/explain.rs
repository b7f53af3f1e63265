//! `crossload explain`: one load, around the byte where it goes wrong.

use std::io::Read;
use std::path::Path;

use super::composed::{OriginArgs, Subject, assumptions};
use super::input::{Input, StartOptions, find};
use super::source::StreamOptions;
use super::{CliError, Output};
use crate::matrix::sentence::judged_sentence;
use crate::matrix::targets::restore_offsets;
use crate::release::compose::LayoutCache;
use crate::release::library::Library;
use crate::report::side_by_side::{places, side_by_side};
use crate::stream::condense::Condensed;
use crate::stream::{Destination, load};
use crate::trace::{Meaning, judge};
use crate::wire::Feed;

/// Longest stream that is held in memory as it is, in bytes; of a longer one, without the pages that
/// make no difference.
const LONGEST: u64 = 16 << 20;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload explain 0.12.5/pc-0.12.idle 0.13.0
  crossload explain vm.save 11.1

The rows are offset | bytes | what the source wrote | what the destination read; the row where
they part, or where the load was refused, is marked. Exit status is 1 if the state does not arrive.")]
pub(super) struct Args {
    /// The stream: a fixture (RELEASE/MACHINE.SCENARIO), a file, or - for standard input
    stream: String,
    /// The release that loads it
    destination: String,
    #[command(flatten)]
    origin: OriginArgs,
    #[command(flatten)]
    opened: StreamOptions,
    #[command(flatten)]
    start: StartOptions,
    #[command(flatten)]
    input: Input,
    /// How the bytes arrive: bulk, trickle:N, schedule:N,N,... or random:SEED
    #[arg(long, value_name = "FEED", default_value = "bulk")]
    feed: Feed,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let (library, _) = args.input.open_uncached()?;
    let path = Path::new(&args.stream);
    let fixture = match find(&library, &args.stream) {
        Ok(fixture) => fixture,
        Err(unknown) if args.stream != "-" && !path.exists() => return Err(unknown),
        Err(_) => return file(args, &library, path),
    };
    let (machine, scenario) = (&fixture.machine, &fixture.scenario);
    let own = destination(&library, &fixture.release, machine, scenario)?;
    let mut to = destination(&library, &args.destination, machine, scenario)?;
    to.dialect.capabilities = Some(args.start.capabilities()?);
    let stream = library.corpus().stream(fixture).map_err(CliError::Corpus)?;
    judged_text(&fixture.id(), &fixture.release, [&own, &to], &stream.into(), args)
}

/// A user's stream, into what the release makes of its machine.
fn file(args: &Args, library: &Library, path: &Path) -> Result<Output, CliError> {
    let cache = LayoutCache::new(library);
    let subject = Subject::open(&cache, path, &args.opened, &args.origin.hints())?;
    let to = subject.destination(&cache, &args.destination)?;
    let name = subject.source.name();
    let own = &subject.origin.source.destination;
    let mut whole = Condensed::default();
    let mut stream = &subject.origin.machine.condensed;
    if subject.source.size() <= LONGEST {
        let read = subject.source.reader().read_to_end(&mut whole.bytes);
        read.map_err(|e| subject.source.failed(e))?;
        stream = &whole;
    }
    let mut output = judged_text(name, &own.release, [own, &to.destination], stream, args)?;
    output.text += &assumptions(&to);
    Ok(output)
}

/// One load, around where it goes wrong; `of` are the source and the destination.
fn judged_text(
    name: &str,
    source: &str,
    [own, to]: [&Destination; 2],
    condensed: &Condensed,
    args: &Args,
) -> Result<Output, CliError> {
    let stream = &condensed.bytes;
    let bad = |why| CliError::Fixture { id: name.to_owned(), why };
    let meaning = Meaning::of_condensed(own, condensed).map_err(bad)?;
    let mut judged = judge(&meaning, stream, to, &args.feed);
    let places = places(&judged);
    restore_offsets(&mut judged, condensed);

    let cause = judged_sentence(&judged, source);
    let mut text = format!("{name} into {}: {}\n{cause}\n", args.destination, judged.verdict);
    let reading = load(to, &mut &stream[..], &args.feed);
    for at in places {
        text += "\n";
        text +=
            &side_by_side(&meaning.loaded.map, &reading, stream, at, |at| condensed.original(at));
    }
    for default in &judged.defaults {
        text += &format!("  default kept: {default}\n");
    }
    let arrived = [crate::trace::Verdict::Faithful, crate::trace::Verdict::Defaulted];
    Ok(Output { text, holds: arrived.contains(&judged.verdict) })
}

fn destination(
    library: &Library,
    release: &str,
    machine: &str,
    scenario: &str,
) -> Result<Destination, CliError> {
    library.destination(release, machine, scenario)?.ok_or_else(|| {
        let releases: Vec<&str> = library
            .releases()
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| {
                let all = library.corpus().destinations(name);
                all.iter().any(|(m, s)| m == machine && s == scenario)
            })
            .collect();
        CliError::NoDestination(format!(
            "{release} has no machine type {machine} with the devices of {scenario}: expected one of {}",
            releases.join(", ")
        ))
    })
}
