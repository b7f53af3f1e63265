//! A stream without the pages that make no difference to any loader, so that it can be loaded many
//! times: with 512 MiB of memory, a megabyte is left.
//!
//! Of the page records, the first of each kind stays, each that names its block, and whatever a loader
//! may look at twice: a fill byte that is not zero, an address beyond its block, the first megabyte of
//! main memory, where option ROMs are. All else of the stream stays as it is. [`Condensed::original`] gives
//! offsets back.

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use crate::dialect::ram::{COMPRESS_PAGE, CONTINUE, EOS, MULTIFD_FLUSH, PAGE, XBZRLE, ZERO};
use crate::vmstate::local::{LOW, is_main};

/// Most bytes that are kept in memory of what is no page.
pub const MOST: u64 = 256 << 20;
/// Bytes of the place of a block's pages.
const PLACE: usize = 8;
/// How much is read in one go.
const WINDOW: usize = 1 << 20;

/// A stream in memory, with what was left out.
#[derive(Debug, Clone, Default)]
pub struct Condensed {
    /// What is left.
    pub bytes: Vec<u8>,
    /// Where something was left out: the offset in `bytes`, and all that was left out up to there.
    gaps: Vec<(u64, u64)>,
}

impl From<Vec<u8>> for Condensed {
    /// A stream of which nothing was left out.
    fn from(bytes: Vec<u8>) -> Self {
        Condensed { bytes, gaps: Vec::new() }
    }
}

impl Condensed {
    /// The offset in the stream itself of an offset in what is left.
    #[must_use]
    pub fn original(&self, offset: u64) -> u64 {
        let before = self.gaps.partition_point(|(at, _)| *at <= offset);
        let left_out = before.checked_sub(1).and_then(|last| self.gaps.get(last));
        offset + left_out.map_or(0, |(_, sum)| *sum)
    }

    /// Length of the stream itself.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.original(self.bytes.len() as u64)
    }

    fn leave_out(&mut self, len: u64) {
        let at = self.bytes.len() as u64;
        match self.gaps.last_mut() {
            Some((last, sum)) if *last == at => *sum += len,
            last => {
                let sum = last.map_or(0, |(_, sum)| *sum) + len;
                self.gaps.push((at, sum));
            }
        }
    }
}

/// Leaves the pages out of a stream. `parts` are the payloads of the RAM section's parts but the
/// first, in order; `blocks` the RAM blocks with their lengths. `placed` are pages at fixed places
/// with their bitmaps, in order: their block then has no place, as one that is shared.
///
/// # Errors
/// The source's; a stream of which more than [`MOST`] bytes are no pages.
pub fn condense(
    source: &mut (impl Read + Seek),
    parts: &[(u64, u64)],
    blocks: &[(Vec<u8>, u64)],
    placed: &[(u64, u64)],
    page: u64,
) -> io::Result<Condensed> {
    source.seek(SeekFrom::Start(0))?;
    let mut from = BufReader::with_capacity(WINDOW, source);
    let mut out = Condensed::default();
    let mut pages = Pages { blocks, page, seen: BTreeSet::new(), last: Vec::new() };
    let mut at = 0;
    for (start, end) in placed {
        copy(&mut from, &mut out.bytes, start.saturating_sub(at))?;
        // The place of the pages is what the header of the block ends with.
        let place = out.bytes.len().saturating_sub(PLACE);
        out.bytes.get_mut(place..).unwrap_or_default().fill(0);
        let len = end.saturating_sub(*start);
        from.seek_relative(i64::try_from(len).unwrap_or(i64::MAX))?;
        out.leave_out(len);
        at = *end;
    }
    for (start, end) in parts {
        copy(&mut from, &mut out.bytes, start.saturating_sub(at))?;
        at = *start;
        while at < *end {
            match pages.record(&mut from, &mut out)? {
                Some(len) => at += len,
                // Not a record that is known: the rest of the part stays.
                None => break,
            }
        }
    }
    copy(&mut from, &mut out.bytes, u64::MAX)?;
    Ok(out)
}

fn copy(from: &mut impl Read, to: &mut Vec<u8>, len: u64) -> io::Result<()> {
    let room = MOST.saturating_sub(to.len() as u64);
    let copied = from.take(len.min(room + 1)).read_to_end(to)?;
    if copied as u64 > room {
        return Err(io::Error::other(format!("more than {MOST} bytes of it are no pages")));
    }
    Ok(())
}

/// What was seen of page records.
struct Pages<'a> {
    blocks: &'a [(Vec<u8>, u64)],
    /// Bytes of a page.
    page: u64,
    /// Flags of records that stayed.
    seen: BTreeSet<u64>,
    /// The block of the last record.
    last: Vec<u8>,
}

impl Pages<'_> {
    /// Takes one record; returns its length, or `None` after copying a word that begins none.
    fn record<R: Read + Seek>(
        &mut self,
        from: &mut BufReader<R>,
        out: &mut Condensed,
    ) -> io::Result<Option<u64>> {
        let mut head = [0; 8];
        from.read_exact(&mut head)?;
        let word = u64::from_be_bytes(head);
        let (flags, address) = (word & (self.page - 1), word & !(self.page - 1));
        let mut record = head.to_vec();
        if matches!(flags & !CONTINUE, EOS | MULTIFD_FLUSH) {
            out.bytes.extend(record);
            return Ok(Some(8));
        }
        let kind = flags & !CONTINUE;
        if !matches!(kind, ZERO | PAGE | XBZRLE | COMPRESS_PAGE) {
            out.bytes.extend(record);
            return Ok(None);
        }
        // A record that names its block stays: those that follow it say only that they continue it.
        let mut keep = self.seen.insert(flags) | (flags & CONTINUE == 0);
        if flags & CONTINUE == 0 {
            let mut len = [0; 1];
            from.read_exact(&mut len)?;
            let mut name = vec![0; usize::from(len[0])];
            from.read_exact(&mut name)?;
            record.extend(len);
            record.extend(&name);
            self.last = name;
        }
        let block = self.blocks.iter().find(|(name, _)| *name == self.last);
        keep |= block.is_none_or(|(_, len)| address >= *len);
        keep |= is_main(&self.last) && address < LOW;
        let body = match kind {
            ZERO => {
                let mut fill = [0; 1];
                from.read_exact(&mut fill)?;
                record.extend(fill);
                keep |= fill[0] != 0;
                0
            }
            PAGE => self.page,
            XBZRLE => {
                let mut head = [0; 3];
                from.read_exact(&mut head)?;
                record.extend(head);
                u64::from(u16::from_be_bytes([head[1], head[2]]))
            }
            _ => {
                let mut len = [0; 4];
                from.read_exact(&mut len)?;
                record.extend(len);
                u64::from(u32::from_be_bytes(len))
            }
        };
        let len = record.len() as u64 + body;
        if keep {
            out.bytes.extend(record);
            copy(from, &mut out.bytes, body)?;
        } else {
            from.seek_relative(i64::try_from(body).unwrap_or(i64::MAX))?;
            out.leave_out(len);
        }
        Ok(Some(len))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::ram::PAGE_SIZE;
    use super::*;

    fn word(out: &mut Vec<u8>, word: u64) {
        out.extend(word.to_be_bytes());
    }

    /// A part with pages of one block, from an address on, between other bytes.
    fn stream(count: u64, from: u64) -> (Vec<u8>, (u64, u64)) {
        let mut bytes = b"before".to_vec();
        let start = bytes.len() as u64;
        word(&mut bytes, from | PAGE);
        bytes.extend(b"\x06pc.ram");
        bytes.extend([1; 4096]);
        for page in 1..count {
            word(&mut bytes, (from + page * PAGE_SIZE) | PAGE | CONTINUE);
            bytes.extend([2; 4096]);
        }
        word(&mut bytes, EOS);
        let end = bytes.len() as u64;
        bytes.extend(b"behind");
        (bytes, (start, end))
    }

    fn condensed(bytes: &[u8], part: (u64, u64), len: u64) -> Condensed {
        condense(&mut Cursor::new(bytes), &[part], &[(b"pc.ram".to_vec(), len)], &[], PAGE_SIZE)
            .unwrap()
    }

    #[test]
    fn pages_of_one_kind_are_left_out_and_offsets_come_back() {
        let (bytes, part) = stream(100, 1 << 20);
        let out = condensed(&bytes, part, 1 << 30);
        // The first, which names the block, and the first that continues it.
        assert_eq!(out.bytes.len(), bytes.len() - 98 * (8 + 4096));
        assert_eq!(out.size(), bytes.len() as u64);
        for (at, byte) in out.bytes.iter().enumerate() {
            let original = usize::try_from(out.original(at as u64)).unwrap();
            assert_eq!(bytes.get(original), Some(byte), "{at}");
        }
    }

    #[test]
    fn pages_at_fixed_places_are_left_out() {
        let bytes =
            [&b"header, places"[..], &[1; 10_000], b"between", &[2; 5000], b"rest"].concat();
        let placed = [(14, 10_014), (10_021, 15_021)];
        let out = condense(&mut Cursor::new(&bytes), &[], &[], &placed, PAGE_SIZE).unwrap();
        assert_eq!(out.bytes, *b"header\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0rest");
        assert_eq!(out.size(), bytes.len() as u64);
        assert_eq!((out.original(13), out.original(14), out.original(21)), (13, 10_014, 15_021));
    }

    #[rstest::rstest]
    #[case::low(0, 1 << 30)]
    #[case::beyond(1 << 20, 1 << 20)]
    fn what_is_looked_at_stays(#[case] from: u64, #[case] len: u64) {
        let (bytes, part) = stream(100, from);
        assert_eq!(condensed(&bytes, part, len).bytes, bytes);
    }

    #[test]
    fn a_word_that_begins_no_page_ends_it() {
        let (mut bytes, part) = stream(100, 1 << 20);
        let at = usize::try_from(part.0).unwrap() + 8 + 7 + 4096;
        bytes[at + 7] = 0x84;
        assert_eq!(condensed(&bytes, part, 1 << 30).bytes, bytes);
    }
}
