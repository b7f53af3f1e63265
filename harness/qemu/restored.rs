//! What became of the state: fields of a stream beside the same fields as the destination saved
//! them again. This sees what bytes alone cannot: a value that was taken and then dropped.

use std::collections::BTreeMap;

use crate::stream::{Destination, load};
use crate::wire::{Feed, Map};

/// Longest value that is shown, in bytes.
const SHOWN: usize = 8;

/// A field that did not come back as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its path.
    pub path: String,
    /// What was sent, in hex; `None`: nothing.
    pub sent: Option<String>,
    /// What was saved again, in hex; `None`: nothing.
    pub saved: Option<String>,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Change { path, sent, saved } = self;
        match (sent, saved) {
            (Some(sent), Some(saved)) => write!(f, "{path}: {sent} became {saved}"),
            (Some(sent), None) => write!(f, "{path}: {sent} was not saved again"),
            (None, Some(saved)) => write!(f, "{path}: {saved} is new"),
            (None, None) => write!(f, "{path}"),
        }
    }
}

/// Holds a stream against the state that a destination saved after loading it. Both are read by
/// that destination; memory and framing are left out.
///
/// # Errors
/// When the destination's model does not load what the destination saved.
pub fn changes(to: &Destination, stream: &[u8], saved: &[u8]) -> Result<Vec<Change>, String> {
    let sent = load(to, &mut &stream[..], &Feed::Bulk);
    let again = load(to, &mut &saved[..], &Feed::Bulk);
    if let Some(error) = again.refused {
        return Err(format!("the model refuses what {} saved: {error}", to.release));
    }
    let sent = values(&sent.map, stream);
    let again = values(&again.map, saved);
    let mut changes = Vec::new();
    for (key, (path, value)) in &sent {
        let now = again.get(key).map(|(_, now)| *now);
        if now != Some(*value) {
            let saved = now.map(hex);
            changes.push(Change { path: path.clone(), sent: Some(hex(value)), saved });
        }
    }
    let new = again.iter().filter(|(key, _)| !sent.contains_key(*key));
    changes.extend(new.map(|(_, (path, value))| Change {
        path: path.clone(),
        sent: None,
        saved: Some(hex(value)),
    }));
    Ok(changes)
}

/// Fields by identity and turn, as one may come more than once.
type Values<'s> = BTreeMap<(u64, u32), (String, &'s [u8])>;

fn values<'s>(map: &Map<'_>, stream: &'s [u8]) -> Values<'s> {
    let mut values = Values::new();
    let mut turns: BTreeMap<u64, u32> = BTreeMap::new();
    for span in map.spans().iter().filter(|s| !matches!(s.info, "framing" | "ram")) {
        let turn = turns.entry(span.identity).or_default();
        let from = usize::try_from(span.offset).unwrap_or(usize::MAX);
        let to = from.saturating_add(usize::try_from(span.len).unwrap_or(0));
        if let Some(bytes) = stream.get(from..to) {
            values.insert((span.identity, *turn), (map.path(span), bytes));
        }
        *turn += 1;
    }
    values
}

fn hex(bytes: &[u8]) -> String {
    let mut text: String = bytes.iter().take(SHOWN).map(|b| format!("{b:02x}")).collect();
    if bytes.len() > SHOWN {
        text += "...";
    }
    text
}
