//! Sections made of records that platforms other than a PC send: storage attributes and keys of
//! s390x, the hash table of spapr.
//!
//! | section | record | ends with |
//! | --- | --- | --- |
//! | `s390-storage_attributes` (`cmma_load`) | be64: address and flag; with MORE be64 count and as many bytes | EOS |
//! | `s390-skeys` (`s390_storage_keys_load`) | the same, with a flag of keys | EOS |
//! | `spapr/htab` (`htab_load`) | be32 shift of the size, all ones (no table), or zero; behind zero be32 index, be16 valid, be16 invalid entries and 16 bytes for each valid one | eight bytes of zeros; behind another head nothing |
//!
//! In hw/s390x/s390-stattrib.c (2.10 on), hw/s390x/s390-skeys.c (2.5 on), hw/ppc/spapr.c (1.7 on). Storage
//! attributes are sent by an emulator as well, which has none: EOS in every part, DONE in the last.

use super::destination::{Destination, Platform};
use super::progress::{HashTable, Load};
use crate::vmstate::Loader;
use crate::wire::map::Item;
use crate::wire::{Kind, Result};

/// Behind an address, in the bits that a page leaves.
mod flag {
    pub const EOS: u64 = 1;
    /// Keys, or attributes.
    pub const DATA: u64 = 2;
    pub const ERROR: u64 = 4;
    pub const DONE: u64 = 8;
    pub const ALL: u64 = 0xfff;
}

/// Bytes of a page of s390x.
const PAGE: u64 = 4096;
/// Attributes, a byte each, for which memory may be had: they are taken in one go, as many as are
/// announced, and no process has more addresses.
const MOST_ATTRIBUTES: u64 = 1 << 47;
/// Keys that are taken in one go.
const KEYS: u64 = 131_072;
/// Bytes of an entry of a hash table.
const ENTRY: u32 = 16;
/// The only version of `spapr/htab`.
const TABLE_VERSION: u32 = 1;
/// The head of `spapr/htab` where there is no table: the guest has a radix tree.
const NO_TABLE: u32 = u32::MAX;
/// Largest shift of the size of a hash table (`H_RESIZE_HPT` takes none above).
const MAX_SHIFT: u32 = 46;

impl Platform {
    /// Whether `bytes` may be the beginning of a part of it.
    #[must_use]
    pub fn begins(self, bytes: &[u8]) -> bool {
        match (self, bytes.first_chunk::<8>(), bytes.first_chunk::<4>()) {
            (Platform::HashTable, _, Some(head)) => {
                matches!(u32::from_be_bytes(*head), 0..=MAX_SHIFT | NO_TABLE)
            }
            (Platform::HashTable, ..) | (_, None, _) => false,
            (_, Some(word), _) => (u64::from_be_bytes(*word) & flag::ALL).is_power_of_two(),
        }
    }
}

/// Reads one part.
///
/// # Errors
/// The reader's, or a record that the loader refuses.
pub(super) fn load(load: &mut Load<'_, '_>, which: Platform, version_id: u32) -> Result<()> {
    match which {
        Platform::StorageAttributes => words(&mut load.io, which, |_, _| Ok(())),
        Platform::StorageKeys => {
            let to = load.to;
            words(&mut load.io, which, |at, end| keys(to, at, end))
        }
        Platform::HashTable => table(load, version_id),
    }
}

/// Records of a word with an address and a flag. `fits` says of pages `from..to` whether they may come.
fn words(
    io: &mut Loader<'_, '_>,
    which: Platform,
    fits: impl Fn(u64, u64) -> std::result::Result<(), Kind>,
) -> Result<()> {
    loop {
        let at = io.reader.offset();
        let word = io.reader.be64().map_err(|e| io.map.place(e, "record"))?;
        let attributes = which == Platform::StorageAttributes;
        let mut name = "records";
        let mut last = false;
        match word & flag::ALL {
            flag::DATA => {
                let count = io.reader.be64().map_err(|e| io.map.place(e, "count"))?;
                if attributes && count > MOST_ATTRIBUTES {
                    let text = format!("no memory for {count} attributes");
                    return Err(io.map.fail(Kind::Check(text), at, "count"));
                }
                let first = word / PAGE;
                let mut done = 0;
                while done < count {
                    let piece = if attributes { count } else { (count - done).min(KEYS) };
                    io.reader.skip(piece).map_err(|e| io.map.place(e, "values"))?;
                    done += piece;
                    let refuse = |kind| io.map.fail(kind, at, "record");
                    fits(first, first.saturating_add(done)).map_err(refuse)?;
                }
            }
            flag::ERROR => {
                return Err(io.map.fail(
                    Kind::Check("the source could not read all".into()),
                    at,
                    "record",
                ));
            }
            flag::DONE if attributes => name = "done",
            flag::EOS => (name, last) = ("end", true),
            other => {
                let text = format!("unknown flags {other:#x}");
                return Err(io.map.fail(Kind::Check(text), at, "record"));
            }
        }
        let item = Item { info: which.idstr(), join: true, ..Item::framing(name) };
        io.map.note(item, at, io.reader.offset() - at);
        if last {
            return Ok(());
        }
    }
}

/// Keys for more pages than there can be are refused: as many as `maxmem` has, which no stream
/// tells; main memory is never more.
fn keys(to: &Destination, _: u64, end: u64) -> std::result::Result<(), Kind> {
    let memory = to.local.blocks.iter().find(|b| b.0 == b"s390.ram");
    match memory {
        Some((_, len)) if end > len / PAGE => {
            Err(Kind::Undetermined("storage keys beyond main memory: maxmem".into()))
        }
        _ => Ok(()),
    }
}

fn table(load: &mut Load<'_, '_>, version_id: u32) -> Result<()> {
    let io = &mut load.io;
    let info = Platform::HashTable.idstr();
    let at = io.reader.offset();
    if version_id != TABLE_VERSION {
        let text = format!("version {version_id}, expected {TABLE_VERSION}");
        return Err(io.map.fail(Kind::Check(text), at, ""));
    }
    let head = io.reader.be32().map_err(|e| io.map.place(e, "size"))?;
    let name = match head {
        0 => "entries follow",
        NO_TABLE => "no table",
        _ => "shift of the size",
    };
    io.map.note(Item { info, width: 4, ..Item::framing(name) }, at, 4);
    match head {
        0 => {}
        NO_TABLE => {
            load.table = HashTable::None;
            return Ok(());
        }
        shift if shift <= MAX_SHIFT => {
            load.table = HashTable::Entries((1 << shift) / u64::from(ENTRY));
            return Ok(());
        }
        shift => {
            let text = format!("a hash table of 2^{shift} bytes");
            // A number of 64 bits is shifted by it.
            let kind = if shift < u64::BITS { Kind::Check(text) } else { Kind::Undefined(text) };
            return Err(io.map.fail(kind, at, name));
        }
    }
    // An emulator that has no table takes it for one of KVM, and aborts when that is not there.
    if load.table == HashTable::None {
        let text = "entries of a hash table, and there is none".to_string();
        return Err(io.map.fail(Kind::Abort(text), at, name));
    }
    loop {
        let at = io.reader.offset();
        let place = |e, io: &Loader<'_, '_>| io.map.place(e, "entries");
        let index = io.reader.be32().map_err(|e| place(e, io))?;
        let valid = io.reader.be16().map_err(|e| place(e, io))?;
        let invalid = io.reader.be16().map_err(|e| place(e, io))?;
        let last = (index, valid, invalid) == (0, 0, 0);
        let (end, wraps) = index.overflowing_add(u32::from(valid) + u32::from(invalid));
        if let HashTable::Entries(most) = load.table
            && (u64::from(end) > most || wraps)
        {
            let text = format!("entries {index}+{valid}+{invalid} of a hash table of {most}");
            // The sum has 32 bits.
            let kind = if u64::from(end) > most {
                Kind::Check(text)
            } else {
                Kind::Undefined(format!("{text}: the loader writes past it"))
            };
            return Err(io.map.fail(kind, at, "entries"));
        }
        io.reader.skip(u64::from(valid) * u64::from(ENTRY)).map_err(|e| place(e, io))?;
        let name = if last { "end" } else { "entries" };
        let item = Item { info, join: true, ..Item::framing(name) };
        io.map.note(item, at, io.reader.offset() - at);
        if last {
            return Ok(());
        }
    }
}
