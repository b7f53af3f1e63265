//! Loads of machines that nobody recorded by real binaries and by the model: of a user's stream with its
//! own arguments, and of machines with devices drawn at random from a catalogue.
//!
//! Two agree when both accept, both refuse and stop at the same place, or neither can start. What
//! the model leaves undetermined is counted for itself.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::time::Duration;

use rayon::prelude::*;

use super::QemuError;
use super::devices::board;
use super::devices::board::Placing;
use super::devices::rack::{Filled, Plugged, Rack};
use super::devices::trial::{Bench, Hints, Hung};
use super::devices::types::{self, DeviceType, Property};
use super::emulator::Setup;
use super::incoming::{IncomingOptions, RealLoad, load};
use super::mutate::Random;
use super::verify::KnownBinary;
use crate::dialect::Generation;
use crate::dialect::machine::{X86_64, architecture};
use crate::matrix::targets::{
    Answer, Origin, OriginHints, Row, TargetsError, judge_release, origin,
};
use crate::release::catalogue::Catalogue;
use crate::release::compose::{BuildTables, LayoutCache};
use crate::release::library::Library;
use crate::release::observed::ObservedVerdict;
use crate::trace::{Meaning, Verdict};
use crate::wire::Feed;

/// Bytes given at a time: how exactly the place of a stop is known.
const STEP: usize = 64;

/// A stream with the arguments of its machine.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What it is called.
    pub name: String,
    /// The release that wrote it, where that is known.
    pub source: Option<String>,
    /// Machine type.
    pub machine: String,
    /// Arguments of the machine.
    pub arguments: Vec<String>,
    /// Whether the arguments are somebody's own and whole.
    pub own: bool,
    /// Option ROMs that its source was given: every destination is, too, as their lengths must be the
    /// same.
    pub roms: BTreeSet<String>,
    /// The stream.
    pub stream: Vec<u8>,
}

/// What a binary and the model made of a stream.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The stream.
    pub name: String,
    /// The release that was given it.
    pub release: String,
    /// What the model says.
    pub row: Row,
    /// What the binary did.
    pub real: RealLoad,
    /// How they compare.
    pub comparison: Comparison,
}

/// How model and binary compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// They agree.
    Agree,
    /// The model does not know, and says so.
    Undetermined,
    /// The binary does not take the machine's arguments, of which the stream says nothing.
    NotStarted,
    /// They do not: in which way.
    Differ(String),
}

/// Loads a stream into binaries started with its arguments, and into the model.
///
/// # Errors
/// A stream of which the model cannot tell the source; a binary that cannot be run at all.
pub fn check(
    library: &Library,
    binaries: &[KnownBinary],
    sample: &Sample,
    limit: Duration,
) -> Result<Result<Vec<Checked>, String>, QemuError> {
    let cache = LayoutCache::new(library);
    let mut stream = Cursor::new(&sample.stream[..]);
    let hints =
        OriginHints { machine: Some(sample.machine.clone()), source: sample.source.clone() };
    let origin = match origin(&cache, &mut stream, &hints) {
        Ok(origin) => origin,
        Err(TargetsError::Library(error)) => return Err(error.into()),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let meaning = match Meaning::of(&origin.source.destination, &sample.stream) {
        Ok(meaning) => meaning,
        Err(why) => return Ok(Err(why)),
    };
    let mut checked = Vec::new();
    for known in binaries {
        checked.push(one(&cache, known, sample, &origin, &meaning, limit)?);
    }
    Ok(Ok(checked))
}

fn one(
    cache: &LayoutCache<'_>,
    known: &KnownBinary,
    sample: &Sample,
    origin: &Origin,
    meaning: &Meaning<'_>,
    limit: Duration,
) -> Result<Checked, QemuError> {
    let feed = Feed::Trickle(STEP);
    let Some(build) = BuildTables::of(cache.library, &known.release) else {
        let what = format!("the corpus has no tables of {}", known.release);
        return Err(QemuError::files(std::io::Error::other(what)));
    };
    let judged = judge_release(cache, &build, origin, meaning, &sample.stream, &feed);
    let (row, _) = judged.map_err(|e| match e {
        TargetsError::Library(error) => QemuError::Library(error),
        other => QemuError::files(std::io::Error::other(other.to_string())),
    })?;
    let setup = Setup {
        machine: sample.machine.clone(),
        arguments: sample.arguments.clone(),
        own: sample.own,
        roms: sample.roms.clone(),
        ..Setup::default()
    };
    let wanted = IncomingOptions { feed, trace: false, save: false, limit };
    let real = load(&known.binary, &setup, &sample.stream, &wanted)?;
    let comparison = comparison(&row, &real);
    Ok(Checked { name: sample.name.clone(), release: known.release.clone(), row, real, comparison })
}

/// A binary that was never fed did not start: it has no such machine type or device. One with a device
/// that cannot be migrated ends its load before it reads.
fn started(real: &RealLoad) -> bool {
    let fed = real.consumed.is_some_and(|consumed| consumed > 0);
    fed || real.stderr.contains(": State blocked by non-migratable device '")
}

/// What is said of a device that the board has no interrupts for, as its options are taken here.
const UNFIT: &str = "is not supported by interrupt controller";

/// Whether a binary said that it has no such device, property or option as it was started with.
fn argument_refused(said: &str) -> bool {
    let words = [
        "' not found",
        "is not a valid device model name",
        ": invalid option",
        "' expects ",
        UNFIT,
    ];
    let of_a_device = |line: &str| line.contains(": -") && words.iter().any(|w| line.contains(w));
    let of_the_machine = |line: &str| {
        line.contains("unable to find CPU model")
            || line.contains("-machine.") && line.contains("' not found")
    };
    said.lines().any(|line| of_a_device(line) || of_the_machine(line))
}

fn comparison(row: &Row, real: &RealLoad) -> Comparison {
    let verdict = row.answer.verdict();
    if !started(real) && verdict != Verdict::Unsupported && argument_refused(&real.stderr) {
        return Comparison::NotStarted;
    }
    let binary = match real.verdict {
        _ if !started(real) => "did not start".to_owned(),
        ObservedVerdict::Accepted => "accepted".to_owned(),
        ObservedVerdict::Refused => {
            format!("refused after {} bytes", real.consumed.unwrap_or_default())
        }
        ObservedVerdict::Hang => "hangs".to_owned(),
    };
    let differ = || Comparison::Differ(format!("model {verdict}; binary {binary}"));
    match (verdict, real.verdict) {
        (Verdict::Undetermined, _) => Comparison::Undetermined,
        (Verdict::Unsupported, _) if !started(real) => Comparison::Agree,
        _ if !started(real) => differ(),
        // A binary does not tell what it read.
        (
            Verdict::Faithful | Verdict::Defaulted | Verdict::Misparsed,
            ObservedVerdict::Accepted,
        ) => Comparison::Agree,
        (Verdict::Refused | Verdict::RefusedLate, ObservedVerdict::Refused) => {
            let Answer::Judged(judged) = &row.answer else { return differ() };
            let consumed = real.consumed.unwrap_or_default();
            let near = judged.taken.abs_diff(consumed) <= STEP as u64;
            if near { Comparison::Agree } else { differ() }
        }
        _ => differ(),
    }
}

/// How machines are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Sampling {
    /// How many.
    pub count: usize,
    /// Where they come from.
    pub seed: u64,
    /// Machines at a time.
    pub jobs: usize,
    /// Time for each start and each load.
    pub limit: Duration,
}

/// Most devices of a machine that is drawn.
const DEVICES: usize = 12;

/// Options that machines are drawn with, each now and then.
const OPTIONS: [&str; 11] = [
    "-smp 2",
    "-smp 3",
    "-smp 1,maxcpus=4",
    "-m 32,slots=2,maxmem=256M",
    "-serial null",
    "-parallel null",
    "-usb",
    "-machine hpet=off",
    "-machine acpi=off",
    "-vga std",
    "-vga cirrus",
];

/// One property of a device given another value than its default, for every other device.
fn varied(random: &mut Random, device: &DeviceType) -> String {
    let can = |property: &&Property| property.other(0).is_some();
    let all: Vec<&Property> = device.properties.iter().flatten().filter(can).collect();
    if random.below(2) == 0 {
        return String::new();
    }
    let Some(property) = random.pick(&all) else { return String::new() };
    let value = property.other(random.below(3));
    value.map_or_else(String::new, |value| format!(",{}={value}", property.name))
}

/// What each binary did with a machine, or why it could not be saved.
pub type Outcome = Result<Vec<Checked>, String>;

/// What machines are drawn from: a binary, those of its device types that are catalogued, and the
/// catalogue.
struct Drawn<'a> {
    known: &'a KnownBinary,
    types: Vec<DeviceType>,
    catalogue: Catalogue,
}

/// Machines drawn from what the catalogues of these releases have, each saved by one binary and loaded
/// into all.
///
/// # Errors
/// As [`check`].
pub fn random(
    library: &Library,
    binaries: &[KnownBinary],
    sampling: &Sampling,
) -> Result<Vec<(Sample, Outcome)>, QemuError> {
    let mut known: Vec<Drawn<'_>> = Vec::new();
    for one in binaries {
        let Some(catalogue) = library.corpus().catalogue(&one.release, &one.binary.architecture)?
        else {
            continue;
        };
        let is_known = |d: &DeviceType| catalogue.types.get(&d.name).is_some_and(String::is_empty);
        let types = types::list(&one.binary)?.into_iter().filter(is_known).collect();
        known.push(Drawn { known: one, types, catalogue });
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(sampling.jobs).build();
    let pool = pool.map_err(|e| QemuError::files(std::io::Error::other(e)))?;
    pool.install(|| {
        (0..sampling.count)
            .into_par_iter()
            .filter_map(|number| {
                let mut random =
                    Random::new(sampling.seed.wrapping_mul(1 << 20).wrapping_add(number as u64));
                let sample = match sample(&mut random, &known, number, sampling.limit) {
                    Ok(sample) => sample?,
                    Err(error) => return Some(Err(error)),
                };
                let checked = check(library, binaries, &sample, sampling.limit);
                Some(checked.map(|checked| (sample, checked)))
            })
            .collect()
    })
}

/// One machine, as its source saved it; `None` if nothing that was drawn would start.
fn sample(
    random: &mut Random,
    known: &[Drawn<'_>],
    number: usize,
    limit: Duration,
) -> Result<Option<Sample>, QemuError> {
    let Some(drawn) = random.pick(known) else { return Ok(None) };
    let Drawn { known: source, types, catalogue } = drawn;
    let machines: Vec<&str> = source
        .binary
        .machines
        .iter()
        .map(|m| m.name.as_str())
        .filter(|name| board::of(name).is_some() && catalogue.has_board(name))
        .filter(|name| Generation::of(name).is_none_or(|g| g >= Generation::new(2, 4)))
        // Others have it, too, where there are others.
        .filter(|name| {
            known.len() == 1 || known.iter().filter(|one| one.known.binary.has(name)).count() > 1
        })
        .collect();
    let Some(machine) = random.pick(&machines).copied() else { return Ok(None) };
    let Some(board) = board::of(machine) else { return Ok(None) };
    let placing = match (board.placings, random.below(4)) {
        ([Placing::Bridge], 0 | 1) => Placing::Slot("pci.0"),
        ([only], _) => *only,
        (_, 0) => Placing::Root,
        (_, 1) => Placing::Slot("pcie.0"),
        (_, _) => Placing::Port,
    };
    let mut wanted = Vec::new();
    for _ in 0..1 + random.below(DEVICES) {
        let Some(device) = random.pick(types) else { continue };
        wanted.push((device, varied(random, device)));
    }
    let has = |name: &str| types.iter().any(|t| t.name == name);
    let Filled { rack, .. } = Rack::filled(&wanted, board, placing, has);
    // A PC takes more options than it is recorded with.
    let pc = architecture(machine) == X86_64 && placing != Placing::Nowhere;
    let options = if pc { &OPTIONS[..] } else { board.varied };
    // Of another board one at a time is recorded.
    let one = if pc { 0 } else { random.below(options.len()) };
    let options = options
        .iter()
        .enumerate()
        .filter(|(at, _)| if pc { random.below(4) == 0 } else { *at == one })
        .flat_map(|(_, o)| o.split_whitespace());
    let options = board.needed.iter().copied().chain(options);
    let mut common: Vec<String> = options.map(str::to_owned).collect();
    if !common.iter().any(|option| option == "-m") {
        let memory = if pc { &["-m", "32,slots=4,maxmem=4G"] } else { board.common };
        common.extend(memory.iter().map(|option| (*option).to_owned()));
    }
    let hints = &Hints::default();
    let hung = &Hung::default();
    let bench = Bench { binary: &source.binary, machine, common: &common, limit, hints, hung };
    let tried = bench.record(&rack)?;
    let roms = tried.hints.roms;
    let most = tried.recorded.into_iter().max_by_key(|one| one.devices.len());
    Ok(most.map(|one| {
        let text = |d: &Plugged| match d.varied.as_str() {
            "" => d.device.clone(),
            varied => format!("{} ({varied})", d.device),
        };
        let devices: Vec<String> = one.devices.iter().map(text).collect();
        Sample {
            name: format!("{number}: {}/{machine} with {}", source.release, devices.join(", ")),
            source: Some(source.release.clone()),
            machine: machine.to_owned(),
            arguments: one.arguments,
            own: false,
            roms,
            stream: one.stream,
        }
    }))
}

#[cfg(test)]
mod tests;
