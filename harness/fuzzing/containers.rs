//! Writers of the containers that the room `input` reads: for tests, and for seeds.

use std::io::{self, Write as _};

/// Packs with one of the usual packers, by its name.
///
/// # Errors
/// The packer's; a name that is none.
pub fn pack(name: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match name {
        "gzip" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(bytes)?;
            out.finish()
        }
        "bzip2" => {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            out.write_all(bytes)?;
            out.finish()
        }
        "xz" => {
            let options = lzma_rust2::XzOptions::with_preset(1);
            let mut out = lzma_rust2::XzWriter::new(Vec::new(), options)?;
            out.write_all(bytes)?;
            out.finish()
        }
        "lzop" => lzop(bytes, 0x1040, 1, 1 << 18),
        "zstd" => zstd::encode_all(bytes, 1),
        _ => Err(io::Error::other(format!("no packer {name}"))),
    }
}

/// An lzop file of this version, with these flags, in blocks of so many bytes.
///
/// # Errors
/// The packer's.
pub fn lzop(bytes: &[u8], version: u16, flags: u32, block: usize) -> io::Result<Vec<u8>> {
    let newer = version >= 0x0940;
    let mut out = b"\x89LZO\0\r\n\x1a\n".to_vec();
    out.extend(version.to_be_bytes());
    out.extend(0x20a0u16.to_be_bytes());
    if newer {
        out.extend(0x0940u16.to_be_bytes());
    }
    out.push(1);
    if newer {
        out.push(5);
    }
    out.extend(flags.to_be_bytes());
    if flags & 0x800 != 0 {
        out.extend(1u32.to_be_bytes());
    }
    out.extend([0; 8]);
    if newer {
        out.extend([0; 4]);
    }
    out.push(4);
    out.extend(b"name");
    out.extend([0; 4]);
    if flags & 0x40 != 0 {
        out.extend(b"\0\0\0\x03abc\0\0\0\0");
    }
    for piece in bytes.chunks(block.max(1)) {
        let packed =
            lzokay::compress::compress(piece).map_err(|e| io::Error::other(format!("lzo: {e}")))?;
        let stored = packed.len() >= piece.len();
        let data = if stored { piece } else { &packed };
        out.extend((piece.len() as u32).to_be_bytes());
        out.extend((data.len() as u32).to_be_bytes());
        let mut sums = |adler: u32, crc: u32, of: &[u8]| {
            if flags & adler != 0 {
                out.extend(adler32(of).to_be_bytes());
            }
            if flags & crc != 0 {
                out.extend(crc32fast::hash(of).to_be_bytes());
            }
        };
        sums(0x1, 0x100, piece);
        if !stored {
            sums(0x2, 0x200, data);
        }
        out.extend(data);
    }
    out.extend([0; 4]);
    Ok(out)
}

/// Adler-32, by its definition.
fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    b << 16 | a
}

/// A libvirt save image: version, number of the format, byte order, whether it is complete, domain
/// XML, stream.
#[must_use]
pub fn save_image(
    (version, format): (u32, u32),
    big_endian: bool,
    complete: bool,
    xml: &str,
    inner: &[u8],
) -> Vec<u8> {
    let cookie = "<cookie><slirpHelper/></cookie>\0";
    let magic = if complete { b"LibvirtQemudSave" } else { b"LibvirtQemudPart" };
    let mut bytes = magic.to_vec();
    let len = xml.len() + 1 + cookie.len() + 100;
    let cookie_at = if version > 1 { xml.len() + 1 } else { 0 };
    for number in [version, len as u32, 1, format, cookie_at as u32] {
        bytes.extend(if big_endian { number.to_be_bytes() } else { number.to_le_bytes() });
    }
    bytes.resize(92, 0);
    bytes.extend(xml.bytes().chain([0]).chain(cookie.bytes()));
    bytes.resize(92 + len, 0);
    bytes.extend(inner);
    bytes
}

/// How the clusters of a state are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clusters {
    /// As they are.
    Plain,
    /// Each packed, if it gets shorter.
    Packed,
}

/// A qcow2 disk with internal snapshots.
#[derive(Debug, Clone)]
pub struct Disk {
    /// 2 or 3.
    pub version: u32,
    /// Power of two of a cluster.
    pub cluster_bits: u32,
    /// Bytes of the disk.
    pub size: u64,
    /// Clusters are packed with zstd.
    pub zstd: bool,
    /// L2 entries of 16 bytes.
    pub extended: bool,
    /// Name and VM state of each snapshot.
    pub snapshots: Vec<(String, Vec<u8>)>,
    /// How clusters are written.
    pub clusters: Clusters,
}

impl Default for Disk {
    fn default() -> Self {
        Disk {
            version: 3,
            cluster_bits: 16,
            size: 1 << 20,
            zstd: false,
            extended: false,
            snapshots: Vec::new(),
            clusters: Clusters::Plain,
        }
    }
}

impl Disk {
    /// The file. Reference counts and the disk's own contents are left out.
    ///
    /// # Errors
    /// The packer's.
    pub fn write(&self) -> io::Result<Vec<u8>> {
        let mut file = vec![0; self.cluster()];
        let mut table = Vec::new();
        for (number, (name, state)) in (1..).zip(&self.snapshots) {
            let (l1_at, l1_size) = self.state(&mut file, state)?;
            let id = format!("{number}");
            table.extend((l1_at as u64).to_be_bytes());
            table.extend((l1_size as u32).to_be_bytes());
            table.extend((id.len() as u16).to_be_bytes());
            table.extend((name.len() as u16).to_be_bytes());
            table.extend(1_700_000_000u32.to_be_bytes());
            table.extend([0; 4]);
            table.extend(12_000_000_000u64.to_be_bytes());
            table.extend((state.len() as u32).to_be_bytes());
            table.extend(if self.version > 2 { 16u32 } else { 0 }.to_be_bytes());
            if self.version > 2 {
                table.extend((state.len() as u64).to_be_bytes());
                table.extend(self.size.to_be_bytes());
            }
            table.extend(id.bytes().chain(name.bytes()));
            table.resize(table.len().next_multiple_of(8), 0);
        }
        let table_at = file.len();
        file.extend(table);
        self.aligned(&mut file);
        let mut head = b"QFI\xfb".to_vec();
        head.extend(self.version.to_be_bytes());
        head.extend([0; 12]);
        head.extend(self.cluster_bits.to_be_bytes());
        head.extend(self.size.to_be_bytes());
        head.extend([0; 4]);
        head.resize(60, 0);
        head.extend((self.snapshots.len() as u32).to_be_bytes());
        head.extend((table_at as u64).to_be_bytes());
        if self.version > 2 {
            let features = u64::from(self.zstd) << 3 | u64::from(self.extended) << 4;
            head.extend(features.to_be_bytes());
            head.resize(96, 0);
            head.extend(4u32.to_be_bytes());
            head.extend(112u32.to_be_bytes());
            head.push(u8::from(self.zstd));
            head.resize(112, 0);
        }
        file.splice(..head.len(), head);
        Ok(file)
    }

    fn cluster(&self) -> usize {
        1 << self.cluster_bits
    }

    fn aligned(&self, file: &mut Vec<u8>) -> usize {
        file.resize(file.len().next_multiple_of(self.cluster()), 0);
        file.len()
    }

    /// Writes a state: data, L2 tables, L1 table. Where the L1 table is, and its entries.
    fn state(&self, file: &mut Vec<u8>, state: &[u8]) -> io::Result<(usize, usize)> {
        let width = if self.extended { 16 } else { 8 };
        let entries = self.cluster() / width;
        let maps = (entries as u64) << self.cluster_bits;
        let first = self.size.div_ceil(maps) as usize;
        let mut l1 = vec![0u64; first];
        for part in state.chunks(entries * self.cluster()) {
            let mut l2 = Vec::new();
            for piece in part.chunks(self.cluster()) {
                l2.extend(self.entry(file, piece)?);
            }
            let at = self.aligned(file);
            file.extend(l2);
            self.aligned(file);
            l1.push(at as u64 | 1 << 63);
        }
        let at = self.aligned(file);
        file.extend(l1.iter().flat_map(|entry| entry.to_be_bytes()));
        self.aligned(file);
        Ok((at, l1.len()))
    }

    /// Writes a cluster, and returns its L2 entry.
    fn entry(&self, file: &mut Vec<u8>, piece: &[u8]) -> io::Result<Vec<u8>> {
        let mut piece = piece.to_vec();
        piece.resize(self.cluster(), 0);
        let zeros = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        let entry = |word: u64, bits: u64| {
            let mut entry = word.to_be_bytes().to_vec();
            if self.extended {
                entry.extend(bits.to_be_bytes());
            }
            entry
        };
        if zeros(&piece) {
            // As a mark where there is one, as nothing else.
            return Ok(match (self.version, self.extended) {
                (2, _) => entry(0, 0),
                (_, false) => entry(1, 0),
                (_, true) => entry(0, u64::MAX << 32),
            });
        }
        if self.clusters == Clusters::Packed {
            let packed = if self.zstd {
                zstd::encode_all(&piece[..], 1)?
            } else {
                let fast = flate2::Compression::fast();
                let mut out = flate2::write::DeflateEncoder::new(Vec::new(), fast);
                out.write_all(&piece)?;
                out.finish()?
            };
            if packed.len() < piece.len() {
                let at = file.len();
                file.extend(&packed);
                let shift = 62 - (self.cluster_bits - 8);
                let sectors = (at + packed.len() - 1) / 512 - at / 512;
                return Ok(entry(at as u64 | (sectors as u64) << shift | 1 << 62, 0));
            }
        }
        let at = self.aligned(file);
        file.extend(&piece);
        // What is zeros in an extended entry is not there, or marked as such, by turns.
        let size = self.cluster() / 32;
        let bits = (0u64..).zip(piece.chunks(size)).fold(0, |bits, (i, sub)| match zeros(sub) {
            true if i % 2 == 0 => bits,
            true => bits | 1 << (i + 32),
            false => bits | 1 << i,
        });
        Ok(entry(at as u64 | 1 << 63, bits))
    }
}
