//! `crossload matrix`: the grid, the findings, the summary.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use super::input::{Input, corpus_of, machine_type};
use super::{CliError, Output};
use crate::matrix::{CellResult, Filter, Plan, run as run_matrix};
use crate::report::{ci, json::json, table::table};
use crate::trace::Verdict;
use crate::wire::Feed;

/// Which cells are wanted.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct FilterArgs {
    /// Only cells with this release as source or destination
    #[arg(long, value_name = "RELEASE")]
    pub release: Vec<String>,
    /// Only streams that this release wrote
    #[arg(long, value_name = "RELEASE")]
    pub source: Vec<String>,
    /// Only loads by this release
    #[arg(long, value_name = "RELEASE")]
    pub destination: Vec<String>,
    /// Only this machine type
    #[arg(long, value_name = "TYPE", value_parser = machine_type)]
    pub machine: Vec<String>,
    /// Only this scenario
    #[arg(long, value_name = "NAME")]
    pub scenario: Vec<String>,
}

impl FilterArgs {
    /// The same for a plan.
    pub fn filter(&self) -> Filter {
        Filter {
            releases: self.release.clone(),
            sources: self.source.clone(),
            destinations: self.destination.clone(),
            machines: self.machine.clone(),
            scenarios: self.scenario.clone(),
        }
    }
}

/// Options of the matrix. A filter may be given more than once: any of its values will do.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    chosen: FilterArgs,
    /// Only cells that came to this verdict: faithful, defaulted, misparsed, refused,
    /// refused-late, unsupported or undetermined
    #[arg(long, value_name = "VERDICT")]
    verdict: Vec<Verdict>,
    /// How the bytes arrive: bulk, trickle:N (N bytes a read), schedule:N,N,... or random:SEED
    #[arg(long, value_name = "FEED", default_value = "bulk")]
    feed: Feed,
    /// Every grid by itself, and every finding
    #[arg(long)]
    all: bool,
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
    /// JUnit XML: a case for each cell
    Junit,
    /// SARIF 2.1.0: a result for each finding, at the line to be looked at
    Sarif,
    /// Annotations for GitHub's runner; the grids go into the job's summary
    Github,
    /// Grids and findings for a comment or a job's summary
    Markdown,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let (library, config) = args.input.open()?;
    let plan = Plan::new(&config, library.fixtures(), &args.chosen.filter())?;
    let run = run_matrix(&library, &config, &plan, &args.feed)?;
    // The verdict filter is about what is shown; a broken cell that is not shown still counts.
    let shown = |c: &&CellResult| {
        args.verdict.is_empty() || c.outcome.verdict().is_some_and(|v| args.verdict.contains(&v))
    };
    let cells: Vec<CellResult> = run.cells.iter().filter(shown).cloned().collect();
    let corpus = args.input.matrix.as_deref().map_or("corpus".into(), corpus_of);
    let corpus = corpus.display().to_string();
    let summary = ci::Summary { config: &config, run: &run, cells: &cells, corpus: &corpus };
    let text = match args.format {
        Format::Table => table(&config, &run, &cells, args.all),
        Format::Json => json(&config, &run, &cells)?,
        Format::Junit => ci::junit::junit(&summary)?,
        Format::Sarif => ci::sarif::sarif(&summary)?,
        Format::Markdown => ci::markdown::markdown(&summary),
        Format::Github => {
            summarise(&ci::markdown::markdown(&summary))?;
            ci::github::github(&summary)
        }
    };
    let holds = run.holds();
    // Nobody need wait for that.
    rayon::spawn(move || drop((library, run, cells)));
    Ok(Output { text, holds })
}

/// Adds Markdown to the job's summary, where GitHub's runner has named a file for it.
fn summarise(markdown: &str) -> Result<(), CliError> {
    let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|name| !name.is_empty()) else {
        return Ok(());
    };
    let file = PathBuf::from(file);
    let opened = OpenOptions::new().create(true).append(true).open(&file);
    let written = opened.and_then(|mut opened| opened.write_all(markdown.as_bytes()));
    written.map_err(|error| CliError::Folder(file, error))
}
