//! The window over a stream: bounded big-endian reads, look-ahead and refills, as `QEMUFile` does.
//!
//! ```text
//!            start         end              WINDOW (32 KiB, IO_BUF_SIZE)
//!   |--read--|---pending---|---free--------|
//!            ^ offset()
//! ```
//!
//! A refill moves the pending bytes to the front and asks the feed once. Offsets are absolute in
//! the stream. Memory does not grow with the stream. A source that has ended sets
//! [`Reader::ended`], the counterpart of the file's error flag: look-ahead may set it although
//! every byte that is really needed is there.

use std::cell::Cell;
use std::io::{self, Read};
use std::mem;

use super::error::{Kind, Result};
use super::feed::{Feed, FeedState};

/// Size of the buffer (`IO_BUF_SIZE`, unchanged from 0.12 to 11.1).
pub const WINDOW: usize = 32 * 1024;

thread_local! {
    /// The window of the reader before: to clear one takes as long as a part of a load. What is in it
    /// nobody sees.
    static SPARE: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// How hard a look-ahead tries when fewer bytes are pending than it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refill {
    /// One refill, whatever it gives (`qemu_peek_buffer`, 1.0 to 2.0).
    Once,
    /// Refills until there is enough or the stream ends (2.1 and later).
    Full,
}

/// A stream being read.
pub struct Reader<'s> {
    source: &'s mut dyn Read,
    feed: FeedState,
    window: Box<[u8]>,
    start: usize,
    end: usize,
    offset: u64,
    ended: bool,
    failed: Option<String>,
    /// Told where contents of memory lie.
    report: Option<&'s mut dyn FnMut(u64, u64)>,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let spare = mem::take(&mut self.window);
        // At the end of a thread there is nowhere to keep it.
        let _ = SPARE.try_with(|kept| kept.set(Some(spare)));
    }
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("offset", &self.offset)
            .field("pending", &self.left())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl<'s> Reader<'s> {
    /// Reads `source` from its present position, which becomes offset 0, under `feed`.
    pub fn new(source: &'s mut dyn Read, feed: &Feed) -> Self {
        Reader::with_window(source, feed, WINDOW)
    }

    /// The same for a source that is known to have at most `most` bytes: the window is no larger
    /// than needed for them, which nobody can tell but by the time it takes.
    pub fn bounded(source: &'s mut dyn Read, feed: &Feed, most: usize) -> Self {
        Reader::with_window(source, feed, most.saturating_add(1).min(WINDOW))
    }

    fn with_window(source: &'s mut dyn Read, feed: &Feed, size: usize) -> Self {
        Reader {
            source,
            feed: FeedState::new(feed),
            window: SPARE
                .take()
                .filter(|spare| spare.len() == size)
                .unwrap_or_else(|| vec![0; size].into_boxed_slice()),
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
            failed: None,
            report: None,
        }
    }

    /// The same, and tells where the contents of a guest's memory and disks lie, offset and length, before
    /// it reads them: nobody else needs to keep them.
    pub fn reporting(mut self, report: &'s mut dyn FnMut(u64, u64)) -> Self {
        self.report = Some(report);
        self
    }

    /// Says that the next `len` bytes are contents of memory.
    pub fn contents(&mut self, len: u64) {
        if let Some(report) = &mut self.report {
            report(self.offset, len);
        }
    }

    /// Absolute offset of the next byte.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes have left the source, read or still pending. What a metered feed sees.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.offset + self.left() as u64
    }

    /// Whether the source was found to have ended: the file's error flag.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// The bytes that are there without a refill.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.window.get(self.start..self.end).unwrap_or(&[])
    }

    fn left(&self) -> usize {
        self.end - self.start
    }

    /// Asks the feed once. Returns whether anything came.
    fn refill(&mut self) -> bool {
        if self.start > 0 {
            self.window.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let most = self.feed.next().min(self.window.len() - self.end);
        let mut got = 0;
        while got < most {
            let Some(free) = self.window.get_mut(self.end..self.end + most - got) else { break };
            match self.source.read(free) {
                Ok(0) => break,
                Ok(n) => {
                    got += n;
                    self.end += n;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    self.failed = Some(e.to_string());
                    break;
                }
            }
        }
        if got == 0 && most > 0 {
            self.ended = true;
        }
        got > 0
    }

    fn short(&self, at: u64, missing: u64) -> Box<super::Error> {
        match &self.failed {
            Some(text) => Kind::Io(text.clone()).at(at),
            None => Kind::EndOfInput { missing }.at(at),
        }
    }

    /// The byte `at` bytes ahead, after at most one refill (`qemu_peek_byte`, every release).
    /// `None` when it is not there then.
    pub fn peek_byte(&mut self, at: usize) -> Option<u8> {
        if self.start + at >= self.end {
            self.refill();
        }
        self.window.get(self.start..self.end)?.get(at).copied()
    }

    /// Up to `len` bytes from `at` bytes ahead: fewer when refills by the given rule do not bring
    /// them (`qemu_peek_buffer`).
    pub fn peek(&mut self, at: usize, len: usize, refill: Refill) -> &[u8] {
        if self.start + at + len > self.end {
            match refill {
                Refill::Once => {
                    self.refill();
                }
                Refill::Full => while self.left() < at + len && self.refill() {},
            }
        }
        let to = (self.start + at + len).min(self.end);
        self.window.get(self.start + at..to).unwrap_or(&[])
    }

    /// Hands the next `len` bytes to `each` in pieces, without keeping them.
    ///
    /// # Errors
    /// [`Kind::EndOfInput`] at the offset where the item began, with the bytes missing.
    pub fn take(&mut self, len: u64, mut each: impl FnMut(&[u8])) -> Result<()> {
        let began = self.offset;
        let mut left = len;
        while left > 0 {
            if self.start == self.end && !self.refill() {
                return Err(self.short(began, left));
            }
            let n = usize::try_from(left).unwrap_or(WINDOW).min(self.left());
            if let Some(piece) = self.window.get(self.start..self.start + n) {
                each(piece);
            }
            self.start += n;
            self.offset += n as u64;
            left -= n as u64;
        }
        Ok(())
    }

    /// Passes over `len` bytes.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn skip(&mut self, len: u64) -> Result<()> {
        self.take(len, |_| {})
    }

    /// Fills `into` with the next bytes.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn fill(&mut self, into: &mut [u8]) -> Result<()> {
        let mut rest = &mut into[..];
        self.take(rest.len() as u64, |piece| {
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(piece.len());
            head.copy_from_slice(piece);
            rest = tail;
        })
    }

    /// One byte.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.be(1)? as u8)
    }

    /// Two bytes, big-endian.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn be16(&mut self) -> Result<u16> {
        Ok(self.be(2)? as u16)
    }

    /// Four bytes, big-endian.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn be32(&mut self) -> Result<u32> {
        Ok(self.be(4)? as u32)
    }

    /// Eight bytes, big-endian.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn be64(&mut self) -> Result<u64> {
        self.be(8)
    }

    /// `width` bytes (at most 8), big-endian.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn be(&mut self, width: usize) -> Result<u64> {
        let (value, outcome) = self.be_padded(width);
        outcome.map(|()| value)
    }

    /// `width` bytes (at most 8), big-endian, with zeros for those that are missing, and the error
    /// of [`Reader::take`] if any are.
    pub fn be_padded(&mut self, width: usize) -> (u64, Result<()>) {
        if let Some(all) = self.window.get(self.start..self.end).and_then(|w| w.get(..width))
            && width <= 8
        {
            let value = match *all {
                [a] => u64::from(a),
                [a, b] => u64::from(u16::from_be_bytes([a, b])),
                [a, b, c, d] => u64::from(u32::from_be_bytes([a, b, c, d])),
                [a, b, c, d, e, f, g, h] => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
                _ => all.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)),
            };
            self.start += width;
            self.offset += width as u64;
            return (value, Ok(()));
        }
        let (mut value, mut missing) = (0u64, width as u32);
        let outcome = self.take(width as u64, |piece| {
            for byte in piece {
                value = value << 8 | u64::from(*byte);
                missing = missing.saturating_sub(1);
            }
        });
        (value.checked_shl(8 * missing).unwrap_or(0), outcome)
    }

    /// A string with a one-byte length before it (`qemu_get_counted_string`, block names).
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn counted(&mut self) -> Result<Vec<u8>> {
        let len = self.u8()?;
        let mut bytes = vec![0; usize::from(len)];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_across_refills_and_reports_what_is_missing() {
        let bytes: Vec<u8> = (0..20).collect();
        for feed in [Feed::Bulk, Feed::Trickle(1), Feed::Trickle(3), Feed::Random(7)] {
            let mut source = &bytes[..];
            let mut reader = Reader::new(&mut source, &feed);
            assert_eq!(reader.be32().expect("four bytes"), 0x0001_0203);
            assert_eq!(reader.be64().expect("eight bytes"), 0x0405_0607_0809_0a0b);
            let error = reader.skip(10).expect_err("only eight are left");
            assert_eq!(error.kind, Kind::EndOfInput { missing: 2 });
            assert_eq!(error.offset, 12);
            assert!(reader.ended());
        }
    }

    #[test]
    fn look_ahead_once_gives_up_under_a_trickle() {
        let bytes = [5u8, 3, b'a', b'b', b'c', 0, 0, 0, 1];
        let mut source = &bytes[..];
        let mut reader = Reader::new(&mut source, &Feed::Trickle(2));
        assert_eq!(reader.peek_byte(0), Some(5));
        assert_eq!(reader.peek(2, 3, Refill::Once), b"ab");
        let mut source = &bytes[..];
        let mut reader = Reader::new(&mut source, &Feed::Trickle(2));
        assert_eq!(reader.peek(2, 3, Refill::Full), b"abc");
        assert_eq!(reader.taken(), 6);
        assert_eq!(reader.offset(), 0);
    }

    /// A source that is interrupted before every byte, and fails after the last.
    struct Interrupted(Vec<u8>, bool);

    impl Read for Interrupted {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::Error::from(io::ErrorKind::Interrupted));
            }
            match self.0.pop() {
                Some(byte) => {
                    into[0] = byte;
                    Ok(1)
                }
                None => Err(io::Error::other("gone")),
            }
        }
    }

    #[test]
    fn an_interruption_is_no_failure() {
        let mut source = Interrupted(vec![4, 3, 2, 1], false);
        let mut reader = Reader::new(&mut source, &Feed::Bulk);
        assert_eq!(reader.be32().expect("four bytes"), 0x0102_0304);
        assert_eq!(reader.u8().expect_err("none left").kind, Kind::Io("gone".to_string()));
    }
}
