//! `crossload report`: pages for a browser.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::input::Input;
use super::matrix::FilterArgs;
use super::{CliError, Output};
use crate::lab::designs::{neighbours, run};
use crate::lab::drift::{Base, DriftError, Rule, Selection, Tally, tally};
use crate::matrix::devices::{devices, standing};
use crate::matrix::policy::Standing;
use crate::matrix::{Config, Plan};
use crate::release::compose::LayoutCache;
use crate::release::library::Library;
use crate::report::html::lab::Drifted;
use crate::report::html::{self, Page, Topic};
use crate::wire::Feed;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload report --html report
  crossload report --html report --page matrix --destination 11.1
  crossload report --html report --matrix CORPUS/matrix.toml

A folder of pages that need no network and nothing else: hand it on, or open report/index.html. An
older report in the folder is replaced once the new one is whole. Exit status is 1 if
the policy is broken, of machines or of devices; the report is written all the same.")]
pub(super) struct Args {
    /// The folder: a new one, or an older report
    #[arg(long, value_name = "DIR")]
    html: PathBuf,
    /// Only this page; may be given more than once [default: all]
    #[arg(long, value_name = "PAGE")]
    page: Vec<Topic>,
    #[command(flatten)]
    chosen: FilterArgs,
    /// How the bytes arrive: bulk, trickle:N (N bytes a read), schedule:N,N,... or random:SEED
    #[arg(long, value_name = "FEED", default_value = "bulk")]
    feed: Feed,
    /// Drift: try one change in so many; 1 is all of them
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    step: u32,
    /// Designs: how many generated cases
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    cases: u64,
    #[command(flatten)]
    input: Input,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let (library, config) = args.input.open()?;
    let wanted = |topic: &Topic| args.page.is_empty() || args.page.contains(topic);
    let topics: Vec<Topic> = Topic::ALL.into_iter().filter(wanted).collect();
    let mut pages = Vec::new();
    let mut holds = true;
    for (at, topic) in topics.iter().enumerate() {
        progress(&format!("{} of {}: {}", at + 1, topics.len(), topic.title()));
        pages.push(match topic {
            Topic::Matrix => {
                let (page, held) = matrix(args, &library, &config, &topics)?;
                holds &= held;
                page
            }
            Topic::Devices => {
                let mut rows = devices(&LayoutCache::new(&library), |_| true)?;
                let fits = |list: &[String], name: &String| list.is_empty() || list.contains(name);
                rows.retain(|row| {
                    fits(&args.chosen.source, &row.source)
                        && fits(&args.chosen.destination, &row.destination)
                        && (fits(&args.chosen.release, &row.source)
                            || fits(&args.chosen.release, &row.destination))
                });
                let results: Vec<_> =
                    rows.into_iter().map(|row| (standing(&config, &row), row)).collect();
                holds &= results.iter().all(|(standing, _)| *standing != Standing::Broken);
                html::devices::page(&config, &results, &topics)?
            }
            Topic::Drift => {
                let step = usize::try_from(args.step).unwrap_or(usize::MAX);
                html::lab::drift(&drifts(&library, step)?, step, &topics)
            }
            Topic::Designs => {
                let report = run::generated(0, args.cases, false);
                html::lab::designs(&report, &neighbours::run(&library)?, &topics)
            }
        });
    }
    progress("");
    html::write(&args.html, &pages)?;
    let first = topics.first().map_or("", |topic| topic.file());
    Ok(Output { text: written(&args.html, first, &pages), holds })
}

fn written(folder: &Path, first: &str, pages: &[Page]) -> String {
    let bytes: usize = pages.iter().map(|page| page.html.len()).sum();
    let n = pages.len();
    let pages = if n == 1 { "page" } else { "pages" };
    format!("{}: {n} {pages}, {} KiB\n", folder.join(first).display(), bytes.div_ceil(1024))
}

fn matrix(
    args: &Args,
    library: &Library,
    config: &Config,
    topics: &[Topic],
) -> Result<(Page, bool), CliError> {
    let plan = Plan::new(config, library.fixtures(), &args.chosen.filter())?;
    let (run, readings) = html::record::run(library, config, &plan, &args.feed)?;
    Ok((html::grid::page(config, &run, &readings, topics)?, run.holds()))
}

/// Of each release's newest machine type, one change in `step`, under the release's own rules.
fn drifts(library: &Library, step: usize) -> Result<Vec<Drifted>, DriftError> {
    let fixtures = Selection::default().of(library)?;
    let pairs: Vec<_> = fixtures.iter().flat_map(|f| Rule::ALL.map(|rule| (*f, rule))).collect();
    let drifted: Vec<Option<Drifted>> = pairs
        .par_iter()
        .map(|(fixture, rule)| {
            let base = Base::of(library, fixture, *rule)?.filter(|base| base.own);
            Ok(base.map(|base| {
                let mut tally = Tally::default();
                for case in tally::cases(&base, step) {
                    tally.add(case.edit.change.family(), &case.outcome);
                }
                Drifted { fixture: base.fixture.clone(), rules: rule.name(), tally }
            }))
        })
        .collect::<Result<_, DriftError>>()?;
    Ok(drifted.into_iter().flatten().collect())
}

/// What is being done, to whoever watches; an empty text is the end of it.
fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        // Nothing depends on it.
        let _ = write!(anstream::stderr(), "\r\x1b[K{text}");
    }
}
