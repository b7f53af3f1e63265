//! What became of the state: fields of a stream beside the same fields as the destination saved
//! them again. This sees what bytes alone cannot: a value that was taken and then dropped.

use crate::stream::{Destination, load};
use crate::trace::recomputed::{Table, is_default};
use crate::trace::values::{self, values};
use crate::trace::{Meaning, judge_reading};
use crate::wire::Feed;

/// Longest value that is shown, in bytes.
const SHOWN: usize = 8;

/// A field that did not come back as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Its path.
    pub path: String,
    /// What was sent, in hex; `None`: nothing.
    pub sent: Option<String>,
    /// What was saved again, in hex; `None`: nothing.
    pub saved: Option<String>,
    /// Whether `recomputed.toml` says why, or it is a default that the verdict names.
    pub explained: bool,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Change { path, sent, saved, .. } = self;
        match (sent, saved) {
            (Some(sent), Some(saved)) => write!(f, "{path}: {sent} became {saved}"),
            (Some(sent), None) => write!(f, "{path}: {sent} was not saved again"),
            (None, Some(saved)) => write!(f, "{path}: {saved} is new"),
            (None, None) => write!(f, "{path}"),
        }
    }
}

/// Holds a stream of `source`, if its sender is known, against the state that a destination saved
/// after loading it. Both are read by that destination; memory and framing are left out.
///
/// # Errors
/// When the destination's model does not load what the destination saved.
pub fn changes(
    table: &Table,
    source: Option<&Destination>,
    to: &Destination,
    stream: &[u8],
    saved: &[u8],
) -> Result<Vec<Change>, String> {
    let sent = load(to, &mut &stream[..], &Feed::Bulk);
    let again = load(to, &mut &saved[..], &Feed::Bulk);
    if let Some(error) = again.refused {
        return Err(format!("the model refuses what {} saved: {error}", to.release));
    }
    let meaning = source.and_then(|source| Meaning::of(source, stream).ok());
    let judged = meaning.map(|meaning| judge_reading(&meaning, &sent, to));
    let (before, after) = (values(&sent.map, stream), values(&again.map, saved));
    let changes = values::changes(&before, &after);
    let own = |change: values::Change<'_>| {
        let known = |s: &Destination| table.explains(&change, s.version, to.version).is_some();
        let default = judged.as_ref().is_some_and(|judged| is_default(&change, judged, to));
        let explained = default || source.is_some_and(known);
        let (sent, saved) = (change.before.map(hex), change.after.map(hex));
        Change { path: change.path, sent, saved, explained }
    };
    Ok(changes.into_iter().map(own).collect())
}

fn hex(bytes: &[u8]) -> String {
    let mut text: String = bytes.iter().take(SHOWN).map(|b| format!("{b:02x}")).collect();
    if bytes.len() > SHOWN {
        text += "...";
    }
    text
}
