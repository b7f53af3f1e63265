//! Loads by real binaries, compared with the model's: verdict, the byte where it stopped, the fields that
//! it read, and what it saved again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rayon::prelude::*;

use super::QemuError;
use super::binary::Binary;
use super::checks::{self, Disagreement};
use super::emulator::{Setup, TRACED};
use super::events;
use super::guest::Guest;
use super::incoming::{IncomingOptions, RealLoad, load};
use super::mutate::{Random, change};
use super::process::Ended;
use super::restored::{Change, changes};
use super::shrink::shrink;
use crate::matrix::agreement::{Compared, disagreement, loaded_disagreement};
use crate::release::library::Library;
use crate::release::observed::{ObservedVerdict, Op};
use crate::release::provenance::Fixture;
use crate::stream::{Destination, Loaded, load as model};
use crate::trace::recomputed::Table;
use crate::wire::Feed;
use crate::wire::reader::WINDOW;

/// A binary, and the release that the corpus knows it as.
#[derive(Debug, Clone)]
pub struct KnownBinary {
    /// The binary.
    pub binary: Binary,
    /// The release's name.
    pub release: String,
}

/// A load that is to be made.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// By whom.
    pub known: &'a KnownBinary,
    /// What.
    pub fixture: &'a Fixture,
    /// How it is changed first.
    pub change: Option<Op>,
    /// What is loaded instead of the fixture, by machines like its own.
    pub instead: Option<&'a Stream>,
    /// How it is fed.
    pub feed: Feed,
}

/// A stream that is in no corpus.
#[derive(Debug, Clone)]
pub struct Stream {
    /// What it is called.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// How loads are made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Loads at a time.
    pub jobs: usize,
    /// Time for each.
    pub limit: Duration,
    /// Whether accepted states are saved again and compared with the stream.
    pub save: bool,
    /// Whether the fields that are read are traced, and compared with the model's.
    pub trace: bool,
    /// Loads spent on making a stream smaller that is not agreed on; 0: it is reported as it is.
    pub shrink: usize,
}

/// A load by a binary, compared with the model's.
#[derive(Debug, Clone)]
pub struct Verified {
    /// What was compared with what, and where they disagree.
    pub compared: Compared,
    /// What the binary did.
    pub real: RealLoad,
    /// Length of the stream in bytes.
    pub size: u64,
    /// The stream, where they disagree.
    pub stream: Option<Vec<u8>>,
    /// How many bytes it had before it was made as small as it could be.
    pub shrunk_from: Option<u64>,
    /// What did not come back as it was sent.
    pub changes: Vec<Change>,
    /// What else is worth reporting of the binary.
    pub notes: Vec<String>,
}

/// Which loads are to be made: every fixture whose machine type a binary has and whose destination
/// the corpus has, under every feed.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// By whom.
    pub binaries: &'a [KnownBinary],
    /// How the bytes arrive.
    pub feeds: &'a [Feed],
    /// Only these machine types; none: all.
    pub machines: &'a [String],
    /// Only these scenarios; none: all.
    pub scenarios: &'a [String],
}

impl Selection<'_> {
    fn has(&self, fixture: &Fixture) -> bool {
        let in_list = |list: &[String], name| list.is_empty() || list.contains(name);
        in_list(self.machines, &fixture.machine) && in_list(self.scenarios, &fixture.scenario)
    }
}

/// The loads of a selection.
///
/// # Errors
/// A corpus that cannot be read.
pub fn cases<'a>(
    library: &'a Library,
    selection: &Selection<'a>,
) -> Result<Vec<Case<'a>>, QemuError> {
    let mut cases = Vec::new();
    for known in selection.binaries {
        let fits = |f: &&Fixture| known.binary.has(&f.machine) && selection.has(f);
        for fixture in library.fixtures().iter().filter(fits) {
            if destination(library, known, fixture)?.is_none() {
                continue;
            }
            for feed in selection.feeds {
                let feed = feed.clone();
                cases.push(Case { known, fixture, change: None, instead: None, feed });
            }
        }
    }
    Ok(cases)
}

/// `count` changed streams of a selection for each binary, from the seed alone.
///
/// # Errors
/// A corpus that cannot be read.
pub fn mutations<'a>(
    library: &'a Library,
    selection: &Selection<'a>,
    count: usize,
    seed: u64,
) -> Result<Vec<Case<'a>>, QemuError> {
    let mut all = Vec::new();
    for (number, known) in selection.binaries.iter().enumerate() {
        let binaries = std::slice::from_ref(known);
        let bases = cases(library, &Selection { binaries, feeds: &[Feed::Bulk], ..*selection })?;
        let mut random = Random::new(seed.wrapping_add(number as u64));
        // A change that does not fit is drawn again, but not for ever.
        let mut draws = 0;
        let mut made = 0;
        while made < count && draws < count.saturating_mul(4) {
            draws += 1;
            let Some(base) = random.pick(&bases) else { break };
            let stream = library.corpus().stream(base.fixture).map_err(library_error)?;
            let Some(to) = destination(library, known, base.fixture)? else { continue };
            let loaded = model(&to, &mut &stream[..], &Feed::Bulk);
            let Some(op) = change(&mut random, &stream, &loaded) else { continue };
            for feed in selection.feeds {
                let (change, feed) = (Some(op.clone()), feed.clone());
                all.push(Case { change, feed, ..base.clone() });
            }
            made += 1;
        }
    }
    Ok(all)
}

/// One stream into every machine type and scenario of a selection.
///
/// # Errors
/// A corpus that cannot be read.
pub fn cases_with<'a>(
    library: &'a Library,
    selection: &Selection<'a>,
    stream: &'a Stream,
) -> Result<Vec<Case<'a>>, QemuError> {
    let mut all = cases(library, selection)?;
    // Several releases may have sent that machine.
    let mut seen = BTreeSet::new();
    all.retain(|case| {
        let Fixture { machine, scenario, .. } = case.fixture;
        let binary = case.known.binary.path.as_path();
        seen.insert((binary, machine, scenario, case.feed.to_string()))
    });
    all.iter_mut().for_each(|case| case.instead = Some(stream));
    Ok(all)
}

/// Runs all cases; `done` counts those that are through.
///
/// # Errors
/// When a binary cannot be started at all, or this side's files and sockets fail.
pub fn verify(
    library: &Library,
    cases: &[Case<'_>],
    options: &Options,
    done: &Arc<AtomicU64>,
) -> Result<Vec<Verified>, QemuError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
        .map_err(|e| QemuError::files(std::io::Error::other(e)))?;
    let table = library.corpus().text("recomputed.toml").map_err(library_error)?;
    let table = table.map_or_else(|| Ok(Table::default()), |text| Table::parse(&text));
    let table = &table.map_err(|why| QemuError::Recomputed { why })?;
    pool.install(|| {
        cases
            .par_iter()
            .map(|case| {
                let verified = one(library, table, case, options);
                done.fetch_add(1, Ordering::Relaxed);
                verified
            })
            .collect()
    })
}

/// One case.
fn one(
    library: &Library,
    table: &Table,
    case: &Case<'_>,
    options: &Options,
) -> Result<Verified, QemuError> {
    let unchanged = match case.instead {
        Some(stream) => stream.bytes.clone(),
        None => library.corpus().stream(case.fixture).map_err(library_error)?,
    };
    let changed = case.change.as_ref().and_then(|op| op.apply(&unchanged));
    let to = destination(library, case.known, case.fixture)?;
    let stream = changed.as_ref().unwrap_or(&unchanged);
    let Fixture { release, machine, scenario, .. } = case.fixture;
    let sender = library.destination(release, machine, scenario)?;
    let sender = sender.as_ref().filter(|_| case.instead.is_none());
    let mut verified = load_both(table, case, [sender, to.as_ref()], stream, options)?;
    let open = verified.compared.is_open();
    // Each load that hangs costs the whole limit.
    let hangs = verified.real.verdict == ObservedVerdict::Hang;
    if let Some(to) = to.as_ref().filter(|_| open && !hangs && options.shrink > 0) {
        let shown = verified.compared.disagreement.clone().unwrap_or_default();
        let shown = kind(&shown);
        // A state that was not saved the first time has no part in it.
        let options = &Options { save: verified.real.saved.is_some(), ..options.clone() };
        let mut hung = false;
        let smallest = shrink(to, &unchanged, stream, options.shrink, |candidate| {
            if hung {
                return Ok(false);
            }
            let Verified { compared, real, .. } =
                load_both(table, case, [sender, Some(to)], candidate, options)?;
            hung = real.verdict == ObservedVerdict::Hang;
            let why = compared.disagreement.as_deref().filter(|_| compared.is_open());
            Ok::<_, QemuError>(why.is_some_and(|why| kind(why) == shown))
        })?;
        // What the smallest one shows is reported, if it still shows it.
        let last = load_both(table, case, [sender, Some(to)], &smallest, options)?;
        if last.compared.is_open() {
            verified = Verified { shrunk_from: Some(stream.len() as u64), ..last };
        } else {
            verified.notes.push("not seen again: the binary does not always do the same".into());
        }
    }
    if !verified.compared.is_open() {
        // Hundreds of loads are kept to the end; what they read and saved is of no more use.
        verified.real.trace = String::new();
        verified.real.saved = None;
    }
    Ok(verified)
}

/// What kind of disagreement it is: what is said before the first number. Another kind may lie in
/// a smaller stream, but is another matter.
fn kind(why: &str) -> &str {
    why.split(|c: char| c.is_ascii_digit()).next().unwrap_or(why)
}

/// One stream into the binary, and into the model.
pub(super) fn load_both(
    table: &Table,
    case: &Case<'_>,
    [source, to]: [Option<&Destination>; 2],
    stream: &[u8],
    options: &Options,
) -> Result<Verified, QemuError> {
    let Case { known, fixture, feed, .. } = case;
    let setup = Setup {
        machine: fixture.machine.clone(),
        // It stays paused: its program is never run, and memory comes with the stream.
        guest: Guest::Idle,
        arguments: fixture.arguments.clone(),
        ..Setup::default()
    };
    let wanted = IncomingOptions {
        feed: feed.clone(),
        trace: options.trace,
        save: options.save,
        limit: options.limit,
    };
    let real = load(&known.binary, &setup, stream, &wanted)?;
    let (mut changed, mut notes) = (Vec::new(), Vec::new());
    notes.extend(real.unsaved.iter().map(|why| format!("accepted, but not saved again: {why}")));
    let loaded = to.map(|to| (to, model(to, &mut &stream[..], feed)));
    let outcome = real.outcome(feed);
    let mut disagreement = match &loaded {
        Some((_, loaded)) => loaded_disagreement(loaded, &outcome),
        None => disagreement(None, Some(stream), feed, &outcome),
    };
    if let Some((to, loaded)) = &loaded {
        disagreement = disagreement
            .or_else(|| crash(loaded, &real))
            .or_else(|| out_of_reach(loaded, feed, &real))
            .or_else(|| fields(to, loaded, stream, &real).filter(|_| options.trace));
        if let Some(saved) = &real.saved {
            match changes(table, source, to, stream, saved) {
                Ok(list) => changed = list,
                Err(why) => {
                    // The binary may have written what nobody can load, itself included.
                    let wanted = IncomingOptions { trace: false, save: false, ..wanted };
                    let again = load(&known.binary, &setup, saved, &wanted)?;
                    match again.verdict {
                        ObservedVerdict::Refused => {
                            notes.push(format!("what it saves then it does not load: {why}"));
                        }
                        _ => disagreement = disagreement.or(Some(why)),
                    }
                }
            }
        }
    }
    let compared = Compared {
        source: case.instead.map_or(&fixture.release, |stream| &stream.name).clone(),
        destination: known.release.clone(),
        machine: fixture.machine.clone(),
        scenario: fixture.scenario.clone(),
        change: case.change.clone(),
        feed: feed.clone(),
        stderr: real.stderr.clone(),
        explained: (loaded.as_ref().filter(|_| disagreement.is_some()))
            .and_then(|(to, loaded)| excuse(to, loaded, stream, &real)),
        disagreement,
    };
    let size = stream.len() as u64;
    let stream = compared.disagreement.is_some().then(|| stream.to_vec());
    Ok(Verified { compared, real, size, stream, shrunk_from: None, changes: changed, notes })
}

/// Why the two need not agree, if more than the stream decides.
fn excuse(to: &Destination, loaded: &Loaded<'_>, stream: &[u8], real: &RealLoad) -> Option<String> {
    let traced = events::traced(&real.trace, to);
    let modelled = events::modelled(to, loaded, stream);
    let same_fields = real.trace.is_empty() || events::same_fields(to, &traced, &modelled);
    checks::excuse(&Disagreement { release: to.version, stream, model: loaded, real, same_fields })
}

/// What a bulk feed tells of the place: the binary has taken all that the model read of the
/// stream, and no more beyond that than its buffer holds.
fn out_of_reach(loaded: &Loaded<'_>, feed: &Feed, real: &RealLoad) -> Option<String> {
    let consumed = real.consumed.filter(|_| *feed == Feed::Bulk)?;
    let stopped = loaded.stopped;
    let fits = (stopped..=stopped.saturating_add(WINDOW as u64)).contains(&consumed);
    (!fits).then(|| format!("model stopped at byte {stopped}; binary had taken {consumed} bytes"))
}

/// A binary that a signal ended has not refused, whatever the model refused for: only where the
/// model knows that it dies do the two agree.
fn crash(loaded: &Loaded<'_>, real: &RealLoad) -> Option<String> {
    let Some(ended @ Ended::Signalled(_)) = real.ended else { return None };
    let refused = loaded.refused.as_deref();
    let known = refused.is_some_and(|error| error.kind.class() == "abort");
    let model = refused.map_or_else(|| "accepted".to_owned(), |error| format!("refused: {error}"));
    (!known).then(|| format!("model {model}; binary {ended}"))
}

/// Where the fields that the binary read part from those that the model read.
fn fields(to: &Destination, loaded: &Loaded<'_>, stream: &[u8], real: &RealLoad) -> Option<String> {
    if real.trace.is_empty() {
        // A release without trace events tells nothing; another does so only of what it refuses
        // before its first section.
        let silent = to.version >= TRACED && real.verdict == ObservedVerdict::Accepted;
        return silent.then(|| "the binary accepted, but traced nothing".to_owned());
    }
    let traced = events::traced(&real.trace, to);
    let modelled = events::modelled(to, loaded, stream);
    events::difference(to, &traced, &modelled, real.verdict == ObservedVerdict::Accepted)
}

fn destination(
    library: &Library,
    known: &KnownBinary,
    fixture: &Fixture,
) -> Result<Option<Destination>, QemuError> {
    Ok(library.destination(&known.release, &fixture.machine, &fixture.scenario)?)
}

fn library_error(error: crate::release::corpus::CorpusError) -> QemuError {
    QemuError::Library(error.into())
}
