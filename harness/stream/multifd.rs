//! One recorded channel of a multifd migration (4.0 on; `x-multifd` before), by QEMU's own
//! structures (wire reference 2.8). All numbers are big-endian.
//!
//! ```text
//! be32 0x11223344, be32 version 1, u8[16] uuid, u8 id, u8[39] 0                       64 bytes, once
//! packet: be32 0x11223344, be32 1, be32 flags, be32 pages_alloc, be32 normal pages,
//!         be32 size of what follows, be64 number, be32 zero pages, u8[28] 0,
//!         char block[256], be64 offset[page count], data                              pages
//! packet: be32 0x11223344, be32 1, be32 flags with 0x40, char idstr[256], be32 instance_id,
//!         be32 size of what follows, data                                             device (10.0)
//! ```
//!
//! The page count is 512 KiB in pages of the target; a packet that only synchronises may say 0
//! (10.0 on), and is as long all the same. Compressed data of a channel are one zlib or zstd stream.

use std::io::Read;

use flate2::{Decompress, FlushDecompress};
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use super::ram::PAGE_SIZE;
use crate::vmstate::flow::c_string;
use crate::wire::{Feed, Kind, Reader, Refill, Result};

/// First four bytes of a channel and of every packet.
pub const MAGIC: u32 = 0x1122_3344;
/// Bytes of pages that a packet has room for.
const PACKET: u64 = 512 * 1024;
/// Most pages that a packet may have room for: those of 512 bytes.
const MAX_PAGES: u32 = 1024;
/// Bytes that are unpacked in one go.
const PIECE: usize = 64 * 1024;

mod flag {
    pub const SYNC: u32 = 1;
    pub const COMPRESSION: u32 = 0x3e;
    pub const ZLIB: u32 = 1 << 1;
    pub const ZSTD: u32 = 2 << 1;
    pub const QPL: u32 = 4 << 1;
    pub const UADK: u32 = 8 << 1;
    pub const QATZIP: u32 = 16 << 1;
    pub const DEVICE_STATE: u32 = 0x40;
}

/// What a channel begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channel {
    /// UUID of the machine, or zeros.
    pub uuid: [u8; 16],
    /// Number of the channel.
    pub id: u8,
}

/// What a packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Load {
    /// Pages of a block.
    Pages {
        /// The block; empty where there are no pages.
        block: String,
        /// Pages whose bytes follow.
        normal: u32,
        /// Pages that are zeros.
        zero: u32,
        /// Number of the packet, over all channels.
        number: u64,
    },
    /// State of a device that sends it beside the main channel.
    Device {
        /// Its section's idstr.
        idstr: String,
        /// Its section's instance.
        instance_id: u32,
    },
}

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Where it begins.
    pub offset: u64,
    /// Flags as received.
    pub flags: u32,
    /// What it carries.
    pub load: Load,
    /// Bytes of data behind it.
    pub size: u32,
    /// Bytes that these unpack to, where they are packed by zlib or zstd.
    pub unpacked: Option<u64>,
}

impl Packet {
    /// Whether all channels wait for each other here.
    #[must_use]
    pub fn syncs(&self) -> bool {
        self.flags & flag::SYNC != 0
    }

    /// How its pages are packed.
    #[must_use]
    pub fn compression(&self) -> &'static str {
        match self.flags & flag::COMPRESSION {
            0 => "none",
            flag::ZLIB => "zlib",
            flag::ZSTD => "zstd",
            flag::QPL => "qpl",
            flag::UADK => "uadk",
            flag::QATZIP => "qatzip",
            _ => "unknown",
        }
    }
}

/// How the data of a channel are unpacked.
enum Unpacker {
    None,
    Zlib(Decompress),
    Zstd(Decoder<'static>),
}

/// Reads a channel: tells of its beginning, then hands each packet to `each`.
///
/// # Errors
/// What is not as it must be, and the end of the file inside a packet.
pub fn read(source: &mut dyn Read, mut each: impl FnMut(&Packet)) -> Result<Channel> {
    let mut reader = Reader::new(source, &Feed::Bulk);
    head(&mut reader)?;
    let mut uuid = [0; 16];
    reader.fill(&mut uuid)?;
    let id = reader.u8()?;
    reader.skip(39)?;
    let mut unpacker = Unpacker::None;
    // 4 KiB pages, until a packet says otherwise.
    let mut pages = (PACKET / PAGE_SIZE) as u32;
    while reader.peek_byte(0).is_some() {
        let packet = packet(&mut reader, &mut pages, &mut unpacker)?;
        each(&packet);
    }
    Ok(Channel { uuid, id })
}

/// Magic and version.
fn head(reader: &mut Reader<'_>) -> Result<()> {
    let at = reader.offset();
    let found = reader.be32()?;
    if found != MAGIC {
        let text = format!("multifd: magic {found:#010x}, expected {MAGIC:#010x}");
        return Err(Kind::Ram(text).at(at));
    }
    let at = reader.offset();
    match reader.be32()? {
        1 => Ok(()),
        found => Err(Kind::Ram(format!("multifd: version {found}, expected 1")).at(at)),
    }
}

fn packet(reader: &mut Reader<'_>, pages: &mut u32, unpacker: &mut Unpacker) -> Result<Packet> {
    let offset = reader.offset();
    head(reader)?;
    let flags = reader.be32()?;
    if flags & flag::DEVICE_STATE != 0 {
        let idstr = name(reader)?;
        let instance_id = reader.be32()?;
        let size = reader.be32()?;
        reader.skip(u64::from(size))?;
        let load = Load::Device { idstr, instance_id };
        return Ok(Packet { offset, flags, load, size, unpacked: None });
    }
    let at = reader.offset();
    let room = reader.be32()?;
    if room > MAX_PAGES {
        let text = format!("multifd: room for {room} pages, at most {MAX_PAGES}");
        return Err(Kind::Ram(text).at(at));
    }
    if room > 0 {
        *pages = room;
    }
    let normal = reader.be32()?;
    // Without pages nothing follows, and the size is that of the packet before.
    let size = reader.be32().map(|size| if normal > 0 { size } else { 0 })?;
    let number = reader.be64()?;
    let zero = reader.be32()?;
    if u64::from(normal) + u64::from(zero) > u64::from(*pages) {
        let text = format!("multifd: {normal} pages and {zero} zero pages, room is for {pages}");
        return Err(Kind::Ram(text).at(at));
    }
    reader.skip(28)?;
    let block = name(reader)?;
    reader.skip(8 * u64::from(*pages))?;
    let unpacked = data(reader, flags, size, unpacker)?;
    let load = Load::Pages { block, normal, zero, number };
    Ok(Packet { offset, flags, load, size, unpacked })
}

/// A name in 256 bytes.
fn name(reader: &mut Reader<'_>) -> Result<String> {
    let mut name = [0; 256];
    reader.fill(&mut name)?;
    Ok(String::from_utf8_lossy(c_string(&name)).into_owned())
}

/// Passes over the data of a packet; returns how much they unpack to.
fn data(
    reader: &mut Reader<'_>,
    flags: u32,
    size: u32,
    unpacker: &mut Unpacker,
) -> Result<Option<u64>> {
    let at = reader.offset();
    match (flags & flag::COMPRESSION, &unpacker) {
        (flag::ZLIB, Unpacker::Zlib(_)) | (flag::ZSTD, Unpacker::Zstd(_)) => {}
        (flag::ZLIB, _) => *unpacker = Unpacker::Zlib(Decompress::new(true)),
        (flag::ZSTD, _) => {
            let decoder = Decoder::new().map_err(|e| Kind::Io(e.to_string()).at(at))?;
            *unpacker = Unpacker::Zstd(decoder);
        }
        _ => {
            reader.skip(u64::from(size))?;
            return Ok(None);
        }
    }
    let mut out = vec![0; PIECE];
    let mut left = u64::from(size);
    let mut unpacked = 0u64;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE / 4);
        let piece = reader.peek(0, most, Refill::Full).to_vec();
        if piece.is_empty() {
            reader.skip(left)?;
        }
        unpacked += unpack(unpacker, &piece, &mut out)
            .map_err(|why| Kind::Ram(format!("multifd: packed pages: {why}")).at(at))?;
        reader.skip(piece.len() as u64)?;
        left -= piece.len() as u64;
    }
    Ok(Some(unpacked))
}

/// Unpacks a piece; returns how many bytes came out, which are not kept.
fn unpack(
    unpacker: &mut Unpacker,
    mut piece: &[u8],
    out: &mut [u8],
) -> std::result::Result<u64, String> {
    let mut unpacked = 0;
    loop {
        let (read, written) = match unpacker {
            Unpacker::None => (piece.len(), 0),
            Unpacker::Zlib(zlib) => {
                let before = (zlib.total_in(), zlib.total_out());
                let done = zlib.decompress(piece, out, FlushDecompress::None);
                done.map_err(|e| e.to_string())?;
                let (read, written) = (zlib.total_in() - before.0, zlib.total_out() - before.1);
                (read as usize, written as usize)
            }
            Unpacker::Zstd(zstd) => {
                let (mut from, mut to) = (InBuffer::around(piece), OutBuffer::around(&mut *out));
                zstd.run(&mut from, &mut to).map_err(|e| e.to_string())?;
                (from.pos(), to.pos())
            }
        };
        unpacked += written as u64;
        piece = piece.get(read..).unwrap_or(&[]);
        // All is read, and nothing is kept back for want of room.
        if piece.is_empty() && written < out.len() {
            return Ok(unpacked);
        }
        if read == 0 && written == 0 {
            return Err(format!("{} bytes are behind the end of the packed stream", piece.len()));
        }
    }
}
