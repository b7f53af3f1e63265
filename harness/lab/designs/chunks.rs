//! Design 9: chunks as in PNG (2009).
//!
//! ```text
//! signature { length be32 (at most 2^31-1) | type, four letters | data | CRC-32 of type and data }*
//! ```
//!
//! The case of the letters says: ancillary, private, reserved, safe to copy. An unknown critical
//! chunk refuses the stream, an unknown ancillary one is passed over; the source decides which is
//! which. A chunk is checked as a whole, checksum and length, before any of it is put.

use super::cursor::{Cursor, Stream, shown};
use super::frame::{self, Io, Layout, Spot};
use super::model::{Desc, Machine, Optional, State};
use super::own_sections::{each, find};
use super::sink::{Refusal, Sink};
use super::{Claim, Design, Promises};
use crate::wire::Writer;

/// First bytes of a stream; catches the usual damage by text transfers.
const SIGNATURE: [u8; 8] = *b"\x89QVM\r\n\x1a\n";
/// Lower case: the bit that a letter of a type carries.
const BIT: u8 = 0x20;
const DEVICE: [u8; 4] = *b"DEVC";
const OPTIONAL: [u8; 4] = *b"OPTc";
const DONE: [u8; 4] = *b"DONE";
/// Vendor of what every build has.
const UPSTREAM: &str = "org.qemu:";

/// See the module documentation.
#[derive(Debug)]
pub struct Chunks;

/// Fields alone: optional parts have chunks of their own.
struct Plain;

impl Layout for Plain {}

fn put(out: &mut Writer, kind: [u8; 4], data: &[u8]) {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&kind);
    crc.update(data);
    out.be32(u32::try_from(data.len()).unwrap_or(u32::MAX));
    out.put(&kind);
    out.put(data);
    out.be32(crc.finalize());
}

fn data(name: &str, desc: &Desc, state: &State, spot: Spot<'_>) -> Vec<u8> {
    let mut out = Writer::new();
    out.counted(name.as_bytes());
    out.be32(desc.version);
    frame::put(&Plain, &mut out, desc, state, desc.version, spot);
    out.into_bytes()
}

/// The type of an optional part's chunk.
fn kind(optional: &Optional) -> [u8; 4] {
    let [first, second, third, fourth] = OPTIONAL;
    let ancillary = if optional.ancillary { BIT } else { 0 };
    let private = if optional.feature.starts_with(UPSTREAM) { 0 } else { BIT };
    [first | ancillary, second | private, third, fourth]
}

/// What a chunk of that name describes, if the machine has it.
fn known<'m>(machine: &'m Machine, name: &str) -> Option<(&'m Desc, Spot<'m>)> {
    machine.devices.iter().find_map(|device| {
        let spot = Spot { machine, place: device.id, top: true };
        let path = name.strip_prefix(device.desc.name.as_str())?;
        if path.is_empty() {
            return Some((&device.desc, spot));
        }
        find(&device.desc, path, spot).map(|(optional, spot)| (&optional.desc, spot))
    })
}

fn take(kind: &[u8], data: &[u8], to: &Machine, sink: &mut Sink) -> Result<(), Refusal> {
    let mut io = Io { cursor: Cursor::over(data), sink };
    let name = shown(io.cursor.counted()?);
    let version = io.cursor.be32()?;
    let Some((desc, spot)) = known(to, &name) else {
        if kind.first().is_some_and(|letter| letter & BIT != 0) {
            io.sink.skipped += data.len();
            return Ok(());
        }
        return Err(Refusal::Section(name));
    };
    frame::take(&Plain, &mut io, desc, version, spot)?;
    if io.cursor.ended() {
        return Ok(());
    }
    Err(Refusal::Length { name, found: data.len(), expected: io.cursor.at() })
}

impl Promises for Chunks {
    fn name(&self) -> &'static str {
        "9 chunks with CRC"
    }

    /// No damage goes unnoticed, whatever the evolution is mistaken for without it; and no change
    /// of length.
    fn claims(&self, claim: Claim) -> bool {
        if claim.damaged { claim.hit } else { !claim.evolution.is_one_number_for_two() }
    }

    fn is_unambiguous(&self) -> bool {
        true
    }
}

impl Design for Chunks {
    fn encode(&self, from: &Machine, states: &[State]) -> Vec<u8> {
        let mut out = Writer::new();
        out.put(&SIGNATURE);
        for (device, state) in from.devices.iter().zip(states) {
            let desc = &device.desc;
            let spot = Spot { machine: from, place: device.id, top: true };
            put(&mut out, DEVICE, &data(&desc.name, desc, state, spot));
            each(desc, state, &desc.name, spot, &mut |path, optional, state, spot| {
                put(&mut out, kind(optional), &data(&path, &optional.desc, state, spot));
            });
        }
        put(&mut out, DONE, &[]);
        out.into_bytes()
    }

    fn decode(&self, stream: Stream<'_>, to: &Machine, sink: &mut Sink) -> Result<(), Refusal> {
        let mut cursor = Cursor::new(stream);
        if cursor.take(SIGNATURE.len())? != SIGNATURE {
            return Err(Refusal::Magic);
        }
        loop {
            let len = cursor.be32()?;
            if i32::try_from(len).is_err() {
                return Err(Refusal::End);
            }
            let kind = cursor.take(4)?;
            let data = cursor.take(usize::try_from(len).unwrap_or(usize::MAX))?;
            let mut crc = crc32fast::Hasher::new();
            crc.update(kind);
            crc.update(data);
            if cursor.be32()? != crc.finalize() {
                return Err(Refusal::Checksum(shown(kind)));
            }
            if kind == DONE {
                return Ok(());
            }
            let mark = sink.mark();
            if let Err(refusal) = take(kind, data, to, sink) {
                sink.rewind(mark);
                return Err(refusal);
            }
        }
    }
}
