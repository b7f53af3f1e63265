//! How a fixture is read before it is changed.

use crate::stream::{Destination, load_bytes};
use crate::trace::verdict;
use crate::wire::{Feed, Map};

/// How the unchanged fixture is read by the destination.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Where reading parts from meaning, if it does.
    pub diverges: Option<u64>,
    /// Whether it is accepted.
    pub accepted: bool,
    /// The first byte that is not read.
    pub stopped: u64,
}

impl Baseline {
    /// Loads the fixture, of which `map` says what was written where.
    #[must_use]
    pub fn of(stream: &[u8], map: &Map<'_>, to: &Destination) -> Self {
        let loaded = load_bytes(to, stream, &Feed::Bulk);
        let (_, diverges) = verdict::outline(map, &loaded);
        Baseline { diverges, accepted: loaded.refused.is_none(), stopped: loaded.stopped }
    }
}
