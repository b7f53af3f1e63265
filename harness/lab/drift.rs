//! Drift: the state that a device sends changes, its version does not. Is it always detected?
//!
//! The question was asked on QEMU's list in 2015. Each fixture is changed at every field of every
//! device section, as a source with a changed device would have sent it, and loaded into the
//! unchanged release under each set of framing rules that loads the fixture itself.
//!
//! | file | holds |
//! | --- | --- |
//! | [`base`] | the framing rules, and a fixture as it is sent under them |
//! | [`change`] | the changes |
//! | [`channel`] | the same for devices on channels of s390x, where the question was asked |
//! | [`outcome`] | where one was detected |
//! | [`tally`] | how often which, by field, section, rules and machine type |
//! | [`table`] | the tables and sentences |

pub mod base;
pub mod change;
pub mod channel;
pub mod outcome;
pub mod table;
pub mod tally;

use rayon::prelude::*;

pub use base::{Base, Rule};
pub use change::{Change, Family};
pub use outcome::{Class, Outcome};
pub use tally::{Drift, Tally};

use crate::dialect::Generation;
use crate::dialect::machine::{X86_64, architecture};
use crate::release::corpus::CorpusError;
use crate::release::library::{Library, LibraryError};
use crate::release::provenance::Fixture;
use crate::release::suggest;
use crate::wire::Error;

/// Why an experiment cannot be made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum DriftError {
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error("{fixture}: {why}")]
    Fixture { fixture: String, why: String },
    #[error("{fixture}: {source}")]
    Stream { fixture: String, source: Box<Error> },
    #[error("no fixture is of release '{release}' and machine type '{machine}' (empty: any){hint}")]
    Nothing { release: String, machine: String, hint: String },
}

/// Which fixtures to change.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only this release.
    pub release: Option<String>,
    /// Only this machine type.
    pub machine: Option<String>,
}

impl Selection {
    /// The selected fixtures; those of another architecture than x86_64 only where their machine type is
    /// named. Where neither release nor machine type is: of each release the newest machine type that
    /// it has a fixture of, with the devices that have most state.
    ///
    /// # Errors
    /// [`DriftError::Nothing`] if there is none.
    pub fn of<'l>(&self, library: &'l Library) -> Result<Vec<&'l Fixture>, DriftError> {
        let fits = |asked: &Option<String>, name: &str| asked.as_deref().is_none_or(|a| a == name);
        let mut chosen: Vec<&Fixture> = library
            .fixtures()
            .iter()
            .filter(|f| fits(&self.release, &f.release) && fits(&self.machine, &f.machine))
            .filter(|f| self.machine.is_some() || architecture(&f.machine) == X86_64)
            .collect();
        if self.release.is_none() && self.machine.is_none() {
            chosen = newest(&chosen);
        }
        if chosen.is_empty() {
            let name = |asked: &Option<String>| asked.clone().unwrap_or_default();
            let (release, machine) = (name(&self.release), name(&self.machine));
            let all = library.fixtures();
            let known = |of: fn(&Fixture) -> &str, name: &str| {
                let there = name.is_empty() || all.iter().any(|f| of(f) == name);
                if there { String::new() } else { suggest::hint(name, all.iter().map(of)) }
            };
            let hint = known(|f| &f.release, &release) + &known(|f| &f.machine, &machine);
            return Err(DriftError::Nothing { release, machine, hint });
        }
        Ok(chosen)
    }
}

/// Of each release the fixtures of its newest machine type; of those the ones whose guest used
/// the board's own devices (`legacy`) where there are any, else all.
fn newest<'l>(all: &[&'l Fixture]) -> Vec<&'l Fixture> {
    let newest = |release: &str| {
        let own = all.iter().filter(|f| f.release == release);
        own.map(|f| Generation::of(&f.machine)).max()
    };
    let mut chosen: Vec<&Fixture> = all
        .iter()
        .filter(|f| newest(&f.release) == Some(Generation::of(&f.machine)))
        .copied()
        .collect();
    let busy: Vec<&str> =
        chosen.iter().filter(|f| f.scenario == BUSY).map(|f| f.release.as_str()).collect();
    chosen.retain(|f| {
        f.scenario == BUSY || f.scenario == QUIET && !busy.contains(&f.release.as_str())
    });
    chosen
}

/// The scenario whose guest left the board's own devices in use, and the one whose guest did not.
const BUSY: &str = "legacy";
const QUIET: &str = "idle";

/// Makes the experiment on the selected fixtures, in parallel.
///
/// # Errors
/// A fixture that its own release does not load, or a corpus that cannot be read.
pub fn run(library: &Library, selection: &Selection) -> Result<Vec<Drift>, DriftError> {
    Ok(Planned::new(library, selection)?.run(1, &|| ()))
}

/// An experiment that is ready to be made: the selected fixtures under every rule that loads them.
#[derive(Debug)]
pub struct Planned {
    bases: Vec<Base>,
    /// How many loads the whole of it is.
    pub loads: usize,
}

impl Planned {
    /// Makes ready, and counts.
    ///
    /// # Errors
    /// As [`run`].
    pub fn new(library: &Library, selection: &Selection) -> Result<Self, DriftError> {
        let fixtures = selection.of(library)?;
        let pairs: Vec<(&Fixture, Rule)> =
            fixtures.iter().flat_map(|f| Rule::ALL.map(|rule| (*f, rule))).collect();
        let bases: Vec<Option<Base>> = pairs
            .par_iter()
            .map(|(fixture, rule)| Base::of(library, fixture, *rule))
            .collect::<Result<_, DriftError>>()?;
        let bases: Vec<Base> = bases.into_iter().flatten().collect();
        let loads = bases.par_iter().map(tally::count).sum();
        Ok(Planned { bases, loads })
    }

    /// The step at which a sample has about so many loads: each of its changes stands for so many.
    /// It is a prime, or 1: changes come in the same order at every field, and a step that divides
    /// their number would make some of them never.
    #[must_use]
    pub fn step(&self, sample: usize) -> usize {
        let least = self.loads.div_ceil(sample.max(1));
        let is_prime = |n: &usize| (2..).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d));
        (least.max(1)..).find(|n| *n == 1 || is_prime(n)).unwrap_or(least)
    }

    /// How many fixtures under how many rules.
    #[must_use]
    pub fn bases(&self) -> usize {
        self.bases.len()
    }

    /// Makes every `step`th change; `done` is called after each.
    #[must_use]
    pub fn run(&self, step: usize, done: &(dyn Fn() + Sync)) -> Vec<Drift> {
        self.bases.par_iter().map(|base| tally::drift(base, step, done)).collect()
    }
}
