//! Elements that a number before them counts, and blocks of memory that a total before them adds up:
//! removed or inserted as a whole, and the number corrected half of the time.
//!
//! Which field counts which, the descriptions say: that of the release that wrote the stream, along its
//! own items ([`crate::fuzzing::follow`]). The total of memory is the first number of its list of blocks,
//! with flags in its lowest bits (wire reference 3.3).

use std::ops::Range;

use super::Mutant;
use crate::fuzzing::dice::Dice;
use crate::wire::Map;
use crate::wire::map::Piece;

/// Bits of the total of memory that are flags, on all machines.
const FLAGS: u64 = (1 << 10) - 1;

/// A number, and the elements that it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Where the number stands.
    pub at: u64,
    /// Its bytes, big-endian.
    pub width: u64,
    /// Elements for each that it counts.
    pub factor: u64,
    /// Where each element begins, and where the last one ends.
    pub edges: Vec<u64>,
}

impl Counted {
    /// Those of a part of the stream that lie in one of its pieces whole, where they are then.
    #[must_use]
    pub fn cut(all: &[Self], pieces: &[Piece]) -> Vec<Self> {
        let mut at = 0;
        let mut cut = Vec::new();
        for piece in pieces {
            let len = match piece {
                Piece::Kept(range) => {
                    let inside = |of: &&Self| {
                        of.at >= range.start && of.edges.last().is_some_and(|e| *e <= range.end)
                    };
                    let moved = |offset: u64| offset - range.start + at;
                    cut.extend(all.iter().filter(inside).map(|of| Counted {
                        at: moved(of.at),
                        edges: of.edges.iter().map(|edge| moved(*edge)).collect(),
                        ..of.clone()
                    }));
                    range.end.saturating_sub(range.start)
                }
                Piece::New(len) => *len,
            };
            at += len;
        }
        cut
    }

    /// As many elements from the one with this number on as one more or less comes to.
    pub(super) fn elements(&self, number: usize) -> Option<Range<u64>> {
        let factor = usize::try_from(self.factor).ok().filter(|factor| *factor > 0)?;
        let first = number - number % factor;
        Some(*self.edges.get(first)?..*self.edges.get(first + factor)?)
    }

    /// The number, and where it stands, when it counts so much more.
    pub(super) fn number(&self, bytes: &[u8], more: i64) -> Option<(u64, Vec<u8>)> {
        let range = self.at as usize..(self.at + self.width) as usize;
        let old = bytes.get(range)?.iter().fold(0u64, |v, b| v << 8 | u64::from(*b));
        let new = old.checked_add_signed(more)?.to_be_bytes();
        let (unused, used) = new.split_at_checked(8usize.checked_sub(self.width as usize)?)?;
        unused.iter().all(|byte| *byte == 0).then(|| (self.at, used.to_vec()))
    }
}

/// A block of memory in a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Where the total of its list stands.
    pub(super) total: u64,
    /// All of its entry.
    pub(super) entry: Range<u64>,
    /// Its size, which are the last bytes of its entry.
    pub(super) size: u64,
}

impl Block {
    /// Bytes of a size, and of a total.
    pub(super) const WIDTH: u64 = 8;

    /// The blocks of a stream that is mapped so; of a list with more in it than names and sizes none.
    pub(super) fn all(bytes: &[u8], map: &Map<'_>) -> Vec<Self> {
        let lists = map.spans().iter().filter(|s| s.name == "blocks" && s.info == "ram");
        lists.flat_map(|s| Self::list(bytes, s.offset..s.offset + s.len)).collect()
    }

    fn list(bytes: &[u8], range: Range<u64>) -> Vec<Self> {
        let mut blocks = Vec::new();
        let Some(total) = number(bytes, range.start) else { return blocks };
        let (mut at, mut left) = (range.start + Self::WIDTH, total & !FLAGS);
        while at < range.end {
            let name = u64::from(bytes.get(at as usize).copied().unwrap_or(0));
            let end = at + 1 + name + Self::WIDTH;
            let Some(size) = number(bytes, end - Self::WIDTH) else { return Vec::new() };
            blocks.push(Block { total: range.start, entry: at..end, size });
            left = left.wrapping_sub(size);
            at = end;
        }
        if left == 0 && at == range.end { blocks } else { Vec::new() }
    }

    /// The total when so much is added to it.
    pub(super) fn with(&self, bytes: &[u8], more: u64) -> Option<[u8; 8]> {
        number(bytes, self.total).map(|total| total.wrapping_add(more).to_be_bytes())
    }
}

impl Mutant<'_, '_> {
    /// An element that a number before it counts is taken out or put in once more.
    pub(super) fn element(&mut self, dice: &mut Dice<'_>) -> &'static str {
        let Some(counted) = dice.pick(self.counted) else { return self.field(dice) };
        let number = dice.below(counted.edges.len().min(256));
        let Some(range) = counted.elements(number) else { return self.field(dice) };
        let (more, right) = (dice.below(2) == 1, dice.one_in(2));
        let new = counted.number(&self.bytes, if more { 1 } else { -1 }).filter(|_| right);
        let is_right = new.is_some();
        if more {
            self.double(range)
        } else {
            self.delete(range)
        }
        // It stands before them: where it was.
        if let Some((at, new)) = new {
            self.set(at, &new);
        }
        match (more, is_right) {
            (false, false) => "element: deleted",
            (false, true) => "element: deleted, number too",
            (true, false) => "element: doubled",
            (true, true) => "element: doubled, number too",
        }
    }

    /// A block of memory is of another size, taken out, or put in once more.
    pub(super) fn block(&mut self, dice: &mut Dice<'_>) -> &'static str {
        let blocks = Block::all(&self.bytes, &self.map);
        let Some(block) = dice.pick(&blocks) else { return self.field(dice) };
        let (way, right) = (dice.below(4), dice.one_in(2));
        let (more, name) = match way {
            0 => (
                block.size.wrapping_neg(),
                ["memory: block deleted", "memory: block deleted, total too"],
            ),
            1 => (block.size, ["memory: block doubled", "memory: block doubled, total too"]),
            _ => {
                let pages = 1 + dice.below(4) as u64;
                let more = (pages << 12).wrapping_neg();
                let more = if way == 2 { pages << 12 } else { more };
                (
                    more,
                    ["memory: block of another size", "memory: block of another size, total too"],
                )
            }
        };
        let total = block.with(&self.bytes, more).filter(|_| right);
        let Range { start, end } = block.entry;
        match way {
            0 => self.delete(start..end),
            1 => self.double(start..end),
            _ => self.set(end - Block::WIDTH, &block.size.wrapping_add(more).to_be_bytes()),
        }
        if let Some(total) = total {
            self.set(block.total, &total);
        }
        let [left, fixed] = name;
        if total.is_some() { fixed } else { left }
    }
}

fn number(bytes: &[u8], at: u64) -> Option<u64> {
    let number = bytes.get(at as usize..)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*number))
}
