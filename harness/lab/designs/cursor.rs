//! A cursor over a stream that arrives in pieces.

use super::sink::Refusal;

/// A stream, and how it arrives: pieces of so many bytes, or all at once.
#[derive(Debug, Clone, Copy)]
pub struct Stream<'s> {
    /// The bytes.
    pub bytes: &'s [u8],
    /// Size of a piece; `usize::MAX`: all at once.
    pub piece: usize,
}

/// A position in a stream.
#[derive(Debug, Clone)]
pub struct Cursor<'s> {
    stream: Stream<'s>,
    at: usize,
    filled: usize,
}

impl<'s> Cursor<'s> {
    /// At the start of a stream.
    #[must_use]
    pub fn new(stream: Stream<'s>) -> Self {
        Cursor { stream, at: 0, filled: 0 }
    }

    /// At the start of bytes that are all there.
    #[must_use]
    pub fn over(bytes: &'s [u8]) -> Self {
        Cursor::new(Stream { bytes, piece: usize::MAX })
    }

    /// Position of the next byte.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.at >= self.stream.bytes.len()
    }

    fn refill(&mut self) {
        self.filled = self.filled.saturating_add(self.stream.piece).min(self.stream.bytes.len());
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// [`Refusal::End`].
    pub fn take(&mut self, n: usize) -> Result<&'s [u8], Refusal> {
        let end = self.at.checked_add(n).ok_or(Refusal::End)?;
        let bytes = self.stream.bytes.get(self.at..end).ok_or(Refusal::End)?;
        while self.filled < end {
            self.refill();
        }
        self.at = end;
        Ok(bytes)
    }

    /// Up to `n` bytes from `ahead` on, without taking them. `patient`: as many pieces as that
    /// needs; else at most one more.
    pub fn peek(&mut self, ahead: usize, n: usize, patient: bool) -> &'s [u8] {
        let from = self.at.saturating_add(ahead);
        let end = from.saturating_add(n).min(self.stream.bytes.len());
        if self.filled < end {
            self.refill();
        }
        while patient && self.filled < end {
            self.refill();
        }
        self.stream.bytes.get(from..end.min(self.filled)).unwrap_or(&[])
    }

    /// One byte.
    ///
    /// # Errors
    /// [`Refusal::End`].
    pub fn u8(&mut self) -> Result<u8, Refusal> {
        self.take(1)?.first().copied().ok_or(Refusal::End)
    }

    /// Four bytes, big-endian.
    ///
    /// # Errors
    /// [`Refusal::End`].
    pub fn be32(&mut self) -> Result<u32, Refusal> {
        Ok(self.take(4)?.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    /// Bytes after a one-byte length.
    ///
    /// # Errors
    /// [`Refusal::End`].
    pub fn counted(&mut self) -> Result<&'s [u8], Refusal> {
        let n = self.u8()?;
        self.take(usize::from(n))
    }
}

/// A name as received, for messages.
#[must_use]
pub fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
