//! `crossload matrix`: the grid, the findings, the summary.

use super::input::{Input, machine_type};
use super::{CliError, Said};
use crate::matrix::{CellResult, Filter, Plan, run as run_matrix};
use crate::report::{json::json, table::table};
use crate::trace::Verdict;
use crate::wire::Feed;

/// Options of the matrix. A filter may be given more than once: any of its values will do.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    /// Only cells with this release as source or destination
    #[arg(long, value_name = "RELEASE")]
    release: Vec<String>,
    /// Only streams that this release wrote
    #[arg(long, value_name = "RELEASE")]
    source: Vec<String>,
    /// Only loads by this release
    #[arg(long, value_name = "RELEASE")]
    destination: Vec<String>,
    /// Only this machine type
    #[arg(long, value_name = "TYPE", value_parser = machine_type)]
    machine: Vec<String>,
    /// Only this scenario
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// Only cells that came to this verdict: faithful, defaulted, misparsed, refused,
    /// refused-late, unsupported or undetermined
    #[arg(long, value_name = "VERDICT")]
    verdict: Vec<Verdict>,
    /// How the bytes arrive: bulk, trickle:N (N bytes a read), schedule:N,N,... or random:SEED
    #[arg(long, value_name = "FEED", default_value = "bulk")]
    feed: Feed,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a person
    #[default]
    Table,
    /// For a program; has a version
    Json,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Said, CliError> {
    let (library, config) = args.input.open()?;
    let filter = Filter {
        releases: args.release.clone(),
        sources: args.source.clone(),
        destinations: args.destination.clone(),
        machines: args.machine.clone(),
        scenarios: args.scenario.clone(),
    };
    let plan = Plan::new(&config, library.fixtures(), &filter)?;
    let run = run_matrix(&library, &config, &plan, &args.feed)?;
    // The verdict filter is about what is shown; a broken cell that is not shown still counts.
    let shown = |c: &&CellResult| {
        args.verdict.is_empty() || c.outcome.verdict().is_some_and(|v| args.verdict.contains(&v))
    };
    let cells: Vec<CellResult> = run.cells.iter().filter(shown).cloned().collect();
    let text = match args.format {
        Format::Table => table(&config, &run, &cells),
        Format::Json => json(&config, &run, &cells)?,
    };
    Ok(Said { text, holds: run.holds() })
}
