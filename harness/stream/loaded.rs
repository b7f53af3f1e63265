//! The result of a load.

use super::progress::{Load, Section};
use crate::dialect::Capabilities;
use crate::wire::{Error, Map, Span};

/// See the module documentation.
#[derive(Debug)]
pub struct Loaded<'d> {
    /// What was read as what.
    pub map: Map<'d>,
    /// The refusal, if it was one.
    pub refused: Option<Box<Error>>,
    /// Offset of the first byte that was not read.
    pub stopped: u64,
    /// Bytes that had left the source by then; what a metered feed sees.
    pub taken: u64,
    /// Look-aheads for a subsection that gave up on a short read: offsets.
    pub gave_up: Vec<u64>,
    /// Fields that a section's version does not have yet: paths.
    pub absent: Vec<String>,
    /// Fields and elements that the engine came by: its work, which the bytes read
    /// [bound](crate::vmstate::walk::most_steps).
    pub steps: u64,
    /// Section records in stream order.
    pub sections: Vec<Section>,
    /// RAM blocks that the stream announced.
    pub blocks: Vec<(Vec<u8>, u64)>,
    /// Pages of blocks at fixed places: where each block's begin, with their bitmap, and end.
    pub placed: Vec<(u64, u64)>,
    /// Capabilities that the source had on, as far as the stream shows them.
    pub shown: Capabilities,
    /// Refusals that their caller in the loader ignored, and read on: what came of the item is not
    /// what was sent (codecs, trap 7).
    pub ignored: Vec<Box<Error>>,
    /// What is worth reporting and did not fail the load.
    pub notes: Vec<String>,
}

impl Loaded<'_> {
    /// The bytes of the first field whose path ends with `field`, in the first section whose name
    /// ends with `device`; `None` if it was not read.
    #[must_use]
    pub fn value<'s>(&self, stream: &'s [u8], device: &[u8], field: &str) -> Option<&'s [u8]> {
        let section = self.sections.iter().find(|s| s.idstr.ends_with(device))?;
        let inside = |span: &&Span<'_>| (section.body..section.end).contains(&span.offset);
        let mut spans = self.map.spans().iter().filter(inside);
        let span = spans.find(|span| self.map.path(span).ends_with(field))?;
        let (from, len) = (usize::try_from(span.offset).ok()?, usize::try_from(span.len).ok()?);
        stream.get(from..)?.get(..len)
    }
}

impl<'d> Loaded<'d> {
    /// What a load came to that is over.
    pub(super) fn of(mut load: Load<'_, 'd>, refused: Option<Box<Error>>) -> Self {
        let ignored = load.io.ignored.iter().map(|e| format!("refused, and nobody asked: {e}"));
        load.notes.extend(ignored);
        Loaded {
            refused,
            stopped: load.io.reader.offset(),
            taken: load.io.reader.taken(),
            map: load.io.map,
            gave_up: load.io.gave_up,
            absent: load.io.absent,
            steps: load.io.steps,
            sections: load.sections,
            placed: load.ram.placed,
            shown: Capabilities {
                ignore_shared: load.ram.shared,
                mapped_ram: load.ram.mapped,
                ..load.shown
            },
            blocks: load.ram.blocks,
            ignored: load.io.ignored,
            notes: load.notes,
        }
    }
}
