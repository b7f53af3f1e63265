//! How much of a stream has arrived when a loader looks ahead, computed from the feed alone.

use crate::wire::Feed;

/// Bytes that had arrived, as a function of the position in the stream.
#[derive(Debug)]
pub struct Pipe<'f> {
    feed: &'f Feed,
    turn: usize,
    arrived: u64,
    size: u64,
    /// A refill found nothing more: the file's error flag is set from then on.
    pub ended: bool,
}

impl<'f> Pipe<'f> {
    /// A stream of `size` bytes that arrives under `feed`.
    pub fn new(feed: &'f Feed, size: u64) -> Self {
        Pipe { feed, turn: 0, arrived: 0, size, ended: false }
    }

    /// One refill.
    fn refill(&mut self) {
        let most = match self.feed {
            Feed::Bulk => u64::MAX,
            Feed::Trickle(n) => *n as u64,
            Feed::Schedule(sizes) => {
                let at = self.turn.checked_rem(sizes.len()).unwrap_or(0);
                sizes.get(at).copied().unwrap_or(1) as u64
            }
            // Not predictable here; only used with loaders that refill fully.
            Feed::Random(_) => 1,
        };
        self.turn += 1;
        self.ended |= self.arrived == self.size;
        self.arrived = self.arrived.saturating_add(most.max(1)).min(self.size);
    }

    /// A loader that refills until it has what it wants looks at everything before `end`.
    pub fn sees_fully(&mut self, end: u64) {
        self.ended |= end > self.size;
    }

    /// What a loader that has read everything before `at` sees of the `len` bytes from `at` on
    /// when it refills once for them: whether they are all there.
    pub fn sees_once(&mut self, at: u64, len: u64) -> bool {
        // Reading refills only when nothing is left.
        while self.arrived < at && self.arrived < self.size {
            self.refill();
        }
        if self.arrived < at + len {
            self.refill();
        }
        self.arrived >= at + len
    }
}
