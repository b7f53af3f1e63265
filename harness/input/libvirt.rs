//! The header of a libvirt save image (`virsh save`, `managedsave`, memory of external snapshots).
//!
//! ```text
//! offset  bytes
//!      0  16     "LibvirtQemudSave", or "LibvirtQemudPart" until all has been written
//!     16  u32    version: 1 or 2
//!     20  u32    length of what follows the header: XML, cookie, padding
//!     24  u32    whether the machine was running
//!     28  u32    version 2: how the stream is packed: raw, gzip, bzip2, xz, lzop, zstd, sparse
//!     32  u32    version 2: where the cookie begins behind the header; 0: there is none
//!     36  56     unused
//! ```
//!
//! Numbers are in the byte order of the host that wrote it; the version tells which. From libvirt
//! 0.4.5 (version 1) to 11 (version 2; there is no version 3). `sparse` is a stream with fixed
//! places for pages (`mapped-ram`), which QEMU counts from the first byte of the file.

use std::fmt;

/// First bytes of a finished image.
pub const COMPLETE: &[u8] = b"LibvirtQemudSave";
/// First bytes of one that was not finished.
pub const PARTIAL: &[u8] = b"LibvirtQemudPart";
/// Bytes of the header.
pub const HEADER: u64 = 92;
/// Most bytes of XML and cookie that are read; libvirt adds 64 KiB of room to some tens of KiB.
pub const MAX_DATA: u32 = 16 << 20;
/// How a stream is packed, by number.
const FORMATS: [&str; 7] = ["raw", "gzip", "bzip2", "xz", "lzop", "zstd", "sparse"];

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveImage {
    /// Version of the header.
    pub version: u32,
    /// Whether all was written.
    pub complete: bool,
    /// Whether the numbers are in big-endian order.
    pub big_endian: bool,
    /// Whether the machine was running.
    pub was_running: bool,
    /// How the stream is packed.
    pub format: &'static str,
    /// Bytes between the header and the stream.
    pub data_len: u32,
    /// Where the cookie begins among them.
    pub cookie: Option<u32>,
}

impl SaveImage {
    /// Reads a header.
    ///
    /// # Errors
    /// What is wrong with it, and what was expected.
    pub fn parse(head: &[u8]) -> Result<Self, String> {
        let complete = head.starts_with(COMPLETE);
        let number = |at: usize, big: bool| {
            let bytes = head.get(at..).and_then(|rest| rest.first_chunk::<4>());
            let bytes = bytes
                .filter(|_| head.len() as u64 >= HEADER)
                .ok_or_else(|| format!("{} bytes, expected a header of {HEADER}", head.len()))?;
            Ok::<u32, String>(match big {
                true => u32::from_be_bytes(*bytes),
                false => u32::from_le_bytes(*bytes),
            })
        };
        let known = 1..=2;
        let big_endian = !known.contains(&number(16, false)?);
        let version = number(16, big_endian)?;
        if !known.contains(&version) {
            return Err(format!("header version {:#010x}, expected 1 or 2", number(16, false)?));
        }
        let newer = version > 1;
        let at = |place| if newer { number(place, big_endian) } else { Ok(0) };
        let (format, cookie) = (at(28)?, at(32)?);
        let data_len = number(20, big_endian)?;
        if data_len == 0 || data_len > MAX_DATA {
            return Err(format!(
                "{data_len} bytes of domain XML at byte 20, expected 1 to {MAX_DATA}"
            ));
        }
        if cookie > data_len {
            return Err(format!(
                "a cookie at {cookie}, beyond the {data_len} bytes that there are"
            ));
        }
        let known = FORMATS.get(format as usize);
        Ok(SaveImage {
            version,
            complete,
            big_endian,
            was_running: number(24, big_endian)? != 0,
            format: known.copied().ok_or_else(|| {
                format!("format {format} at byte 28, expected 0 to 6 ({})", FORMATS.join(", "))
            })?,
            data_len,
            cookie: (cookie > 0).then_some(cookie),
        })
    }

    /// Domain XML and cookie in the bytes that follow the header: each ends with a NUL.
    #[must_use]
    pub fn texts<'b>(&self, data: &'b [u8]) -> (&'b [u8], Option<&'b [u8]>) {
        let end = |bytes: &'b [u8]| bytes.split(|byte| *byte == 0).next().unwrap_or(bytes);
        let cookie = self.cookie.and_then(|at| data.get(at as usize..));
        (end(data), cookie.map(end))
    }
}

/// Bytes before the stream in what begins with `head`: 0 where that is no save image.
#[must_use]
pub fn before_stream(head: &[u8]) -> u64 {
    let image = head.starts_with(COMPLETE) || head.starts_with(PARTIAL);
    let parsed = image.then(|| SaveImage::parse(head).ok()).flatten();
    parsed.map_or(0, |image| HEADER + u64::from(image.data_len))
}

impl fmt::Display for SaveImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SaveImage { version, format, .. } = self;
        let order = if self.big_endian { ", big-endian" } else { "" };
        let ran = if self.was_running { "was running" } else { "was paused or stopped" };
        write!(f, "libvirt save image, version {version}{order}, {format}; the machine {ran}")
    }
}
