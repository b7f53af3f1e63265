//! Design 6: self-describing values, the ASN.1 direction.
//!
//! ```text
//! section: name version elements   element: name type length content   types: bytes, struct
//! ```
//!
//! Everything has a name and a length. What a reader does not know it refuses; what a stream does
//! not have keeps its default if it was added later, and is refused otherwise. A section is
//! checked as a whole before any of it is put.

use super::cursor::{Cursor, Stream, shown};
use super::frame::Spot;
use super::model::{Desc, Kind, Machine, Slot, State, within};
use super::sink::{Refusal, Sink};
use super::{Claim, Design, Promises};
use crate::wire::Writer;

const BYTES: u8 = 0x04;
const STRUCT: u8 = 0x30;
const OPTIONAL: u8 = 0x31;
const END: u8 = 0x00;

/// See the module documentation.
#[derive(Debug)]
pub struct Tagged;

fn element(out: &mut Writer, kind: u8, name: &str, content: &[u8]) {
    out.u8(kind);
    out.counted(name.as_bytes());
    out.be32(u32::try_from(content.len()).unwrap_or(u32::MAX));
    out.put(content);
}

fn content(desc: &Desc, state: &State) -> Vec<u8> {
    let mut out = Writer::new();
    for (field, slot) in desc.with(state) {
        match (slot, &field.kind) {
            (Slot::Bytes(bytes), _) => element(&mut out, BYTES, &field.name, bytes),
            (Slot::Struct(state), Kind::Struct(desc)) => {
                element(&mut out, STRUCT, &field.name, &content(desc, state));
            }
            (Slot::Struct(_), Kind::Bytes(_)) => {}
        }
    }
    for (optional, state) in desc.in_use(state) {
        element(&mut out, OPTIONAL, &optional.desc.name, &content(&optional.desc, state));
    }
    out.into_bytes()
}

fn take(content: &[u8], desc: &Desc, spot: Spot<'_>, sink: &mut Sink) -> Result<(), Refusal> {
    let mut cursor = Cursor::over(content);
    let mut fields = vec![false; desc.fields.len()];
    let mut optional = vec![false; desc.optional.len()];
    while !cursor.ended() {
        let kind = cursor.u8()?;
        let name = cursor.counted()?;
        let len = cursor.be32()?;
        let value = cursor.take(usize::try_from(len).unwrap_or(usize::MAX))?;
        let seen = if kind == OPTIONAL {
            let found = desc.optional.iter().zip(&mut optional);
            let mut found = found.filter(|(o, _)| o.desc.name.as_bytes() == name);
            let Some((part, seen)) = found.next() else {
                return Err(Refusal::Optional(shown(name)));
            };
            take(value, &part.desc, spot.inside(part.id), sink)?;
            seen
        } else {
            let mut found =
                desc.fields.iter().zip(&mut fields).filter(|(f, _)| f.name.as_bytes() == name);
            let Some((field, seen)) = found.next() else { return Err(Refusal::Field(shown(name))) };
            match (&field.kind, kind) {
                (Kind::Bytes(n), BYTES) if *n == value.len() => {
                    sink.put(within(spot.place, field.id), value);
                }
                (Kind::Bytes(expected), BYTES) => {
                    let (name, expected) = (shown(name), *expected);
                    return Err(Refusal::Length { name, found: value.len(), expected });
                }
                (Kind::Struct(desc), STRUCT) => take(value, desc, spot.inside(field.id), sink)?,
                _ => return Err(Refusal::Field(shown(name))),
            }
            seen
        };
        if std::mem::replace(seen, true) {
            return Err(Refusal::Twice(shown(name)));
        }
    }
    match desc.fields.iter().zip(&fields).find(|(f, seen)| !**seen && f.generation == 0) {
        Some((field, _)) => Err(Refusal::Missing(field.name.clone())),
        None => Ok(()),
    }
}

impl Promises for Tagged {
    fn name(&self) -> &'static str {
        "6 tagged values"
    }

    /// A name that means something else elsewhere is beyond it, and so is damage to a value.
    fn claims(&self, claim: Claim) -> bool {
        !claim.damaged && !claim.evolution.is_one_name_for_two()
    }

    fn is_unambiguous(&self) -> bool {
        true
    }
}

impl Design for Tagged {
    fn encode(&self, from: &Machine, states: &[State]) -> Vec<u8> {
        let mut out = Writer::new();
        for (device, state) in from.devices.iter().zip(states) {
            element(&mut out, STRUCT, &device.desc.name, &content(&device.desc, state));
        }
        out.u8(END);
        out.into_bytes()
    }

    fn decode(&self, stream: Stream<'_>, to: &Machine, sink: &mut Sink) -> Result<(), Refusal> {
        let mut cursor = Cursor::new(stream);
        loop {
            match cursor.u8()? {
                END => return Ok(()),
                STRUCT => {}
                found => return Err(Refusal::Record(found)),
            }
            let name = cursor.counted()?;
            let len = cursor.be32()?;
            let body = cursor.take(usize::try_from(len).unwrap_or(usize::MAX))?;
            let device = to.devices.iter().find(|d| d.desc.name.as_bytes() == name);
            let Some(device) = device else { return Err(Refusal::Section(shown(name))) };
            let spot = Spot { machine: to, place: device.id, top: true };
            let mark = sink.mark();
            if let Err(refusal) = take(body, &device.desc, spot, sink) {
                sink.rewind(mark);
                return Err(refusal);
            }
        }
    }
}
