//! The header of a qcow2 disk and its table of snapshots. All numbers are big-endian.

use std::io::{self, BufReader, Read};

use super::super::snapshot::Snapshot;
use super::super::source::Window;

/// Incompatible feature: an external data file.
const DATA_FILE: u64 = 1 << 2;
/// Incompatible feature: another packer than deflate.
const COMPRESSION: u64 = 1 << 3;
/// Incompatible feature: L2 entries of 16 bytes.
const EXTENDED_L2: u64 = 1 << 4;
/// All incompatible features that are known: also dirty (1) and corrupt (2), which do not change
/// what is where.
const KNOWN: u64 = 3 | DATA_FILE | COMPRESSION | EXTENDED_L2;
/// Most snapshots, as in QEMU.
const MAX_SNAPSHOTS: u32 = 65_536;
/// Most bytes of extra data in an entry, as in QEMU.
const MAX_EXTRA: u32 = 1024;
/// Most bytes of the whole table that are read.
const MAX_TABLE: u64 = 16 << 20;

/// How clusters are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Raw deflate.
    Deflate,
    /// A zstd frame.
    Zstd,
}

/// What of the header is needed to find the state of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// 2 or 3.
    pub version: u32,
    /// A cluster has 2 to this power bytes.
    pub cluster_bits: u32,
    /// Bytes of the disk.
    pub size: u64,
    /// How clusters are packed.
    pub compression: Compression,
    /// Whether L2 entries have 16 bytes, the second 8 for their 32 subclusters.
    pub extended_l2: bool,
    /// Snapshots.
    pub snapshot_count: u32,
    /// Where their table is.
    pub snapshots_at: u64,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// What is wrong with it, or what in it keeps the state from being read.
    pub fn read(disk: &Window) -> Result<Self, String> {
        let head = disk.get(0, 112).map_err(|e| format!("the header: {e}"))?;
        let be32 = |at: usize| {
            let bytes = head.get(at..).and_then(|rest| rest.first_chunk::<4>());
            bytes.map(|b| u32::from_be_bytes(*b)).ok_or("the header is cut short")
        };
        let be64 = |at| Ok::<u64, String>(u64::from(be32(at)?) << 32 | u64::from(be32(at + 4)?));
        let version = be32(4)?;
        if !(2..=3).contains(&version) {
            return Err(format!("version {version} at byte 4, expected 2 or 3"));
        }
        let cluster_bits = be32(20)?;
        if !(9..=21).contains(&cluster_bits) {
            return Err(format!("cluster bits {cluster_bits} at byte 20, expected 9 to 21"));
        }
        if be32(32)? != 0 {
            return Err(
                "the disk is encrypted, and the state with it: load the snapshot with its \
                        key and let `migrate` write the stream"
                    .to_string(),
            );
        }
        let features = if version > 2 { be64(72)? } else { 0 };
        if features & !KNOWN != 0 {
            return Err(format!(
                "incompatible features {features:#x} at byte 72, known {KNOWN:#x}"
            ));
        }
        if features & DATA_FILE != 0 {
            return Err("the clusters are in an external data file".to_string());
        }
        let compression = match head.get(104) {
            Some(1) if features & COMPRESSION != 0 => Compression::Zstd,
            Some(n) if features & COMPRESSION != 0 && *n > 1 => {
                return Err(format!("compression type {n} at byte 104, expected 0 or 1"));
            }
            _ => Compression::Deflate,
        };
        Ok(Header {
            version,
            cluster_bits,
            size: be64(24)?,
            compression,
            extended_l2: features & EXTENDED_L2 != 0,
            snapshot_count: be32(60)?,
            snapshots_at: be64(64)?,
        })
    }

    /// Reads the table of snapshots.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn snapshots(&self, disk: &Window) -> Result<Vec<Snapshot>, String> {
        let count = self.snapshot_count;
        if count > MAX_SNAPSHOTS {
            return Err(format!("{count} snapshots at byte 60, at most {MAX_SNAPSHOTS}"));
        }
        if count == 0 {
            return Ok(Vec::new());
        }
        if self.snapshots_at == 0 || self.snapshots_at >= disk.len {
            return Err(format!(
                "the table of snapshots is at {:#x}, the file has {:#x} bytes",
                self.snapshots_at, disk.len
            ));
        }
        let mut table = BufReader::new(disk.after(self.snapshots_at).take(MAX_TABLE));
        let mut all = Vec::new();
        for number in 0..count {
            let one = Snapshot::read(&mut table, self.size);
            all.push(one.map_err(|e| format!("entry {number} of the table of snapshots: {e}"))?);
        }
        Ok(all)
    }
}

impl Snapshot {
    fn read(table: &mut impl Read, disk_size: u64) -> io::Result<Self> {
        let (l1_at, l1_size) = (be64(table)?, be32(table)?);
        let (id_len, name_len) = (be16(table)?, be16(table)?);
        let date = be32(table)?;
        be32(table)?;
        let vm_clock = be64(table)?;
        let small_size = be32(table)?;
        let extra_len = be32(table)?;
        if extra_len > MAX_EXTRA {
            let why = format!("{extra_len} bytes of extra data, at most {MAX_EXTRA}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let extra = bytes(table, extra_len as usize)?;
        let extra = |at: usize| {
            let bytes = extra.get(at..)?.first_chunk::<8>()?;
            Some(u64::from_be_bytes(*bytes))
        };
        let id = text(table, id_len)?;
        let name = text(table, name_len)?;
        let used = 40 + u64::from(extra_len) + u64::from(id_len) + u64::from(name_len);
        // Padding may lack behind the last entry.
        io::copy(&mut table.take(used.next_multiple_of(8) - used), &mut io::sink())?;
        Ok(Snapshot {
            id,
            name,
            date,
            vm_clock,
            vm_state_size: extra(0).unwrap_or(u64::from(small_size)),
            disk_size: extra(8).unwrap_or(disk_size),
            l1_at,
            l1_size,
        })
    }
}

fn bytes(from: &mut impl Read, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn text(from: &mut impl Read, len: u16) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&bytes(from, usize::from(len))?).into_owned())
}

fn be16(from: &mut impl Read) -> io::Result<u16> {
    let mut bytes = [0; 2];
    from.read_exact(&mut bytes)?;
    Ok(u16::from_be_bytes(bytes))
}

fn be32(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn be64(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}
