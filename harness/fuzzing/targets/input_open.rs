//! Files with a stream in them: any bytes, opened within small bounds and read to their end.
//!
//! No panic, bounded memory (the cap of the glue), work in proportion to what may come out; what is
//! read at any place is what is read in order; no more comes out than was allowed.

use std::io::Read as _;

use crate::fuzzing::counters::Counts;
use crate::fuzzing::{Failure, Outcome};
use crate::input::source::{Layer, ReadAt as _};
use crate::input::{InputError, Options, open_bytes};

/// Most bytes that may come out.
const LIMIT: u64 = 1 << 20;
/// Most memory for unpacking.
const MEMORY: u64 = 8 << 20;
/// Bytes of each place that is read once more.
const PIECE: usize = 700;

/// Runs one input.
///
/// # Errors
/// A reproducer in words.
pub fn run(bytes: &[u8], counts: &mut Counts) -> Outcome {
    counts.begin();
    let options = Options { limit: LIMIT, memory: MEMORY, snapshot: None, whole: true };
    let mut source = match open_bytes("input", bytes.to_vec(), &options) {
        Ok(source) => source,
        Err(InputError::Snapshot { .. }) => {
            // The first of several is there by its number.
            let options = Options { snapshot: Some("1".to_string()), ..options };
            match open_bytes("input", bytes.to_vec(), &options) {
                Ok(source) => source,
                Err(error) => return refused(&error, counts),
            }
        }
        Err(error) => return refused(&error, counts),
    };
    counts.cases += 1;
    let layers = source.facts().layers.len();
    counts.other(match layers {
        0 => "plain",
        1 => "in one container",
        _ => "in several containers",
    });
    // What lies in the file itself may be longer.
    let unpacked = matches!(source.facts().layers.last(), Some(Layer::Packed(_)));
    if unpacked && source.size() > LIMIT {
        return Err(Failure(format!("{} bytes came out, {LIMIT} were allowed", source.size())));
    }
    // The state of a snapshot is read where it lies, and may be said to be of any size.
    let most = LIMIT.min(source.size());
    let mut all = Vec::new();
    let read = source.by_ref().take(most).read_to_end(&mut all);
    if read.is_err() {
        counts.other("not readable to its end");
        return Ok(());
    }
    if all.len() as u64 != most {
        return Err(Failure(format!("{} bytes were read, {most} are there", all.len())));
    }
    let window = source.reader();
    let mut piece = [0; PIECE];
    for at in (0..all.len()).rev().step_by(all.len() / 5 + 1) {
        let n = window.read_at(at as u64, &mut piece).map_err(|e| Failure(e.to_string()))?;
        let here = all.get(at..).unwrap_or(&[]);
        let same = here.iter().zip(piece.iter().take(n)).all(|(a, b)| a == b);
        if !same || n < here.len().min(PIECE) {
            return Err(Failure(format!("at byte {at} something else is read than in order")));
        }
    }
    Ok(())
}

fn refused(error: &InputError, counts: &mut Counts) -> Outcome {
    counts.other(match error {
        InputError::Packed { .. } => "not a whole packed file",
        InputError::TooLong { .. } => "too long",
        InputError::Libvirt { .. } => "a save image that is not as it should be",
        InputError::Qcow2 { .. } | InputError::Snapshot { .. } => {
            "a disk that is not as it should be"
        }
        InputError::Other { .. } => "known, and no stream",
        _ => "unknown",
    });
    // All that are known count: most inputs are not.
    counts.cases +=
        u64::from(!matches!(error, InputError::Unknown { .. } | InputError::Empty { .. }));
    if error.to_string().is_empty() {
        return Err(Failure("an error without a text".to_string()));
    }
    Ok(())
}
