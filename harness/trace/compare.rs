//! Compares two maps of the same bytes, span by span: the first byte that was read as something else.

use crate::wire::{Map, Span};

/// The first place where reading and meaning part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Absolute offset of the first byte concerned.
    pub offset: u64,
    /// What the source wrote there; `None` beyond its end.
    pub written: Option<Item>,
    /// What the destination read there; `None` if it never read that byte.
    pub read: Option<Item>,
}

/// A span in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub len: u64,
    /// Full path.
    pub path: String,
    /// Codec or record.
    pub info: String,
}

impl Item {
    /// A span with its path spelled out.
    #[must_use]
    pub fn of(map: &Map<'_>, span: &Span<'_>) -> Self {
        Item {
            offset: span.offset,
            len: span.len,
            path: map.path(span),
            info: span.info.to_string(),
        }
    }
}

/// The first difference among the bytes before `until`. Where the destination has `stopped`
/// (refused), what it did not reach is no difference; otherwise unread bytes are one.
#[must_use]
pub fn first_difference(
    meaning: &Map<'_>,
    reading: &Map<'_>,
    until: u64,
    stopped: bool,
) -> Option<Difference> {
    first_difference_at(meaning, reading, until, stopped).map(|at| difference(meaning, reading, at))
}

/// What both sides have at the byte where they part.
#[must_use]
pub fn difference(meaning: &Map<'_>, reading: &Map<'_>, at: u64) -> Difference {
    let item = |map| covering(map, at).map(|span| Item::of(map, span));
    Difference { offset: at, written: item(meaning), read: item(reading) }
}

/// Where that is: nothing is spelled out.
#[must_use]
pub fn first_difference_at(
    meaning: &Map<'_>,
    reading: &Map<'_>,
    until: u64,
    stopped: bool,
) -> Option<u64> {
    let mut read = reading.spans().iter().peekable();
    let mut written = meaning.spans().iter();
    loop {
        let (w, r) = (written.next(), read.next());
        let at = match (w, r) {
            (None, None) => return None,
            (Some(w), Some(r)) if w.offset == r.offset && w.identity == r.identity => {
                if w.len == r.len {
                    continue;
                }
                if stopped && r.len < w.len && read.peek().is_none() {
                    return None;
                }
                // Same item, but one side went on: the shorter end is where they part.
                w.offset + w.len.min(r.len)
            }
            (Some(w), Some(r)) if w.offset == r.offset && drops(w, r, &mut written) => continue,
            (Some(w), Some(r)) => w.offset.min(r.offset),
            (Some(_), None) if stopped => return None,
            (Some(one), None) | (None, Some(one)) => one.offset,
        };
        return Some(at).filter(|at| *at < until);
    }
}

/// Whether `read` drops `first` and the items after it, all of them and nothing else: bytes that a
/// reader does without on purpose. Moves `written` past them if so.
fn drops<'m, 'd: 'm>(
    first: &Span<'d>,
    read: &Span<'_>,
    written: &mut (impl Iterator<Item = &'m Span<'d>> + Clone),
) -> bool {
    if read.info != "unused_buffer" || !first.dropped {
        return false;
    }
    let end = read.offset + read.len;
    let mut ahead = written.clone();
    let mut at = first.offset + first.len;
    while at < end {
        match ahead.next() {
            Some(item) if item.dropped && item.offset == at => at += item.len,
            _ => return false,
        }
    }
    *written = ahead;
    at == end
}

/// The span that holds the byte at `offset`.
#[must_use]
pub fn covering<'m, 'd>(map: &'m Map<'d>, offset: u64) -> Option<&'m Span<'d>> {
    let after = map.spans().partition_point(|s| s.offset <= offset);
    let span = map.spans().get(after.checked_sub(1)?)?;
    (offset < span.offset + span.len).then_some(span)
}

/// End of the last byte that a map covers.
#[must_use]
pub fn end(map: &Map<'_>) -> u64 {
    map.spans().last().map_or(0, |s| s.offset + s.len)
}
