//! The two directions of the engine: loading from a reader, saving into a writer.
//!
//! A [`Flow`] transfers one item at a time and notes it in a [`Map`]; the engine and all codecs
//! are written once against this trait, so that what can be read can be written, and the map of a
//! generated stream is the truth about it.

mod load;
mod save;

pub use load::{Loader, c_string};
pub use save::{Saver, Values};

use super::compiled::{Set, Vmsd};
use crate::wire::map::Item;
use crate::wire::{Error, Kind, Map, Result};

/// First byte of a subsection record.
pub const SUBSECTION: u8 = 0x05;

/// Marker of a NULL element of an array of pointers, from 2.9 on.
pub const NULL: u8 = 0x30;

/// The names of an item.
#[derive(Debug, Clone, Copy)]
pub struct Name<'d> {
    /// As the release has it.
    pub shown: &'d str,
    /// As it is compared.
    pub canonical: &'d str,
    /// Codec.
    pub info: &'d str,
    /// May be read as unused bytes.
    pub dropped: bool,
}

impl<'d> Name<'d> {
    /// A name that is compared as it is shown.
    #[must_use]
    pub fn plain(name: &'d str, info: &'d str) -> Self {
        Name { shown: name, canonical: name, info, dropped: false }
    }

    /// As an item of a map.
    pub(super) fn item(self, width: u32) -> Item<'d, 'd> {
        Item {
            name: self.shown,
            canonical: self.canonical,
            info: self.info,
            width,
            join: false,
            dropped: self.dropped,
        }
    }
}

/// The one layout of all elements of an array of structs.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Bytes of an element.
    pub size: usize,
    /// Fields of an element.
    pub fields: u64,
    /// Hash of the canonical names and lengths of its fields, in order.
    pub hash: u64,
}

/// One direction.
pub trait Flow<'d> {
    /// The map being made.
    fn map_mut(&mut self) -> &mut Map<'d>;

    /// The map as it is.
    fn map(&self) -> &Map<'d>;

    /// Absolute offset of the next byte.
    fn offset(&self) -> u64;

    /// Transfers `count` scalars of `width` bytes (1 to 8). Returns the value of the last one.
    ///
    /// # Errors
    /// The reader's, with section and path.
    fn scalars(&mut self, name: Name<'d>, width: u32, count: u64) -> Result<u64>;

    /// The same, and gives each value to `each`, where values come.
    ///
    /// # Errors
    /// The reader's, with section and path.
    fn numbers(
        &mut self,
        name: Name<'d>,
        width: u32,
        count: u64,
        each: &mut dyn FnMut(u64),
    ) -> Result<u64>;

    /// Transfers one scalar that its codec looks at before it asks whether the stream has ended:
    /// missing bytes read as zero (`qemu_get_byte` at the end), so that a wrong value is refused as
    /// such. The end is the second half of the outcome, for after the comparison.
    fn compared(&mut self, name: Name<'d>, width: u32) -> (u64, Result<()>);

    /// Transfers `len` raw bytes without keeping them.
    ///
    /// # Errors
    /// The reader's, with section and path.
    fn bytes(&mut self, name: Name<'d>, len: u64) -> Result<()>;

    /// Transfers raw bytes through `buffer`.
    ///
    /// # Errors
    /// The reader's, with section and path.
    fn buffer(&mut self, name: Name<'d>, buffer: &mut [u8]) -> Result<()>;

    /// Transfers the header of the next subsection of `owner`, if one follows. Returns the
    /// description and the version to load it with.
    ///
    /// # Errors
    /// [`Kind::UnknownSubsection`] and the reader's.
    fn subsection(&mut self, set: &'d Set, owner: &'d Vmsd) -> Result<Option<(usize, u32)>>;

    /// Whether the next element of an array of pointers is NULL: by the byte that comes, or by the
    /// values that are saved. `name` is its marker's; nothing is transferred.
    fn null_next(&mut self, name: Name<'d>) -> bool;

    /// After an element, for loaders that look at the file's error flag then.
    ///
    /// # Errors
    /// [`Kind::EndOfInput`] if look-ahead found the end of the stream.
    fn after_element(&mut self) -> Result<()>;

    /// Notes that a field of the current node is not there because the version being loaded does
    /// not have it yet: it keeps its default.
    fn absent(&mut self, name: &str);

    /// Whether an array of structs that all have the same layout may be noted as one item.
    fn outlines(&self) -> bool {
        false
    }

    /// Transfers elements of such an array, as many of the next `most` as are there without a refill
    /// and without a byte behind them that may begin a subsection. Returns how many; the array is
    /// `name`.
    fn elements(&mut self, _name: Name<'d>, _layout: Layout, _most: u64) -> u64 {
        0
    }

    /// Fields and elements that the walk has come by.
    fn steps(&mut self) -> &mut u64;

    /// Notes that the caller of what refused so goes on all the same.
    fn ignored(&mut self, refusal: Box<Error>);

    /// Whether received values are to be checked against local ones.
    fn loads(&self) -> bool;

    /// A byte of guest memory as the stream has set it, of those that
    /// [`Guest`](super::guest::Guest) keeps.
    fn guest_byte(&self, address: u64) -> u8;

    /// An error at `offset`, at item `name` of the current node.
    fn fail(&mut self, kind: Kind, offset: u64, name: &str) -> Box<Error> {
        self.map_mut().fail(kind, offset, name)
    }
}
