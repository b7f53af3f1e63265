//! The run: every destination built once, every fixture read once by its own release, every cell judged, all
//! in parallel. What goes wrong in one cell is that cell's failure and no other's.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;

use super::cell::Cell;
use super::config::Config;
use super::plan::{Lacks, Plan, Planned};
use super::policy::{Direction, Standing, standing};
use crate::release::library::{Library, LibraryError};
use crate::stream::Destination;
use crate::trace::{Judged, SourceStream, Verdict, judge_outline};
use crate::wire::{Feed, Kind};

/// How a cell came out.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It ran.
    Judged(Box<Judged>),
    /// The destination cannot start.
    Unsupported(Lacks),
    /// It could not run: what the corpus lacks.
    Undetermined(String),
    /// The model panicked: with which message.
    Panicked(String),
}

impl Outcome {
    /// The verdict; `None` if there is none because the model panicked.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match self {
            Outcome::Judged(judged) => Some(judged.verdict),
            Outcome::Unsupported(_) => Some(Verdict::Unsupported),
            Outcome::Undetermined(_) => Some(Verdict::Undetermined),
            Outcome::Panicked(_) => None,
        }
    }

    /// Name of the verdict, or `panicked`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.verdict().map_or("panicked", Verdict::name)
    }
}

/// A cell and how it came out.
#[derive(Debug, Clone)]
pub struct CellResult {
    /// The cell.
    pub cell: Cell,
    /// Its outcome.
    pub outcome: Outcome,
    /// Its direction.
    pub direction: Direction,
    /// How that stands to the policy.
    pub standing: Standing,
    /// Where the destination was started as another machine type that is the same.
    pub instead: Option<Instead>,
}

/// A destination that knows the source's machine type by another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instead {
    /// That name.
    pub machine: String,
    /// What is said to differ all the same.
    pub differs: String,
    /// What would come of the stream if it had that name in it; `None`: it has no name in it.
    pub renamed: Option<Verdict>,
}

/// A matrix that was run.
#[derive(Debug, Clone)]
pub struct Run {
    /// How the bytes arrived.
    pub feed: Feed,
    /// The cells, in order of the plan.
    pub cells: Vec<CellResult>,
    /// Fixtures that their own release does not load to the last byte, each in a sentence.
    pub problems: Vec<String>,
    /// Known entries that name no cell any more: indices. Only a whole matrix can tell.
    pub stale: Vec<usize>,
}

impl Run {
    /// Whether the policy holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.problems.is_empty()
            && self.stale.is_empty()
            && !self.cells.iter().any(|c| c.standing == Standing::Broken)
    }
}

/// Judges one cell; a parameter so that a report can look at both readings, and tests can plant a fault.
pub type Judge<'j> = dyn Fn(&SourceStream<'_>, &Destination, &Feed) -> Judged + Sync + 'j;

/// Runs a plan.
///
/// # Errors
/// A corpus whose tables or fixtures cannot be used.
pub fn run(
    library: &Library,
    config: &Config,
    plan: &Plan,
    feed: &Feed,
) -> Result<Run, LibraryError> {
    run_with(library, config, plan, feed, &judge_outline)
}

/// Runs a plan with another judge.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    library: &Library,
    config: &Config,
    plan: &Plan,
    feed: &Feed,
    judge: &Judge<'_>,
) -> Result<Run, LibraryError> {
    let destinations = destinations(library, plan)?;
    let sources = sources(library, plan, &destinations)?;
    let renamed = renamed(library, plan)?;
    let problems = sources
        .iter()
        .filter_map(|(key, source)| match source {
            Source::Bad(why) => Some(format!("{}: {why}", key.id())),
            Source::Good(_) | Source::NoDestination => None,
        })
        .collect();
    let cells: Vec<CellResult> = plan
        .cells
        .par_iter()
        .map(|planned| {
            let Planned { cell, lacks, instead } = planned;
            let named = |to: Option<&Destination>| match lacks {
                Some(lacks) => Outcome::Unsupported(*lacks),
                None => outcome(cell, &sources, to, feed, judge),
            };
            let outcome = named(destinations.get(&Key::destination(planned)));
            // What it is called is no matter of the policy; what it is, is.
            let renamed = instead.as_ref().filter(|_| refuses_name(&outcome)).map(|_| {
                let to = renamed.get(&(Key::destination(planned), cell.machine.as_str()));
                named(to).verdict()
            });
            let verdict = renamed.unwrap_or_else(|| outcome.verdict());
            let standing = match standing(config, cell, feed, verdict) {
                Standing::Good if renamed.is_some() => Standing::Reported,
                standing => standing,
            };
            CellResult {
                direction: Direction::of(&cell.source, &cell.destination, config),
                standing,
                cell: cell.clone(),
                outcome,
                instead: instead.as_ref().map(|machine| Instead {
                    machine: machine.clone(),
                    differs: config.differs([&cell.machine, machine]),
                    renamed: renamed.flatten(),
                }),
            }
        })
        .collect();
    let stale = (0..config.known.len())
        .filter(|index| plan.whole && config.known.get(*index).is_some_and(|k| k.is_due(feed)))
        .filter(|index| !cells.iter().any(|c| c.standing == Standing::Known(*index)))
        .collect();
    sources.into_par_iter().for_each(drop);
    // To give back all that memory takes a while that nobody need wait for.
    let built: Vec<Destination> = destinations.into_values().collect();
    rayon::spawn(move || drop(built));
    Ok(Run { feed: feed.clone(), cells, problems, stale })
}

/// Release, machine type, scenario: of a fixture or of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'c> {
    release: &'c str,
    machine: &'c str,
    scenario: &'c str,
}

impl<'c> Key<'c> {
    fn source(cell: &'c Cell) -> Self {
        Key { release: &cell.source, machine: &cell.machine, scenario: &cell.scenario }
    }

    fn destination(Planned { cell, instead, .. }: &'c Planned) -> Self {
        let machine = instead.as_ref().unwrap_or(&cell.machine);
        Key { release: &cell.destination, machine, scenario: &cell.scenario }
    }

    fn id(&self) -> String {
        format!("{}/{}.{}", self.release, self.machine, self.scenario)
    }
}

type Destinations<'c> = BTreeMap<Key<'c>, Destination>;

/// What is known of a fixture.
enum Source<'d> {
    Good(Box<SourceStream<'d>>),
    Bad(String),
    NoDestination,
}

fn destinations<'c>(library: &Library, plan: &'c Plan) -> Result<Destinations<'c>, LibraryError> {
    let runnable = plan.cells.iter().filter(|planned| planned.lacks.is_none());
    let mut keys: Vec<Key<'c>> = runnable
        .flat_map(|planned| [Key::source(&planned.cell), Key::destination(planned)])
        .collect();
    keys.sort();
    keys.dedup();
    let own = |key: &Key<'c>| library.has_fixture(key.release, key.machine, key.scenario);
    let (with, without): (Vec<_>, Vec<_>) = keys.into_iter().partition(own);
    let mut all = BTreeMap::new();
    // What has no fixture of its own comes nearest to what others showed.
    for keys in [with, without] {
        let built: Result<Vec<_>, LibraryError> = keys
            .into_par_iter()
            .map(|key| Ok((key, library.destination(key.release, key.machine, key.scenario)?)))
            .collect();
        all.extend(built?.into_iter().filter_map(|(key, built)| Some((key, built?))));
    }
    Ok(all)
}

/// Destinations that are started as another machine type, by the name that the stream has.
fn renamed<'c>(
    library: &Library,
    plan: &'c Plan,
) -> Result<BTreeMap<(Key<'c>, &'c str), Destination>, LibraryError> {
    let mut all = BTreeMap::new();
    for planned in plan.cells.iter().filter(|p| p.lacks.is_none() && p.instead.is_some()) {
        let key = Key::destination(planned);
        if let Some(mut to) = library.destination(key.release, key.machine, key.scenario)? {
            to.machine.clone_from(&planned.cell.machine);
            all.insert((key, planned.cell.machine.as_str()), to);
        }
    }
    Ok(all)
}

/// Whether a stream was refused for the name of its machine type.
fn refuses_name(outcome: &Outcome) -> bool {
    let Outcome::Judged(judged) = outcome else { return false };
    judged.error.as_ref().is_some_and(|e| matches!(e.kind, Kind::MachineMismatch { .. }))
}

fn sources<'c, 'd>(
    library: &Library,
    plan: &'c Plan,
    destinations: &'d Destinations<'c>,
) -> Result<BTreeMap<Key<'c>, Source<'d>>, LibraryError> {
    let runnable = plan.cells.iter().filter(|planned| planned.lacks.is_none());
    let mut keys: Vec<Key<'c>> = runnable.map(|planned| Key::source(&planned.cell)).collect();
    keys.sort();
    keys.dedup();
    let sources = keys.into_par_iter().map(|key| {
        let fixture = library.fixture(key.release, key.machine, key.scenario);
        let (Some(fixture), Some(own)) = (fixture, destinations.get(&key)) else {
            return Ok((key, Source::NoDestination));
        };
        let stream = library.corpus().shared_stream(fixture)?;
        let read = caught(|| SourceStream::of(own, stream))
            .unwrap_or_else(|panic| Err(format!("the model panicked: {panic}")));
        let source = match read {
            Ok(stream) => Source::Good(Box::new(stream)),
            Err(why) => Source::Bad(why),
        };
        Ok((key, source))
    });
    sources.collect()
}

fn outcome(
    cell: &Cell,
    sources: &BTreeMap<Key<'_>, Source<'_>>,
    to: Option<&Destination>,
    feed: &Feed,
    judge: &Judge<'_>,
) -> Outcome {
    let none =
        |key: Key<'_>| Outcome::Undetermined(format!("the corpus has no handlers of {}", key.id()));
    let source = Key::source(cell);
    let stream = match sources.get(&source) {
        Some(Source::Good(stream)) => stream.as_ref(),
        Some(Source::Bad(why)) => return Outcome::Undetermined(format!("{}: {why}", source.id())),
        Some(Source::NoDestination) | None => return none(source),
    };
    let Some(to) = to else {
        return none(Key { release: &cell.destination, ..source });
    };
    match caught(|| judge(stream, to, feed)) {
        Ok(judged) => Outcome::Judged(Box::new(judged)),
        Err(message) => Outcome::Panicked(message),
    }
}

/// What `work` gives, or the message of its panic.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned())
    })
}
