//! What a qcow2 disk says about one internal snapshot.

use std::fmt;

/// One entry of the table of snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its number, as text.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was taken, in seconds since 1970.
    pub date: u32,
    /// The guest's clock then, in nanoseconds.
    pub vm_clock: u64,
    /// Bytes of VM state; 0: the disk only.
    pub vm_state_size: u64,
    /// Bytes of the disk then.
    pub disk_size: u64,
    /// Where its L1 table is.
    pub l1_at: u64,
    /// Entries of that.
    pub l1_size: u32,
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.vm_clock / 1_000_000_000;
        write!(f, "{} '{}': {} bytes of VM state", self.id, self.name, self.vm_state_size)?;
        write!(f, ", at {} s of the guest's clock", seconds)
    }
}
