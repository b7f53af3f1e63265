//! Structure-aware changes of a real stream, by its map: fields, subsections, sections.
//!
//! | level | changes |
//! | --- | --- |
//! | field | other value, deleted, doubled, bytes before or inside it, bytes of it gone, cut behind it |
//! | element | deleted, doubled, of what a number before it counts |
//! | memory | a block of another size, deleted, doubled |
//! | subsection | deleted, doubled, moved behind the next item, renamed |
//! | record | deleted, doubled, swapped with the next, renamed, renumbered, packed, first or last bytes changed |
//!
//! What a real writer would fix up with it (the length of a name, of a command, package,
//! description or machine name that grew, the number in the footer, the number of elements, the total of
//! memory) is fixed up half of the time, and left as it was the other half.
//!
//! The truth moves along: changed values keep their meaning, new bytes have none.

pub mod counted;
pub mod inputs;
mod lengths;
#[cfg(test)]
mod tests;

use std::ops::Range;

use counted::Counted;
use lengths::Length;

use super::dice::Dice;
use crate::stream::record;
use crate::wire::map::FRAMING;
use crate::wire::map::Piece;
use crate::wire::{Map, Span};

/// Bytes that mean something to a loader.
const MAGIC: [u8; 8] = [0x05, 0x00, 0x7e, 0x04, 0x02, 0x03, 0x08, 0xff];
/// Name of new bytes, in maps.
pub(super) const INSERTED: &str = "inserted bytes";
/// Names of what begins a record, in maps.
const RECORDS: [&str; 5] =
    ["section header", "section part header", "command", "end of stream", "vmdescription"];

/// A stream with its truth, to be changed.
#[derive(Debug, Clone)]
pub struct Mutant<'d, 'm> {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What is where.
    pub map: Map<'d>,
    /// The first byte that is not what it was.
    pub changed: Option<u64>,
    /// How many lengths of what holds a change were fixed up.
    pub fixed_up: u64,
    /// Numbers of elements, where they are in the unchanged stream.
    counted: &'m [Counted],
}

impl<'d, 'm> Mutant<'d, 'm> {
    /// An unchanged stream.
    #[must_use]
    pub fn new(bytes: Vec<u8>, map: Map<'d>, counted: &'m [Counted]) -> Self {
        Mutant { bytes, map, changed: None, fixed_up: 0, counted }
    }

    /// Makes one change. Returns its name for counts.
    pub fn change(&mut self, dice: &mut Dice<'_>) -> &'static str {
        let (lengths, size) = (Length::all(&self.bytes, &self.map), self.size());
        let earlier = self.changed.take();
        let name = match dice.below(4) {
            0 | 1 => match dice.below(8) {
                // Where those of the unchanged stream are is known before the first change.
                5 if earlier.is_none() => self.element(dice),
                6 => self.block(dice),
                7 => match dice.pick(&lengths) {
                    Some(length) => self.item(length.covers(size), dice),
                    None => self.field(dice),
                },
                _ => self.field(dice),
            },
            2 => self.subsection(dice),
            _ => self.section(dice),
        };
        if let Some(at) = self.changed
            && self.size() != size
        {
            for length in lengths {
                if let Some(new) = length.after(at, size, self.size())
                    && dice.one_in(2)
                {
                    self.set(length.at, &new);
                    self.fixed_up += 1;
                }
            }
        }
        if let Some(earlier) = earlier {
            self.touch(earlier);
        }
        name
    }

    fn field(&mut self, dice: &mut Dice<'_>) -> &'static str {
        let spans = self.map.spans();
        // Header and configuration are the same few items in all streams, and what is wrong there is
        // refused before anything else is read.
        let first = spans.iter().position(begins_record).unwrap_or(0);
        let spans = if dice.one_in(8) { spans } else { spans.get(first..).unwrap_or(&[]) };
        let Some(span) = spans.get(dice.index(spans.len())) else { return "nothing" };
        self.item(span.offset..span.offset + span.len, dice)
    }

    fn item(&mut self, range: Range<u64>, dice: &mut Dice<'_>) -> &'static str {
        match dice.below(8) {
            0 | 1 => {
                self.fill(range, dice);
                "field: value"
            }
            2 => {
                self.delete(range);
                "field: deleted"
            }
            3 => {
                self.double(range);
                "field: doubled"
            }
            4 => {
                let new: Vec<u8> = (0..1 + dice.below(8)).map(|_| magic(dice)).collect();
                self.insert(range.start, &new);
                "field: bytes before"
            }
            5 => {
                let new: Vec<u8> = (0..1 + dice.below(8)).map(|_| magic(dice)).collect();
                self.insert(inside(&range, dice), &new);
                "field: bytes inside"
            }
            6 => {
                let at = inside(&range, dice);
                self.delete(at..range.end.min(at + 1 + dice.below(8) as u64));
                "field: bytes gone"
            }
            _ => {
                let size = self.size();
                self.delete(range.end..size);
                "field: cut behind"
            }
        }
    }

    fn subsection(&mut self, dice: &mut Dice<'_>) -> &'static str {
        let heads: Vec<usize> = (0..self.map.spans().len())
            .filter(|i| self.map.spans().get(*i).is_some_and(|s| s.info == "subsection"))
            .collect();
        let Some(head) = dice.pick(&heads).copied() else { return self.field(dice) };
        let (range, head_end) = self.record(head);
        match dice.below(4) {
            0 => {
                self.delete(range);
                "subsection: deleted"
            }
            1 => {
                self.double(range);
                "subsection: doubled"
            }
            2 => {
                let next = self.map.spans().iter().find(|s| s.offset >= range.end);
                let end = next.map_or(range.end, |s| s.offset + s.len);
                self.swap(range.clone(), range.end..end);
                "subsection: moved"
            }
            _ => {
                let name = (range.start + 2).min(head_end)..head_end.saturating_sub(4);
                match self.rename(name, dice) {
                    true => "subsection: renamed, length too",
                    false => "subsection: renamed",
                }
            }
        }
    }

    /// Another name: a byte of it is changed, taken out, or put in. Whether the byte before it,
    /// which is its length, was fixed up.
    fn rename(&mut self, name: Range<u64>, dice: &mut Dice<'_>) -> bool {
        let len = name.end.saturating_sub(name.start);
        let at = name.start + dice.below(len.min(256) as usize) as u64;
        let (way, right) = (dice.below(4), dice.one_in(2));
        let new = match way {
            0 if len > 0 => {
                self.delete(at..at + 1);
                len - 1
            }
            1 => {
                self.insert(at, &[magic(dice)]);
                len + 1
            }
            _ => {
                self.set(at, &[magic(dice)]);
                return false;
            }
        };
        match u8::try_from(new).ok().filter(|_| right) {
            Some(length) => {
                self.set(name.start.saturating_sub(1), &[length]);
                true
            }
            None => false,
        }
    }

    /// The type of the record at `at`.
    fn kind(&self, at: u64) -> Option<u8> {
        self.bytes.get(at as usize).copied()
    }

    /// Another number, in the header and, half of the time, in the footer.
    fn renumber(&mut self, record: Range<u64>, dice: &mut Dice<'_>) -> &'static str {
        let (byte, new) = (1 + dice.below(4) as u64, magic(dice));
        let footer = record.end.saturating_sub(5);
        let has_one = self.bytes.get(footer as usize) == Some(&record::FOOTER);
        self.set(record.start + byte, &[new]);
        if has_one && dice.one_in(2) {
            self.set(footer + byte, &[new]);
            return "section: renumbered, footer too";
        }
        "section: renumbered"
    }

    fn section(&mut self, dice: &mut Dice<'_>) -> &'static str {
        let records = records(&self.map, self.size());
        let which = dice.below(records.len().min(256));
        let Some(range) = records.get(which).cloned() else { return self.field(dice) };
        let kind = self.kind(range.start);
        match dice.below(8) {
            0 => {
                self.delete(range);
                "section: deleted"
            }
            1 => {
                self.double(range);
                "section: doubled"
            }
            2 => {
                let next = records.get(which + 1).cloned().unwrap_or(range.end..range.end);
                self.swap(range, next);
                "section: swapped"
            }
            3 => {
                // Type, id, name, instance, version: whatever is there.
                let at = range.start + dice.below(32) as u64;
                self.set(at, &[magic(dice)]);
                "section: header changed"
            }
            4 if matches!(kind, Some(record::START..=record::FULL)) => self.renumber(range, dice),
            5 if matches!(kind, Some(record::START | record::FULL)) => {
                // The length may be another than the writer's by now.
                let name = (range.start + 6).min(range.end);
                let len = self.bytes.get(range.start as usize + 5).copied().unwrap_or(0);
                match self.rename(name..(name + u64::from(len)).min(range.end), dice) {
                    true => "section: renamed, length too",
                    false => "section: renamed",
                }
            }
            6 => self.pack(range, dice),
            _ => {
                let at = range.end.saturating_sub(1 + dice.below(5) as u64);
                self.set(at, &[magic(dice)]);
                "section: end changed"
            }
        }
    }

    /// Into a package, as a sender does with the devices before postcopy: the command with its
    /// length, right but in one of four, and an end of its own.
    fn pack(&mut self, range: Range<u64>, dice: &mut Dice<'_>) -> &'static str {
        let size = (range.end.saturating_sub(range.start) + 1) as u32;
        let right = !dice.one_in(4);
        let wrong = if right { 0 } else { dice.byte() as i8 };
        let head = lengths::package(size.wrapping_add_signed(wrong.into()));
        self.insert(range.end, &[record::EOF]);
        self.insert(range.start, &head);
        if right { "section: packed" } else { "section: packed, other length" }
    }

    /// A subsection's record with all that belongs to it, and where its head ends.
    fn record(&self, head: usize) -> (Range<u64>, u64) {
        let spans = self.map.spans();
        let Some(first) = spans.get(head) else { return (0..0, 0) };
        let owner = self.map.trail(first).len();
        let head_end = first.offset + first.len;
        let inside = |s: &&crate::wire::Span<'d>| {
            self.map.trail(s).get(owner).is_some_and(|node| node.1 == first.name)
        };
        let body = spans.iter().skip(head + 1).take_while(inside).last();
        (first.offset..body.map_or(head_end, |s| s.offset + s.len), head_end)
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn touch(&mut self, at: u64) {
        self.changed = Some(self.changed.map_or(at, |c| c.min(at)));
    }

    /// Other values in place; what is where stays.
    fn fill(&mut self, range: Range<u64>, dice: &mut Dice<'_>) {
        let len = (range.end - range.start).min(16);
        let new: Vec<u8> = (0..len).map(|_| magic(dice)).collect();
        self.set(range.start, &new);
    }

    fn set(&mut self, at: u64, new: &[u8]) {
        let from = at as usize;
        if let Some(place) = self.bytes.get_mut(from..from + new.len()) {
            place.copy_from_slice(new);
            self.touch(at);
        }
    }

    fn delete(&mut self, range: Range<u64>) {
        self.splice(&[Piece::Kept(0..range.start), Piece::Kept(range.end..self.size())], &[]);
        self.touch(range.start);
    }

    fn double(&mut self, range: Range<u64>) {
        self.splice(&[Piece::Kept(0..range.end), Piece::Kept(range.start..self.size())], &[]);
        self.touch(range.end);
    }

    fn insert(&mut self, at: u64, new: &[u8]) {
        let len = new.len() as u64;
        self.splice(&[Piece::Kept(0..at), Piece::New(len), Piece::Kept(at..self.size())], new);
        self.touch(at);
    }

    /// Swaps a range with the one that follows it.
    fn swap(&mut self, first: Range<u64>, second: Range<u64>) {
        let rest = second.end..self.size();
        let start = first.start;
        self.splice(
            &[Piece::Kept(0..start), Piece::Kept(second), Piece::Kept(first), Piece::Kept(rest)],
            &[],
        );
        self.touch(start);
    }

    fn splice(&mut self, pieces: &[Piece], new: &[u8]) {
        self.map = self.map.spliced(pieces, INSERTED);
        self.bytes = paste(&self.bytes, pieces, new);
    }
}

/// Whether a record begins with this item. A field may have the name of one: a DMA controller has a
/// `command`.
#[must_use]
pub(super) fn begins_record(span: &Span<'_>) -> bool {
    span.info == FRAMING && RECORDS.contains(&span.name)
}

/// Records before `end`, each from its first byte to where the next begins: sections with their
/// footers, commands, the end, the description.
pub(super) fn records(map: &Map<'_>, end: u64) -> Vec<Range<u64>> {
    let begins = map.spans().iter().filter(|s| begins_record(s) && s.offset < end);
    let mut starts: Vec<u64> = begins.map(|s| s.offset).collect();
    starts.push(end);
    starts.windows(2).filter_map(|pair| Some(*pair.first()?..*pair.last()?)).collect()
}

/// Puts a stream together anew.
#[must_use]
pub fn paste(bytes: &[u8], pieces: &[Piece], new: &[u8]) -> Vec<u8> {
    let mut pasted = Vec::with_capacity(bytes.len() + new.len());
    for piece in pieces {
        match piece {
            Piece::Kept(range) => {
                let clamped = |at: u64| (at as usize).min(bytes.len());
                let range = clamped(range.start)..clamped(range.end);
                pasted.extend_from_slice(bytes.get(range).unwrap_or(&[]));
            }
            Piece::New(len) => pasted.extend_from_slice(new.get(..*len as usize).unwrap_or(new)),
        }
    }
    pasted
}

/// A place in an item, of its first 64 KiB.
fn inside(range: &Range<u64>, dice: &mut Dice<'_>) -> u64 {
    let len = range.end.saturating_sub(range.start).min(1 << 16);
    range.start + dice.index(len as usize) as u64
}

fn magic(dice: &mut Dice<'_>) -> u8 {
    match dice.byte() {
        choice @ 0x80.. => MAGIC.get(usize::from(choice) % MAGIC.len()).copied().unwrap_or(0),
        plain => plain,
    }
}
