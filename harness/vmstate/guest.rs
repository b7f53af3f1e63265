//! What a loader keeps of guest memory while a stream is read, for the hooks that look there.

use std::collections::BTreeMap;

/// The bytes of guest memory that a loader asks for after loading a device: the third of every 512,
/// where an option ROM says how long it is. Those that are zero are not kept.
#[derive(Debug, Default)]
pub struct Guest(BTreeMap<u64, u8>);

impl Guest {
    /// Size of the blocks in which option ROMs are counted and placed.
    pub const BLOCK: u64 = 512;
    /// Where in the first block the number of blocks is.
    pub const LENGTH: u64 = 2;
    /// Bytes kept; a stream may have any number of pages.
    const MOST: usize = 1 << 20;

    /// Notes one byte.
    pub fn set(&mut self, address: u64, byte: u8) {
        if byte == 0 {
            self.0.remove(&address);
        } else if self.0.len() < Self::MOST {
            self.0.insert(address, byte);
        }
    }

    /// Whether all that was noted is zero.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte; zero where none was noted.
    #[must_use]
    pub fn get(&self, address: u64) -> u8 {
        self.0.get(&address).copied().unwrap_or(0)
    }
}
