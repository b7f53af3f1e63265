//! Entries of a catalogue, collected from recordings.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::recorded::{ALONE, BinaryReport, RecordedDevice, Recording, split_path};
use crate::release::catalogue::{Catalogue, Entry, chipset};
use crate::release::described::Described;
use crate::release::notes::Note;
use crate::stream::frames::{Depth, scan};
use crate::stream::vmdescription::locate;
use crate::stream::{Destination, load, load_payload, record};
use crate::vmstate::Local;
use crate::vmstate::schema::{Body, Handler, Handlers};
use crate::wire::{Feed, Span};

/// Everything by which two sections of one device are distinguished: what [`Entry`] says but its
/// machine types and its payload, and what a loader compares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Looks {
    entry: String,
    compared: BTreeMap<String, Vec<u8>>,
    subsections: BTreeSet<String>,
    len: usize,
}

/// What an entry's bytes are made of, whatever they say.
type Layout = (String, BTreeSet<String>);

fn layout(looks: &Looks, entry: &Entry) -> Layout {
    let blocks = entry.blocks.keys().map(|name| (name.clone(), 0)).collect();
    let (varied, payload) = (String::new(), (0, 0));
    let entry = Entry { varied, payload, blocks, instance_id: 0, ..entry.clone() };
    (serde_json::to_string(&entry).unwrap_or_default(), looks.subsections.clone())
}

/// Entries being collected.
pub(super) struct CatalogueBuilder {
    catalogue: Catalogue,
    payloads: Vec<u8>,
    /// Descriptions of device classes, by class.
    classes: BTreeMap<String, String>,
    /// Sections of plain boards without a path, by chipset, name and instance.
    plain: BTreeSet<(String, String, u32)>,
    /// Sections without a path of devices that were alone: name and device type.
    claimed: BTreeSet<(String, String)>,
    /// Entries by what they look like, each with its machine types.
    found: BTreeMap<Looks, (Entry, BTreeSet<String>)>,
    pub(super) notes: Vec<Note>,
}

impl CatalogueBuilder {
    pub(super) fn new(release: &str, reported: &BinaryReport) -> Self {
        let dump: Value = serde_json::from_str(&reported.dump).unwrap_or_default();
        let classes: BTreeMap<String, String> = dump
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(class, about)| {
                Some((class.clone(), about.pointer("/Description/name")?.as_str()?.to_owned()))
            })
            .collect();
        let mut machines: Vec<&str> =
            reported.recordings.iter().map(|r| r.machine.as_str()).collect();
        machines.sort_by_key(|name| (chipset(name), crate::dialect::Generation::of(name), *name));
        machines.dedup();
        let described: BTreeSet<&String> = classes.values().collect();
        let catalogue = Catalogue {
            release: release.to_owned(),
            binary: reported.about.clone(),
            machines: machines.into_iter().map(str::to_owned).collect(),
            all_machines: reported.all_machines.clone(),
            types: reported.types.clone(),
            described: described.into_iter().cloned().collect(),
            alike: reported.alike.clone(),
            entries: Vec::new(),
        };
        CatalogueBuilder {
            catalogue,
            payloads: Vec::new(),
            classes,
            plain: BTreeSet::new(),
            claimed: BTreeSet::new(),
            found: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, recording: &Recording, list: &Handlers, to: &Destination) {
        let Some(Outline { sections, blocks, alike }) = outline(&recording.stream) else {
            self.notes.push(Note::at(&recording.machine, "its stream does not describe itself"));
            return;
        };
        for section in alike {
            self.catalogue.alike.entry(section).or_default();
        }
        let mut used = BTreeSet::new();
        for (index, handler) in list.handlers.iter().enumerate() {
            let named = (handler.idstr.clone(), handler.instance_id);
            let Some(payload) =
                sections.get(&named).and_then(|(from, to)| recording.stream.get(*from..*to))
            else {
                continue;
            };
            let Some((device, section, path)) = self.owner(recording, handler, &mut used) else {
                continue;
            };
            let blocks = blocks.iter().filter_map(|(name, len)| {
                let rest = name.strip_prefix(path.as_deref()?)?.strip_prefix('/')?;
                Some((rest.to_owned(), *len))
            });
            let entry = Entry {
                device: device.device.clone(),
                place: if path.is_some() { recording.place.clone() } else { String::new() },
                varied: if device.device.is_empty() {
                    recording.varied.clone()
                } else {
                    device.varied
                },
                section,
                has_path: path.is_some(),
                instance_id: handler.instance_id,
                alias_id: handler.alias_id,
                version_id: handler.version_id,
                body: handler.body.clone(),
                answers: handler.answers.clone(),
                blocks: blocks.collect(),
                machines: Vec::new(),
                payload: (0, payload.len() as u64),
            };
            self.keep(entry, recording, to, index, payload);
        }
    }

    /// Whose section it is: the device, the section's name without its path, and the path.
    fn owner(
        &mut self,
        recording: &Recording,
        handler: &Handler,
        used: &mut BTreeSet<(usize, String)>,
    ) -> Option<(RecordedDevice, String, Option<String>)> {
        let (idstr, board) = (handler.idstr.as_str(), chipset(&recording.machine));
        let by_path = recording
            .devices
            .iter()
            .filter_map(|found| {
                let (path, section) = split_path(found.path.as_deref()?, idstr)?;
                Some((found, path, section))
            })
            .max_by_key(|(_, path, _)| path.len());
        if let Some((found, path, section)) = by_path {
            return Some((found.clone(), section.to_owned(), Some(path.to_owned())));
        }
        let vmsd = match &handler.body {
            Body::Vmsd(key) => key.split('#').next().unwrap_or(key),
            Body::Loader(_) => idstr,
        };
        let path = idstr.strip_suffix(vmsd).and_then(|path| path.strip_suffix('/'));
        if recording.devices.is_empty() {
            if path.is_none() {
                let id = handler.instance_id;
                self.plain.insert((board.to_owned(), idstr.to_owned(), id));
            }
            let section = if path.is_some() { vmsd } else { idstr };
            return Some((RecordedDevice::default(), section.to_owned(), path.map(str::to_owned)));
        }
        let plain = |id: &u32| self.plain.contains(&(board.to_owned(), idstr.to_owned(), *id));
        if path.is_some() || plain(&handler.instance_id) {
            return None;
        }
        if let ([alone, ..], ALONE) = (&recording.devices[..], recording.place.as_str()) {
            self.claimed.insert((idstr.to_owned(), alone.device.clone()));
            return Some((alone.clone(), idstr.to_owned(), None));
        }
        let others = recording.devices.iter().enumerate();
        let mut own = others.filter(|(number, _)| !used.contains(&(*number, idstr.to_owned())));
        let by_class =
            |found: &RecordedDevice| self.classes.get(&found.device).is_some_and(|n| n == vmsd);
        let claimed = |found: &RecordedDevice| {
            self.claimed.contains(&(idstr.to_owned(), found.device.clone()))
        };
        let found = own.clone().find(|(_, found)| by_class(found));
        let found = found.or_else(|| own.find(|(_, found)| claimed(found)));
        // Another of what the board has comes with bridges and controllers; else, where nothing
        // tells, the section stands without a device.
        if found.is_none() && self.plain.iter().any(|(of, name, _)| of == board && name == idstr) {
            return None;
        }
        let device = found.map_or_else(RecordedDevice::default, |(number, found)| {
            used.insert((number, idstr.to_owned()));
            found.clone()
        });
        Some((device, idstr.to_owned(), None))
    }

    fn keep(
        &mut self,
        mut entry: Entry,
        recording: &Recording,
        to: &Destination,
        index: usize,
        payload: &[u8],
    ) {
        let loaded = load_payload(to, index, entry.version_id, payload);
        if let Some(error) = &loaded.refused {
            self.notes.push(Note::at(
                format!("{} {} on {}", entry.device, entry.section, recording.machine),
                format!("its own payload is not read: {error}"),
            ));
        }
        // The how-manieth of its kind it is in its machine is no part of how it looks.
        let path = |span: &Span<'_>| {
            let trail = loaded.map.trail(span).into_iter().skip(1).map(|(_, name)| name);
            trail.chain([span.name.to_owned()]).collect::<Vec<_>>().join(".")
        };
        let compared = Local::needed_items(&loaded.map, payload)
            .map(|(span, bytes)| (path(span), bytes.to_vec()))
            .collect();
        let spans = loaded.map.spans().iter();
        let subsections = spans.filter(|span| span.info == "subsection").map(path).collect();
        let looks = Looks {
            entry: serde_json::to_string(&entry).unwrap_or_default(),
            compared,
            subsections,
            len: payload.len(),
        };
        let payloads = &mut self.payloads;
        let (_, machines) = self.found.entry(looks).or_insert_with(|| {
            entry.payload.0 = payloads.len() as u64;
            payloads.extend(payload);
            (entry, BTreeSet::new())
        });
        machines.insert(recording.machine.clone());
    }

    pub(super) fn finish(mut self, reported: &BinaryReport) -> (Catalogue, Vec<u8>) {
        // A changed property counts where it changes the layout; values go with any entry.
        let layouts: BTreeSet<Layout> = (self.found.iter())
            .filter(|(_, (entry, _))| entry.varied.is_empty())
            .map(|(looks, (entry, _))| layout(looks, entry))
            .collect();
        self.found.retain(|looks, (entry, _)| {
            entry.device.is_empty()
                || entry.varied.is_empty()
                || !layouts.contains(&layout(looks, entry))
        });
        let mut payloads: Vec<u8> = Vec::new();
        for (mut entry, machines) in self.found.into_values() {
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
            let (from, len) = (place(entry.payload.0), place(entry.payload.1));
            entry.payload.0 = payloads.len() as u64;
            payloads.extend(self.payloads.iter().skip(from).take(len));
            entry.machines = self.catalogue.ranges(|name| machines.contains(name));
            self.catalogue.entries.push(entry);
        }
        let order = |e: &Entry| (e.device.clone(), e.section.clone(), e.instance_id, e.payload.0);
        self.catalogue.entries.sort_by_key(order);
        // A type that sends nothing is catalogued as such.
        for (name, why) in &reported.types {
            self.catalogue.types.insert(name.clone(), why.clone());
        }
        (self.catalogue, payloads)
    }
}

/// What a stream that describes itself is made of.
struct Outline {
    /// Where each section lies, by name and instance.
    sections: BTreeMap<(String, u32), (usize, usize)>,
    /// RAM blocks with their lengths.
    blocks: Vec<(String, u64)>,
    /// Sections of which there are several under one instance.
    alike: BTreeSet<String>,
}

fn outline(stream: &[u8]) -> Option<Outline> {
    let (from, len) = locate(stream)?;
    let framing = scan(&mut &stream[..], Depth::Framing);
    let described = Described::new(stream.get(from..from + len)?, &framing).ok()?;
    let loaded = load(&described.destination, &mut &stream[..], &Feed::Bulk);
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let (mut sections, mut alike) = (BTreeMap::new(), BTreeSet::new());
    for section in loaded.sections.iter().filter(|s| s.record == record::FULL) {
        let name = String::from_utf8_lossy(&section.idstr).into_owned();
        let at = (place(section.body), place(section.end));
        if sections.insert((name.clone(), section.instance_id), at).is_some() {
            alike.insert(name);
        }
    }
    let blocks = loaded.blocks.iter();
    let blocks = blocks.map(|(name, len)| (String::from_utf8_lossy(name).into_owned(), *len));
    Some(Outline { sections, blocks: blocks.collect(), alike })
}

#[cfg(test)]
mod tests;
