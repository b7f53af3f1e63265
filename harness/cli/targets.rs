//! `crossload targets`: which builds can take this saved machine?

use std::path::{Path, PathBuf};

use super::composed::{Format, OriginArgs};
use super::input::Input;
use super::source::StreamOptions;
use super::{CliError, Output};
use crate::lab::vendors::Build;
use crate::matrix::targets::targets;
use crate::release::compose::{BuildTables, LayoutCache};
use crate::release::files;
use crate::report::targets::{json, newest, text};

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload targets vm.save
  crossload targets --format json vm.save
  crossload targets saved/            a table of machines and builds

The destination is taken to be started with the configuration that the stream shows; what the
answer hangs on is listed. Exit status is 0 if some build takes all machines, 1 if none is known to.")]
pub(super) struct Args {
    /// Files of any kind that `inspect` reads, or folders with such; - for standard input
    #[arg(value_name = "STREAM", required = true)]
    streams: Vec<PathBuf>,
    #[command(flatten)]
    origin: OriginArgs,
    #[command(flatten)]
    opened: StreamOptions,
    #[command(flatten)]
    input: Input,
    /// How it is told
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let (library, config) = args.input.open_uncached()?;
    let names = config.vendors.iter().map(|vendor| vendor.name());
    let builds: Vec<Build> =
        names.map(|name| Build::of(&library, &config.vendors, &name)).collect::<Result<_, _>>()?;
    let downstream: Vec<BuildTables<'_>> = builds
        .iter()
        .map(|build| BuildTables {
            name: &build.name,
            release: &build.release,
            tables: &build.tables,
        })
        .collect();
    let cache = LayoutCache::new(&library);
    let hints = args.origin.hints();
    let mut all = Vec::new();
    for path in expanded(&args.streams)? {
        let mut source = args.opened.open(&path)?;
        let name = source.name().to_string();
        let found = targets(&cache, &mut source, &hints, &downstream);
        let found = found.map_err(|source| CliError::Targets { name: name.clone(), source })?;
        all.push((name, found));
    }
    let holds = newest(&all).is_some();
    let text = match args.format {
        Format::Text => text(&all),
        Format::Json => json(&all),
    };
    Ok(Output { text, holds })
}

/// Folders as the files in them.
fn expanded(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() && path != Path::new("-") {
            all.extend(files::walk(path)?.into_iter().map(|name| path.join(name)));
        } else {
            all.push(path.clone());
        }
    }
    Ok(all)
}
