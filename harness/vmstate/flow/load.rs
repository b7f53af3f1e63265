//! The direction of loading: values are read from a reader, subsections are looked for as the release
//! does.

use super::{Flow, Layout, NULL, Name, SUBSECTION};
use crate::dialect::{Dialect, Subsections};
use crate::vmstate::compiled::{Set, Vmsd};
use crate::vmstate::guest::Guest;
use crate::wire::map::Item;
use crate::wire::{Error, Fault, Kind, Map, Reader, Result, planted};

/// Absent fields, and ignored refusals, that are distinguished in a report.
const MAX_ABSENT: usize = 256;

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
    /// Whether nobody wants to read paths: absent fields are reported without.
    pub terse: bool,
    /// Whether nobody wants to see the fields of the elements of an array of structs, where all have
    /// the same layout: the array is one item, whose identity is that of its name and layout. Of two
    /// loads whose maps are then equal, the whole maps are equal.
    pub outline: bool,
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
            terse: false,
            outline: false,
        }
    }

    fn unknown(&self, name: &[u8], owner: &Vmsd, at: u64) -> Box<Error> {
        let (name, vmsd) = (String::from_utf8_lossy(name).into_owned(), owner.name.clone());
        let kind = match owner.unknown.may_have(&name) {
            true => Kind::Undetermined(format!("whether {vmsd} has a subsection '{name}'")),
            false => Kind::UnknownSubsection { name, vmsd },
        };
        self.map.fail(kind, at, "")
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
    fn map_mut(&mut self) -> &mut Map<'d> {
        &mut self.map
    }

    fn map(&self) -> &Map<'d> {
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

    fn numbers(
        &mut self,
        name: Name<'d>,
        width: u32,
        count: u64,
        each: &mut dyn FnMut(u64),
    ) -> Result<u64> {
        let at = self.reader.offset();
        let mut last = Ok(0);
        for _ in 0..count {
            last = self.reader.be(width as usize);
            match &last {
                Ok(value) => each(*value),
                Err(_) => break,
            }
        }
        self.map.note(name.item(width), at, self.reader.offset() - at);
        last.map_err(|e| self.map.place(e, name.shown))
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

    fn null_next(&mut self, _: Name<'d>) -> bool {
        self.reader.peek_byte(0) == Some(NULL)
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
            let path = match self.terse {
                true => String::new(),
                false => format!("{}.{name}", self.map.here()),
            };
            self.absent.push(path);
        }
    }

    fn outlines(&self) -> bool {
        self.outline
    }

    fn elements(&mut self, name: Name<'d>, layout: Layout, most: u64) -> u64 {
        // The byte behind an element is looked at: it must be there.
        let pending = self.reader.pending();
        let whole = (pending.len().saturating_sub(1) / layout.size) as u64;
        let whole = if self.reader.ended() { 0 } else { whole.min(most) };
        let ends = |n: &usize| {
            pending.get(n * layout.size) != Some(&SUBSECTION) || planted(Fault::SubsectionPassed)
        };
        let passed = (1..=whole as usize).take_while(ends).count();
        let (at, len) = (self.reader.offset(), (passed * layout.size) as u64);
        if self.reader.skip(len).is_err() {
            return 0;
        }
        self.map.note_run(name.item(0), layout.hash, at, len);
        passed as u64
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
