//! `crossload explain`: one load, around the byte where it goes wrong.

use super::input::{Input, Started, find};
use super::{CliError, Said};
use crate::release::library::Library;
use crate::report::beside::beside;
use crate::report::sentence::judged_sentence;
use crate::stream::{Destination, load};
use crate::trace::{Meaning, judge};
use crate::wire::Feed;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Example:
  crossload explain 0.12.5/pc-0.12.idle 0.13.0

The rows are offset | bytes | what the source wrote | what the destination read; the row where
they part, or where the load was refused, is marked. Exit status is 1 if the state does not arrive.")]
pub(super) struct Args {
    /// The stream: RELEASE/MACHINE.SCENARIO
    fixture: String,
    /// The release that loads it
    destination: String,
    #[command(flatten)]
    started: Started,
    #[command(flatten)]
    input: Input,
    /// How the bytes arrive: bulk, trickle:N, schedule:N,N,... or random:SEED
    #[arg(long, value_name = "FEED", default_value = "bulk")]
    feed: Feed,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Said, CliError> {
    let (library, _) = args.input.open()?;
    let fixture = find(&library, &args.fixture)?;
    let (machine, scenario) = (&fixture.machine, &fixture.scenario);
    let own = destination(&library, &fixture.release, machine, scenario)?;
    let mut to = destination(&library, &args.destination, machine, scenario)?;
    to.dialect.capabilities = Some(args.started.capabilities()?);
    let stream = library.corpus().stream(fixture).map_err(CliError::Corpus)?;
    let bad = |why| CliError::Fixture { id: fixture.id(), why };
    let meaning = Meaning::of(&own, &stream).map_err(bad)?;
    let judged = judge(&meaning, &stream, &to, &args.feed);

    let cause = judged_sentence(&judged, &fixture.release);
    let mut text =
        format!("{} into {}: {}\n{cause}\n", fixture.id(), args.destination, judged.verdict);
    let parted = judged.difference.as_ref().map(|d| d.offset);
    let ended = judged.false_end.as_ref().map(|d| d.offset);
    let refused = judged.error.as_ref().map(|e| e.offset);
    let reading = load(&to, &mut &stream[..], &args.feed);
    let mut places: Vec<u64> = parted.into_iter().chain(ended).chain(refused).collect();
    places.dedup();
    for at in places {
        text += "\n";
        text += &beside(&meaning.loaded.map, &reading, &stream, at);
    }
    for default in &judged.defaults {
        text += &format!("  default kept: {default}\n");
    }
    let arrived = [crate::trace::Verdict::Faithful, crate::trace::Verdict::Defaulted];
    Ok(Said { text, holds: arrived.contains(&judged.verdict) })
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
