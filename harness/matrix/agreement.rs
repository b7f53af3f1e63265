//! The model compared with real binaries: every observed cell and changed stream, under both feeds.
//!
//! Agreement means: accepted or refused as the binary did; under the trickle feed, stopped within
//! eight bytes of where it stopped; and, where it printed why, refused for that kind of reason and
//! in that section. Exceptions come from matrix.toml alone, by name.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::cell::Cell;
use super::config::Config;
use super::observed::{Mutation, Observed, ObservedVerdict, Op, Outcome};
use super::stderr;
use crate::release::library::{Library, LibraryError};
use crate::stream::{Destination, Loaded, load};
use crate::wire::{Feed, Kind};

/// How far apart the places may be where the binary and the model stopped: the step of the
/// metered feed.
const STEP: u64 = 8;

/// The feeds that were observed.
fn feeds() -> [Feed; 2] {
    [Feed::Bulk, Feed::Trickle(8)]
}

/// One observed load beside the model's.
#[derive(Debug, Clone)]
pub struct Compared {
    /// Release that wrote the stream.
    pub source: String,
    /// Release that was given it.
    pub destination: String,
    /// Machine type.
    pub machine: String,
    /// Scenario.
    pub scenario: String,
    /// For a changed stream: the change.
    pub change: Option<Op>,
    /// Feed.
    pub feed: Feed,
    /// `None`: they agree. Otherwise what each did.
    pub disagreement: Option<String>,
    /// What the binary printed.
    pub stderr: String,
    /// Why they need not agree: the reason of an entry in matrix.toml.
    pub explained: Option<String>,
}

/// The outcome over all observations.
#[derive(Debug, Clone, Default)]
pub struct Agreement {
    /// Loads of fixtures.
    pub cells: Vec<Compared>,
    /// Loads of changed fixtures.
    pub changed: Vec<Compared>,
}

impl Agreement {
    /// How many of a list agree.
    #[must_use]
    pub fn agreeing(list: &[Compared]) -> usize {
        list.iter().filter(|c| c.disagreement.is_none()).count()
    }

    /// How many of a list neither agree nor are explained.
    #[must_use]
    pub fn open(list: &[Compared]) -> usize {
        list.iter().filter(|c| c.is_open()).count()
    }

    /// Marks the disagreements that matrix.toml explains. Returns the lines of entries that
    /// explain none, if all observations were compared with the model.
    #[must_use]
    pub fn explain(&mut self, config: &Config) -> Vec<usize> {
        let mut stale = Vec::new();
        for entry in &config.runtime {
            let fits =
                |c: &Compared| entry.selection.has(&c.cell()) && c.stderr.contains(&entry.message);
            stale.extend((!mark(&mut self.cells, fits, &entry.reason)).then_some(entry.line));
        }
        for entry in &config.mutations {
            let fits = |c: &Compared| {
                let same =
                    |op: &Op| op.what() == entry.what && entry.at.is_none_or(|at| at == op.at());
                entry.selection.has(&c.cell()) && c.change.as_ref().is_some_and(same)
            };
            stale.extend((!mark(&mut self.changed, fits, &entry.reason)).then_some(entry.line));
        }
        stale
    }
}

impl Compared {
    /// Whether the two disagree and nothing explains it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.disagreement.is_some() && self.explained.is_none()
    }

    fn cell(&self) -> Cell {
        Cell {
            source: self.source.clone(),
            destination: self.destination.clone(),
            machine: self.machine.clone(),
            scenario: self.scenario.clone(),
        }
    }
}

/// Gives `reason` to the open disagreements that fit. Returns whether there were any.
fn mark(list: &mut [Compared], fits: impl Fn(&Compared) -> bool, reason: &str) -> bool {
    let mut any = false;
    for one in list {
        if one.is_open() && fits(one) {
            one.explained = Some(reason.to_string());
            any = true;
        }
    }
    any
}

/// Compares the model with observations.
///
/// # Errors
/// A corpus that cannot be read.
pub fn agreement(
    library: &Library,
    observed: &[Observed],
    mutations: &[Mutation],
) -> Result<Agreement, LibraryError> {
    let mut wanted: BTreeMap<[&str; 3], Option<Destination>> = BTreeMap::new();
    for group in observed {
        for cell in &group.cells {
            wanted.insert([&cell.destination, &group.machine, &group.scenario], None);
        }
    }
    for m in mutations {
        wanted.insert([&m.destination, &m.machine, &m.scenario], None);
    }
    let keys: Vec<[&str; 3]> = wanted.keys().copied().collect();
    let built: Vec<Option<Destination>> = keys
        .par_iter()
        .map(|[release, machine, scenario]| library.destination(release, machine, scenario))
        .collect::<Result<_, _>>()?;
    let destinations: BTreeMap<[&str; 3], Option<Destination>> =
        keys.into_iter().zip(built).collect();

    let cells = observed
        .par_iter()
        .flat_map_iter(|group| group.cells.iter().map(move |cell| (group, cell)))
        .map(|(group, cell)| {
            let to = find(&destinations, [&cell.destination, &group.machine, &group.scenario]);
            let stream = stream(library, &cell.source, &group.machine, &group.scenario)?;
            let compared = |feed: Feed, outcome: &Outcome| Compared {
                source: cell.source.clone(),
                destination: cell.destination.clone(),
                machine: group.machine.clone(),
                scenario: group.scenario.clone(),
                change: None,
                stderr: outcome.stderr.clone(),
                explained: None,
                disagreement: disagreement(to, stream.as_deref(), &feed, outcome),
                feed,
            };
            let [bulk, trickle] = feeds();
            Ok([compared(bulk, &cell.bulk), compared(trickle, &cell.trickle8)])
        })
        .collect::<Result<Vec<_>, LibraryError>>()?;
    let changed = mutations
        .par_iter()
        .map(|m| {
            let to = find(&destinations, [&m.destination, &m.machine, &m.scenario]);
            let stream = stream(library, &m.source, &m.machine, &m.scenario)?
                .and_then(|bytes| m.op.apply(&bytes));
            let compared = |feed: Feed, outcome: &Outcome| Compared {
                source: m.source.clone(),
                destination: m.destination.clone(),
                machine: m.machine.clone(),
                scenario: m.scenario.clone(),
                change: Some(m.op.clone()),
                stderr: outcome.stderr.clone(),
                explained: None,
                disagreement: disagreement(to, stream.as_deref(), &feed, outcome),
                feed,
            };
            let [bulk, trickle] = feeds();
            Ok([compared(bulk, &m.bulk), compared(trickle, &m.trickle8)])
        })
        .collect::<Result<Vec<_>, LibraryError>>()?;
    Ok(Agreement {
        cells: cells.into_iter().flatten().collect(),
        changed: changed.into_iter().flatten().collect(),
    })
}

fn find<'m>(
    built: &'m BTreeMap<[&'m str; 3], Option<Destination>>,
    key: [&'m str; 3],
) -> Option<&'m Destination> {
    built.get(&key).and_then(Option::as_ref)
}

fn stream(
    library: &Library,
    release: &str,
    machine: &str,
    scenario: &str,
) -> Result<Option<Vec<u8>>, LibraryError> {
    match library.fixture(release, machine, scenario) {
        Some(fixture) => Ok(Some(library.corpus().stream(fixture)?)),
        None => Ok(None),
    }
}

/// What a model of the destination and the binary did differently with a stream, or `None`.
#[must_use]
pub fn disagreement(
    to: Option<&Destination>,
    stream: Option<&[u8]>,
    feed: &Feed,
    real: &Outcome,
) -> Option<String> {
    let Some(stream) = stream else {
        return Some("the corpus has no such fixture, or the change does not fit it".to_string());
    };
    let Some(to) = to else {
        // The binary refused before it read anything: it has no such machine type or device.
        let refused = real.verdict == ObservedVerdict::Refused && real.consumed.unwrap_or(0) == 0;
        return (!refused).then(|| "the corpus has no such destination".to_string());
    };
    loaded_disagreement(&load(to, &mut &stream[..], feed), real)
}

/// The same for a stream that the model has loaded.
#[must_use]
pub fn loaded_disagreement(loaded: &Loaded<'_>, real: &Outcome) -> Option<String> {
    let agree = match real.verdict {
        ObservedVerdict::Accepted => loaded.refused.is_none() && stopped_alike(loaded, real),
        ObservedVerdict::Refused => {
            loaded.refused.is_some() && stopped_alike(loaded, real) && reason_alike(loaded, real)
        }
        ObservedVerdict::Hang => false,
    };
    (!agree).then(|| describe(loaded, real))
}

fn stopped_alike(loaded: &Loaded<'_>, real: &Outcome) -> bool {
    real.consumed.is_none_or(|consumed| consumed.abs_diff(loaded.taken) <= STEP)
}

fn reason_alike(loaded: &Loaded<'_>, real: &Outcome) -> bool {
    let Some(error) = &loaded.refused else { return false };
    if matches!(error.kind, Kind::Undefined(_) | Kind::Undetermined(_)) {
        return false;
    }
    let message = stderr::parse(&real.stderr);
    let class = message.classes.is_empty() || message.classes.contains(&error.kind.class());
    let section = match (&message.section, &error.section) {
        (Some(real), Some(own)) => real == own,
        _ => true,
    };
    class && section
}

fn describe(loaded: &Loaded<'_>, real: &Outcome) -> String {
    let model = match &loaded.refused {
        Some(error) => format!("refused: {error}"),
        None => "accepted".to_string(),
    };
    let verdict = format!("{:?}", real.verdict).to_lowercase();
    let consumed = real.consumed.map_or(String::new(), |n| format!(" after {n} bytes"));
    let text = real.stderr.lines().collect::<Vec<_>>().join(" | ");
    format!("model {model}, {} bytes taken; binary {verdict}{consumed}: {text}", loaded.taken)
}
