//! Maps of streams whose bytes were cut and put together again.

use super::{Item, Map, NodeId, ROOT, Span};

/// A piece of a stream that is put together anew; see [`Map::spliced`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These bytes of the old stream.
    Kept(std::ops::Range<u64>),
    /// So many other bytes.
    New(u64),
}

impl<'d> Map<'d> {
    /// The map of the same bytes after they were cut and pasted: `pieces` are ranges of the
    /// present bytes, or a number of new ones, which are noted as `name`.
    #[must_use]
    pub fn spliced(&self, pieces: &[Piece], name: &'d str) -> Self {
        let spans = Vec::with_capacity(self.spans.len());
        let mut map = Map { spans, nodes: self.nodes.clone(), most: self.most, ..Map::default() };
        let mut at = 0;
        for piece in pieces {
            match piece {
                Piece::Kept(range) => {
                    let first = self.spans.partition_point(|s| s.offset + s.len <= range.start);
                    let spans = self.spans.iter().skip(first);
                    for span in spans.take_while(|s| s.offset < range.end) {
                        let from = span.offset.max(range.start);
                        let to = (span.offset + span.len).min(range.end);
                        let offset = at + (from - range.start);
                        map.spans.push(Span { offset, len: to - from, ..*span });
                    }
                    at += range.end.saturating_sub(range.start);
                }
                Piece::New(len) => {
                    map.note(Item::framing(name), at, *len);
                    at += len;
                }
            }
        }
        map
    }

    /// The same without the structs that nothing of the new bytes is in: for a small part of a large
    /// stream.
    #[must_use]
    pub fn cut(&self, pieces: &[Piece]) -> Self {
        let mut map = self.spliced(pieces, "");
        let mut used = vec![false; map.nodes.len()];
        let mut use_node = |id: NodeId, is: bool| match used.get_mut(id as usize) {
            Some(place) => std::mem::replace(place, is),
            None => true,
        };
        use_node(ROOT, true);
        for span in &map.spans {
            let mut id = span.parent;
            while !use_node(id, true) {
                id = map.node(id).map_or(ROOT, |node| node.parent);
            }
        }
        // A struct comes after the one that it is in: its new number is known by then.
        let mut numbers = vec![ROOT; map.nodes.len()];
        let mut kept = Vec::new();
        for ((node, used), at) in map.nodes.iter().zip(&used).zip(0usize..) {
            if !used {
                continue;
            }
            if let Some(number) = numbers.get_mut(at) {
                *number = kept.len() as NodeId;
            }
            kept.push(*node);
        }
        let number = |id: NodeId| numbers.get(id as usize).copied().unwrap_or(ROOT);
        kept.iter_mut().for_each(|node| node.parent = number(node.parent));
        map.spans.iter_mut().for_each(|span| span.parent = number(span.parent));
        map.nodes = kept;
        map
    }
}
