//! A bounded copy of what cannot be read twice, without the contents of memory.
//!
//! A stream is read by looking at its end first: its description lies there, and tells what the bytes
//! before it are. So what comes from a pipe, or out of a packer, is kept. But most of it are contents of
//! memory, which no verb shows or judges: only records say where they lie, in one pass, and in
//! the copy they are zeros, which take no room. Kept is all else, and of main memory the first megabyte,
//! where option ROMs are.
//!
//! That pass goes as far as it is certain: to the first section whose layout only the description tells,
//! which is behind the last page, but for one package in postcopy, whose length is known. What follows is
//! copied as it is. So is a stream with a section like that before its memory (virtio-mem, from 8.0 on).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};

use super::store::{Store, StoreReader};
use crate::stream::frames::{Depth, scan, scan_reporting};
use crate::wire::reader::WINDOW;
use crate::wire::{Fault, Kind, planted};

/// Bytes that are copied in one go.
const PIECE: usize = 64 * 1024;
/// A stream that is refused before so many bytes is not copied beyond them.
const FIRST: u64 = 1 << 20;
/// So many zeros, and it is seen whether the stream had ended before them; each time it had not,
/// twice as many are waited for.
const ZEROS: u64 = 1 << 20;

/// What is copied, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most bytes that are read.
    pub limit: u64,
    /// Whether contents of memory are copied too.
    pub whole: bool,
    /// Bytes before the stream.
    pub head: u64,
}

/// What was copied.
#[derive(Debug)]
pub struct Spooled {
    /// The copy.
    pub store: Store,
    /// Why the rest was left, if it was.
    pub left: Option<String>,
}

/// Why there is no copy.
#[derive(Debug)]
pub enum Failed {
    /// What is copied cannot be read.
    From(io::Error),
    /// The copy cannot be written.
    To(io::Error),
    /// It is longer than it may be.
    TooLong,
}

/// Copies `from`, within bounds.
///
/// # Errors
/// See [`Failed`].
pub fn spool(from: impl Read, bounds: Bounds) -> Result<Spooled, Failed> {
    let store = Store::new().map_err(Failed::To)?;
    let (pending, zeros) = (VecDeque::new(), 0);
    let copy = Copy { from, bounds, store, pending, len: 0, contents: 0, zeros, failed: None };
    let copy = RefCell::new(copy);
    let mut piece = vec![0; PIECE];
    let mut tap = Tap(&copy);
    let head = io::copy(&mut (&mut tap).take(bounds.head), &mut io::sink()).unwrap_or(0);
    let scan = scan_reporting(&mut tap, Depth::Live, &mut |from, len| {
        copy.borrow_mut().skip(head.saturating_add(from), len);
    });
    let hopeless = scan.stopped.filter(|error| {
        let kind = &error.kind;
        let other = matches!(kind, Kind::EndOfInput { .. } | Kind::Io(_) | Kind::BadMagic { .. });
        !other && error.offset < FIRST
    });
    let (mut copy, mut most) = (copy.into_inner(), ZEROS);
    loop {
        if let Some(failed) = copy.failed.take() {
            return Err(failed);
        }
        let mut left = None;
        if copy.len >= FIRST {
            left = hopeless.as_ref().map(ToString::to_string);
        }
        if left.is_none() && copy.zeros >= most {
            most = most.saturating_mul(2);
            copy.copy_until(copy.len).map_err(Failed::To)?;
            if over(&mut copy.store, head).map_err(Failed::To)? {
                left = Some("the stream ended and zeros follow".to_string());
            }
        }
        if left.is_some() || copy.piece(&mut piece) == 0 && copy.failed.is_none() {
            copy.copy_until(copy.len).map_err(Failed::To)?;
            return Ok(Spooled { store: copy.store, left });
        }
    }
}

/// A copy that is being made.
struct Copy<R> {
    from: R,
    bounds: Bounds,
    store: Store,
    /// What was read and may still turn out to be contents of memory. They are reported before they are
    /// taken out of a window of the reader.
    pending: VecDeque<u8>,
    /// Bytes that were read.
    len: u64,
    /// Where contents of memory end that are not copied.
    contents: u64,
    /// Zeros that were read last.
    zeros: u64,
    failed: Option<Failed>,
}

impl<R: Read> Copy<R> {
    /// Reads a piece, unless the end comes before, or a failure.
    fn piece(&mut self, into: &mut [u8]) -> usize {
        let mut read = 0;
        while let Some(rest) = into.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match self.read(rest) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // Kept where the loop looks for it.
                Err(_) => break,
            }
        }
        read
    }

    /// Notes that `len` bytes at `from` are contents of memory.
    fn skip(&mut self, from: u64, len: u64) {
        if self.bounds.whole {
            return;
        }
        if let Err(e) = self.copy_until(from) {
            self.failed.get_or_insert(Failed::To(e));
        }
        self.contents = from.saturating_add(len);
    }

    /// Copies what was read and lies before `to`.
    fn copy_until(&mut self, to: u64) -> io::Result<()> {
        let from = self.store.len();
        let there = self.pending.len() as u64;
        let left_out = self.contents.min(to).saturating_sub(from).min(there);
        let all = to.saturating_sub(from).min(there) as usize;
        self.store.zeros(left_out)?;
        self.pending.drain(..left_out as usize);
        let wanted = all - left_out as usize;
        let (one, other) = self.pending.as_slices();
        let in_one = wanted.min(one.len());
        self.store.write(one.get(..in_one).unwrap_or(&[]))?;
        self.store.write(other.get(..wanted - in_one).unwrap_or(&[]))?;
        self.pending.drain(..wanted);
        Ok(())
    }

    fn fail(&mut self, failed: Failed) -> io::Error {
        self.failed.get_or_insert(failed);
        io::Error::other("the copy failed")
    }
}

impl<R: Read> Read for Copy<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.failed.is_some() {
            return Err(io::Error::other("the copy failed"));
        }
        if self.pending.len() >= 4 * WINDOW {
            let certain = self.len - WINDOW as u64;
            self.copy_until(certain).map_err(|e| self.fail(Failed::To(e)))?;
        }
        let n = match self.from.read(into) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Err(e),
            Err(e) => return Err(self.fail(Failed::From(e))),
        };
        let read = into.get(..n).unwrap_or(&[]);
        self.len += n as u64;
        if self.len > self.bounds.limit && !planted(Fault::BoundIgnored) {
            return Err(self.fail(Failed::TooLong));
        }
        self.zeros = if read.iter().all(|byte| *byte == 0) { self.zeros + n as u64 } else { 0 };
        self.pending.extend(read);
        Ok(n)
    }
}

/// What the pass over the records reads from.
struct Tap<'c, R>(&'c RefCell<Copy<R>>);

impl<R: Read> Read for Tap<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(into)
    }
}

/// Whether the stream that begins at `head` had ended, and only zeros follow it.
fn over(store: &mut Store, head: u64) -> io::Result<bool> {
    let len = store.len();
    let end = scan(&mut StoreReader::new(store, head), Depth::All).end;
    let Some(end) = end.and_then(|end| end.checked_add(head)).filter(|end| *end < len) else {
        return Ok(false);
    };
    let (mut rest, mut piece) = (StoreReader::new(store, end), vec![0; PIECE]);
    loop {
        let n = rest.read(&mut piece)?;
        match piece.get(..n) {
            None | Some([]) => return Ok(true),
            Some(read) if read.iter().any(|byte| *byte != 0) => return Ok(false),
            Some(_) => {}
        }
    }
}
