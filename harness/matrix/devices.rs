//! The matrix over devices: every catalogued device of every release, alone, into every other release that
//! has it, on each machine type that both have; and what the policy says of each.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rayon::prelude::*;

use super::config::{Config, KnownDevice};
use super::policy::{Direction, Standing};
use super::targets::Answer;
use crate::dialect::Generation;
use crate::dialect::machine::has_channels;
use crate::release::catalogue::{Entry, Layouts};
use crate::release::compose::{
    self, BuildTables, Composed, LayoutCache, Machine, machine::SentSection,
};
use crate::release::library::LibraryError;
use crate::stream::load_payload;
use crate::trace::verdict::reading;
use crate::trace::{Judged, Verdict};
use crate::vmstate::Local;

/// A device of one release into another.
#[derive(Debug, Clone)]
pub struct Row {
    /// Device type.
    pub device: String,
    /// The kind of place that it is at; empty where that does not matter.
    pub place: String,
    /// Properties that differ from the defaults.
    pub varied: String,
    /// The section.
    pub section: String,
    /// The release that sends it.
    pub source: String,
    /// The release that is given it.
    pub destination: String,
    /// Machine types on which it comes out so.
    pub machines: Vec<String>,
    /// How.
    pub answer: Answer,
}

/// All of them, in order of device, source and destination. `wanted` chooses device types.
///
/// # Errors
/// Files that cannot be read.
pub fn devices(
    cache: &LayoutCache<'_>,
    wanted: impl Fn(&str) -> bool + Sync,
) -> Result<Vec<Row>, LibraryError> {
    devices_between(cache, wanted, |_, _| true)
}

/// The same for some pairs of source and destination only.
///
/// # Errors
/// Files that cannot be read.
pub fn devices_between(
    cache: &LayoutCache<'_>,
    wanted: impl Fn(&str) -> bool + Sync,
    pair: impl Fn(&str, &str) -> bool + Sync,
) -> Result<Vec<Row>, LibraryError> {
    let library = cache.library;
    let mut known: Vec<(&str, &str)> = Vec::new();
    for (release, _) in library.releases() {
        for architecture in library.corpus().architectures(release) {
            if library.corpus().has_catalogue(release, architecture) {
                known.push((architecture, release));
            }
        }
    }
    let rows: Vec<Vec<Row>> = known
        .par_iter()
        .map(|&(architecture, source)| {
            let others = known.iter().filter(|(of, name)| *of == architecture && *name != source);
            let others = others.map(|(_, name)| *name).filter(|name| pair(source, name));
            let others: Vec<&str> = others.collect();
            sent_by(&LayoutCache::new(library), architecture, source, &others, &wanted)
        })
        .collect::<Result<_, _>>()?;
    let mut rows: Vec<Row> = rows.into_iter().flatten().collect();
    rows.sort_by(|a, b| {
        let key = |r: &Row| (r.device.clone(), r.section.clone(), r.place.clone());
        key(a).cmp(&key(b))
    });
    Ok(rows)
}

/// All devices of one release into these others.
fn sent_by(
    cache: &LayoutCache<'_>,
    architecture: &str,
    source: &str,
    others: &[&str],
    wanted: impl Fn(&str) -> bool + Sync,
) -> Result<Vec<Row>, LibraryError> {
    let mut rows = Vec::new();
    let Some(from) = cache.catalogue(source, architecture)? else { return Ok(rows) };
    let devices = from.catalogue.entries.iter();
    for entry in devices.filter(|entry| !entry.device.is_empty() && wanted(&entry.device)) {
        let mut senders = Senders::new();
        for destination in others {
            let Some(to) = cache.catalogue(destination, architecture)? else { continue };
            let to = (*destination, &to);
            rows.extend(one(cache, (source, &from), to, entry, &mut senders)?);
        }
    }
    Ok(rows)
}

/// One section of one device into another release: a row for each way in which it comes out.
fn one(
    cache: &LayoutCache<'_>,
    (source, from): (&str, &Rc<Layouts>),
    (destination, to): (&str, &Rc<Layouts>),
    entry: &Entry,
    senders: &mut Senders,
) -> Result<Vec<Row>, LibraryError> {
    let on = from.catalogue.machines.iter().filter(|m| from.catalogue.is_on(entry, m));
    let both: Vec<&String> = on.filter(|m| to.catalogue.machines.contains(m)).collect();
    // Machine types on which the destination's own look the same come out the same.
    let mut groups: BTreeMap<BTreeSet<usize>, Vec<String>> = BTreeMap::new();
    for machine in both {
        let same = |e: &Entry| {
            e.device == entry.device && e.place == entry.place && to.catalogue.is_on(e, machine)
        };
        let entries = to.catalogue.entries.iter().enumerate().filter(|(_, e)| same(e));
        groups.entry(entries.map(|(at, _)| at).collect()).or_default().push(machine.clone());
    }
    let mut rows = Vec::new();
    let elsewhere = to.catalogue.entries.iter().any(|e| e.device == entry.device);
    for (own, machines) in groups {
        let Some(machine) = machines.first() else { continue };
        // What it is like on another machine type is no answer.
        let answer = if own.is_empty() && elsewhere {
            let what = "was not recorded in the destination on the machine type";
            Answer::Undetermined(format!("{} {what}", entry.device))
        } else {
            let sender = match senders.get(machine) {
                Some(known) => known.clone(),
                None => {
                    let made = sender(cache, source, from, entry, machine)?.map(Rc::new);
                    senders.insert(machine.clone(), made.clone());
                    made
                }
            };
            match sender {
                Ok(sender) => judge(cache, destination, entry, &sender)?,
                Err(answer) => answer,
            }
        };
        rows.push(Row {
            device: entry.device.clone(),
            place: entry.place.clone(),
            varied: entry.varied.clone(),
            section: entry.section.clone(),
            source: source.to_owned(),
            destination: destination.to_owned(),
            machines,
            answer,
        });
    }
    Ok(rows)
}

/// A section as its release sends it on a machine type.
#[derive(Debug)]
struct Sender {
    machine: Machine,
    composed: Composed,
}

/// Senders of one section by machine type, or why it cannot be told what is sent.
type Senders = BTreeMap<String, Result<Rc<Sender>, Answer>>;

fn sender(
    cache: &LayoutCache<'_>,
    source: &str,
    from: &Layouts,
    entry: &Entry,
    machine: &str,
) -> Result<Result<Sender, Answer>, LibraryError> {
    let payload = from.payload(entry);
    let section = &entry.section;
    let path = path(entry, &payload, machine);
    let machine = Machine {
        machine: Some(machine.to_owned()),
        sections: vec![SentSection {
            idstr: if entry.has_path { format!("{path}/{section}") } else { section.clone() },
            instance_id: entry.instance_id,
            version_id: entry.version_id,
            payload,
            vmsd: Some(section.clone()),
            answers: entry.answers.clone(),
            device: Some(entry.device.clone()),
            ..SentSection::default()
        }],
        ..Machine::default()
    };
    let Some(own) = BuildTables::of(cache.library, source) else { return Ok(Err(no_tables())) };
    let mut composed = match compose::source(cache, &own, &machine)? {
        Ok(sent) => sent,
        Err(lacking) => return Ok(Err(lacking.into())),
    };
    let mut local = Local::default();
    {
        let payload = sent_payload(&machine);
        let read = load_payload(&composed.destination, 1, entry.version_id, payload);
        if let Some(error) = &read.refused {
            return Ok(Err(Answer::Undetermined(format!("{source} itself: {error}"))));
        }
        local.remember(&read.map, payload);
    }
    composed.destination.local.items.extend(local.items);
    Ok(Ok(Sender { machine, composed }))
}

/// What the only section of a machine holds.
fn sent_payload(machine: &Machine) -> &[u8] {
    machine.sections.first().map_or(&[], |sent| &sent.payload)
}

fn no_tables() -> Answer {
    Answer::Undetermined("the corpus has no tables".to_owned())
}

/// Bus paths of devices alone: on PCI, on a channel, at a fixed address.
pub const PATHS: [&str; 3] = ["0000:00:02.0", "/fe.0.0001", "virtio-mmio@000000000a000000"];

/// Where a PCI device has its vendor, behind the version of its state, and that of virtio devices.
const VENDOR: (std::ops::Range<usize>, [u8; 2]) = (4..6, [0xf4, 0x1a]);

/// A bus path like that of a section's device: it tells the transport of a virtio device.
fn path(entry: &Entry, payload: &[u8], machine: &str) -> &'static str {
    let [pci, channel, mmio] = PATHS;
    let (at, vendor) = VENDOR;
    match entry.device.starts_with("virtio-") && payload.get(at) != Some(&vendor) {
        _ if has_channels(machine) => channel,
        true => mmio,
        false => pci,
    }
}

fn judge(
    cache: &LayoutCache<'_>,
    destination: &str,
    entry: &Entry,
    sender: &Sender,
) -> Result<Answer, LibraryError> {
    let Sender { machine, composed: sent } = sender;
    let payload = sent_payload(machine);
    let section = &entry.section;
    let Some(other) = BuildTables::of(cache.library, destination) else { return Ok(no_tables()) };
    let to = match compose::destination(cache, &other, machine, sent)? {
        Ok(to) => to,
        Err(lacking) => return Ok(lacking.into()),
    };
    let named = &machine.sections.first().map(|s| s.idstr.clone()).unwrap_or_default();
    let Some(index) = to.destination.find(named.as_bytes(), entry.instance_id) else {
        return Ok(Answer::Unsupported(format!("{destination} registers no section {section}")));
    };
    let meaning = load_payload(&sent.destination, 1, entry.version_id, payload);
    let supported = to.destination.handlers.get(index).map_or(0, |h| h.version_id);
    let loaded = load_payload(&to.destination, index, entry.version_id.min(supported), payload);
    let (mut verdict, difference) = reading(&meaning.map, &loaded);
    let mut error = loaded.refused.clone();
    if entry.version_id > supported {
        let kind = crate::wire::Kind::SectionTooNew {
            idstr: section.clone(),
            version_id: entry.version_id,
            supported,
        };
        (verdict, error) = (Verdict::Refused, Some(kind.at(0)));
    }
    Ok(Answer::Judged(Box::new(Judged {
        verdict,
        stopped: loaded.stopped,
        taken: loaded.taken,
        size: payload.len() as u64,
        error,
        difference,
        false_end: None,
        defaults: Vec::new(),
        gave_up: Vec::new(),
    })))
}

/// How a row stands to the policy. What is not known breaks nothing here: `targets` tells it. Nor does
/// what a machine type without a number comes to: it promises nothing from one release to another.
#[must_use]
pub fn standing(config: &Config, row: &Row) -> Standing {
    let verdict = row.answer.verdict();
    let promised = row.machines.iter().any(|machine| Generation::of(machine).is_some());
    if verdict == Verdict::Undetermined || !promised {
        return Standing::Reported;
    }
    let known = || config.known_devices.iter().position(|known| known.names(row));
    let direction = Direction::of(&row.source, &row.destination, config);
    config.policy.standing(direction, verdict, known)
}

impl KnownDevice {
    /// Whether the entry is about such a row.
    #[must_use]
    pub fn names(&self, row: &Row) -> bool {
        self.verdict == row.answer.verdict()
            && self.sources.contains(&row.source)
            && self.destinations.contains(&row.destination)
            && self.devices.iter().any(|pattern| fits(pattern, &row.device))
    }
}

/// Whether a name fits a pattern in which `*` stands for any text.
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(head) else { return false };
    loop {
        if fits(rest, name) {
            return true;
        }
        let Some(first) = name.chars().next() else { return false };
        name = name.get(first.len_utf8()..).unwrap_or("");
    }
}

#[cfg(test)]
mod tests;
