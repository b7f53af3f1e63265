//! The direction of saving: values are written into a writer, with the map of what was written where.

use super::{Flow, Name, SUBSECTION};
use crate::vmstate::compiled::{Set, Vmsd};
use crate::wire::map::Item;
use crate::wire::{Error, Fault, Map, Result, Writer, planted};

/// Where a [`Saver`] gets its values.
pub trait Values {
    /// Fills `into` with the bytes of the next item. `path` is the map with the current node set.
    ///
    /// # Errors
    /// When the values do not fit the walk.
    fn item(&mut self, map: &Map<'_>, name: Name<'_>, width: u32, into: &mut [u8]) -> Result<()>;

    /// Whether the next element of an array of pointers is NULL; then the next item is its marker
    /// `name`, which must be [`NULL`](super::NULL). No element is, if nothing else is said.
    fn is_null(&mut self, _map: &Map<'_>, _name: Name<'_>) -> bool {
        false
    }

    /// Which subsection of `owner` comes next, as an index into its list, if any, and the version
    /// to write.
    ///
    /// # Errors
    /// When the values do not fit the walk.
    fn subsection(&mut self, map: &Map<'_>, owner: &Vmsd) -> Result<Option<(usize, u32)>>;
}

/// Items that the map of a small stream has.
const ROOM: usize = 64;

/// Saving.
#[derive(Debug)]
pub struct Saver<'v, 'd, V> {
    /// The stream.
    pub writer: Writer,
    /// What was written as what: the truth.
    pub map: Map<'d>,
    /// Where values come from.
    pub values: &'v mut V,
    /// Fields and elements that the walk has come by.
    pub steps: u64,
}

impl<'v, 'd, V: Values> Saver<'v, 'd, V> {
    /// A saver at the start of a stream.
    pub fn new(values: &'v mut V) -> Self {
        Saver { writer: Writer::new(), map: Map::with_capacity(ROOM), values, steps: 0 }
    }

    /// Transfers one item of `total` bytes, in pieces of bounded size. Returns its last 8 bytes
    /// as a value.
    fn item(&mut self, name: Name<'d>, width: u32, total: u64) -> Result<u64> {
        let at = self.writer.offset();
        let mut left = total;
        let mut last = 0u64;
        let mut piece = [0u8; 256];
        while left > 0 {
            let n = left.min(piece.len() as u64) as usize;
            let Some(part) = piece.get_mut(..n) else { break };
            self.values.item(&self.map, name, width, part)?;
            for byte in part.iter() {
                last = last << 8 | u64::from(*byte);
            }
            self.writer.put(part);
            left -= n as u64;
        }
        self.map.note(name.item(width), at, total);
        Ok(last)
    }
}

impl<'d, V: Values> Flow<'d> for Saver<'_, 'd, V> {
    fn map_mut(&mut self) -> &mut Map<'d> {
        &mut self.map
    }

    fn map(&self) -> &Map<'d> {
        &self.map
    }

    fn offset(&self) -> u64 {
        self.writer.offset()
    }

    fn scalars(&mut self, name: Name<'d>, width: u32, count: u64) -> Result<u64> {
        let value = self.item(name, width, count.saturating_mul(u64::from(width)))?;
        Ok(if width >= 8 { value } else { value & ((1u64 << (8 * width)) - 1) })
    }

    fn numbers(
        &mut self,
        name: Name<'d>,
        width: u32,
        count: u64,
        _: &mut dyn FnMut(u64),
    ) -> Result<u64> {
        self.scalars(name, width, count)
    }

    fn compared(&mut self, name: Name<'d>, width: u32) -> (u64, Result<()>) {
        match self.scalars(name, width, 1) {
            Ok(value) => (value, Ok(())),
            Err(e) => (0, Err(e)),
        }
    }

    fn bytes(&mut self, name: Name<'d>, len: u64) -> Result<()> {
        self.item(name, 0, len).map(|_| ())
    }

    fn buffer(&mut self, name: Name<'d>, buffer: &mut [u8]) -> Result<()> {
        let at = self.writer.offset();
        self.values.item(&self.map, name, 0, buffer)?;
        self.writer.put(buffer);
        self.map.note(name.item(0), at, buffer.len() as u64);
        Ok(())
    }

    fn subsection(&mut self, _: &'d Set, owner: &'d Vmsd) -> Result<Option<(usize, u32)>> {
        let Some((which, version)) = self.values.subsection(&self.map, owner)? else {
            return Ok(None);
        };
        let Some((name, index)) = owner.subsections.get(which) else { return Ok(None) };
        let at = self.writer.offset();
        self.writer.u8(SUBSECTION);
        self.writer.counted(name.as_bytes());
        let as_owner = planted(Fault::SubsectionWrittenAsOwner);
        self.writer.be32(if as_owner { owner.version_id } else { version });
        let item = Item { info: "subsection", ..Item::framing(name) };
        self.map.note(item, at, self.writer.offset() - at);
        Ok(Some((*index, version & 0xff)))
    }

    fn null_next(&mut self, name: Name<'d>) -> bool {
        self.values.is_null(&self.map, name)
    }

    fn after_element(&mut self) -> Result<()> {
        Ok(())
    }

    fn absent(&mut self, _: &str) {}

    fn ignored(&mut self, _: Box<Error>) {}

    fn steps(&mut self) -> &mut u64 {
        &mut self.steps
    }

    fn loads(&self) -> bool {
        false
    }

    fn guest_byte(&self, _: u64) -> u8 {
        0
    }
}
