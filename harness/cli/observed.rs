//! `crossload observed`: the model compared with what real binaries did.

use std::path::{Path, PathBuf};

use super::input::{self, Input};
use super::{CliError, Output};
use crate::matrix::agreement::{Agreement, Compared, agreement};
use crate::matrix::observed::{Mutation, Observed};
use crate::release::corpus::{Corpus, CorpusError, json_lines};
use crate::release::files;
use crate::release::library::Library;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload observed
  crossload observed --observed pc-i440fx-5.2.idle.json --corpus my-corpus

Prints how many loads agree, and each that does not, with the reason where matrix.toml has one.
Exit status is 1 if one is left without a reason.")]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    /// Observations to use instead of those on record: MACHINE.SCENARIO.json, or changed streams
    /// as .jsonl
    #[arg(long, value_name = "FILE")]
    observed: Vec<PathBuf>,
    /// Take fixtures and tables from this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "matrix")]
    corpus: Option<PathBuf>,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let (library, config) = match &args.corpus {
        Some(folder) => {
            let claims = folder.join("matrix.toml");
            let config = claims.is_file().then(|| input::config(&claims)).transpose()?;
            (Library::open(Corpus::open(folder)?)?, config)
        }
        None => {
            let (library, config) = args.input.open()?;
            (library, Some(config))
        }
    };
    let (observed, mutations) = match args.observed.as_slice() {
        [] => (library.corpus().observed()?, library.corpus().mutations()?),
        named => read(named)?,
    };
    if observed.is_empty() && mutations.is_empty() {
        return Err(CliError::NothingObserved);
    }
    let mut agreement = agreement(&library, &observed, &mutations)?;
    let mut stale = Vec::new();
    if let Some(config) = &config {
        stale = agreement.explain(config);
    }
    let mut text = String::new();
    for one in agreement.cells.iter().chain(&agreement.changed) {
        if let Some(disagreement) = &one.disagreement {
            text += &format!("{}: {disagreement}\n", title(one));
            if let Some(reason) = &one.explained {
                text += &format!("    explained: {reason}\n");
            }
        }
    }
    let mut holds = true;
    for (what, list) in [("loads", &agreement.cells), ("changed", &agreement.changed)] {
        let (agreeing, open) = (Agreement::agreeing(list), Agreement::open(list));
        let explained = list.len() - agreeing - open;
        holds &= open == 0;
        text += &format!("{what}: {agreeing} of {} agree", list.len());
        text += &if explained > 0 {
            format!(", {explained} more are explained\n")
        } else {
            "\n".into()
        };
    }
    // On part of the observations an entry may well explain nothing.
    if args.observed.is_empty() {
        for line in stale {
            holds = false;
            text += &format!("matrix.toml line {line}: this entry explains nothing any more\n");
        }
    }
    Ok(Output { text, holds })
}

fn title(one: &Compared) -> String {
    let Compared { source, destination, machine, scenario, feed, change, .. } = one;
    let change = change.as_ref().map_or(String::new(), |change| format!(", {}", change.describe()));
    format!("{source}/{machine}.{scenario} into {destination}, {feed}{change}")
}

/// Observations of files named on the command line.
fn read(named: &[PathBuf]) -> Result<(Vec<Observed>, Vec<Mutation>), CliError> {
    let (mut observed, mut mutations) = (Vec::new(), Vec::new());
    for path in named {
        let name = path.display().to_string();
        let text = text(path, &name)?;
        if path.extension().is_some_and(|e| e == "jsonl") {
            mutations.extend(json_lines::<Mutation>(&name, &text)?);
        } else {
            let json = |source| CorpusError::Json { path: name.clone(), source };
            observed.push(serde_json::from_str(&text).map_err(json)?);
        }
    }
    Ok((observed, mutations))
}

fn text(path: &Path, name: &str) -> Result<String, CliError> {
    let bytes = files::read(path)?.ok_or_else(|| CliError::NoFile(path.to_owned()))?;
    Ok(files::utf8(name, &bytes)?.to_owned())
}
