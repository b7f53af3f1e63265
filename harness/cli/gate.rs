//! `crossload gate`: compares a build with the one that it branched from, before it is merged.

use std::path::PathBuf;

use super::input::Input;
use super::running::RunOptions;
use super::{CliError, Output};
use crate::dialect::machine::X86_64;
use crate::matrix::config::Scenario;
use crate::qemu::Binary;
use crate::qemu::QemuError;
use crate::qemu::gate::{Build, Crossed, Gate, Request, gate, wanted};
use crate::release::changes::descriptions::Codecs;
use crate::release::changes::{Descriptions, changes};
use crate::release::files;
use crate::release::library::Library;
use crate::report::diff::{Direction, ShowOptions, json, text};
use crate::report::evidence::Evidence;
use crate::wire::Feed;

use super::composed::Format;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload gate --qemu build/qemu-system-x86_64 --against /usr/bin/qemu-system-x86_64
  crossload gate --qemu build/qemu-system-x86_64 --against 10.0 --stable
  crossload gate --qemu NEW --against OLD -- -device am53c974

Captures the scenarios of matrix.toml with both binaries on the newest machine types that both have,
compares what they describe, and gives each what the other saved: by the model, and by the binaries.
With a release of the corpus instead of a binary, what is on record of it is taken. Arguments behind
-- make one scenario more, with devices of yours. Nothing on record is changed.

Exit status is 0 if nothing is known to break from the old build to the new one, and with --stable
nor back; 1 if something does, or a build does not load what it saved itself; 2 if it cannot be told.")]
pub(super) struct Args {
    /// The new build
    #[arg(long, value_name = "BIN")]
    qemu: PathBuf,
    /// The build that it branched from: a binary, or a release of the corpus
    #[arg(long, value_name = "BIN|RELEASE")]
    against: PathBuf,
    /// Machine type; may be given more than once [default: the newest of each chipset that both have]
    #[arg(long, value_name = "TYPE")]
    machine: Vec<String>,
    /// Scenario; may be given more than once [default: all]
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// A stable release: machines must be able to go back, too
    #[arg(long)]
    stable: bool,
    /// Also changes that break nothing
    #[arg(long)]
    notes: bool,
    /// Also the changes for streams that go back, which count with --stable only
    #[arg(long)]
    back: bool,
    /// Arguments of a machine of yours, as the binary takes them
    #[arg(last = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
    #[command(flatten)]
    running: RunOptions,
    #[command(flatten)]
    input: Input,
    /// How it is told
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Name of the scenario that the user's arguments make.
const GIVEN: &str = "given";

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let (library, config) = args.input.open()?;
    let new = args.running.binary(&args.qemu)?;
    let against = args.against.to_string_lossy();
    let recorded = library.releases().iter().any(|(name, _)| *name == against);
    let old = if recorded { None } else { Some(args.running.binary(&args.against)?) };
    for binary in old.iter().chain([&new]) {
        architecture(binary)?;
    }
    let name = |binary: &Binary, which| format!("{}-{which}", binary.version);
    let old_name = old.as_ref().map_or_else(|| against.to_string(), |old| name(old, "old"));
    let new_name = name(&new, "new");
    let builds = [
        Build { name: &old_name, binary: old.as_ref() },
        Build { name: &new_name, binary: Some(&new) },
    ];
    super::input::check_scenarios(&config, &args.scenario)?;
    super::input::check_machines(&new, &args.machine)?;
    let scenarios = scenarios(args, &config.scenarios);
    let (wanted, notes) = wanted(builds, library.fixtures(), &scenarios, &args.machine);
    if wanted.is_empty() {
        return Err(CliError::NothingToLoad);
    }
    let request =
        Request { builds, wanted, jobs: args.running.jobs(), limit: args.running.limit() };
    // A capture by each binary, and a load by the other.
    let sides = builds.iter().filter(|build| build.binary.is_some()).count();
    let bar = super::progress::count((2 * sides * request.wanted.len() + 1) as u64, "steps");
    let gate = gate(&request, library.corpus(), &|what| {
        bar.set_message(what.to_owned());
        bar.inc(1);
    })?;
    output(args, &library, &gate, [&old_name, &new_name], notes)
}

fn architecture(binary: &Binary) -> Result<(), CliError> {
    if binary.architecture == X86_64 {
        return Ok(());
    }
    let (about, found) = (binary.about.clone(), binary.architecture.clone());
    Err(QemuError::Architecture { about, found }.into())
}

/// The scenarios asked for, and the user's own.
fn scenarios(args: &Args, all: &[Scenario]) -> Vec<Scenario> {
    let named = |s: &&Scenario| args.scenario.is_empty() || args.scenario.contains(&s.name);
    let mut chosen: Vec<Scenario> = all.iter().filter(named).cloned().collect();
    if !args.arguments.is_empty() {
        for chipset in ["i440fx", "q35"] {
            chosen.push(Scenario {
                name: if chipset == "q35" { format!("{GIVEN}-q35") } else { GIVEN.to_owned() },
                about: "the arguments behind --".to_owned(),
                guest: "idle".to_owned(),
                arguments: args.arguments.clone(),
                chipsets: vec![chipset.to_owned()],
                exercises: Vec::new(),
                releases: Vec::new(),
            });
        }
    }
    chosen
}

/// What came of it.
fn output(
    args: &Args,
    known: &Library,
    gate: &Gate,
    names: [&str; 2],
    notes: Vec<String>,
) -> Result<Output, CliError> {
    let descriptions = descriptions(known, gate, names)?;
    let [old, new] = &descriptions;
    let forward = direction(known, gate, old, new)?;
    let back = direction(known, gate, new, old)?;
    let both_ways = args.stable || args.back;
    let holds = forward.holds() && gate.failed.is_empty() && (!args.stable || back.holds());
    if args.format == Format::Json {
        return Ok(Output { text: json(&forward, &back)?, holds });
    }
    let mut out = String::new();
    for note in notes {
        out += &format!("note: {note}\n");
    }
    for (what, why) in &gate.failed {
        out += &format!("{what}: not captured: {}\n", why.trim());
    }
    for direction in [&forward, &back] {
        let loads = direction.evidence.iter().flat_map(|evidence| &evidence.loads);
        for load in loads {
            let real = load.observed.as_ref().map_or(String::new(), |did| {
                let did = did.split_once(':').map_or(did.as_str(), |(did, _)| did);
                format!("; the binary: {did}")
            });
            out += &format!(
                "{} into {}: {}: {}{real}\n",
                direction.from, direction.to, load.of, load.verdict
            );
        }
    }
    out += "\n";
    out += &text(&forward, &back, ShowOptions { notes: args.notes, back: both_ways });
    out += if holds { "\nThe gate is open.\n" } else { "\nThe gate is shut.\n" };
    Ok(Output { text: out, holds })
}

/// What each build describes: by its dump, or, where one is on record only, by its tables, as far as
/// both were captured.
fn descriptions(
    known: &Library,
    gate: &Gate,
    names: [&str; 2],
) -> Result<[Descriptions; 2], CliError> {
    if let Some([old, new]) = &gate.dumps {
        let codecs = Codecs::of(known);
        let of = |name: &str, dump: &[u8]| -> Result<Descriptions, CliError> {
            Ok(Descriptions::of_dump(name, files::utf8(name, dump)?, &codecs)?)
        };
        return Ok([of(names[0], old)?, of(names[1], new)?]);
    }
    let mut both = [
        Descriptions::of_release(&gate.library, names[0])?,
        Descriptions::of_release(&gate.library, names[1])?,
    ];
    let mut captured = std::collections::BTreeSet::new();
    for Crossed { fixture, .. } in &gate.crossed {
        let corpus = gate.library.corpus();
        let list = corpus.handlers(&fixture.release, &fixture.machine, &fixture.scenario)?;
        let idstrs = list.iter().flat_map(|list| &list.handlers).map(|handler| &handler.idstr);
        captured.extend(idstrs.filter_map(|idstr| idstr.rsplit('/').next()).map(str::to_owned));
    }
    for one in &mut both {
        one.only(&captured);
    }
    Ok(both)
}

fn direction(
    known: &Library,
    gate: &Gate,
    from: &Descriptions,
    to: &Descriptions,
) -> Result<Direction, CliError> {
    let changes = changes(from, to, known.renames());
    let crossed = gate.crossed.iter().filter(|one| one.to == to.name);
    let crossed = crossed.map(|one| {
        let real = one.real.as_ref().map(|real| real.outcome(&Feed::Bulk));
        (&one.fixture, real)
    });
    let evidence = Evidence::of_crossed(&gate.library, &to.name, crossed)?;
    Ok(Direction {
        from: from.name.clone(),
        to: to.name.clone(),
        machines: None,
        gates: Vec::new(),
        changes,
        evidence: Some(evidence),
    })
}
