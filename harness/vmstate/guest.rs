//! What a loader keeps of guest memory while a stream is read, for the hooks that look there.

use std::collections::BTreeMap;

/// Lengths of so many blocks lie together: those of 512 KiB.
const TOGETHER: usize = 1024;

/// The bytes of guest memory that a loader asks for after loading a device: the third of every 512,
/// where an option ROM says how long it is. Where all are zero nothing is kept. Whoever asks has an
/// address of 32 bits; of what lies beyond nothing is kept either, so that it is 8 MiB at most.
#[derive(Debug, Default)]
pub struct Guest(BTreeMap<u64, Box<[u8; TOGETHER]>>);

impl Guest {
    /// Size of the blocks in which option ROMs are counted and placed.
    pub const BLOCK: u64 = 512;
    /// Where in the first block the number of blocks is.
    pub const LENGTH: u64 = 2;

    /// Notes such bytes of blocks that follow one another, the first at `address`. All of them lie
    /// within one page.
    pub fn set(&mut self, address: u64, lengths: &[u8]) {
        let Ok(address) = u32::try_from(address) else { return };
        let (chunk, at) = place(u64::from(address));
        let kept = if lengths.iter().any(|byte| *byte != 0) {
            Some(self.0.entry(chunk).or_insert_with(|| Box::new([0; TOGETHER])))
        } else {
            self.0.get_mut(&chunk)
        };
        for (kept, byte) in kept.into_iter().flat_map(|c| c.iter_mut().skip(at)).zip(lengths) {
            *kept = *byte;
        }
    }

    /// Whether nothing is kept: all that was noted is zero.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// That byte of the block at `address`; zero where none was noted.
    #[must_use]
    pub fn get(&self, address: u64) -> u8 {
        let (chunk, at) = place(address);
        self.0.get(&chunk).and_then(|lengths| lengths.get(at)).copied().unwrap_or(0)
    }
}

/// Where the length of the block at an address is kept.
fn place(address: u64) -> (u64, usize) {
    let block = address / Guest::BLOCK;
    (block / TOGETHER as u64, (block % TOGETHER as u64) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_last_is_there_and_zeros_are_nowhere() {
        let mut guest = Guest::default();
        guest.set(0x1000, &[0; 8]);
        assert!(guest.is_empty());
        guest.set(0x1000, &[1, 2, 3, 4, 5, 6, 7, 8]);
        guest.set(0xffff_f000, &[9; 8]);
        guest.set(1 << 32, &[9; 8]);
        assert_eq!((guest.get(0x1000), guest.get(0x1202), guest.get(0x1e02)), (1, 2, 8));
        assert_eq!((guest.get(0x0e02), guest.get(0x2002), guest.get(0xffff_fe02)), (0, 0, 9));
        assert_eq!(guest.get((1 << 32) + 2), 0);
        guest.set(0x1000, &[0; 8]);
        assert_eq!((guest.get(0x1202), guest.get(0xffff_fe02)), (0, 9));
    }
}
