//! The two directions of the engine: loading from a reader, saving into a writer.
//!
//! A [`Flow`] transfers one item at a time and notes it in a [`Map`]; the engine and all codecs
//! are written once against this trait, so that what can be read can be written, and the map of a
//! generated stream is the truth about it.

use super::compile::{Set, Vmsd};
use super::guest::Guest;
use crate::dialect::{Dialect, Subsections};
use crate::wire::map::Item;
use crate::wire::{Error, Fault, Kind, Map, Reader, Result, Writer, planted};

/// First byte of a subsection record.
pub const SUBSECTION: u8 = 0x05;

/// Absent fields, and ignored refusals, that are told apart in a report.
const MAX_ABSENT: usize = 256;

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

    fn item(self, width: u32) -> Item<'d, 'd> {
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

/// One direction.
pub trait Flow<'d> {
    /// The map being made.
    fn map(&mut self) -> &mut Map<'d>;

    /// The map as it is.
    fn made(&self) -> &Map<'d>;

    /// Absolute offset of the next byte.
    fn offset(&self) -> u64;

    /// Transfers `count` scalars of `width` bytes (1 to 8). Returns the value of the last one.
    ///
    /// # Errors
    /// The reader's, with section and path.
    fn scalars(&mut self, name: Name<'d>, width: u32, count: u64) -> Result<u64>;

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

    /// After an element, for loaders that look at the file's error flag then.
    ///
    /// # Errors
    /// [`Kind::EndOfInput`] if look-ahead found the end of the stream.
    fn after_element(&mut self) -> Result<()>;

    /// Notes that a field of the current node is not there because the version being loaded does
    /// not have it yet: it keeps its default.
    fn absent(&mut self, name: &str);

    /// Fields and elements that the walk has come by.
    fn steps(&mut self) -> &mut u64;

    /// Notes that the caller of what refused so goes on all the same.
    fn ignored(&mut self, refusal: Box<Error>);

    /// Whether received values are to be checked against local ones.
    fn loads(&self) -> bool;

    /// A byte of guest memory as the stream has set it, of those that [`Guest`] keeps.
    fn guest_byte(&self, address: u64) -> u8;

    /// An error at `offset`, at item `name` of the current node.
    fn fail(&mut self, kind: Kind, offset: u64, name: &str) -> Box<Error> {
        self.map().fail(kind, offset, name)
    }
}

/// Loading.
#[derive(Debug)]
pub struct Loader<'s, 'd> {
    /// The stream.
    pub reader: Reader<'s>,
    /// What was read as what.
    pub map: Map<'d>,
    /// The rules.
    pub dialect: &'d Dialect,
    /// Look-aheads that gave up on a short read although the stream went on: offsets.
    pub gave_up: Vec<u64>,
    /// Fields that the section's version does not have yet: paths.
    pub absent: Vec<String>,
    /// What was loaded of guest memory.
    pub guest: Guest,
    /// Refusals that their caller did not ask for, and read on.
    pub ignored: Vec<Box<Error>>,
    /// Fields and elements that the walk has come by.
    pub steps: u64,
}

impl<'s, 'd> Loader<'s, 'd> {
    /// A loader at the start of a stream.
    pub fn new(reader: Reader<'s>, dialect: &'d Dialect) -> Self {
        Loader {
            reader,
            map: Map::new(),
            dialect,
            gave_up: Vec::new(),
            absent: Vec::new(),
            guest: Guest::default(),
            ignored: Vec::new(),
            steps: 0,
        }
    }

    fn unknown(&self, name: &[u8], owner: &Vmsd, at: u64) -> Box<Error> {
        let name = String::from_utf8_lossy(name).into_owned();
        self.map.fail(Kind::UnknownSubsection { name, vmsd: owner.name.clone() }, at, "")
    }

    /// 1.0 on: length and prefix, then an exact look-up, before anything is consumed.
    fn by_prefix(&mut self, owner: &'d Vmsd) -> Result<Option<(&'d str, usize)>> {
        let at = self.reader.offset();
        if self.reader.peek_byte(0) != Some(SUBSECTION) {
            return Ok(None);
        }
        let prefix = owner.name.as_bytes();
        let len = usize::from(self.reader.peek_byte(1).unwrap_or(0));
        if len < prefix.len() + 1 {
            return Ok(None);
        }
        let name = self.reader.peek(2, len, self.dialect.look_ahead).to_vec();
        if name.len() < len {
            if !self.reader.ended() {
                self.gave_up.push(at);
            }
            return Ok(None);
        }
        if !c_string(&name).starts_with(prefix) {
            return Ok(None);
        }
        match find(owner, &name) {
            Some(found) => {
                self.reader.skip(2 + len as u64)?;
                Ok(Some(found))
            }
            None => Err(self.unknown(&name, owner, at)),
        }
    }

    /// 0.13 to 0.15: one byte decides; the record is consumed before the look-up.
    fn by_byte(&mut self, set: &Set, owner: &'d Vmsd) -> Result<Option<(&'d str, usize)>> {
        let at = self.reader.offset();
        if self.reader.peek_byte(0) != Some(SUBSECTION) {
            return Ok(None);
        }
        self.reader.skip(1)?;
        let name = self.reader.counted()?;
        let Some(found) = find(owner, &name) else {
            // The version is read before the look-up, too.
            self.reader.skip(4)?;
            return Err(self.unknown(&name, owner, at));
        };
        let nested = set.get(found.1).is_some_and(|v| !v.subsections.is_empty());
        if self.dialect.flat_subsections && nested {
            let text = format!("subsection '{}' has subsections itself", found.0);
            return Err(self.map.fail(Kind::Abort(text), at, ""));
        }
        Ok(Some(found))
    }
}

/// Names are compared as C strings: up to the first NUL.
#[must_use]
pub fn c_string(bytes: &[u8]) -> &[u8] {
    if planted(Fault::NulNotEnd) {
        return bytes;
    }
    bytes.split(|b| *b == 0).next().unwrap_or(bytes)
}

fn find<'d>(owner: &'d Vmsd, name: &[u8]) -> Option<(&'d str, usize)> {
    let name = c_string(name);
    owner
        .subsections
        .iter()
        .find(|(listed, _)| listed.as_bytes() == name)
        .map(|(listed, index)| (listed.as_str(), *index))
}

impl<'d> Flow<'d> for Loader<'_, 'd> {
    fn map(&mut self) -> &mut Map<'d> {
        &mut self.map
    }

    fn made(&self) -> &Map<'d> {
        &self.map
    }

    fn offset(&self) -> u64 {
        self.reader.offset()
    }

    fn scalars(&mut self, name: Name<'d>, width: u32, count: u64) -> Result<u64> {
        let at = self.reader.offset();
        let value = match count {
            0 => return Ok(0),
            1 => self.reader.be(width as usize),
            // Only the last element's value is of use; the others are passed over.
            n => {
                let head = (n - 1).saturating_mul(u64::from(width));
                self.reader.skip(head).and_then(|()| self.reader.be(width as usize))
            }
        };
        let len = self.reader.offset() - at;
        self.map.note(name.item(width), at, len);
        value.map_err(|e| self.map.place(e, name.shown))
    }

    fn compared(&mut self, name: Name<'d>, width: u32) -> (u64, Result<()>) {
        let at = self.reader.offset();
        let (value, outcome) = self.reader.be_padded(width as usize);
        self.map.note(name.item(width), at, self.reader.offset() - at);
        (value, outcome.map_err(|e| self.map.place(e, name.shown)))
    }

    fn bytes(&mut self, name: Name<'d>, len: u64) -> Result<()> {
        let at = self.reader.offset();
        let outcome = self.reader.skip(len);
        self.map.note(name.item(0), at, self.reader.offset() - at);
        outcome.map_err(|e| self.map.place(e, name.shown))
    }

    fn buffer(&mut self, name: Name<'d>, buffer: &mut [u8]) -> Result<()> {
        let at = self.reader.offset();
        let outcome = self.reader.fill(buffer);
        self.map.note(name.item(0), at, self.reader.offset() - at);
        outcome.map_err(|e| self.map.place(e, name.shown))
    }

    fn subsection(&mut self, set: &'d Set, owner: &'d Vmsd) -> Result<Option<(usize, u32)>> {
        let at = self.reader.offset();
        let found = match self.dialect.subsections {
            Subsections::None => return Ok(None),
            Subsections::OneByteListed if owner.subsections.is_empty() => return Ok(None),
            Subsections::OneByte | Subsections::OneByteListed => self.by_byte(set, owner),
            Subsections::Prefix => self.by_prefix(owner),
        };
        let found = match found {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(e) => return Err(self.map.place(e, "subsection")),
        };
        let version = self.reader.be32().map_err(|e| self.map.place(e, found.0))?;
        let item = Item { info: "subsection", ..Item::framing(found.0) };
        self.map.note(item, at, self.reader.offset() - at);
        // The loader keeps the version in 8 bits, in every release.
        Ok(Some((found.1, version & 0xff)))
    }

    fn after_element(&mut self) -> Result<()> {
        if self.dialect.checks_elements && self.reader.ended() {
            let at = self.reader.offset();
            return Err(self.map.fail(Kind::EndOfInput { missing: 0 }, at, ""));
        }
        Ok(())
    }

    fn absent(&mut self, name: &str) {
        if self.absent.len() < MAX_ABSENT {
            let here = self.map.here();
            self.absent.push(format!("{here}.{name}"));
        }
    }

    fn steps(&mut self) -> &mut u64 {
        &mut self.steps
    }

    fn ignored(&mut self, refusal: Box<Error>) {
        if self.ignored.len() < MAX_ABSENT {
            self.ignored.push(refusal);
        }
    }

    fn loads(&self) -> bool {
        true
    }

    fn guest_byte(&self, address: u64) -> u8 {
        self.guest.get(address)
    }
}

/// Where a [`Saver`] gets its values.
pub trait Values {
    /// Fills `into` with the bytes of the next item. `path` is the map with the current node set.
    ///
    /// # Errors
    /// When the values do not fit the walk.
    fn item(&mut self, map: &Map<'_>, name: Name<'_>, width: u32, into: &mut [u8]) -> Result<()>;

    /// Which subsection of `owner` comes next, as an index into its list, if any, and the version
    /// to write.
    ///
    /// # Errors
    /// When the values do not fit the walk.
    fn subsection(&mut self, map: &Map<'_>, owner: &Vmsd) -> Result<Option<(usize, u32)>>;
}

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
        Saver { writer: Writer::new(), map: Map::new(), values, steps: 0 }
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
    fn map(&mut self) -> &mut Map<'d> {
        &mut self.map
    }

    fn made(&self) -> &Map<'d> {
        &self.map
    }

    fn offset(&self) -> u64 {
        self.writer.offset()
    }

    fn scalars(&mut self, name: Name<'d>, width: u32, count: u64) -> Result<u64> {
        let value = self.item(name, width, count.saturating_mul(u64::from(width)))?;
        Ok(if width >= 8 { value } else { value & ((1u64 << (8 * width)) - 1) })
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
