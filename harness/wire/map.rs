//! The map of a stream: which bytes were read (or written) as what.
//!
//! A [`Map`] is a list of [`Span`]s in offset order and a tree of path nodes. Two maps of the same
//! bytes, one by the source and one by a destination, are compared span by span: a span's
//! `identity` is a hash of its full path in *canonical* names (after the rename table), so that
//! `tally_counters` holding `TxOk` and a flat `tally_counters.TxOk` are the same field.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What an item is said to be that is no state, but what is around it.
pub const FRAMING: &str = "framing";

/// Index of a path node in its map.
pub type NodeId = u32;

/// Bytes that were transferred as one item: a scalar, an array of scalars, a buffer, a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<'d> {
    /// Absolute offset of the first byte.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
    /// Hash of the canonical path.
    pub identity: u64,
    /// The node this item belongs to.
    pub parent: NodeId,
    /// Name of the item inside its node.
    pub name: &'d str,
    /// Codec (`uint32`, `pci config`, ...) or, for framing, the record's name.
    pub info: &'d str,
    /// Bytes of one element, where the item is an array of scalars; else `len`.
    pub width: u32,
    /// A reader may drop it: read it as unused bytes.
    pub dropped: bool,
}

/// A struct that items belong to.
#[derive(Debug, Clone, Copy)]
pub struct Node<'d> {
    parent: NodeId,
    /// Shown name.
    pub name: &'d str,
    /// Which element, where it is one of an array.
    pub index: Option<u32>,
    /// Hash of the canonical path.
    pub identity: u64,
}

/// Memory for the spans of a map. To have it of the system again and again, page by page, takes as long
/// as a part of a load.
#[derive(Debug, Default)]
pub struct SpanMemory(Vec<Span<'static>>);

/// See the module documentation.
#[derive(Debug, Clone)]
pub struct Map<'d> {
    spans: Vec<Span<'d>>,
    nodes: Vec<Node<'d>>,
    current: NodeId,
    section: Option<&'d str>,
    /// Most spans, and most nodes, that are kept.
    most: usize,
    /// Once that many are there: how many nodes stay for good.
    full: Option<usize>,
    left_out: u64,
    /// Who takes the spans as they come.
    sink: Option<Sink>,
}

/// Takes the spans of a map as it grows.
#[derive(Clone)]
struct Sink(Arc<Mutex<Take>>);

/// What takes a part of a map.
type Take = dyn FnMut(&Map<'_>) + Send;

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

pub use cut::Piece;

const ROOT: NodeId = 0;
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Goes on with a hash by these bytes.
#[must_use]
pub fn hash(mut state: u64, bytes: &[u8]) -> u64 {
    for byte in bytes {
        state = (state ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
    }
    state
}

/// Hashes a number as its decimal text, so that `x[3]` is one identity however it was built.
fn hash_number(state: u64, mut n: u32) -> u64 {
    let mut digits = [0u8; 10];
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (n % 10) as u8;
        n /= 10;
        used += 1;
        if n == 0 {
            break;
        }
    }
    hash(state, digits.get(10 - used..).unwrap_or(&[]))
}

impl Default for Map<'_> {
    fn default() -> Self {
        Map {
            spans: Vec::new(),
            nodes: vec![Node { parent: ROOT, name: "", index: None, identity: FNV_BASIS }],
            current: ROOT,
            section: None,
            most: usize::MAX,
            full: None,
            left_out: 0,
            sink: None,
        }
    }
}

impl<'d> Map<'d> {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Map::default()
    }

    /// An empty map with room for so many spans.
    #[must_use]
    pub fn with_capacity(spans: usize) -> Self {
        let mut map = Map { spans: Vec::with_capacity(spans), ..Map::default() };
        map.nodes.reserve(spans / 2);
        map
    }

    /// An empty map in the memory of another, with room for so many spans: the same bytes were read
    /// before.
    #[must_use]
    pub fn reusing(memory: SpanMemory, spans: usize) -> Self {
        let mut map = Map { spans: memory.0, ..Map::default() };
        map.spans.reserve(spans);
        map
    }

    /// The memory of a map that is not needed any more.
    #[must_use]
    pub fn into_memory(mut self) -> SpanMemory {
        self.spans.clear();
        // Of no element; collected in place.
        SpanMemory(self.spans.into_iter().map_while(|_| None).collect())
    }

    /// An empty map that keeps `most` spans and `most` nodes of its tree; what comes after them is
    /// counted, so that memory does not grow with a stream that has ever more items.
    #[must_use]
    pub fn bounded(most: usize) -> Self {
        Map { most, ..Map::default() }
    }

    /// An empty map that hands its spans to `sink`, `most` of them or fewer at a time and in order,
    /// and forgets them: of a stream with ever more items all are seen, and memory does not grow.
    /// What is left at the end has not been handed over. Only a section of more than `8 * most`
    /// structs has items that are left out.
    #[must_use]
    pub fn streamed(most: usize, sink: impl FnMut(&Map<'_>) + Send + 'static) -> Self {
        Map { most, sink: Some(Sink(Arc::new(Mutex::new(sink)))), ..Map::default() }
    }

    /// Hands over all spans but the last `kept`.
    fn hand_over(&mut self, kept: usize) {
        let Some(Sink(sink)) = self.sink.clone() else { return };
        let rest = self.spans.split_off(self.spans.len().saturating_sub(kept));
        sink.lock().unwrap_or_else(PoisonError::into_inner)(self);
        self.spans = rest;
    }

    /// How many spans a bounded map left out.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The spans, in offset order.
    #[must_use]
    pub fn spans(&self) -> &[Span<'d>] {
        &self.spans
    }

    /// The section that is being transferred, with its bus path.
    #[must_use]
    pub fn section(&self) -> Option<&'d str> {
        self.section
    }

    /// Marks the section that is being transferred, for messages.
    pub fn set_section(&mut self, idstr: Option<&'d str>) {
        self.section = idstr;
    }

    fn node(&self, id: NodeId) -> Option<&Node<'d>> {
        self.nodes.get(id as usize)
    }

    fn current_identity(&self) -> u64 {
        self.node(self.current).map_or(FNV_BASIS, |n| n.identity)
    }

    /// Identity that an item of this canonical name would have in the current node.
    #[must_use]
    pub fn identity(&self, canonical: &str) -> u64 {
        hash(hash(self.current_identity(), b"."), canonical.as_bytes())
    }

    /// Steps into a struct: `name` is what is shown, `canonical` what is compared; empty: the
    /// struct itself is not compared, only what is in it.
    pub fn enter(&mut self, name: &'d str, canonical: &str, index: Option<u32>) {
        // A wrapper that only one side has is compared as if it were not there.
        let mut identity =
            if canonical.is_empty() { self.current_identity() } else { self.identity(canonical) };
        if let Some(i) = index
            && !canonical.is_empty()
        {
            identity = hash(hash_number(hash(identity, b"["), i), b"]");
        }
        let most = if self.sink.is_some() { self.most.saturating_mul(8) } else { self.most };
        if self.full.is_none() && self.nodes.len() >= most {
            self.full = Some(self.nodes.len());
        }
        let parent = self.current;
        self.current = self.nodes.len() as NodeId;
        self.nodes.push(Node { parent, name, index, identity });
    }

    /// Steps into the key of a tree's node: its value is there under the same name.
    pub fn enter_key(&mut self, name: &'d str, canonical: &str, index: u32) {
        self.enter(name, canonical, Some(index));
        let identity = self.identity("key");
        if let Some(node) = self.nodes.get_mut(self.current as usize) {
            node.identity = identity;
        }
    }

    /// Steps out of the struct entered last.
    pub fn leave(&mut self) {
        let left = self.current;
        self.current = self.node(left).map_or(ROOT, |n| n.parent);
        // A hostile count may ask for any number of structs without a byte.
        let empty = self.spans.last().is_none_or(|s| s.parent != left);
        if empty && left != ROOT && left as usize + 1 == self.nodes.len() {
            self.nodes.pop();
        }
        self.forget(left as usize);
    }

    /// Drops the nodes from `from` on, if the map is full: no span is in one of them.
    fn forget(&mut self, from: usize) {
        if let Some(kept) = self.full {
            self.nodes.truncate(from.max(kept));
        }
    }

    /// The current node, for [`Map::resume`].
    #[must_use]
    pub fn position(&self) -> NodeId {
        self.current
    }

    /// Steps back to a node that was current before.
    pub fn resume(&mut self, position: NodeId) {
        self.current = position;
    }

    /// Steps out to the top, for the start of a new section.
    pub fn top(&mut self) {
        self.current = ROOT;
        self.forget(0);
        if self.sink.is_some() && self.nodes.len() >= self.most {
            self.hand_over(0);
            self.nodes.truncate(1);
            self.full = None;
        }
    }

    /// Notes that `len` bytes at `offset` were transferred as `name` of the current node. An
    /// empty item leaves no span; one that continues the last item of the same identity and is
    /// marked `join` extends it.
    pub fn note(&mut self, item: Item<'d, '_>, offset: u64, len: u64) {
        self.note_as(self.identity(item.canonical), item, offset, len);
    }

    /// Notes elements of an array of structs as one item, whose identity depends on `layout`, too.
    pub fn note_run(&mut self, item: Item<'d, '_>, layout: u64, offset: u64, len: u64) {
        let identity = hash(self.identity(item.canonical), &layout.to_be_bytes());
        self.note_as(identity, Item { join: true, ..item }, offset, len);
    }

    /// How much is noted, for [`Map::fold`].
    #[must_use]
    pub fn mark(&self) -> (usize, usize) {
        (self.spans.len(), self.nodes.len())
    }

    /// Takes what was noted since `mark` for elements of an array of structs, and notes them as
    /// [`Map::note_run`] does.
    pub fn fold(
        &mut self,
        (spans, nodes): (usize, usize),
        item: Item<'d, '_>,
        layout: u64,
        offset: u64,
        len: u64,
    ) {
        self.spans.truncate(spans);
        self.nodes.truncate(nodes);
        self.note_run(item, layout, offset, len);
    }

    fn note_as(&mut self, identity: u64, item: Item<'d, '_>, offset: u64, len: u64) {
        if len == 0 {
            return;
        }
        if item.join
            && let Some(last) = self.spans.last_mut()
            && last.identity == identity
            && last.offset + last.len == offset
        {
            last.len += len;
            return;
        }
        if self.spans.len() >= self.most {
            match self.sink {
                // The last may grow yet.
                Some(_) => self.hand_over(1),
                None if self.full.is_none() => self.full = Some(self.nodes.len()),
                None => {}
            }
        }
        if self.full.is_some() {
            self.left_out += 1;
            return;
        }
        self.spans.push(Span {
            offset,
            len,
            identity,
            parent: self.current,
            name: item.name,
            info: item.info,
            width: item.width,
            dropped: item.dropped,
        });
    }
}

/// What an item is, for [`Map::note`].
#[derive(Debug, Clone, Copy)]
pub struct Item<'d, 'c> {
    /// Shown name.
    pub name: &'d str,
    /// Compared name.
    pub canonical: &'c str,
    /// Codec or record name.
    pub info: &'d str,
    /// Bytes of one element.
    pub width: u32,
    /// Whether a following item of the same identity continues this one (RAM pages).
    pub join: bool,
    /// Whether a reader may read it as unused bytes.
    pub dropped: bool,
}

impl<'d> Item<'d, 'd> {
    /// A framing item, shown and compared under one name.
    #[must_use]
    pub fn framing(name: &'d str) -> Self {
        Item { name, canonical: name, info: FRAMING, width: 0, join: false, dropped: false }
    }
}

mod cut;
mod path;
#[cfg(test)]
mod tests;
