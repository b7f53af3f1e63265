//! The blocks of an lzop file (as lzop 1.04 writes it; big-endian).
//!
//! ```text
//! magic[9], be16 version, be16 library version, [be16 version needed], u8 method, [u8 level],
//! be32 flags, [be32 filter], be32 mode, be32 mtime, [be32 mtime, high], u8 n, name[n], be32 checksum
//! { be32 unpacked length, be32 packed length, checksums..., bytes }*   0 as unpacked length: the end
//! ```
//!
//! What is in brackets after `version` came with 0.94. Checksums of the unpacked bytes are verified
//! where there are any.

use std::io::{self, Read};

const MAGIC: usize = 9;
/// Version from which on the header has its newer fields.
const NEWER: u16 = 0x0940;
/// Longest block that the program itself takes.
const MAX_BLOCK: u32 = 64 << 20;

mod flag {
    pub const ADLER_UNPACKED: u32 = 0x1;
    pub const ADLER_PACKED: u32 = 0x2;
    pub const EXTRA: u32 = 0x40;
    pub const CRC_UNPACKED: u32 = 0x100;
    pub const CRC_PACKED: u32 = 0x200;
    pub const FILTER: u32 = 0x800;
}

/// What an lzop file has packed.
#[derive(Debug)]
pub struct Lzop<R> {
    from: R,
    /// Once the header has been read.
    flags: Option<u32>,
    most: u64,
    block: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Lzop<R> {
    /// Reads an lzop file from its first byte on, of blocks of at most `most` bytes.
    pub fn new(from: R, most: u64) -> Self {
        Lzop { from, most, flags: None, block: Vec::new(), at: 0, ended: false }
    }

    fn header(&mut self) -> io::Result<u32> {
        self.pass(MAGIC as u64)?;
        let version = self.be16()?;
        self.be16()?;
        if version >= NEWER {
            self.be16()?;
        }
        let method = self.u8()?;
        // LZO1X-1, LZO1X-1(15) and LZO1X-999 are unpacked alike.
        if !(1..=3).contains(&method) {
            return Err(invalid(format!("lzop method {method}, expected 1, 2 or 3 (LZO1X)")));
        }
        if version >= NEWER {
            self.u8()?;
        }
        let flags = self.be32()?;
        if flags & flag::FILTER != 0 {
            return Err(invalid("a filter is on: unpack it with lzop".to_string()));
        }
        self.pass(if version >= NEWER { 12 } else { 8 })?;
        let name = self.u8()?;
        self.pass(u64::from(name) + 4)?;
        if flags & flag::EXTRA != 0 {
            let len = self.be32()?;
            self.pass(u64::from(len) + 4)?;
        }
        Ok(flags)
    }

    /// Unpacks the next block. Whether there was one.
    fn next(&mut self) -> io::Result<bool> {
        let flags = match self.flags {
            Some(flags) => flags,
            None => self.header()?,
        };
        self.flags = Some(flags);
        let len = self.be32()?;
        if len == 0 {
            return Ok(false);
        }
        let packed = self.be32()?;
        if len > MAX_BLOCK || u64::from(len) > self.most || packed > len {
            return Err(invalid(format!("a block of {packed} bytes for {len}")));
        }
        let has = |flag| flags & flag != 0;
        let adler = if has(flag::ADLER_UNPACKED) { Some(self.be32()?) } else { None };
        let crc = if has(flag::CRC_UNPACKED) { Some(self.be32()?) } else { None };
        let sums = u64::from(has(flag::ADLER_PACKED)) + u64::from(has(flag::CRC_PACKED));
        if packed < len {
            self.pass(4 * sums)?;
        }
        // As much as came is kept, not as much as was announced.
        let mut bytes = Vec::new();
        (&mut self.from).take(u64::from(packed)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != u64::from(packed) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if packed == len {
            self.block = bytes;
        } else {
            self.block = vec![0; len as usize];
            let done = lzokay::decompress::decompress(&bytes, &mut self.block)
                .map_err(|e| invalid(format!("a block cannot be unpacked: {e}")))?;
            if done != self.block.len() {
                return Err(invalid(format!("a block of {done} bytes, {len} are announced")));
            }
        }
        self.at = 0;
        if adler.is_some_and(|sum| sum != adler32(&self.block))
            || crc.is_some_and(|sum| sum != crc32fast::hash(&self.block))
        {
            return Err(invalid("the checksum of a block is wrong".to_string()));
        }
        Ok(true)
    }

    fn u8(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.from.read_exact(&mut byte)?;
        Ok(u8::from_be_bytes(byte))
    }

    fn be16(&mut self) -> io::Result<u16> {
        let mut bytes = [0; 2];
        self.from.read_exact(&mut bytes)?;
        Ok(u16::from_be_bytes(bytes))
    }

    fn be32(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.from.read_exact(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn pass(&mut self, len: u64) -> io::Result<()> {
        match io::copy(&mut (&mut self.from).take(len), &mut io::sink())? {
            n if n == len => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl<R: Read> Read for Lzop<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() && !self.ended {
            self.ended = !self.next()?;
        }
        let rest = self.block.get(self.at..).filter(|_| !self.ended).unwrap_or(&[]);
        let n = rest.len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..n), rest.get(..n)) {
            into.copy_from_slice(from);
        }
        self.at += n;
        Ok(n)
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Adler-32 of RFC 1950.
fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    // So many sums fit into 32 bits.
    for piece in bytes.chunks(5552) {
        for byte in piece {
            a += u32::from(*byte);
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    b << 16 | a
}
