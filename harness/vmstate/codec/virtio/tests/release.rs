//! A release that saves and loads sections of virtio devices.

use std::collections::BTreeMap;

use super::super::*;
use crate::dialect::{Dialect, Generation};
use crate::vmstate::compiled::Vmsd;
use crate::vmstate::flow::Name;
use crate::vmstate::progress::Context;
use crate::vmstate::{Loader, Local, Renames, Saver, Values};
use crate::wire::{Error, Feed, Map, Reader};

pub(super) const MACHINE: &str = "pc-i440fx-2.0";

/// Values by path; everything else is zero. At most one subsection of `virtio`.
#[derive(Debug, Default, Clone)]
pub(super) struct Given {
    pub(super) values: BTreeMap<&'static str, u64>,
    pub(super) subsection: Option<usize>,
}

impl Given {
    pub(super) fn of(values: &[(&'static str, u64)]) -> Self {
        Given { values: values.iter().copied().collect(), subsection: None }
    }
}

impl Values for Given {
    fn item(&mut self, map: &Map<'_>, name: Name<'_>, _: u32, into: &mut [u8]) -> Result<()> {
        let path = format!("{}.{}", map.here(), name.shown);
        let path = path.trim_start_matches('.');
        into.fill(0);
        if let Some(value) = self.values.get(path) {
            for (place, byte) in into.iter_mut().rev().zip(value.to_le_bytes()) {
                *place = byte;
            }
        }
        Ok(())
    }

    fn subsection(&mut self, _: &Map<'_>, owner: &Vmsd) -> Result<Option<(usize, u32)>> {
        let wanted = (owner.name == "virtio").then(|| self.subsection.take()).flatten();
        Ok(wanted.map(|which| (which, 1)))
    }
}

/// A release with its built-in descriptions.
pub(super) struct Release {
    pub(super) number: Version,
    pub(super) dialect: Dialect,
    pub(super) set: Set,
    pub(super) local: Local,
    /// The section's name with its path; without one a device is on PCI.
    pub(super) section: Option<&'static str>,
    pub(super) machine: &'static str,
    pub(super) generation: Option<Generation>,
}

/// What a load came to: the refusal, how much was read, and paths with offset and length.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) refused: Option<Box<Error>>,
    pub(super) read: u64,
    pub(super) items: Vec<(String, u64, u64)>,
}

impl Outcome {
    pub(super) fn has(&self, path: &str) -> bool {
        self.items.iter().any(|(p, ..)| p == path)
    }

    pub(super) fn text(&self) -> String {
        self.refused.as_ref().map_or(String::new(), |e| e.kind.to_string())
    }
}

pub(super) fn items(map: &Map<'_>) -> Vec<(String, u64, u64)> {
    map.spans().iter().map(|s| (map.path(s), s.offset, s.len)).collect()
}

impl Release {
    pub(super) fn new(number: &str) -> Self {
        let number: Version = number.parse().expect("number");
        let dialect = Dialect::of(number, MACHINE);
        let mut set = Set::new();
        let target = Target {
            release: number,
            machine: MACHINE,
            dialect: &dialect,
            renames: &Renames::default(),
            observed: &BTreeMap::new(),
        };
        add_descriptions(&mut set, &target).expect("descriptions");
        let local = Local::default();
        Release { number, dialect, set, local, section: None, machine: MACHINE, generation: None }
    }

    /// On a big-endian machine if on a channel.
    pub(super) fn on(mut self, section: &'static str) -> Self {
        self.section = Some(section);
        if section.starts_with('/') {
            self.machine = "s390-ccw-virtio";
        }
        self
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context {
            set: &self.set,
            dialect: &self.dialect,
            release: self.number,
            generation: self.generation,
            machine: self.machine,
            local: &self.local,
        }
    }

    /// With the local values of a stream of its own.
    pub(super) fn knowing(mut self, device: &str, version_id: u32, given: Given) -> Self {
        let (bytes, _) = self.save(device, version_id, given);
        let mut source = bytes.as_slice();
        let dialect = self.dialect.clone();
        let mut flow = Loader::new(Reader::new(&mut source, &Feed::Bulk), &dialect);
        flow.map.set_section(self.section);
        section(&mut Walk::new(self.context(), device, &mut flow), version_id).expect("own stream");
        let items =
            flow.map.spans().iter().map(|s| {
                (s.identity, bytes[s.offset as usize..(s.offset + s.len) as usize].to_vec())
            });
        let items = items.collect();
        self.local.items = items;
        self
    }

    pub(super) fn save(
        &self,
        device: &str,
        version_id: u32,
        mut given: Given,
    ) -> (Vec<u8>, Vec<(String, u64, u64)>) {
        let mut flow = Saver::new(&mut given);
        flow.map.set_section(self.section);
        section(&mut Walk::new(self.context(), device, &mut flow), version_id).expect("saved");
        let items = items(&flow.map);
        (flow.writer.into_bytes(), items)
    }

    pub(super) fn load(&self, device: &str, version_id: u32, bytes: &[u8]) -> Outcome {
        // What follows a section: footer, next section, end.
        let mut all = bytes.to_vec();
        all.extend([0u8; 64]);
        let mut source = all.as_slice();
        let mut flow = Loader::new(Reader::new(&mut source, &Feed::Bulk), &self.dialect);
        flow.map.set_section(self.section);
        let refused = section(&mut Walk::new(self.context(), device, &mut flow), version_id).err();
        Outcome { refused, read: flow.reader.offset(), items: items(&flow.map) }
    }
}

/// A device with one queue.
pub(super) const QUEUE: [(&str, u64); 5] = [
    ("pci.version_id", 2),
    ("num_queues", 1),
    ("vq[0].num", 256),
    ("vq[0].pa", 4096),
    ("config_len", 8),
];

pub(super) fn with(more: &[(&'static str, u64)]) -> Given {
    Given::of(&[&QUEUE, more].concat())
}
