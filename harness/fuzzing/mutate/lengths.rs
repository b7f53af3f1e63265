//! Lengths in a stream that say how much of it follows: of a machine name, a command, a package, a
//! description (wire reference 2.4, 2.6, 2.7). Names of sections and subsections have theirs in the
//! byte before them, see `Mutant::rename`.

use std::ops::Range;

use crate::stream::record;
use crate::wire::map::FRAMING;
use crate::wire::{Map, Span};

/// A length, and what it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Length {
    /// Where it stands.
    pub(super) at: u64,
    /// Its bytes, big-endian.
    pub(super) width: u64,
    /// How much follows it.
    pub(super) value: u64,
}

impl Length {
    /// The lengths of a stream that is mapped so.
    pub(super) fn all(bytes: &[u8], map: &Map<'_>) -> Vec<Self> {
        map.spans().iter().flat_map(|span| Self::of(bytes, span)).collect()
    }

    fn of(bytes: &[u8], span: &Span<'_>) -> Vec<Self> {
        let (begin, read) = (span.offset, |at, width| Self::read(bytes, at, width));
        if span.info != FRAMING {
            return Vec::new();
        }
        let kind = bytes.get(begin as usize).copied();
        match (span.name, kind) {
            ("configuration", Some(record::CONFIGURATION))
            | ("vmdescription", Some(record::VMDESCRIPTION)) => {
                read(begin + 1, 4).into_iter().collect()
            }
            ("command", Some(record::COMMAND)) => {
                let packaged = bytes.get(begin as usize + 2) == Some(&record::PACKAGED);
                let package = packaged.then(|| read(begin + 5, 4)).flatten();
                read(begin + 3, 2).into_iter().chain(package).collect()
            }
            _ => Vec::new(),
        }
    }

    fn read(bytes: &[u8], at: u64, width: u64) -> Option<Self> {
        let range = at as usize..(at + width) as usize;
        let value = bytes.get(range)?.iter().fold(0, |v, b| v << 8 | u64::from(*b));
        Some(Length { at, width, value })
    }

    /// Where that lies in a stream of so many bytes.
    pub(super) fn covers(self, size: u64) -> Range<u64> {
        let from = (self.at + self.width).min(size);
        from..from.saturating_add(self.value).min(size)
    }

    /// What it must be after the stream grew or shrank from `old` to `new` bytes by a change at
    /// `place`; `None` if that is not inside what it covers, or does not fit.
    pub(super) fn after(self, place: u64, old: u64, new: u64) -> Option<Vec<u8>> {
        let from = self.at + self.width;
        let end = from + self.value;
        let gone = old.saturating_sub(new);
        if place < from || place + gone > end {
            return None;
        }
        let value = (self.value + new.saturating_sub(old)).checked_sub(gone)?;
        let bytes = value.to_be_bytes();
        let (unused, used) = bytes.split_at_checked(8 - self.width as usize)?;
        unused.iter().all(|b| *b == 0).then(|| used.to_vec())
    }
}

/// The command before a package of so many bytes, with its length.
pub(super) fn package(len: u32) -> Vec<u8> {
    let command = [record::COMMAND, 0, record::PACKAGED, 0, 4];
    [&command[..], &len.to_be_bytes()].concat()
}
