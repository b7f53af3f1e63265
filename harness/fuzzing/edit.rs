//! Edits of a stream at the boundaries of its records: bytes inserted, deleted, duplicated, reordered. The
//! map of what was written is edited along with the bytes.

use super::dice::Dice;
use super::generate::stream::Written;
use super::mutate::{INSERTED, paste, records};
use crate::wire::map::Piece;

/// Bytes that are inserted: often such as a loader takes for framing.
const MAGIC: [u8; 8] = [0x00, 0x7e, 0x05, 0x04, 0x02, 0x08, 0x06, 0xff];

/// What is done to a stream.
#[allow(missing_docs, reason = "the names say it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    Nothing,
    Insert,
    Delete,
    Duplicate,
    Swap,
    Drop,
    Truncate,
    Overwrite,
}

impl Edit {
    /// All, by their names in counts.
    pub const ALL: [(Edit, &'static str); 8] = [
        (Edit::Nothing, "edit: none"),
        (Edit::Insert, "edit: bytes inserted"),
        (Edit::Delete, "edit: bytes deleted"),
        (Edit::Duplicate, "edit: record duplicated"),
        (Edit::Swap, "edit: records swapped"),
        (Edit::Drop, "edit: record dropped"),
        (Edit::Truncate, "edit: truncated"),
        (Edit::Overwrite, "edit: bytes overwritten"),
    ];
}

/// An edited stream.
#[derive(Debug)]
pub struct Edited<'d> {
    /// Bytes and map after the edit.
    pub written: Written<'d>,
    /// The first byte that is not where it was, if any.
    pub at: Option<u64>,
    /// What was done, for counts.
    pub name: &'static str,
}

/// Edits a stream at a boundary that the dice choose.
#[must_use]
pub fn edit<'d>(written: &Written<'d>, dice: &mut Dice<'_>) -> Edited<'d> {
    let (edit, name) = dice.pick(&Edit::ALL).copied().unwrap_or((Edit::Nothing, "edit: none"));
    let size = written.bytes.len() as u64;
    let records = records(&written.map, written.state_end);
    let which = dice.below(records.len().min(255));
    let record = records.get(which).cloned().unwrap_or(0..size);
    let next = records.get(which + 1).cloned().unwrap_or(record.end..record.end);
    // Inside a record, its end or the end of the payload before the footer.
    let at = match dice.below(4) {
        0 => record.start,
        1 => record.end.saturating_sub(5).max(record.start),
        2 => record.end.saturating_sub(1 + dice.below(4) as u64).max(record.start),
        _ => record.end,
    };
    let few = 1 + dice.below(8) as u64;
    // What follows the end is no state.
    let end = (at + few).min(written.state_end.max(at));
    let new: Vec<u8> = match edit {
        Edit::Insert | Edit::Overwrite => (0..few).map(|_| byte(dice)).collect(),
        _ => Vec::new(),
    };
    let kept = Piece::Kept;
    let len = new.len() as u64;
    let (pieces, changed) = match edit {
        Edit::Nothing => (vec![kept(0..size)], None),
        Edit::Insert => (vec![kept(0..at), Piece::New(len), kept(at..size)], Some(at)),
        Edit::Delete => (vec![kept(0..at), kept(end..size)], Some(at)),
        Edit::Duplicate => (vec![kept(0..record.end), kept(record.start..size)], Some(record.end)),
        Edit::Swap => (
            vec![
                kept(0..record.start),
                kept(next.clone()),
                kept(record.clone()),
                kept(next.end..size),
            ],
            Some(record.start),
        ),
        Edit::Drop => (vec![kept(0..record.start), kept(record.end..size)], Some(record.start)),
        Edit::Truncate => (vec![kept(0..at)], Some(at)),
        Edit::Overwrite => (vec![kept(0..at), Piece::New(end - at), kept(end..size)], Some(at)),
    };
    Edited { written: apply(written, &pieces, &new), at: changed, name }
}

fn byte(dice: &mut Dice<'_>) -> u8 {
    match dice.byte() {
        choice @ 0x40.. => MAGIC.get(usize::from(choice) % MAGIC.len()).copied().unwrap_or(0),
        plain => plain,
    }
}

/// Puts a stream together anew.
fn apply<'d>(written: &Written<'d>, pieces: &[Piece], new: &[u8]) -> Written<'d> {
    let bytes = paste(&written.bytes, pieces, new);
    Written { bytes, map: written.map.spliced(pieces, INSERTED), state_end: written.state_end }
}
