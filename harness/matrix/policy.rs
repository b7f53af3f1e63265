//! The policy: what a verdict means for a cell, given its direction and the known cases.

use super::cell::Cell;
use super::config::{Config, Known, Policy};
use crate::trace::Verdict;
use crate::wire::Feed;

/// Which of the two releases is the newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// A release to itself.
    Same,
    /// Older to newer.
    Forward,
    /// Newer to older.
    Backward,
}

impl Direction {
    /// From one release to another; those that are not listed count as oldest.
    #[must_use]
    pub fn of(source: &str, destination: &str, config: &Config) -> Self {
        match config.place(source).cmp(&config.place(destination)) {
            std::cmp::Ordering::Equal => Direction::Same,
            std::cmp::Ordering::Less => Direction::Forward,
            std::cmp::Ordering::Greater => Direction::Backward,
        }
    }

    /// In QEMU's words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Direction::Same => "same release",
            Direction::Forward => "older to newer",
            Direction::Backward => "newer to older",
        }
    }
}

/// How a cell stands to the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Not allowed: the run fails.
    Broken,
    /// Not allowed, but named in `matrix.toml`: index of the entry.
    Known(usize),
    /// Allowed and worth reporting: a refusal.
    Reported,
    /// The state arrives, or the destination has no such machine or device.
    Good,
}

impl Standing {
    /// The name, as in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Standing::Broken => "broken",
            Standing::Known(_) => "known",
            Standing::Reported => "reported",
            Standing::Good => "good",
        }
    }
}

/// How a cell of this verdict stands; no verdict is a panic.
#[must_use]
pub fn standing(config: &Config, cell: &Cell, feed: &Feed, verdict: Option<Verdict>) -> Standing {
    let Some(verdict) = verdict else { return Standing::Broken };
    let known = || config.known.iter().position(|known| known.names(cell, feed, verdict));
    config.policy.standing(Direction::of(&cell.source, &cell.destination, config), verdict, known)
}

impl Policy {
    /// How what came to this verdict stands; `known` finds the entry that names it.
    pub fn standing(
        &self,
        direction: Direction,
        verdict: Verdict,
        known: impl FnOnce() -> Option<usize>,
    ) -> Standing {
        let allowed = match direction {
            Direction::Same | Direction::Forward => &self.forward,
            Direction::Backward => &self.backward,
        };
        match verdict {
            Verdict::Unsupported => Standing::Good,
            Verdict::Faithful | Verdict::Defaulted if allowed.contains(&verdict) => Standing::Good,
            _ if allowed.contains(&verdict) => Standing::Reported,
            _ => known().map_or(Standing::Broken, Standing::Known),
        }
    }
}

impl Known {
    /// Whether the entry is about such a cell.
    #[must_use]
    pub fn names(&self, cell: &Cell, feed: &Feed, verdict: Verdict) -> bool {
        self.verdict == verdict
            && (self.feeds.is_empty() || self.feeds.contains(feed))
            && self.selection.has(cell)
    }

    /// Whether a run of the whole matrix under `feed` must have a cell that the entry names: one
    /// for any feed is held to the bulk feed.
    #[must_use]
    pub fn is_due(&self, feed: &Feed) -> bool {
        match self.feeds.is_empty() {
            true => *feed == Feed::Bulk,
            false => self.feeds.contains(feed),
        }
    }
}
