//! The changes: a stream as pieces of another, with bytes put in, left out or in another order.

use std::fmt;
use std::io::{self, Read};
use std::ops::Range;

use crate::stream::{Loaded, Section};
use crate::wire::Span;

/// How many bytes are put in or left out.
pub const SIZES: [usize; 4] = [1, 2, 4, 8];

/// What the bytes that are put in look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fill {
    /// All zero: the end of a stream, to a reader that looks for a record.
    Zero,
    /// All ones.
    Ones,
    /// The bytes before them once more.
    Neighbour,
    /// 05: the first byte of a subsection.
    Five,
}

/// What is done to a device's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// So many bytes more after a field.
    Insert(usize, Fill),
    /// So many bytes less after a field.
    Delete(usize),
    /// A field and the next one change places.
    Swap,
    /// A scalar is sent twice as wide.
    Widen,
    /// An array has one element more, a copy of its last.
    Longer,
    /// An array has one element less.
    Shorter,
    /// A subsection is sent one field earlier.
    Earlier,
    /// A subsection is sent at the end of its section.
    ToEnd,
}

/// Changes that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Family {
    InsertOne,
    InsertMore,
    DeleteOne,
    DeleteMore,
    Swapped,
    Widened,
    Count,
    Moved,
}

impl Family {
    /// All families, in the order of the tables.
    pub const ALL: [Family; 8] = [
        Family::InsertOne,
        Family::InsertMore,
        Family::DeleteOne,
        Family::DeleteMore,
        Family::Swapped,
        Family::Widened,
        Family::Count,
        Family::Moved,
    ];

    /// The name in the tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Family::InsertOne => "1 byte more",
            Family::InsertMore => "2, 4, 8 bytes more",
            Family::DeleteOne => "1 byte less",
            Family::DeleteMore => "2, 4, 8 bytes less",
            Family::Swapped => "fields swapped",
            Family::Widened => "field widened",
            Family::Count => "array count",
            Family::Moved => "subsection moved",
        }
    }
}

impl Change {
    /// The family it is counted in.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Change::Insert(1, _) => Family::InsertOne,
            Change::Insert(..) => Family::InsertMore,
            Change::Delete(1) => Family::DeleteOne,
            Change::Delete(_) => Family::DeleteMore,
            Change::Swap => Family::Swapped,
            Change::Widen => Family::Widened,
            Change::Longer | Change::Shorter => Family::Count,
            Change::Earlier | Change::ToEnd => Family::Moved,
        }
    }
}

impl fmt::Display for Change {
    /// What was done, to be followed by the field's path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural =
            |n: &usize| if *n == 1 { "one byte".to_string() } else { format!("{n} bytes") };
        match self {
            Change::Insert(n, Fill::Zero) => write!(f, "{} (00) more after", plural(n)),
            Change::Insert(n, Fill::Ones) => write!(f, "{} (ff) more after", plural(n)),
            Change::Insert(n, Fill::Neighbour) => write!(f, "{} (copied) more after", plural(n)),
            Change::Insert(n, Fill::Five) => write!(f, "{} (05) more after", plural(n)),
            Change::Delete(n) => write!(f, "{} less after", plural(n)),
            Change::Swap => write!(f, "the next field sent before"),
            Change::Widen => write!(f, "twice the width of"),
            Change::Longer => write!(f, "one element more in"),
            Change::Shorter => write!(f, "one element less in"),
            Change::Earlier => write!(f, "one field earlier:"),
            Change::ToEnd => write!(f, "at the end of its section:"),
        }
    }
}

/// A part of a changed stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes of the unchanged stream.
    Kept(Range<usize>),
    /// New bytes.
    New(Vec<u8>),
}

/// A changed stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What was done.
    pub change: Change,
    /// Offset of the first byte that is not as it was.
    pub at: usize,
    /// The stream.
    pub pieces: Vec<Piece>,
}

impl Edit {
    fn new(change: Change, at: usize, pieces: impl IntoIterator<Item = Piece>) -> Self {
        Edit { change, at, pieces: pieces.into_iter().collect() }
    }

    /// The bytes of the stream.
    #[must_use]
    pub fn bytes(&self, base: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(base.len() + 16);
        for piece in &self.pieces {
            bytes.extend_from_slice(piece.bytes(base));
        }
        bytes
    }

    /// The stream as a reader takes it, without a copy.
    #[must_use]
    pub fn reader<'a>(&'a self, base: &'a [u8]) -> Pieces<'a> {
        Pieces { pieces: &self.pieces, base, within: 0 }
    }
}

impl Piece {
    fn bytes<'a>(&'a self, base: &'a [u8]) -> &'a [u8] {
        match self {
            Piece::Kept(range) => base.get(range.clone()).unwrap_or(&[]),
            Piece::New(bytes) => bytes,
        }
    }
}

/// A reader over the pieces of an [`Edit`].
#[derive(Debug)]
pub struct Pieces<'a> {
    pieces: &'a [Piece],
    base: &'a [u8],
    within: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some((first, rest)) = self.pieces.split_first() {
            let left = first.bytes(self.base).get(self.within..).unwrap_or(&[]);
            if !left.is_empty() {
                let n = left.len().min(buffer.len());
                buffer.iter_mut().zip(left).for_each(|(to, from)| *to = *from);
                self.within += n;
                return Ok(n);
            }
            self.pieces = rest;
            self.within = 0;
        }
        Ok(0)
    }
}

/// A field of a section, with the section and what follows in it.
#[derive(Debug)]
pub struct Place<'m, 'd> {
    /// The section.
    pub section: &'m Section,
    /// The field.
    pub span: &'m Span<'d>,
    /// The field after it in the same section.
    pub next: Option<&'m Span<'d>>,
    /// Where this subsection ends, if the span is the head of one.
    pub subsection_end: Option<usize>,
    /// The field before it in the same section.
    pub before: Option<&'m Span<'d>>,
}

/// The fields of one section, in order.
#[must_use]
pub fn places<'m, 'd>(loaded: &'m Loaded<'d>, section: &'m Section) -> Vec<Place<'m, 'd>> {
    let spans = loaded.map.spans();
    let from = spans.partition_point(|s| s.offset < section.body);
    let to = spans.partition_point(|s| s.offset < section.end);
    let inside = spans.get(from..to).unwrap_or(&[]);
    let end_of = |at: usize, head: &Span<'d>| {
        let prefix = format!("{}.", loaded.map.path(head));
        let rest = inside.get(at + 1..).unwrap_or(&[]);
        let own = rest.iter().take_while(|s| loaded.map.path(s).starts_with(&prefix)).last();
        let last = own.unwrap_or(head);
        size(last.offset + last.len)
    };
    inside
        .iter()
        .enumerate()
        .map(|(at, span)| Place {
            section,
            span,
            next: inside.get(at + 1),
            subsection_end: (span.info == "subsection").then(|| end_of(at, span)),
            before: at.checked_sub(1).and_then(|before| inside.get(before)),
        })
        .collect()
}

impl Place<'_, '_> {
    /// Every change at this place that alters the stream.
    #[must_use]
    pub fn edits(&self, base: &[u8]) -> Vec<Edit> {
        let mut edits = Vec::with_capacity(24);
        for n in SIZES {
            edits.extend(self.inserts(base, n));
            edits.extend(self.delete(n, base.len()));
        }
        edits.extend(self.swap(base));
        edits.extend(self.widen(base));
        edits.extend(self.count(base));
        edits.extend(self.moves(base));
        edits
    }

    fn end(&self) -> usize {
        size(self.span.offset + self.span.len)
    }

    fn inserts(&self, base: &[u8], n: usize) -> Vec<Edit> {
        let at = self.end();
        let body = base.get(size(self.section.body)..at).unwrap_or(&[]);
        let copy: Vec<u8> = body.get(body.len().saturating_sub(n)..).unwrap_or(&[]).repeat(n);
        let fills = [
            (Fill::Zero, vec![0; n]),
            (Fill::Ones, vec![0xff; n]),
            (Fill::Five, vec![5; n]),
            (Fill::Neighbour, copy.get(..n).unwrap_or(&[]).to_vec()),
        ];
        let mut edits: Vec<Edit> = Vec::with_capacity(fills.len());
        for (fill, bytes) in fills {
            let pieces = [Piece::Kept(0..at), Piece::New(bytes), Piece::Kept(at..base.len())];
            // A neighbour of zeros is no second case.
            if edits.iter().all(|e| e.pieces != pieces) {
                edits.push(Edit::new(Change::Insert(n, fill), at, pieces));
            }
        }
        edits
    }

    fn delete(&self, n: usize, len: usize) -> Option<Edit> {
        let at = self.end();
        (at + n <= size(self.section.end)).then(|| {
            Edit::new(Change::Delete(n), at, [Piece::Kept(0..at), Piece::Kept(at + n..len)])
        })
    }

    /// Two neighbours, whatever they are, if the bytes differ then.
    fn swap(&self, base: &[u8]) -> Option<Edit> {
        let next =
            self.next.filter(|n| n.info != "subsection" && self.span.info != "subsection")?;
        let (from, middle, to) = (size(self.span.offset), self.end(), size(next.offset + next.len));
        exchanged(Change::Swap, base, from, middle, to)
    }

    fn widen(&self, base: &[u8]) -> Option<Edit> {
        let width = size(u64::from(self.span.width));
        let at = size(self.span.offset);
        (matches!(width, 1 | 2 | 4) && self.span.len == u64::from(self.span.width)).then(|| {
            let pieces =
                [Piece::Kept(0..at), Piece::New(vec![0; width]), Piece::Kept(at..base.len())];
            Edit::new(Change::Widen, at, pieces)
        })
    }

    fn count(&self, base: &[u8]) -> Vec<Edit> {
        let width = size(u64::from(self.span.width));
        let at = self.end();
        if width == 0 || self.span.len <= u64::from(self.span.width) {
            return Vec::new();
        }
        let last = base.get(at - width..at).unwrap_or(&[]).to_vec();
        vec![
            Edit::new(
                Change::Longer,
                at,
                [Piece::Kept(0..at), Piece::New(last), Piece::Kept(at..base.len())],
            ),
            Edit::new(
                Change::Shorter,
                at - width,
                [Piece::Kept(0..at - width), Piece::Kept(at..base.len())],
            ),
        ]
    }

    fn moves(&self, base: &[u8]) -> Vec<Edit> {
        let Some(end) = self.subsection_end else { return Vec::new() };
        let start = size(self.span.offset);
        let mut edits = Vec::new();
        if let Some(before) = self.before {
            edits.extend(exchanged(Change::Earlier, base, size(before.offset), start, end));
        }
        if end < size(self.section.end) {
            edits.extend(exchanged(Change::ToEnd, base, start, end, size(self.section.end)));
        }
        edits
    }
}

/// `from..middle` and `middle..to` in the other order; `None` if that makes no difference.
fn exchanged(change: Change, base: &[u8], from: usize, middle: usize, to: usize) -> Option<Edit> {
    let (one, other) = (base.get(from..middle)?, base.get(middle..to)?);
    let moved = other.iter().chain(one);
    let same = moved.zip(base.get(from..to)?).take_while(|(a, b)| a == b).count();
    if from + same == to {
        return None;
    }
    let pieces = [
        Piece::Kept(0..from),
        Piece::Kept(middle..to),
        Piece::Kept(from..middle),
        Piece::Kept(to..base.len()),
    ];
    Some(Edit::new(change, from, pieces))
}

/// Offsets of a stream in memory.
fn size(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
