//! What a decoder does to a destination, and the verdict on it.

use std::collections::{HashMap, HashSet};

use super::model::{Desc, Device, Id, Kind, Machine, Slot, State, within};

/// A refusal, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Refusal {
    #[error("the stream ends early")]
    End,
    #[error("unknown record {0:#04x}")]
    Record(u8),
    #[error("unknown section '{0}'")]
    Section(String),
    #[error("version {found} of '{name}', expected {lowest} to {highest}")]
    Version { name: String, found: u32, lowest: u32, highest: u32 },
    #[error("unknown subsection '{0}'")]
    Optional(String),
    #[error("no footer after '{0}'")]
    Footer(String),
    #[error("no sentinel after '{0}'")]
    Sentinel(String),
    #[error("'{name}': {found} bytes, expected {expected}")]
    Length { name: String, found: usize, expected: usize },
    #[error("unknown field '{0}'")]
    Field(String),
    #[error("'{0}' is missing")]
    Missing(String),
    #[error("'{0}' comes twice")]
    Twice(String),
    #[error("checksum of chunk '{0}'")]
    Checksum(String),
    #[error("unknown feature '{0}'")]
    Feature(String),
    #[error("not a stream of this format")]
    Magic,
}

/// The destination: what was put where, in order.
#[derive(Debug, Default)]
pub struct Sink {
    put: Vec<(Id, u64)>,
    /// Bytes that a design passes over on purpose, because the source said that it may.
    pub skipped: usize,
}

impl Sink {
    /// Puts the value of an item.
    pub fn put(&mut self, id: Id, value: &[u8]) {
        self.put.push((id, digest(value)));
    }

    /// How much was put so far, for [`Sink::rewind`].
    #[must_use]
    pub fn mark(&self) -> usize {
        self.put.len()
    }

    /// Takes back what was only staged.
    pub fn rewind(&mut self, mark: usize) {
        self.put.truncate(mark);
    }
}

/// A value as a number: FNV-1a over length and bytes.
fn digest(value: &[u8]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325 ^ value.len() as u64;
    for byte in value {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    state
}

/// How a case ended, in the words of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the design document explains them")]
pub enum Verdict {
    Faithful,
    Defaulted,
    Refused,
    RefusedLate,
    Misparsed,
}

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Refused before any state was put: the source can go on as if nothing had been.
    pub untouched: bool,
    /// State in use was given up on purpose, by a property or because it was called ancillary.
    pub given_up: bool,
}

/// The truth about a source's state: item by item, with those that are in the default state.
#[derive(Debug, Default)]
pub struct Truth {
    items: HashMap<Id, (u64, bool)>,
}

impl Truth {
    /// The state of a machine.
    #[must_use]
    pub fn of(machine: &Machine, states: &[State]) -> Self {
        let mut truth = Truth::default();
        for (device, state) in machine.devices.iter().zip(states) {
            truth.add(device.id, &device.desc, state);
        }
        truth
    }

    fn add(&mut self, place: Id, desc: &Desc, state: &State) {
        for (field, slot) in desc.with(state) {
            let id = within(place, field.id);
            match (slot, &field.kind) {
                (Slot::Struct(state), Kind::Struct(desc)) => self.add(id, desc, state),
                (Slot::Bytes(bytes), _) => {
                    self.items.insert(id, (digest(bytes), bytes.iter().all(|b| *b == 0)));
                }
                (Slot::Struct(_), Kind::Bytes(_)) => {}
            }
        }
        for (optional, state) in desc.in_use(state) {
            self.add(within(place, optional.id), &optional.desc, state);
        }
    }

    /// The verdict on what a decoder did. `deliberate` says whether the design leaves out state
    /// on purpose (then what did not arrive is given up, not lost).
    #[must_use]
    pub fn judge(
        &self,
        to: &Machine,
        outcome: &Result<(), Refusal>,
        sink: &Sink,
        deliberate: bool,
    ) -> Judged {
        let mut seen = HashSet::with_capacity(sink.put.len());
        let mut wrong = false;
        for (id, value) in &sink.put {
            let twice = !seen.insert(*id);
            wrong |= twice || self.items.get(id).is_none_or(|(sent, _)| sent != value);
        }
        if outcome.is_err() {
            let verdict = if wrong { Verdict::RefusedLate } else { Verdict::Refused };
            return Judged { verdict, untouched: sink.put.is_empty(), given_up: false };
        }
        // What did not arrive but was in its default state is as it would be.
        let lost = self.items.iter().any(|(id, (_, zero))| !zero && !seen.contains(id));
        let verdict = match () {
            () if wrong || lost && !(deliberate || sink.skipped > 0) => Verdict::Misparsed,
            () if lost || keeps_defaults(to, &seen) => Verdict::Defaulted,
            () => Verdict::Faithful,
        };
        let given_up = verdict == Verdict::Defaulted && lost;
        Judged { verdict, untouched: false, given_up }
    }
}

impl Truth {
    /// The first thing that went wrong in an accepted stream, in words.
    #[must_use]
    pub fn wrong(&self, from: &Machine, to: &Machine, sink: &Sink) -> Option<String> {
        let mut seen = HashSet::new();
        for (id, value) in &sink.put {
            let path = || path(to, *id);
            match self.items.get(id) {
                _ if !seen.insert(*id) => return Some(format!("`{}` is read twice", path())),
                None => return Some(format!("`{}` is read, which was not sent", path())),
                Some((sent, _)) if sent != value => {
                    return Some(format!("`{}` is read from other bytes", path()));
                }
                Some(_) => {}
            }
        }
        // In the order of the source, not of the map.
        let lost = |id: &Id| self.items.get(id).is_some_and(|i| !i.1) && !seen.contains(id);
        let first = paths(from).into_iter().find(|(id, _)| lost(id))?;
        Some(format!("`{}` is sent, and never read", first.1))
    }
}

/// All items of a machine with their paths.
fn paths(machine: &Machine) -> Vec<(Id, String)> {
    fn add(place: Id, desc: &Desc, path: &str, all: &mut Vec<(Id, String)>) {
        for field in &desc.fields {
            let (id, path) = (within(place, field.id), format!("{path}.{}", field.name));
            match &field.kind {
                Kind::Struct(desc) => add(id, desc, &path, all),
                Kind::Bytes(_) => all.push((id, path)),
            }
        }
        for optional in &desc.optional {
            let path = format!("{path}.{}", optional.desc.name);
            add(within(place, optional.id), &optional.desc, &path, all);
        }
    }
    let mut all = Vec::new();
    machine.devices.iter().for_each(|d| add(d.id, &d.desc, &d.desc.name, &mut all));
    all
}

fn path(machine: &Machine, id: Id) -> String {
    let found = paths(machine).into_iter().find(|(own, _)| *own == id);
    found.map_or_else(|| "?".to_string(), |(_, path)| path)
}

/// Whether anything was put into a device.
fn touches(place: Id, desc: &Desc, seen: &HashSet<Id>) -> bool {
    desc.fields.iter().any(|field| {
        let id = within(place, field.id);
        match &field.kind {
            Kind::Struct(desc) => touches(id, desc, seen),
            Kind::Bytes(_) => seen.contains(&id),
        }
    })
}

/// Whether the destination has fields that nothing was put into. Optional parts not in use are
/// in their default state by definition.
fn keeps_defaults(to: &Machine, seen: &HashSet<Id>) -> bool {
    fn any(place: Id, desc: &Desc, seen: &HashSet<Id>) -> bool {
        desc.fields.iter().any(|field| {
            let id = within(place, field.id);
            match &field.kind {
                Kind::Struct(desc) => any(id, desc, seen),
                Kind::Bytes(n) => *n > 0 && !seen.contains(&id),
            }
        })
    }
    // Devices that nothing came for are another question.
    let came = |device: &&Device| touches(device.id, &device.desc, seen);
    to.devices.iter().filter(came).any(|device| any(device.id, &device.desc, seen))
}
