//! `crossload can-migrate`: can a machine go from this build to that one?

use std::io::Cursor;
use std::path::Path;

use super::input::{Input, StartOptions, find, machine_type};
use super::source::StreamOptions;
use super::{CliError, Output};
use crate::input::Source;
use crate::lab::vendors::migrate::can_migrate_all;
use crate::lab::vendors::state::can_migrate_stream;
use crate::lab::vendors::{Answer, Build, VendorError};
use crate::matrix::targets::{Answer as Told, OriginHints, judge_release, origin, restore_offsets};
use crate::release::compose::{BuildTables, LayoutCache};
use crate::release::library::Library;
use crate::report::targets::sentence_of;
use crate::trace::{Meaning, Verdict};
use crate::wire::Feed;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload can-migrate --from 7.2 --to com.example.cloud:7.2-4
  crossload can-migrate --from 2.3.1 --to com.example.enterprise:6.9 2.3.1/pc-1.0.legacy
  crossload can-migrate --from 7.2 --to 10.0 --machine pc-i440fx-7.2 vm.stream

A build is RELEASE or VENDOR:RELEASE; downstream builds are the vendors in matrix.toml.
Exit status is 0 for yes, 1 for no and for only-if, 2 if there is no answer.")]
pub(super) struct Args {
    /// The build that the machine runs on
    #[arg(long, value_name = "VENDOR:RELEASE")]
    from: String,
    /// The build that it is to go to
    #[arg(long, value_name = "VENDOR:RELEASE")]
    to: String,
    /// Only for this machine type
    #[arg(long, value_name = "MACHINE", value_parser = machine_type)]
    machine: Option<String>,
    /// The state that it has: a fixture (RELEASE/MACHINE.SCENARIO), a file of any
    /// kind that `inspect` reads, or - for standard input. Without it the answer is for any state
    #[arg(value_name = "STREAM")]
    stream: Option<String>,
    #[command(flatten)]
    opened: StreamOptions,
    #[command(flatten)]
    start: StartOptions,
    #[command(flatten)]
    input: Input,
}

/// The same for a machine that is composed.
fn composed(
    args: &Args,
    library: &Library,
    [from, to]: [&Build; 2],
    source: &mut Source,
) -> Result<Output, CliError> {
    let cache = LayoutCache::new(library);
    let asked = OriginHints { machine: args.machine.clone(), source: Some(from.release.clone()) };
    let name = source.name().to_string();
    let failed = |source| CliError::Targets { name: name.clone(), source };
    let origin = origin(&cache, source, &asked).map_err(failed)?;
    let condensed = &origin.machine.condensed;
    let meaning = Meaning::of_condensed(&origin.source.destination, condensed);
    let meaning = meaning.map_err(|why| CliError::Stream { name: name.clone(), why })?;
    let build = BuildTables { name: &to.name, release: &to.release, tables: &to.tables };
    let asked = judge_release(&cache, &build, &origin, &meaning, &condensed.bytes, &Feed::Bulk);
    let (mut row, _) = asked.map_err(failed)?;
    if let Told::Judged(judged) = &mut row.answer {
        restore_offsets(judged, condensed);
    }
    let Some(holds) = row.takes() else {
        let why = sentence_of(&row, &from.name);
        return Err(CliError::NoDestination(format!("{name}: {} {why}", Verdict::Undetermined)));
    };
    let mut text = format!(
        "{name}, read as {} of {}: {}: {}\n",
        origin.source.destination.machine,
        from.name,
        if holds { "yes" } else { "no" },
        sentence_of(&row, &from.name)
    );
    text.extend(row.assumptions.iter().map(|what| format!("  assumed: {what}\n")));
    Ok(Output { text, holds })
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let (library, config) = args.input.open_uncached()?;
    let from = Build::of(&library, &config.vendors, &args.from)?;
    let mut to = Build::of(&library, &config.vendors, &args.to)?;
    to.capabilities = args.start.capabilities()?;
    let machine = args.machine.as_ref().map(|name| library.machine_type(name));
    let asked = |name: &str| machine.as_ref().is_none_or(|m| m == name);
    let Some(name) = &args.stream else {
        let answers = can_migrate_all(&library, &from, &to, machine.as_deref())?;
        let text = answers.iter().map(|(name, answer)| format!("{name}: {answer}\n")).collect();
        return Ok(Output {
            text,
            holds: answers.iter().all(|(_, answer)| *answer == Answer::Yes),
        });
    };
    let decision = match find(&library, name) {
        Ok(fixture) => {
            let mut stream = Cursor::new(library.corpus().stream(fixture)?);
            let own = |machine: &str, scenario: &str| {
                (machine, scenario) == (&fixture.machine, &fixture.scenario) && asked(machine)
            };
            can_migrate_stream(&library, &from, &to, own, &mut stream)?
        }
        // Neither is there: what a fixture's name looks like is the better answer.
        Err(unknown) if name != "-" && !Path::new(name).exists() => return Err(unknown),
        Err(_) => {
            let mut source = args.opened.open(Path::new(name))?;
            let any = |machine: &str, _: &str| asked(machine);
            match can_migrate_stream(&library, &from, &to, any, &mut source) {
                // A machine that nobody recorded.
                Err(VendorError::Stream { .. } | VendorError::NoPlace { .. }) => {
                    return composed(args, &library, [&from, &to], &mut source);
                }
                decision => decision?,
            }
        }
    };
    let text = format!("{name}, read as {}: {decision}\n", decision.place);
    Ok(Output { text, holds: decision.is_yes() })
}
