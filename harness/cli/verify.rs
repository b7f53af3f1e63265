//! `crossload verify`: loads by real binaries, compared with the model's.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::input::{Input, machine_type};
use super::machines;
use super::running::RunOptions;
use super::source::StreamOptions;
use super::{CliError, Output};
use crate::matrix::Config;
use crate::matrix::agreement::{Agreement, Compared};
use crate::qemu::QemuError;
use crate::qemu::machines::{Sampling, check};
use crate::qemu::restored::{Change, Kind};
use crate::qemu::verify::{
    Case, KnownBinary, Options, Selection, Stream, Verified, cases, cases_with, mutations, verify,
};
use crate::release::files;
use crate::release::library::Library;
use crate::wire::Feed;

/// Longest stream that is loaded, in bytes: it is held in memory.
const LONGEST: u64 = 1 << 30;
/// Longest stream that is printed, in bytes.
const SHOWN: usize = 256;

/// Options of the verb.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  crossload verify --qemu /usr/bin/qemu-system-x86_64
  crossload verify --qemu suites/qemu-bookworm --qemu suites/qemu-trixie --jobs 4
  crossload verify --qemu /usr/bin/qemu-system-x86_64 --mutate 500 --seed 1
  crossload verify --qemu /usr/bin/qemu-system-x86_64 --stream smallest.stream \
      --machine pc-i440fx-7.2 --scenario idle
  crossload verify --qemu /usr/bin/qemu-system-x86_64 --stream vm.save -- \
      -M pc-q35-7.2 -m 1G -device virtio-net-pci
  crossload verify --qemu suites/qemu-bullseye --qemu suites/qemu-trixie --random-machines 20 --seed 1

Every fixture whose machine type a binary has is loaded by it, under each feed. The model must
agree on the verdict, the byte where the load stopped, the reason, and the sequence of fields that
was read. Exit status is 1 if it does not, and neither matrix.toml nor a named check says why. What
a destination saves again otherwise than it was sent is told, and changes no exit status.")]
pub(super) struct Args {
    #[command(flatten)]
    input: Input,
    /// A binary; may be given more than once
    #[arg(long, value_name = "BIN", required = true, num_args = 1..)]
    qemu: Vec<PathBuf>,
    /// The release that the binaries are, where their version does not tell
    #[arg(long, value_name = "NAME")]
    release: Option<String>,
    /// How the bytes arrive; may be given more than once
    #[arg(long, value_name = "FEED", default_values = ["bulk", "trickle:8"])]
    feed: Vec<Feed>,
    /// Only fixtures of this machine type
    #[arg(long, value_name = "TYPE", value_parser = machine_type)]
    machine: Vec<String>,
    /// Only fixtures of this scenario
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// Load this stream instead, a file of any kind that `inspect` reads, into that machine type
    /// and scenario, or into a machine with the arguments behind --
    #[arg(long, value_name = "FILE", conflicts_with = "mutate")]
    stream: Option<PathBuf>,
    #[command(flatten)]
    opened: StreamOptions,
    /// Draw so many machines with devices of the catalogues instead
    #[arg(long, value_name = "N", conflicts_with_all = ["mutate", "stream"])]
    random_machines: Option<usize>,
    /// Arguments of the machine that --stream is loaded into, as the binary takes them
    #[arg(last = true, value_name = "ARGUMENTS", requires = "stream")]
    arguments: Vec<String>,
    /// Load so many changed fixtures instead, for each binary
    #[arg(long, value_name = "N")]
    mutate: Option<usize>,
    /// Where changes or machines come from
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    running: RunOptions,
    /// Where a bundle is written of every stream that is not agreed on
    #[arg(long, value_name = "FOLDER", default_value = "disagreements")]
    keep: PathBuf,
    /// Loads spent on making each of those as small as it can be
    #[arg(long, value_name = "N", default_value_t = 200)]
    shrink: usize,
    /// Print every field that a destination did not save again as it was sent
    #[arg(long)]
    changes: bool,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Output, CliError> {
    let (library, config) = args.input.open()?;
    let binaries = known(&library, &args.running, &args.qemu, args.release.as_deref())?;
    if let Some(count) = args.random_machines {
        let sampling = Sampling {
            count,
            seed: args.seed,
            jobs: args.running.jobs(),
            limit: args.running.limit(),
        };
        return Ok(machines::output(machines::random(&library, &binaries, &sampling)?));
    }
    let given = args.stream.as_deref().map(|path| given(path, &args.opened)).transpose()?;
    if let (Some(stream), false) = (&given, args.arguments.is_empty()) {
        let sample = machines::sample(stream, &args.arguments);
        let checked = check(&library, &binaries, &sample, args.running.limit())?;
        return Ok(machines::output(vec![(sample, checked)]));
    }
    let selection = Selection {
        binaries: &binaries,
        feeds: &args.feed,
        machines: &args.machine,
        scenarios: &args.scenario,
    };
    let all = match (&given, args.mutate) {
        (Some(stream), _) => cases_with(&library, &selection, stream)?,
        (None, Some(count)) => mutations(&library, &selection, count, args.seed)?,
        (None, None) => cases(&library, &selection)?,
    };
    if all.is_empty() {
        return Err(CliError::NothingToLoad);
    }
    let verified = with_progress(&library, &all, &args.running, args.shrink)?;
    let kept = keep(args, &all, &verified)?;
    let mut output = output(&config, &all, verified, args.changes);
    if kept > 0 {
        let folder = args.keep.display();
        output.text +=
            &format!("{kept} streams, as small as they could be made, are in {folder}\n");
    }
    Ok(output)
}

/// The user's stream.
fn given(path: &Path, opened: &StreamOptions) -> Result<Stream, CliError> {
    let mut source = opened.open_whole(path)?;
    if source.size() > LONGEST {
        let why = format!("longer than the {LONGEST} bytes that a binary is given at most");
        return Err(CliError::Stream { name: source.name().to_string(), why });
    }
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes).map_err(|e| source.failed(e))?;
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(Stream { name: name.to_string_lossy().into_owned(), bytes })
}

/// The binaries, and which releases of the corpus they are.
pub(super) fn known(
    library: &Library,
    running: &RunOptions,
    paths: &[PathBuf],
    named: Option<&str>,
) -> Result<Vec<KnownBinary>, CliError> {
    let mut binaries = Vec::new();
    for path in paths {
        let binary = running.binary(path)?;
        let receipts = library.fixtures().iter().map(|f| (f.release.as_str(), f.binary.as_str()));
        let release = match named {
            Some(name) => library.releases().iter().find(|r| r.0 == name).map(|r| r.0.as_str()),
            None => binary.release(receipts),
        };
        let Some(release) = release.map(str::to_owned) else {
            let known: Vec<&str> = library.releases().iter().map(|r| r.0.as_str()).collect();
            let about = named.map_or(binary.about, str::to_owned);
            return Err(CliError::UnknownBinary {
                path: path.clone(),
                about,
                known: known.join(", "),
            });
        };
        binaries.push(KnownBinary { binary, release });
    }
    Ok(binaries)
}

/// Runs the cases under a progress bar, which shows on a terminal only.
pub(super) fn with_progress(
    library: &Library,
    all: &[Case<'_>],
    running: &RunOptions,
    shrink: usize,
) -> Result<Vec<Verified>, QemuError> {
    let (jobs, limit) = (running.jobs(), running.limit());
    let options = Options { jobs, limit, save: true, trace: true, shrink };
    let done = Arc::new(AtomicU64::new(0));
    let over = AtomicBool::new(false);
    let bar = super::progress::count(all.len() as u64, "loads");
    thread::scope(|scope| {
        // Also when a load panics: nobody waits for the bar then.
        let _over = Over(&over);
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                bar.set_position(done.load(Ordering::Relaxed));
                thread::sleep(Duration::from_millis(100));
            }
        });
        verify(library, all, &options, &done)
    })
}

/// Tells the bar's thread that it is over, when it goes.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A bundle of each stream that is not agreed on: the stream, what the binary traced of it, and
/// what each side did. Returns how many there are.
fn keep(args: &Args, all: &[Case<'_>], verified: &[Verified]) -> Result<usize, CliError> {
    let mut options = String::new();
    if let Some(matrix) = &args.input.matrix {
        options += &format!(" --matrix {}", matrix.display());
    }
    if let Some(release) = &args.release {
        options += &format!(" --release {release}");
    }
    if args.running.human_monitor {
        options += " --human-monitor";
    }
    let mut kept = 0;
    for (number, (case, one)) in all.iter().zip(verified).enumerate() {
        let (Some(stream), Some(why)) = (&one.stream, &one.compared.disagreement) else { continue };
        if !one.compared.is_open() {
            continue;
        }
        let Compared { source, destination, machine, scenario, feed, .. } = &one.compared;
        let place = format!("{machine}.{scenario}").replace('/', "-");
        let name = format!("{number:04}.{source}-to-{destination}.{place}");
        let bundle = args.keep.join(name);
        files::write_if_changed(&bundle.join("smallest.stream"), stream)?;
        files::write_if_changed(&bundle.join("load.trace"), one.real.trace.as_bytes())?;
        let text = format!(
            "{}\n{why}\n{}\nWhat the model reads of it, under feed {feed}:\n  crossload inspect \
             smallest.stream --as {destination} --machine {machine} --scenario {scenario}\n\
             Both once more:\n  crossload verify --qemu {}{options} --stream smallest.stream \
             --machine {machine} --scenario {scenario} --feed {feed}\n\n\
             What the binary said:\n{}",
            title(&one.compared, true),
            smallest(one),
            case.known.binary.path.display(),
            one.real.stderr
        );
        files::write_if_changed(&bundle.join("about.txt"), text.as_bytes())?;
        kept += 1;
    }
    Ok(kept)
}

/// The smallest stream that shows a disagreement, in words and, if it is short, in hex.
fn smallest(one: &Verified) -> String {
    let (Some(stream), Some(from)) = (&one.stream, one.shrunk_from) else { return String::new() };
    let mut text = format!("  smallest: {} of {from} bytes", stream.len());
    if stream.len() <= SHOWN {
        let hex: Vec<String> = stream.iter().map(|byte| format!("{byte:02x}")).collect();
        text += &format!(": {}", hex.join(" "));
    }
    text + "\n"
}

/// The findings, and how many agree.
fn output(config: &Config, cases: &[Case<'_>], verified: Vec<Verified>, changes: bool) -> Output {
    let mut text = String::new();
    for one in &verified {
        for note in &one.notes {
            text += &format!("{}: {note}\n", title(&one.compared, true));
        }
    }
    let sizes: BTreeMap<String, String> =
        verified.iter().map(|one| (title(&one.compared, true), smallest(one))).collect();
    // Another feed mostly brings the same state.
    let of = |one: &Verified| (title(&one.compared, false), one.compared.change.is_none());
    let differing: BTreeSet<((String, bool), &Change)> = verified
        .iter()
        .flat_map(|one| one.changes.iter().map(move |change| (of(one), change)))
        .collect();
    for ((pair, unchanged), change) in &differing {
        // What a loader makes of a changed stream is not known beforehand.
        let strange = !change.explained && *unchanged;
        if changes || strange {
            let why = if strange { ", and recomputed.toml does not say why" } else { "" };
            text += &format!("{pair}: {change}{why}\n");
        }
    }
    let differ = differing.len();
    let explained = differing.iter().filter(|(_, change)| change.explained).count();
    let of_kind = |(kind, name): (Kind, &str)| {
        let those = differing.iter().filter(|(_, c)| !c.explained && c.kind == kind);
        let n = those.count();
        (n > 0).then(|| format!("{n} are {name}"))
    };
    let kinds: Vec<String> = Kind::ALL.into_iter().filter_map(of_kind).collect();
    let (cells, changed) =
        verified.into_iter().map(|one| one.compared).partition(|c| c.change.is_none());
    let mut agreement = Agreement { cells, changed };
    // Entries that explain nothing here may explain something on another day: this is a sample.
    let _ = agreement.explain(config);
    let all: Vec<&Compared> = agreement.cells.iter().chain(&agreement.changed).collect();
    let mut holds = true;
    for one in &all {
        let Some(disagreement) = &one.disagreement else { continue };
        holds &= one.explained.is_some();
        text += &format!("{}: {disagreement}\n", title(one, true));
        text += sizes.get(&title(one, true)).map_or("", String::as_str);
        if let Some(reason) = &one.explained {
            text += &format!("  explained: {reason}\n");
        }
    }
    // All are changed, or none is: the order is that of the cases.
    let mut counts: BTreeMap<(&Path, &str, String), [usize; 3]> = BTreeMap::new();
    for (case, one) in cases.iter().zip(&all) {
        let binary = &case.known.binary;
        let key = (binary.path.as_path(), binary.about.as_str(), one.feed.to_string());
        let [total, agree, explained] = counts.entry(key).or_default();
        *total += 1;
        *agree += usize::from(one.disagreement.is_none());
        *explained += usize::from(one.disagreement.is_some() && !one.is_open());
    }
    if differ > 0 && !changes {
        text += &format!(
            "saved again: {differ} fields differ from what was sent; recomputed.toml says why of \
             {explained}{}{} (--changes lists them)\n",
            if kinds.is_empty() { "" } else { "; of the others, " },
            kinds.join(", ")
        );
    }
    for ((path, about, feed), [total, agree, explained]) in counts {
        let path = path.display();
        text += &format!(
            "{path}: {about}, {feed}: {agree} of {total} loads agree, {explained} are explained\n"
        );
    }
    Output { text, holds }
}

/// What was loaded into what; with its feed, if that matters.
fn title(one: &Compared, fed: bool) -> String {
    let Compared { source, destination, machine, scenario, feed, change, .. } = one;
    let feed = if fed { format!(", {feed}") } else { String::new() };
    let change = change.as_ref().map_or(String::new(), |op| format!(", {}", op.describe()));
    format!("{source}/{machine}.{scenario} into {destination}{feed}{change}")
}
