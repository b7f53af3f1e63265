//! Values: the bytes of items, biased to those that a loader could take for framing, and which
//! subsections are sent.

use super::{Feature, Features};
use crate::fuzzing::dice::Dice;
use crate::vmstate::flow::{NULL, Name, SUBSECTION};
use crate::vmstate::schema::Tables;
use crate::vmstate::{Set, Values, compiled};
use crate::wire::{Map, Result, Writer};

/// Bytes that mean something to a loader: subsection, end, footer, record types, pointer markers.
const MAGIC: [u8; 8] = [0x05, 0x00, 0x7e, 0x04, 0x30, 0x31, 0xff, 0x08];

/// A source of values.
#[derive(Debug)]
pub struct Generated<'v, 'a> {
    dice: &'v mut Dice<'a>,
    features: &'v mut Features,
    set: &'v Set,
    /// Descriptions whose names are spelled in data.
    tables: &'v Tables,
    /// What is left of a record being spelled.
    spelled: Vec<u8>,
    /// The next subsection of each description being written: its place in the map and an index.
    open: Vec<(u64, usize)>,
    list: u8,
    /// Nodes that are left of each tree being written.
    nodes: Vec<u8>,
}

impl<'v, 'a> Generated<'v, 'a> {
    /// Values for what `set` describes, with records of `tables` spelled in data.
    pub fn new(
        dice: &'v mut Dice<'a>,
        features: &'v mut Features,
        set: &'v Set,
        tables: &'v Tables,
    ) -> Self {
        let (spelled, open, nodes) = (Vec::new(), Vec::new(), Vec::new());
        Generated { dice, features, set, tables, spelled, open, list: 0, nodes }
    }

    /// The head of a subsection record, last byte first.
    fn spell(&mut self) {
        let at = self.dice.below(self.tables.vmsd.len());
        let Some(vmsd) = self.tables.vmsd.values().nth(at) else { return };
        self.features.add(Feature::SpelledRecord);
        let mut record = Writer::new();
        record.u8(SUBSECTION);
        record.counted(vmsd.name.as_bytes());
        record.be32(vmsd.version_id);
        self.spelled = record.into_bytes();
        self.spelled.reverse();
    }

    fn data(&mut self, into: &mut [u8]) {
        if self.spelled.is_empty() && self.dice.one_in(8) {
            self.spell();
        }
        for byte in into {
            *byte = match self.spelled.pop() {
                Some(letter) => letter,
                None => match self.dice.byte() {
                    choice @ 0x80.. => {
                        self.features.add(Feature::MagicByte);
                        MAGIC.get(usize::from(choice) % MAGIC.len()).copied().unwrap_or(0)
                    }
                    plain => plain,
                },
            };
        }
    }
}

impl Values for Generated<'_, '_> {
    fn item(&mut self, _: &Map<'_>, name: Name<'_>, _: u32, into: &mut [u8]) -> Result<()> {
        let small = match name.info {
            "list mark" => {
                // At most three elements in a row.
                self.list =
                    if self.list < 3 && self.dice.below(2) == 1 { self.list + 1 } else { 0 };
                Some(u8::from(self.list > 0))
            }
            "gtree count" => {
                let nodes = self.dice.below(3) as u8;
                self.nodes.push(nodes);
                Some(nodes)
            }
            "gtree mark" => match self.nodes.last_mut() {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    Some(1)
                }
                _ => {
                    self.nodes.pop();
                    Some(0)
                }
            },
            "nullptr" => Some(NULL),
            "ptr-marker" => Some(0x31 - self.dice.below(2) as u8),
            _ if name.shown.starts_with(['c', 's']) => Some(self.dice.below(4) as u8),
            _ => None,
        };
        match (small, into.split_last_mut()) {
            (Some(value), Some((last, head))) => {
                head.fill(0);
                *last = value;
            }
            _ => self.data(into),
        }
        Ok(())
    }

    fn is_null(&mut self, _: &Map<'_>, _: Name<'_>) -> bool {
        self.dice.below(2) == 1
    }

    fn subsection(
        &mut self,
        map: &Map<'_>,
        owner: &compiled::Vmsd,
    ) -> Result<Option<(usize, u32)>> {
        if owner.subsections.is_empty() {
            return Ok(None);
        }
        let place = map.identity("");
        let known = self.open.iter().rposition(|o| o.0 == place);
        let next = match known.and_then(|i| self.open.get(i)) {
            Some(open) => open.1,
            None => 0,
        };
        let sent = (next..owner.subsections.len()).find(|_| self.dice.below(2) == 1);
        // Whatever was opened further in is done with.
        self.open.truncate(known.unwrap_or(self.open.len()));
        let Some(which) = sent else { return Ok(None) };
        self.open.push((place, which + 1));
        self.features.add(Feature::SubsectionSent);
        let index = owner.subsections.get(which).map_or(0, |s| s.1);
        Ok(Some((which, self.set.get(index).map_or(0, |v| v.version_id))))
    }
}
