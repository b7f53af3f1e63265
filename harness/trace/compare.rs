//! Two maps of the same bytes, span by span: the first byte that was read as something else.

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

/// The first difference among the bytes before `until`, all of which the destination has read.
#[must_use]
pub fn first_difference(meaning: &Map<'_>, reading: &Map<'_>, until: u64) -> Option<Difference> {
    let mut read = reading.spans().iter();
    let mut written = meaning.spans().iter();
    loop {
        let (w, r) = (written.next(), read.next());
        let at = match (w, r) {
            (None, None) => return None,
            (Some(w), Some(r)) => {
                if w.offset == r.offset && w.identity == r.identity {
                    if w.len == r.len {
                        continue;
                    }
                    // Same item, but one side went on: the shorter end is where they part.
                    w.offset + w.len.min(r.len)
                } else {
                    w.offset.min(r.offset)
                }
            }
            (Some(one), None) | (None, Some(one)) => one.offset,
        };
        if at >= until {
            return None;
        }
        return Some(Difference {
            offset: at,
            written: covering(meaning, at).map(|s| Item::of(meaning, s)),
            read: covering(reading, at).map(|s| Item::of(reading, s)),
        });
    }
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
