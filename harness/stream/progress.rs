//! A load in progress: what the main loop ([`mod@super::load`]) and the readers of its sections share.

use std::collections::HashMap;

use super::destination::Destination;
use crate::dialect::{Capabilities, Dialect};
use crate::vmstate::Loader;
use crate::wire::Reader;
use crate::wire::map::Item;

/// Sections remembered for reports, and ids for later parts; a hostile stream may have any number.
pub(super) const MAX_SECTIONS: usize = 1 << 16;

/// One START, PART, END or FULL record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Record type.
    pub record: u8,
    /// Offset of the record's first byte.
    pub offset: u64,
    /// Section id of the source.
    pub id: u32,
    /// Name as received; empty for PART and END.
    pub idstr: Vec<u8>,
    /// Instance as received.
    pub instance_id: u32,
    /// Version as received, or as started.
    pub version_id: u32,
    /// Index of the destination's handler.
    pub handler: usize,
    /// Offset of the first byte of the payload.
    pub body: u64,
    /// Offset after the payload.
    pub end: u64,
}

/// What is known of the hash table that entries go into.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum HashTable {
    /// Nothing: no head of it has come.
    #[default]
    Unknown,
    /// There is none.
    None,
    /// So many entries.
    Entries(u64),
}

/// What survives of `ram` from one part to the next.
#[derive(Debug, Default)]
pub(super) struct RamState {
    /// Blocks announced, in order; v3: one without a name.
    pub(super) blocks: Vec<(Vec<u8>, u64)>,
    /// Blocks are announced with their guest addresses (`x-ignore-shared`).
    pub(super) shared: bool,
    /// Pages lie at fixed places behind the announcement of their block (`mapped-ram`).
    pub(super) mapped: bool,
    /// Where in its file the stream begins, by the places in its first block.
    pub(super) base: Option<u64>,
    /// What lies at fixed places: where each block's bitmap begins, and where its pages end.
    pub(super) placed: Vec<(u64, u64)>,
    /// The block of the last page record.
    pub(super) last: Option<Vec<u8>>,
    /// Its length, once it was looked up; forgotten when blocks are announced.
    pub(super) length: Option<u64>,
}

/// The state of a load.
pub(super) struct Load<'s, 'd> {
    pub(super) to: &'d Destination,
    pub(super) io: Loader<'s, 'd>,
    pub(super) sections: Vec<Section>,
    pub(super) ram: RamState,
    /// The hash table of a pseries guest.
    pub(super) table: HashTable,
    pub(super) notes: Vec<String>,
    /// Up to 2.9: what PART and END look up, handler and version of the newest record of an id.
    pub(super) started: HashMap<u32, (usize, u32)>,
    /// 2.10 on: what each handler remembers of the record that it was started by.
    pub(super) remembered: Vec<(u32, u32)>,
    /// Packages being loaded.
    pub(super) packages: u32,
    /// Capabilities that commands and page records show.
    pub(super) shown: Capabilities,
    /// Whether the destination's capabilities are asked for; not by one who only wants to know what
    /// a source wrote.
    pub(super) asks: bool,
}

/// Why the main loop ended without an error.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At the end-of-stream byte.
    Eof,
    /// At the command that hands over to the guest.
    Quit,
}

impl<'s, 'd> Load<'s, 'd> {
    /// At the start of a stream.
    pub(super) fn new(to: &'d Destination, reader: Reader<'s>) -> Self {
        Load {
            to,
            io: Loader::new(reader, &to.dialect),
            sections: Vec::new(),
            ram: RamState::default(),
            table: HashTable::default(),
            notes: Vec::new(),
            started: HashMap::new(),
            remembered: vec![(0, 0); to.handlers.len()],
            packages: 0,
            shown: Capabilities::default(),
            asks: true,
        }
    }

    /// The destination's capabilities, if they are asked for.
    pub(super) fn capabilities(&self) -> Option<Capabilities> {
        self.to.dialect.capabilities.filter(|_| self.asks)
    }

    pub(super) fn dialect(&self) -> &'d Dialect {
        &self.to.dialect
    }

    /// Notes that everything since `at` was a framing record.
    pub(super) fn framing(&mut self, name: &'d str, at: u64) {
        let len = self.io.reader.offset() - at;
        self.io.map.note(Item::framing(name), at, len);
    }
}
