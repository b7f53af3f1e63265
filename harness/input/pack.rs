//! The usual compression formats. Each is unpacked within a bound on memory; how much comes out is bounded
//! by what copies it.
//!
//! | packer | first bytes | memory |
//! | --- | --- | --- |
//! | gzip | `1f 8b` | 32 KiB of window |
//! | bzip2 | `BZh` | 4 MiB |
//! | xz | `fd 37 7a 58 5a 00` | the dictionary: 8 MiB by default, 64 for `-9` |
//! | lzop | `89 4c 5a 4f 00 0d 0a 1a 0a` | two blocks: the program makes 256 KiB |
//! | zstd | `28 b5 2f fd`, or a skippable frame | the window: 2 MiB by default, 128 for `--long` |

use std::io::{self, Read};

use super::lzop::Lzop;

/// A packer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packer {
    /// gzip, with any number of members.
    Gzip,
    /// bzip2, with any number of streams.
    Bzip2,
    /// xz, with any number of streams.
    Xz,
    /// lzop.
    Lzop,
    /// zstd, with any number of frames.
    Zstd,
}

impl Packer {
    /// All of them.
    pub const ALL: [Packer; 5] =
        [Packer::Gzip, Packer::Bzip2, Packer::Xz, Packer::Lzop, Packer::Zstd];

    /// Its name, which is also the program's.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Packer::Gzip => "gzip",
            Packer::Bzip2 => "bzip2",
            Packer::Xz => "xz",
            Packer::Lzop => "lzop",
            Packer::Zstd => "zstd",
        }
    }

    /// The packer of what begins with `head`.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Packer::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Packer::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Packer::Xz),
            [0x89, b'L', b'Z', b'O', 0, b'\r', b'\n', 0x1a, b'\n', ..] => Some(Packer::Lzop),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                Some(Packer::Zstd)
            }
            _ => None,
        }
    }

    /// What `from` is, unpacked with at most `memory` bytes, roughly.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn unpack<'r>(self, from: impl Read + 'r, memory: u64) -> io::Result<Box<dyn Read + 'r>> {
        Ok(match self {
            Packer::Gzip => Box::new(flate2::read::MultiGzDecoder::new(from)),
            Packer::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(from)),
            Packer::Xz => {
                let from = io::BufReader::new(from);
                let limit = u32::try_from(memory >> 10).unwrap_or(u32::MAX - 1);
                Box::new(lzma_rust2::XzReader::new_mem_limit(from, true, limit))
            }
            Packer::Lzop => Box::new(Lzop::new(io::BufReader::new(from), memory / 2)),
            Packer::Zstd => {
                let mut decoder = zstd::Decoder::new(from)?;
                // The least and the most that the decoder knows.
                decoder.window_log_max(memory.max(1).ilog2().clamp(10, 31))?;
                Box::new(decoder)
            }
        })
    }
}
