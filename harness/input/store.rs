//! Bytes kept in a temporary file without a name, packed piece by piece: zeros take no space, and a few
//! bytes no file.
//!
//! A stream without the contents of memory in it is nearly all zeros, with a few bytes in each page: of
//! these no file can be made that has holes. Packed, 600 MB of it come to some megabytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

use zstd::bulk::{Compressor, Decompressor};

use super::source::ReadAt;

/// Bytes that are packed in one go, and unpacked to read any of them.
const PIECE: usize = 1 << 18;
/// How hard zstd tries: hardly.
const LEVEL: i32 = 1;

/// See the module documentation.
pub struct Store {
    /// Once a piece is full.
    file: Option<File>,
    /// Where each piece ends in the file. One of no length is zeros.
    ends: Vec<u64>,
    /// The piece that is being written.
    open: Vec<u8>,
    /// The piece that was read last, unpacked.
    read: Option<(usize, Vec<u8>)>,
    packer: Compressor<'static>,
    unpacker: Decompressor<'static>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Store {
    /// An empty one.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new() -> io::Result<Self> {
        Ok(Store {
            file: None,
            ends: Vec::new(),
            open: Vec::new(),
            read: None,
            packer: Compressor::new(LEVEL)?,
            unpacker: Decompressor::new()?,
        })
    }

    /// Bytes that were written.
    #[must_use]
    pub fn len(&self) -> u64 {
        (self.ends.len() * PIECE + self.open.len()) as u64
    }

    /// Whether none were.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that they take in the file.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// The file's.
    pub fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.open.len()));
            self.open.extend(now);
            bytes = later;
            self.close()?;
        }
        Ok(())
    }

    /// Adds zeros.
    ///
    /// # Errors
    /// The file's.
    pub fn zeros(&mut self, mut len: u64) -> io::Result<()> {
        while len > 0 {
            let room = PIECE - self.open.len();
            let now = usize::try_from(len).unwrap_or(room).min(room);
            self.open.resize(self.open.len() + now, 0);
            len -= now as u64;
            self.close()?;
        }
        Ok(())
    }

    /// Puts the open piece into the file, if it is full.
    fn close(&mut self) -> io::Result<()> {
        if self.open.len() < PIECE {
            return Ok(());
        }
        let mut end = self.kept();
        if self.open.iter().any(|byte| *byte != 0) {
            let packed = self.packer.compress(&self.open)?;
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(tempfile::tempfile()?),
            };
            file.seek(SeekFrom::Start(end))?;
            file.write_all(&packed)?;
            end += packed.len() as u64;
        }
        self.ends.push(end);
        self.open.clear();
        Ok(())
    }

    /// Reads at `offset`, up to the end of the piece there. Nothing read: the end.
    fn some_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let piece = usize::try_from(offset / PIECE as u64).unwrap_or(usize::MAX);
        let from = (offset % PIECE as u64) as usize;
        let bytes = match (self.ends.get(piece), &mut self.read) {
            (None, _) if piece == self.ends.len() => &self.open,
            (None, _) => return Ok(0),
            (Some(_), Some((held, bytes))) if *held == piece => &*bytes,
            (Some(end), read) => {
                let start = piece.checked_sub(1).and_then(|before| self.ends.get(before));
                let start = start.copied().unwrap_or(0);
                let (_, mut bytes) = read.take().unwrap_or_default();
                bytes.clear();
                match &mut self.file {
                    Some(file) if start < *end => {
                        let mut packed = Vec::new();
                        file.seek(SeekFrom::Start(start))?;
                        file.take(end - start).read_to_end(&mut packed)?;
                        bytes.reserve_exact(PIECE);
                        self.unpacker.decompress_to_buffer(&packed, &mut bytes)?;
                    }
                    _ => bytes.resize(PIECE, 0),
                }
                &read.insert((piece, bytes)).1
            }
        };
        let rest = bytes.get(from..).unwrap_or(&[]);
        let n = rest.len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..n), rest.get(..n)) {
            into.copy_from_slice(from);
        }
        Ok(n)
    }
}

impl ReadAt for Mutex<Store> {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut store = self.lock().unwrap_or_else(PoisonError::into_inner);
        let mut read = 0;
        while let Some(rest) = into.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match store.some_at(offset.saturating_add(read as u64), rest)? {
                0 => break,
                n => read += n,
            }
        }
        Ok(read)
    }
}

/// Reads what was written so far, from a place on.
#[derive(Debug)]
pub struct StoreReader<'s> {
    store: &'s mut Store,
    at: u64,
}

impl<'s> StoreReader<'s> {
    /// From `at` on.
    pub fn new(store: &'s mut Store, at: u64) -> Self {
        StoreReader { store, at }
    }
}

impl Read for StoreReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.store.some_at(self.at, into)?;
        self.at += n as u64;
        Ok(n)
    }
}
