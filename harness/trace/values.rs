//! The values that a reading holds: device state by path, with its bytes; and what differs
//! between two readings of one release.

use std::collections::{BTreeMap, HashMap};

use crate::stream::Platform;
use crate::wire::{Map, Span};

/// One item of device state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value<'m> {
    /// Full path, in the names of the release; empty brackets where the path is that of an array.
    pub path: String,
    /// Codec.
    pub info: &'m str,
    /// Bytes of one element, where the item is an array of scalars; 0 for a buffer.
    pub width: u32,
    /// What was transferred.
    pub bytes: &'m [u8],
}

/// What became of a value between two readings of the same destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'m> {
    /// Full path.
    pub path: String,
    /// Codec.
    pub info: &'m str,
    /// The bytes in the first reading; `None` if it has no such item.
    pub before: Option<&'m [u8]>,
    /// The bytes in the second.
    pub after: Option<&'m [u8]>,
}

/// Whether a span is device state: not framing, and not of a live section.
#[must_use]
pub fn is_state(span: &Span<'_>) -> bool {
    !["framing", "ram", "block", "dirty-bitmap"].contains(&span.info)
        && Platform::ALL.iter().all(|records| records.idstr() != span.info)
}

/// The device state in a map of `stream`, by identity of the path and by occurrence, as some
/// names (`unused`) repeat.
#[must_use]
pub fn values<'m>(map: &'m Map<'_>, stream: &'m [u8]) -> HashMap<(u64, usize), Value<'m>> {
    let mut seen: HashMap<u64, usize> = HashMap::new();
    let mut values = HashMap::new();
    for span in map.spans().iter().filter(|span| is_state(span)) {
        let range = usize::try_from(span.offset)
            .ok()
            .and_then(|from| Some(from..from.checked_add(usize::try_from(span.len).ok()?)?));
        let Some(bytes) = range.and_then(|range| stream.get(range)) else { continue };
        let nth = seen.entry(span.identity).or_default();
        let value = Value { path: map.path(span), info: span.info, width: span.width, bytes };
        values.insert((span.identity, *nth), value);
        *nth += 1;
    }
    values
}

/// What differs between two readings, in order of paths.
#[must_use]
pub fn changes<'m>(
    before: &HashMap<(u64, usize), Value<'m>>,
    after: &HashMap<(u64, usize), Value<'m>>,
) -> Vec<Change<'m>> {
    let mut changes = BTreeMap::new();
    for (key, value) in before.iter().chain(after) {
        let (old, new) = (before.get(key).map(|v| v.bytes), after.get(key).map(|v| v.bytes));
        if old != new {
            let place = (value.path.clone(), key.1);
            let path = value.path.clone();
            changes.insert(place, Change { path, info: value.info, before: old, after: new });
        }
    }
    changes.into_values().collect()
}
