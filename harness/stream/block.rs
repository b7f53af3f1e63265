//! `block` (0.12 to 9.0) and `dirty-bitmap` (2.12 on): live sections that are not RAM.

use crate::dialect::Version;
use crate::vmstate::Loader;
use crate::wire::map::Item;
use crate::wire::{Kind, Result};

const DEVICE: u64 = 1;
const EOS: u64 = 2;
const PROGRESS: u64 = 4;
const ZERO: u64 = 8;
/// Bytes of one chunk of a device.
const CHUNK: u64 = 1 << 20;

/// Reads the records of one part (codecs 3.9). The section version is not checked by any release.
///
/// # Errors
/// The reader's, or unknown flags.
pub fn load(io: &mut Loader<'_, '_>, release: Version) -> Result<()> {
    // Tested in the order of the loader: device, progress, end; zero blocks came with 1.6.
    let zero = if release >= Version::new(1, 6, 0) { ZERO } else { 0 };
    loop {
        let at = io.reader.offset();
        let flags = io.reader.be64().map_err(|e| io.map.place(e, "record"))? & 0x1ff;
        if flags & DEVICE != 0 {
            io.reader.counted().map_err(|e| io.map.place(e, "device"))?;
            if flags & zero == 0 {
                io.reader.contents(CHUNK);
                io.reader.skip(CHUNK).map_err(|e| io.map.place(e, "chunk"))?;
            }
        } else if flags & (PROGRESS | EOS) == 0 {
            return Err(io.map.fail(Kind::Block(format!("unknown flags {flags:#x}")), at, ""));
        }
        let item = Item { info: "block", join: true, ..Item::framing("records") };
        io.map.note(item, at, io.reader.offset() - at);
        if flags & EOS != 0 {
            return Ok(());
        }
    }
}

/// Flags of a `dirty-bitmap` record.
mod dirty {
    pub const EOS: u32 = 0x01;
    pub const ZEROES: u32 = 0x02;
    pub const BITMAP_NAME: u32 = 0x04;
    pub const DEVICE_NAME: u32 = 0x08;
    pub const START: u32 = 0x10;
    pub const BITS: u32 = 0x40;
}

/// Reads the records of one part (wire reference 6.2).
///
/// # Errors
/// The reader's, or a version other than 1.
pub fn dirty_bitmap(io: &mut Loader<'_, '_>, version_id: u32) -> Result<()> {
    if version_id != 1 {
        let at = io.reader.offset();
        return Err(io.map.fail(Kind::Block(format!("dirty-bitmap version {version_id}")), at, ""));
    }
    loop {
        let at = io.reader.offset();
        let flags = bitmap_record(io).map_err(|e| io.map.place(e, "record"))?;
        let item = Item { info: "dirty-bitmap", join: true, ..Item::framing("records") };
        io.map.note(item, at, io.reader.offset() - at);
        if flags & dirty::EOS != 0 {
            return Ok(());
        }
    }
}

fn bitmap_record(io: &mut Loader<'_, '_>) -> Result<u32> {
    let reader = &mut io.reader;
    // One, two or four bytes of flags: the top bit of the first, then of the second, says more.
    let mut flags = u32::from(reader.u8()?);
    if flags & 0x80 != 0 {
        flags = flags << 8 | u32::from(reader.u8()?);
        if flags & 0x80 != 0 {
            flags = flags << 16 | u32::from(reader.be16()?);
        }
    }
    if flags & dirty::DEVICE_NAME != 0 {
        reader.counted()?;
    }
    if flags & dirty::BITMAP_NAME != 0 {
        reader.counted()?;
    }
    if flags & dirty::START != 0 {
        reader.skip(8 + 1)?;
    } else if flags & dirty::BITS != 0 {
        reader.skip(8 + 4)?;
        if flags & dirty::ZEROES == 0 {
            let size = reader.be64()?;
            reader.skip(size)?;
        }
    }
    Ok(flags)
}
