//! What a campaign loads: a fixture with a list of changes, as a file can hold it.

use serde::{Deserialize, Serialize};

use crate::release::observed::Op;
use crate::wire::Map;
use crate::wire::map::Piece;

/// Name of bytes that no source wrote, in maps.
const CHANGED: &str = "changed bytes";

/// See the module documentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Release that wrote the fixture.
    pub source: String,
    /// Its machine type.
    pub machine: String,
    /// Its scenario.
    pub scenario: String,
    /// Release that loads it.
    pub destination: String,
    /// What is done to it, in order; each is about what the ones before it left.
    pub changes: Vec<Op>,
}

impl Input {
    /// The stream, from the fixture's own; `None` where a change does not fit it.
    #[must_use]
    pub fn apply(&self, fixture: &[u8]) -> Option<Vec<u8>> {
        self.changes.iter().try_fold(fixture.to_vec(), |stream, op| op.apply(&stream))
    }

    /// What is where in it, from the meaning of a fixture of `size` bytes.
    #[must_use]
    pub fn meaning<'d>(&self, meaning: &Map<'d>, size: usize) -> Map<'d> {
        let mut size = size as u64;
        self.changes.iter().fold(meaning.clone(), |map, op| {
            let pieces = pieces(op, size);
            size = pieces.iter().map(length).sum();
            map.spliced(&pieces, CHANGED)
        })
    }
}

fn length(piece: &Piece) -> u64 {
    match piece {
        Piece::Kept(range) => range.end.saturating_sub(range.start),
        Piece::New(len) => *len,
    }
}

/// How a change puts a stream of `size` bytes together. A value that is set keeps its meaning.
fn pieces(op: &Op, size: u64) -> Vec<Piece> {
    let kept = Piece::Kept;
    match op {
        Op::Insert { at, bytes, .. } => {
            vec![kept(0..*at), Piece::New(bytes.0.len() as u64), kept(*at..size)]
        }
        Op::Delete { at, n, .. } => vec![kept(0..*at), kept(at.saturating_add(*n)..size)],
        Op::Set { .. } => vec![kept(0..size)],
        Op::Truncate { at, .. } => vec![kept(0..*at)],
        Op::Dup { at, n, .. } => vec![kept(0..at.saturating_add(*n)), kept(*at..size)],
        Op::Move { at, n, m, .. } => {
            let (second, end) = (at.saturating_add(*n), at.saturating_add(*n).saturating_add(*m));
            vec![kept(0..*at), kept(second..end), kept(*at..second), kept(end..size)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::map::Item;

    #[rstest::rstest]
    #[case(r#"{"op":"insert","at":4,"bytes":"4142","what":""}"#, &[("a", 0), ("changed bytes", 4), ("b", 6)])]
    #[case(r#"{"op":"delete","at":0,"n":4,"what":""}"#, &[("b", 0)])]
    #[case(r#"{"op":"set","at":1,"bytes":"4142","what":""}"#, &[("a", 0), ("b", 4)])]
    #[case(r#"{"op":"truncate","at":4,"what":""}"#, &[("a", 0)])]
    #[case(r#"{"op":"dup","at":0,"n":4,"what":""}"#, &[("a", 0), ("a", 4), ("b", 8)])]
    #[case(r#"{"op":"move","at":0,"n":4,"m":4,"what":""}"#, &[("b", 0), ("a", 4)])]
    fn meaning_moves_with_the_bytes(#[case] op: &str, #[case] expected: &[(&str, u64)]) {
        let mut map = Map::new();
        map.note(Item::framing("a"), 0, 4);
        map.note(Item::framing("b"), 4, 4);
        let changes = vec![serde_json::from_str(op).unwrap()];
        let input = Input {
            source: String::new(),
            machine: String::new(),
            scenario: String::new(),
            destination: String::new(),
            changes,
        };
        let moved = input.meaning(&map, 8);
        let spans: Vec<(&str, u64)> = moved.spans().iter().map(|s| (s.name, s.offset)).collect();
        assert_eq!(spans, expected);
        let end = moved.spans().last().map_or(0, |s| s.offset + s.len);
        assert_eq!(end, input.apply(b"aaaabbbb").unwrap().len() as u64);
    }
}
