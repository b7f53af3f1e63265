//! How the bytes of a stream arrive: what one refill of the reader's buffer is given.
//!
//! A real loader reads through a 32 KiB buffer. A file or a fast socket fills it; a slow socket
//! gives whatever is there. Releases 1.0 to 2.0 decide differently for the two.

use std::fmt;
use std::str::FromStr;

/// A schedule of refills.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Feed {
    /// Every refill gets as much as it asked for.
    #[default]
    Bulk,
    /// Every refill gets at most this many bytes (at least 1).
    Trickle(usize),
    /// Refills get these sizes in turn, over and over; a size of 0 counts as 1.
    Schedule(Vec<usize>),
    /// Refills get pseudo-random sizes from 1 to 64, from this seed.
    Random(u64),
}

/// A feed in use.
#[derive(Debug, Clone)]
pub(crate) struct FeedState {
    feed: Feed,
    turn: u64,
}

impl FeedState {
    pub(crate) fn new(feed: &Feed) -> Self {
        FeedState { feed: feed.clone(), turn: 0 }
    }

    /// The most bytes that the next refill may have.
    pub(crate) fn next(&mut self) -> usize {
        let turn = self.turn;
        self.turn = turn.wrapping_add(1);
        match &self.feed {
            Feed::Bulk => usize::MAX,
            Feed::Trickle(n) => (*n).max(1),
            Feed::Schedule(sizes) => {
                let at = turn.checked_rem(sizes.len() as u64).unwrap_or(0) as usize;
                sizes.get(at).copied().unwrap_or(1).max(1)
            }
            Feed::Random(seed) => {
                // SplitMix64: a fixed, well-distributed function of seed and turn.
                let mut z = seed.wrapping_add(turn.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                ((z ^ (z >> 31)) % 64) as usize + 1
            }
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Feed::Bulk => write!(f, "bulk"),
            Feed::Trickle(n) => write!(f, "trickle:{n}"),
            Feed::Schedule(sizes) => {
                let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
                write!(f, "schedule:{}", sizes.join(","))
            }
            Feed::Random(seed) => write!(f, "random:{seed}"),
        }
    }
}

impl FromStr for Feed {
    type Err = String;

    /// Reads `bulk`, `trickle:N`, `schedule:N,N,...` or `random:SEED`.
    fn from_str(s: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "unknown feed '{s}': expected bulk, trickle:N, schedule:N,N,... or random:SEED \
                 with N from 1 to 32768"
            )
        };
        let size = |n: &str| match n.parse::<usize>() {
            Ok(n) if (1..=32768).contains(&n) => Ok(n),
            _ => Err(bad()),
        };
        match s.split_once(':') {
            None if s == "bulk" => Ok(Feed::Bulk),
            Some(("trickle", n)) => Ok(Feed::Trickle(size(n)?)),
            Some(("schedule", list)) => {
                Ok(Feed::Schedule(list.split(',').map(size).collect::<Result<_, _>>()?))
            }
            Some(("random", seed)) => seed.parse().map(Feed::Random).map_err(|_| bad()),
            _ => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_feed_is_the_same_each_time_and_never_empty() {
        let mut feed = FeedState::new(&Feed::Random(7));
        let sizes: Vec<usize> = (0..1000).map(|_| feed.next()).collect();
        assert!(sizes.iter().all(|size| (1..=64).contains(size)));
        let mut all = sizes.clone();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 64, "every size comes");
        assert_eq!(sizes[..8], [21, 24, 29, 3, 12, 27, 18, 55]);
    }

    #[test]
    fn names_round_trip() {
        for name in ["bulk", "trickle:8", "schedule:1,2,3", "random:42"] {
            assert_eq!(name.parse::<Feed>().expect(name).to_string(), name);
        }
        for name in ["", "trickle", "trickle:0", "trickle:x", "schedule:", "random:-1", "slow"] {
            assert!(name.parse::<Feed>().is_err(), "{name} must be refused");
        }
    }
}
