//! Recognises the end of an opaque payload by the record that follows it.

use crate::dialect::ram::CONTINUE;
use crate::stream::Platform;
use crate::stream::record;

/// A live section that was started, with what its START said.
pub(super) struct Live {
    pub id: u32,
    /// Index of its handler.
    pub handler: usize,
    pub version_id: u32,
    /// Whether its END has come, which is the last of it.
    pub ended: bool,
}

/// Numbers of commands (wire reference 2.6).
mod command {
    /// Asks for an echo of four bytes.
    pub const PING: u8 = 2;
    /// The last of them.
    pub const LAST: u8 = 11;
}

/// Handlers that every scan has, by index.
const RAM: usize = 0;
const BLOCK: usize = 1;
/// The first of those of a platform.
const PLATFORM: usize = 3;
/// Flags of a device's chunk (1) that is all zeros (8).
const ZERO_CHUNK: u64 = 9;
/// Zeros by which it is seen that a stream is over.
const PADDING: usize = 64;
/// Commands in a row that are passed over.
const MAX_COMMANDS: usize = 4;
/// Versions that most descriptions have are below this.
const USUAL: u32 = 256;
/// Numbers that sources count up, or make of I/O addresses.
const SMALL: u32 = 1 << 16;

/// Whether the payload of section `id` may end before `bytes`, and whether by a footer. `all`:
/// the stream ends with them.
pub(super) fn boundary(
    bytes: &[u8],
    all: bool,
    id: u32,
    footers: Option<bool>,
    live: &[Live],
) -> Option<bool> {
    let footer = footers != Some(false) && is_footer(bytes, id);
    let begins = |rest: &[u8]| plausible(rest, all, live, Instance::Any) || padded(rest);
    if footer && bytes.get(5..).is_some_and(begins) {
        return Some(true);
    }
    (footers != Some(true) && plausible(bytes, all, live, Instance::Small)).then_some(false)
}

/// What the instance of a section may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instance {
    /// A number that sources count up, or make of an I/O address.
    Small,
    /// Any, as that of `spapr_iommu` is a bus number with its highest bit set: where the footer of the
    /// section before has been seen, that and a name are enough.
    Any,
}

/// Whether `bytes` are the end of the state and then nothing but zeros, as a device longer than the
/// stream has. Only a footer before it makes that likely.
fn padded(bytes: &[u8]) -> bool {
    bytes.len() > PADDING && bytes.iter().take(PADDING).all(|byte| *byte == record::EOF)
}

/// Whether `bytes` begin with the footer of section `id`.
pub(super) fn is_footer(bytes: &[u8], id: u32) -> bool {
    bytes.split_first().is_some_and(|(first, rest)| {
        *first == record::FOOTER && rest.first_chunk::<4>() == Some(&id.to_be_bytes())
    })
}

/// Whether `bytes` look like a record of the main stream.
fn plausible(bytes: &[u8], all: bool, live: &[Live], instance: Instance) -> bool {
    let Some((first, rest)) = bytes.split_first() else { return false };
    match *first {
        record::START | record::FULL => header(rest, instance),
        record::PART | record::END => be32(rest, 0).is_some_and(|id| {
            let live = live.iter().find(|s| s.id == id && !s.ended);
            live.is_some_and(|s| rest.get(4..).is_some_and(|rest| live_record(rest, s.handler)))
        }),
        // A command is too short a pattern by itself.
        record::COMMAND => {
            behind_commands(rest).is_some_and(|next| plausible(next, all, live, instance))
        }
        record::EOF => match rest {
            [] => all,
            [record::VMDESCRIPTION, _, _, _, _, b'{', ..] => true,
            _ => false,
        },
        _ => false,
    }
}

/// What follows the command whose type came before `bytes`, and those that follow it: where the
/// guest is handed over in postcopy, there are three of them.
fn behind_commands(mut bytes: &[u8]) -> Option<&[u8]> {
    for _ in 0..MAX_COMMANDS {
        let (head, rest) = bytes.split_first_chunk::<4>()?;
        let rest = match head {
            [0, command::PING, 0, 4] => rest.get(4..)?,
            [0, 1..=command::LAST, 0, 0] => rest,
            _ => return None,
        };
        match rest.split_first() {
            Some((&record::COMMAND, next)) => bytes = next,
            _ => return Some(rest),
        }
    }
    None
}

/// Whether `bytes` look like the first record of a live section: for `ram` and `block` a word with
/// one kind of record in its low bits.
fn live_record(bytes: &[u8], handler: usize) -> bool {
    let platform = handler.checked_sub(PLATFORM).and_then(|which| Platform::ALL.get(which));
    if let Some(which) = platform {
        return which.begins(bytes);
    }
    let Some(word) = bytes.first_chunk::<8>() else { return false };
    let word = u64::from_be_bytes(*word);
    match handler {
        RAM => (word & 0xfff & !CONTINUE).is_power_of_two(),
        BLOCK => (word & 0x1ff).is_power_of_two() || word & 0x1ff == ZERO_CHUNK,
        _ => true,
    }
}

/// Whether `bytes`, after the type, look like the header of a section: small numbers, and a name
/// of two printable characters at least.
///
/// A version may be any number: that of `i6300esb_wdt` is 10000, that of `eeprom` a date. Where it
/// is not a small one, the name must be longer, and of characters that such names are made of.
fn header(bytes: &[u8], instance: Instance) -> bool {
    let len = usize::from(bytes.get(4).copied().unwrap_or(0));
    let name = bytes.get(5..5 + len).unwrap_or(&[]);
    let small = |at| be32(bytes, at).is_some_and(|n| n < SMALL);
    let likely = match be32(bytes, 9 + len) {
        None => false,
        Some(version) if version < USUAL => name.iter().all(|b| (0x20..0x7f).contains(b)),
        Some(_) => {
            len >= 4 && name.iter().all(|b| b.is_ascii_alphanumeric() || b"_-/.: ".contains(b))
        }
    };
    len >= 2
        && name.len() == len
        && likely
        && name.first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'/')
        && small(0)
        && (instance == Instance::Any || small(5 + len))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk::<4>()?))
}
