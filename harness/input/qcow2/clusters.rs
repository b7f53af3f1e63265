//! Finds the bytes of the file for an offset in the VM state.
//!
//! ```text
//! L1 entry   bits 9 to 55: where the L2 table is; 0: nothing is mapped
//! L2 entry   bit 62 clear: bits 9 to 55: where the cluster is; bit 0: all zeros (version 3)
//!            bit 62 set:   a packed cluster: below x = 62 - (cluster bits - 8) its place,
//!                          from x on the number of further sectors of 512 bytes
//! extended   a second word: bits 0 to 31 subclusters that are there, 32 to 63 those of zeros
//! ```
//!
//! What is not mapped is zeros: no backing file reaches behind the disk. One L2 table and one
//! unpacked cluster are kept, so that memory does not grow.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use super::super::snapshot::Snapshot;
use super::super::source::{ReadAt, Window};
use super::header::{Compression, Header};
use crate::wire::{Fault, planted};

/// Bits 9 to 55 of an entry.
const PLACE: u64 = 0x00ff_ffff_ffff_fe00;
const PACKED: u64 = 1 << 62;
const ZERO: u64 = 1;
/// Subclusters of a cluster.
const SUBCLUSTERS: u64 = 32;

/// The state of one snapshot.
#[derive(Debug)]
pub struct VmState {
    disk: Window,
    cluster_bits: u32,
    compression: Compression,
    extended: bool,
    l1_at: u64,
    l1_size: u64,
    /// Where the state begins in the address space of the disk.
    begin: u64,
    cached: Mutex<Cache>,
}

/// What was read last, each with its place in the file; place 0 holds the header, so 0 is none.
#[derive(Debug, Default)]
struct Cache {
    l2: (u64, Vec<u8>),
    packed: (u64, Vec<u8>),
}

/// Where bytes of a cluster are.
enum Place {
    Zeros,
    At(u64),
    Packed { at: u64, len: u64 },
}

impl VmState {
    /// The state of `snapshot`.
    ///
    /// # Errors
    /// When its L1 table cannot be where it is said to be, or is too short for the state.
    pub fn new(disk: Window, header: &Header, snapshot: &Snapshot) -> Result<Self, String> {
        let cluster = 1u64 << header.cluster_bits;
        let l1_size = u64::from(snapshot.l1_size);
        let end = snapshot.l1_at.checked_add(l1_size * 8);
        if !snapshot.l1_at.is_multiple_of(cluster)
            || snapshot.l1_at == 0
            || end.is_none_or(|end| end > disk.len)
        {
            return Err(format!(
                "the L1 table of snapshot {} is at {:#x} with {l1_size} entries, the file has \
                 {:#x} bytes",
                snapshot.id, snapshot.l1_at, disk.len
            ));
        }
        let entry = if header.extended_l2 { 4 } else { 3 };
        // What one L1 entry maps: at most 2^39 bytes.
        let shift = 2 * header.cluster_bits - entry;
        let first =
            (snapshot.disk_size >> shift) + u64::from(snapshot.disk_size & ((1 << shift) - 1) != 0);
        let most = l1_size.saturating_sub(first).saturating_mul(1 << shift);
        if snapshot.vm_state_size > most {
            return Err(format!(
                "snapshot {} has {} bytes of VM state, its L1 table maps {most}",
                snapshot.id, snapshot.vm_state_size
            ));
        }
        Ok(VmState {
            disk,
            cluster_bits: header.cluster_bits,
            compression: header.compression,
            extended: header.extended_l2,
            l1_at: snapshot.l1_at,
            l1_size,
            begin: first << shift,
            cached: Mutex::new(Cache::default()),
        })
    }

    fn cluster(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Where the byte at `address` is, and how many after it are in one piece with it.
    fn place(&self, cached: &mut Cache, address: u64) -> io::Result<(Place, u64)> {
        let width = if self.extended { 16 } else { 8 };
        let entries = self.cluster() / width;
        let number = address >> self.cluster_bits;
        let inside = match planted(Fault::InsideIgnored) {
            true => 0,
            false => address & (self.cluster() - 1),
        };
        let rest = self.cluster() - inside;
        let l1 = number / entries;
        if l1 >= self.l1_size {
            return Err(corrupt(format!("no L1 entry {l1}, there are {}", self.l1_size)));
        }
        let entry = be64(&self.disk.get(self.l1_at + 8 * l1, 8)?, 0)
            .ok_or_else(|| corrupt(format!("L1 entry {l1} is beyond the end of the file")))?;
        let table = entry & PLACE;
        if table == 0 {
            return Ok((Place::Zeros, rest));
        }
        self.aligned(table, "L2 table")?;
        if cached.l2.0 != table {
            cached.l2 = (table, self.disk.get(table, self.cluster() as usize)?);
        }
        let at = (number % entries) * width;
        let entry = be64(&cached.l2.1, at);
        let entry = entry.ok_or_else(|| corrupt(format!("the L2 table at {table:#x} is cut")))?;
        if entry & PACKED != 0 {
            let shift = 62 - (self.cluster_bits - 8);
            let place = entry & ((1 << shift) - 1);
            let sectors = (entry & (PACKED - 1)) >> shift;
            let len = (sectors + 1) * 512 - place % 512;
            if place >= self.disk.len {
                return Err(self.beyond(place, "packed cluster"));
            }
            return Ok((Place::Packed { at: place, len }, rest));
        }
        let cluster = entry & PLACE;
        let here = Place::At(cluster + inside);
        if !self.extended {
            if entry & ZERO != 0 || cluster == 0 {
                return Ok((Place::Zeros, rest));
            }
            self.aligned(cluster, "cluster")?;
            return Ok((here, rest));
        }
        let size = self.cluster() / SUBCLUSTERS;
        let bits = be64(&cached.l2.1, at + 8)
            .ok_or_else(|| corrupt(format!("the L2 table at {table:#x} is cut")))?;
        let bit = 1u64 << (inside / size);
        let rest = size - inside % size;
        if bits & (bit << 32) != 0 || bits & bit == 0 {
            return Ok((Place::Zeros, rest));
        }
        if cluster == 0 {
            return Err(corrupt("subclusters without a cluster".to_string()));
        }
        self.aligned(cluster, "cluster")?;
        Ok((here, rest))
    }

    fn aligned(&self, place: u64, what: &str) -> io::Result<()> {
        if !place.is_multiple_of(self.cluster()) {
            return Err(corrupt(format!("{what} at {place:#x}, which is inside of a cluster")));
        }
        if place >= self.disk.len {
            return Err(self.beyond(place, what));
        }
        Ok(())
    }

    fn beyond(&self, place: u64, what: &str) -> io::Error {
        corrupt(format!("{what} at {place:#x}, the file has {:#x} bytes", self.disk.len))
    }

    /// A packed cluster.
    fn unpack(&self, cached: &mut Cache, at: u64, len: u64) -> io::Result<()> {
        if cached.packed.0 == at && !cached.packed.1.is_empty() {
            return Ok(());
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(2 * self.cluster() as usize + 512);
        let packed = self.disk.get(at, len)?;
        let mut cluster = vec![0; self.cluster() as usize];
        let done = match self.compression {
            Compression::Deflate => {
                flate2::read::DeflateDecoder::new(&packed[..]).read_exact(&mut cluster)
            }
            Compression::Zstd => zstd::Decoder::with_buffer(&packed[..])
                .and_then(|decoder| decoder.single_frame().read_exact(&mut cluster)),
        };
        done.map_err(|e| corrupt(format!("packed cluster at {at:#x}: {e}")))?;
        cached.packed = (at, cluster);
        Ok(())
    }

    fn piece(&self, address: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        let (place, rest) = self.place(&mut cached, address)?;
        let n = into.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        let into = into.get_mut(..n).unwrap_or(&mut []);
        match place {
            Place::Zeros => into.fill(0),
            Place::At(at) => {
                let read = self.disk.read_at(at, into)?;
                // The last cluster of a file may be cut off where only zeros would follow.
                into.get_mut(read..).unwrap_or(&mut []).fill(0);
            }
            Place::Packed { at, len } => {
                self.unpack(&mut cached, at, len)?;
                let inside = (address & (self.cluster() - 1)) as usize;
                let from = cached.packed.1.get(inside..).and_then(|rest| rest.get(..n));
                into.copy_from_slice(from.ok_or_else(|| corrupt("a short cluster".to_string()))?);
            }
        }
        Ok(n)
    }
}

impl ReadAt for VmState {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while let Some(rest) = into.get_mut(read..).filter(|rest| !rest.is_empty()) {
            let address = self.begin.checked_add(offset).and_then(|at| at.checked_add(read as u64));
            let address = address.ok_or_else(|| corrupt("a place beyond 2^64".to_string()))?;
            read += self.piece(address, rest)?;
        }
        Ok(read)
    }
}

fn be64(bytes: &[u8], at: u64) -> Option<u64> {
    let bytes = bytes.get(usize::try_from(at).ok()?..)?.first_chunk::<8>()?;
    Some(u64::from_be_bytes(*bytes))
}

fn corrupt(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("qcow2: {why}"))
}
