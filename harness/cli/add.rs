//! `crossload add`: adds a release to a corpus, from a binary of it.

use std::path::{Path, PathBuf};

use super::input::{Input, machine_type};
use super::running::RunOptions;
use super::{CliError, Output};
use crate::matrix::config::Finding;
use crate::matrix::{Filter, Plan};
use crate::qemu::Binary;
use crate::qemu::add::{Request, add};
use crate::qemu::devices;
use crate::release::notes::{self, Note};
use crate::report::new_release::NewRelease;
use crate::report::suggestions::{self, suggestions};
use crate::report::table::table;
use crate::wire::Feed;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Example:
  crossload add --qemu /usr/bin/qemu-system-x86_64
  git add -N corpus matrix.toml && git diff --stat

Captures every scenario on every listed machine type that the binary has and on its newest, loads
each by the same binary under trace, imports all of it into a copy of the corpus, runs the new row
and column, and only then writes. Where the binary dies, hangs or does not load what it saved, that
is recorded as a finding of the release, and the rest is added. Then all device types of the binary
are plugged into its machine types and recorded (some minutes; --no-devices leaves that out,
--devices does only that). A second run changes nothing, but for a scenario that was put into
matrix.toml since then: it is captured. Exit status is 1 if a new cell breaks the
policy.")]
pub(super) struct Args {
    /// The binary
    #[arg(long, value_name = "BIN")]
    qemu: PathBuf,
    /// Name of the release [default: MAJOR.MINOR of its version]
    #[arg(long, value_name = "NAME")]
    release: Option<String>,
    /// Machine type to capture beside the listed ones and its newest, or with --devices, the only ones
    /// on which devices are recorded; may be given more than once
    #[arg(long, value_name = "TYPE", value_parser = machine_type)]
    machine: Vec<String>,
    /// Print the grids of the new row and column, too
    #[arg(long)]
    grids: bool,
    /// Print every note of the importer for itself, not what is said of many places in one line
    #[arg(long)]
    notes: bool,
    /// The claims to add to
    #[arg(long, value_name = "FILE", default_value = "matrix.toml")]
    matrix: PathBuf,
    /// Only (again) what each device type puts on the wire, of a release that is on record
    #[arg(long)]
    devices: bool,
    /// Leave out what each device type puts on the wire, which takes some minutes
    #[arg(long, conflicts_with = "devices")]
    no_devices: bool,
    #[command(flatten)]
    running: RunOptions,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let binary = args.running.binary(&args.qemu)?;
    let release = args.release.clone().unwrap_or_else(|| binary.series());
    let corpus = super::input::corpus_of(&args.matrix);
    if args.devices {
        return devices(args, &binary, &release, &corpus, &[]);
    }
    let machines: Vec<String> = args.machine.iter().map(|name| binary.qualified(name)).collect();
    let request = Request {
        binary: &binary,
        release: release.clone(),
        matrix: &args.matrix,
        corpus: &corpus,
        jobs: args.running.jobs(),
        limit: args.running.limit(),
        machines: &machines,
    };
    let added = add(&request)?;
    let Some((config, run)) = &added.run else {
        let text = format!(
            "{}{}{release} ({}) is there already: nothing changed; {}\n",
            notes::lines(&added.notes, args.notes),
            not_captured(&added.findings),
            binary.architecture,
            binary.own_release()
        );
        return Ok(Output { text, holds: true });
    };
    let mut text = format!("{release}: {}, {}\n", binary.about, binary.architecture);
    text += &notes::lines(&added.notes, args.notes);
    text += "\n";
    for change in &added.changes {
        text += &format!("{change}\n");
    }
    text += &not_captured(&added.findings);
    let before = added.before.as_ref().map(|(name, run)| (name.as_str(), run.cells.as_slice()));
    let new_release = NewRelease { release: &release, run, before };
    text += &match args.grids {
        true => format!("\n{}", table(config, run, &run.cells, true)),
        false => new_release.text(config),
    };
    if !run.holds() {
        text += &suggested(&args.matrix)?;
    }
    let findings = match added.findings.len() {
        0 => String::new(),
        n => format!(", {n} findings recorded in {}", args.matrix.display()),
    };
    text += &format!("\n{} files written{findings}.\n", added.written.len());
    if !args.no_devices && !added.there {
        text += &devices(args, &binary, &release, &corpus, &added.notes)?.text;
    }
    Ok(Output { text, holds: run.holds() })
}

/// What the binary could not do, each in a paragraph.
fn not_captured(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("\nnot captured: {finding}\n")).collect()
}

/// Which known entries may be meant for the cells that break the policy now.
fn suggested(matrix: &Path) -> Result<String, CliError> {
    let (library, config) = Input { matrix: Some(matrix.to_owned()) }.open()?;
    let plan = Plan::new(&config, library.fixtures(), &Filter::default())?;
    let run = crate::matrix::run(&library, &config, &plan, &Feed::Bulk)?;
    Ok(suggestions::text(&config, &suggestions(&config, &run.cells)))
}

/// The devices of a release on record; `known` are notes that need not be told again.
fn devices(
    args: &Args,
    binary: &Binary,
    release: &str,
    corpus: &Path,
    known: &[Note],
) -> Result<Output, CliError> {
    let only: Vec<String> = match args.devices {
        true => args.machine.iter().map(|name| binary.qualified(name)).collect(),
        false => Vec::new(),
    };
    let added = devices::add::add_devices(&devices::add::Request {
        binary,
        release,
        corpus,
        machines: &only,
        jobs: args.running.jobs(),
        limit: args.running.limit(),
    })?;
    let mut text = format!("{release}: {}\n", binary.about);
    let notes = added.notes.into_iter().map(|note| note.of(release));
    let notes: Vec<Note> = notes.filter(|note| !known.contains(note)).collect();
    text += &notes::lines(&notes, args.notes);
    for (machine, why) in &added.silent {
        let why = why.lines().last().unwrap_or("");
        text += &format!("{machine} could not be recorded: {why}\n");
    }
    let types = &added.catalogue.types;
    let left_out = types.iter().filter(|(_, why)| !why.is_empty());
    for (device, why) in left_out {
        let why = why.lines().last().unwrap_or("");
        text += &format!("left out: {device}: {why}\n");
    }
    let known = types.values().filter(|why| why.is_empty()).count();
    text += &format!(
        "{} device types, {known} of them catalogued on {} machine types, {} entries\n{} files written.\n",
        types.len(),
        added.catalogue.machines.len(),
        added.catalogue.entries.len(),
        added.written.len()
    );
    Ok(Output { text, holds: true })
}
