//! The opened stream: what can be read and sought in, and what its containers said of it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use super::domain::Domain;
use super::libvirt::SaveImage;
use super::snapshot::Snapshot;
use crate::wire::{Fault, planted};

/// Bytes that can be read at any place, by any number of readers.
pub trait ReadAt: Send + Sync {
    /// Reads at `offset`, into all of `into` unless the end comes before. Nothing read: the end.
    ///
    /// # Errors
    /// The medium's.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
}

impl ReadAt for Mutex<File> {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut file = self.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        let mut read = 0;
        while let Some(rest) = into.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match file.read(rest) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(read)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or(&[]);
        let n = rest.len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..n), rest.get(..n)) {
            into.copy_from_slice(from);
        }
        Ok(n)
    }
}

/// A range of something that can be read at any place.
#[derive(Clone)]
pub struct Window {
    bytes: Arc<dyn ReadAt>,
    /// Where it begins there.
    pub base: u64,
    /// How long it is.
    pub len: u64,
    at: u64,
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window {{ base: {}, len: {}, at: {} }}", self.base, self.len, self.at)
    }
}

impl Window {
    /// All `len` bytes of something.
    #[must_use]
    pub fn new(bytes: Arc<dyn ReadAt>, len: u64) -> Self {
        Window { bytes, base: 0, len, at: 0 }
    }

    /// What is left of it from `from` on, at its first byte.
    #[must_use]
    pub fn after(&self, from: u64) -> Self {
        let from = from.min(self.len);
        Window {
            bytes: Arc::clone(&self.bytes),
            base: self.base.saturating_add(from),
            len: if planted(Fault::HeadCounted) { self.len } else { self.len - from },
            at: 0,
        }
    }

    /// Up to `len` bytes at `offset`, fewer where it ends before.
    ///
    /// # Errors
    /// The medium's.
    pub fn get(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let left = self.len.saturating_sub(offset);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(len);
        let mut bytes = vec![0; len];
        let n = self.read_at(offset, &mut bytes)?;
        bytes.truncate(n);
        Ok(bytes)
    }
}

impl ReadAt for Window {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let n = into.len().min(left);
        let into = into.get_mut(..n).unwrap_or(&mut []);
        self.bytes.read_at(self.base.saturating_add(offset), into)
    }
}

impl Read for Window {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.read_at(self.at, into)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "before the first byte");
        self.at = place.ok_or_else(before)?;
        Ok(self.at)
    }
}

/// One wrapping of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// Packed with one of the usual programs: its name.
    Packed(&'static str),
    /// A libvirt save image.
    Libvirt(SaveImage),
    /// An internal snapshot of a qcow2 disk.
    Qcow2(Snapshot),
    /// So many zeros before it.
    Zeros(u64),
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layer::Packed(name) => write!(f, "{name}"),
            Layer::Libvirt(image) => write!(f, "{image}"),
            Layer::Qcow2(snapshot) => write!(f, "qcow2 disk, internal snapshot {snapshot}"),
            Layer::Zeros(count) => write!(f, "{count} zeros before it"),
        }
    }
}

/// What is known of a stream beside its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// What it was wrapped in, from the outside inwards.
    pub layers: Vec<Layer>,
    /// The machine, where a container describes it.
    pub domain: Option<Domain>,
    /// What is wrong with a container, although its stream can be read.
    pub findings: Vec<String>,
    /// What is worth knowing of a container.
    pub notes: Vec<String>,
}

/// An opened stream.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    window: Window,
    facts: Facts,
}

impl Source {
    pub(super) fn new(name: String, window: Window, facts: Facts) -> Self {
        Source { name, window, facts }
    }

    /// Path as given, or `-` for standard input.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of the stream, unwrapped.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.window.len
    }

    /// What is known of it beside its bytes.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Where the stream begins in its file, where that is read as it is. Fixed places that a
    /// stream names (`mapped-ram`) count from the file's first byte.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.window.base
    }

    /// Another reader of the same bytes, at the first of them.
    #[must_use]
    pub fn reader(&self) -> Window {
        self.window.after(0)
    }

    /// The byte at `offset`, if there is one.
    ///
    /// # Errors
    /// The medium's.
    pub fn byte(&self, offset: u64) -> io::Result<Option<u8>> {
        Ok(self.window.get(offset, 1)?.first().copied())
    }

    /// An error of reading it.
    #[must_use]
    pub fn failed(&self, source: io::Error) -> super::InputError {
        super::InputError::Read { name: self.name.clone(), source }
    }
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.window.read(into)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.window.seek(to)
    }
}
