//! A bounded copy of what cannot be read twice: into a file without a name, zeros as holes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::stream::MAGIC;
use crate::stream::frames::{Depth, scan};
use crate::wire::{Fault, Kind, planted};

/// Bytes that are copied in one go.
const PIECE: usize = 64 * 1024;
/// So many bytes, and it is seen whether any reader gets so far.
const FIRST: u64 = 1 << 20;
/// So many zeros, and it is seen whether the stream had ended before them; each time it had not,
/// twice as many are waited for.
const ZEROS: u64 = 1 << 20;

/// What was copied.
#[derive(Debug)]
pub struct Spooled {
    /// The copy.
    pub file: File,
    /// How long it is.
    pub len: u64,
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

/// Copies `from`, at most `limit` bytes.
///
/// # Errors
/// See [`Failed`].
pub fn spool(mut from: impl Read, limit: u64) -> Result<Spooled, Failed> {
    let mut file = tempfile::tempfile().map_err(Failed::To)?;
    let mut piece = vec![0; PIECE];
    let (mut len, mut zeros, mut most) = (0u64, 0u64, ZEROS);
    let mut looked = false;
    loop {
        let n = fill(&mut from, &mut piece).map_err(Failed::From)?;
        let Some(read) = piece.get(..n).filter(|read| !read.is_empty()) else { break };
        len += n as u64;
        if len > limit && !planted(Fault::BoundIgnored) {
            return Err(Failed::TooLong);
        }
        if n < PIECE || read.iter().any(|byte| *byte != 0) {
            zeros = 0;
            file.write_all(read).map_err(Failed::To)?;
        } else {
            zeros += n as u64;
            file.seek(SeekFrom::Start(len)).map_err(Failed::To)?;
        }
        let mut left = None;
        if len >= FIRST && !looked {
            looked = true;
            left = hopeless(&mut file, len).map_err(Failed::To)?;
        }
        if left.is_none() && zeros >= most {
            most = most.saturating_mul(2);
            if over(&mut file, len).map_err(Failed::To)? {
                left = Some("the stream ended and zeros follow".to_string());
            }
        }
        if left.is_some() {
            return Ok(Spooled { file, len, left });
        }
    }
    file.set_len(len).map_err(Failed::To)?;
    Ok(Spooled { file, len, left: None })
}

/// Why no reader gets beyond the first `len` bytes of a stream, where that is so whoever reads it: none
/// of its sections is opaque before.
fn hopeless(file: &mut File, len: u64) -> io::Result<Option<String>> {
    file.set_len(len)?;
    file.rewind()?;
    let mut magic = [0; 4];
    file.read_exact(&mut magic)?;
    let mut why = None;
    if magic == MAGIC.to_be_bytes() {
        file.rewind()?;
        let scan = scan(file, Depth::All);
        let stopped = scan.stopped.filter(|_| scan.sections.is_empty());
        why = stopped.filter(|e| !matches!(e.kind, Kind::EndOfInput { .. } | Kind::Io(_)));
    }
    file.seek(SeekFrom::Start(len))?;
    Ok(why.map(|error| error.to_string()))
}

/// Whether a stream ended in the first `len` bytes, and only zeros follow it there.
fn over(file: &mut File, len: u64) -> io::Result<bool> {
    file.set_len(len)?;
    file.rewind()?;
    let end = scan(file, Depth::All).end;
    let mut rest = end.is_some_and(|end| end < len);
    let mut piece = vec![0; PIECE];
    file.seek(SeekFrom::Start(end.unwrap_or(len).min(len)))?;
    while rest {
        let n = fill(file, &mut piece)?;
        match piece.get(..n) {
            None | Some([]) => break,
            Some(read) => rest = read.iter().all(|byte| *byte == 0),
        }
    }
    file.seek(SeekFrom::Start(len))?;
    Ok(rest)
}

/// Fills a piece, unless the end comes before.
fn fill(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = into.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(read)
}
