//! A composed destination with what it rests on, and why there may be none.

use std::collections::{BTreeMap, HashMap};

use super::find::{FoundEntry, Lacking};
use crate::dialect::machine::{X86_64, architecture};
use crate::release::library::Library;
use crate::stream::Destination;
use crate::vmstate::schema::{Answers, Tables};

/// What composed destinations have in the place of a scenario's name.
pub const COMPOSED: &str = "composed";

/// What is composed: a release, or a downstream build of it with descriptions of its own.
#[derive(Debug, Clone, Copy)]
pub struct BuildTables<'a> {
    /// What it is called.
    pub name: &'a str,
    /// The release whose layouts it has.
    pub release: &'a str,
    /// Its descriptions.
    pub tables: &'a Tables,
}

impl<'a> BuildTables<'a> {
    /// A release of the corpus on x86_64; `None` if that has no tables of it.
    #[must_use]
    pub fn of(library: &'a Library, release: &'a str) -> Option<Self> {
        Some(BuildTables { name: release, release, tables: library.tables(release, X86_64)? })
    }

    /// The same with the tables of a machine type's architecture; `None` if there are none. Of a
    /// downstream nothing is known but of x86_64.
    pub(super) fn on(&self, library: &'a Library, machine: &str) -> Option<Self> {
        match architecture(machine) {
            X86_64 => Some(*self),
            other if self.name == self.release => {
                Some(BuildTables { tables: library.tables(self.release, other)?, ..*self })
            }
            _ => None,
        }
    }

    /// What lacks where there are none.
    pub(super) fn lacks(&self, machine: &str) -> Lacking {
        Lacking::Unknown(format!("{} was not recorded on {}", self.name, architecture(machine)))
    }
}

/// A destination for a machine, and what it rests on.
#[derive(Debug)]
pub struct Composed {
    /// The destination.
    pub destination: Destination,
    /// What was taken from the stream, because the destination is started with the same
    /// configuration, in words.
    pub assumptions: Vec<String>,
    /// How many sections of the stream nothing of a source is known to send: neither its catalogue has
    /// them, nor the dump of its device classes.
    pub foreign: usize,
    /// How much of the stream's description a source calls otherwise; see [`super::choose::mismatches`].
    pub mismatches: usize,
    /// Sections whose layout was not recorded on this machine type, by idstr: where it was.
    pub elsewhere: BTreeMap<String, String>,
    /// For each section of the stream, in its order, what it is in the release.
    pub(super) chosen: Vec<Choice>,
    /// Of a source: its default values, by path identity, as its recorded payloads have them.
    pub(super) defaults: HashMap<u64, Vec<u8>>,
}

/// What one section is in a release.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// The entry.
    pub(super) entry: Option<FoundEntry>,
    /// What is decided of its layout.
    pub(super) answers: Answers,
    /// What is not known, in words, where there is no entry.
    pub(super) missing: Option<String>,
}

impl Composed {
    /// Sections of which the release is not known: what is missing, by section.
    #[must_use]
    pub fn missing(&self) -> Vec<&str> {
        self.chosen.iter().filter_map(|chosen| chosen.missing.as_deref()).collect()
    }

    /// How many local values that the source recorded are those of the stream: how much the stream
    /// looks like one of this release.
    #[must_use]
    pub fn likeness(&self) -> (usize, usize) {
        let items = &self.destination.local.items;
        let shared = self.defaults.iter().filter(|(identity, _)| items.contains_key(identity));
        let (mut same, mut all) = (0, 0);
        for (identity, own) in shared {
            all += own.len();
            let sent = items.get(identity).map_or(&[][..], Vec::as_slice);
            same += own.iter().zip(sent).filter(|(a, b)| a == b).count();
        }
        (same, all)
    }
}
