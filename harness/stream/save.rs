//! The inverse of [`super::load()`]: writes a stream by the descriptions of a release.
//!
//! Framing and device state are written anew; live sections (`ram`, `block`, `dirty-bitmap`) are
//! taken over as they are. What is written where goes into a map, the truth about the stream.

use super::destination::{Body, Destination};
use super::loaded::Loaded;
use super::progress::Section;
use super::{FORMAT, MAGIC, record};
use crate::dialect::Generation;
use crate::vmstate::codec::{clock, slirp, virtio};
use crate::vmstate::flow::{Name, SUBSECTION};
use crate::vmstate::progress::{Context, Engine};
use crate::vmstate::{Saver, Values, Walk, compiled};
use crate::wire::map::Item;
use crate::wire::{Error, Kind, Map, Result, Writer};

/// Writes the file header.
pub fn header(writer: &mut Writer) {
    writer.be32(MAGIC);
    writer.be32(FORMAT);
}

/// Writes the head of a START or FULL record.
pub fn section_header(writer: &mut Writer, section: &Section) {
    writer.u8(section.record);
    writer.be32(section.id);
    if matches!(section.record, record::START | record::FULL) {
        writer.counted(&section.idstr);
        writer.be32(section.instance_id);
        writer.be32(section.version_id);
    }
}

/// Writes a section footer.
pub fn footer(writer: &mut Writer, id: u32) {
    writer.u8(record::FOOTER);
    writer.be32(id);
}

/// Writes the payload of a section by the destination's handler, with values from `saver`.
///
/// # Errors
/// Values that do not fit the walk, or a handler that is not modelled.
pub fn payload<'d, V: Values>(
    by: &'d Destination,
    section: &Section,
    saver: &mut Saver<'_, 'd, V>,
) -> Result<()> {
    let Some(handler) = by.handlers.get(section.handler) else {
        return Err(Kind::Undetermined(format!("handler {}", section.handler)).at(section.body));
    };
    let context = Context {
        set: &by.set,
        dialect: &by.dialect,
        release: by.version,
        generation: Generation::of(&by.machine),
        machine: &by.machine,
        local: &by.local,
    };
    let index = (handler.ordinal > 0).then_some(handler.ordinal);
    saver.map.top();
    saver.map.set_section(Some(&handler.idstr));
    saver.map.enter(&handler.device, &handler.device, index);
    let mut walk = Walk::new(context, &handler.device, saver);
    match &handler.body {
        Body::Vmsd(vmsd) => walk.vmsd(*vmsd, section.version_id)?,
        Body::Virtio => virtio::section(&mut walk, section.version_id)?,
        Body::Nothing => {}
        Body::Clock => clock::section(&mut walk)?,
        Body::Slirp => slirp::section(&mut walk, section.version_id)?,
        other => {
            let what = format!("writing of {} ({other:?})", handler.idstr);
            return Err(Kind::Undetermined(what).at(section.body));
        }
    }
    saver.map.top();
    Ok(())
}

/// Writes a loaded stream again, from the values that the load found in it. The outcome is the
/// stream itself, byte for byte, if load and save are each other's inverse.
///
/// # Errors
/// A map that does not fit the descriptions, with the place.
pub fn save_again<'d>(
    by: &'d Destination,
    loaded: &Loaded<'d>,
    stream: &[u8],
) -> Result<(Vec<u8>, Map<'d>)> {
    let mut values = RecordedValues { map: &loaded.map, stream, at: 0, within: 0 };
    let mut saver = Saver::new(&mut values);
    let raw = |from: u64, to: u64| slice(stream, from, to);
    header(&mut saver.writer);
    saver.map.note(Item::framing("header"), 0, 8);
    let mut done = 8;
    for section in &loaded.sections {
        // Configuration and commands: whatever the loader passed over as framing.
        saver.writer.put(raw(done, section.offset)?);
        section_header(&mut saver.writer, section);
        if is_copied(by, section) {
            saver.writer.put(raw(section.body, section.end)?);
        } else {
            saver.values.seek(section.body);
            payload(by, section, &mut saver)?;
        }
        done = section.end;
        if by.dialect.footers {
            footer(&mut saver.writer, section.id);
            done += 5;
        }
    }
    saver.writer.put(raw(done, stream.len() as u64)?);
    Ok((saver.writer.into_bytes(), saver.map))
}

/// Whether the payload of a section is taken over as it is: then nothing of it is in the map.
#[must_use]
pub fn is_copied(by: &Destination, section: &Section) -> bool {
    let live =
        |body: &Body| body.is_records() || matches!(body, Body::Unmigratable | Body::Unknown(_));
    by.handlers.get(section.handler).is_none_or(|handler| live(&handler.body))
}

fn slice(stream: &[u8], from: u64, to: u64) -> Result<&[u8]> {
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    range
        .and_then(|(from, to)| stream.get(from..to))
        .ok_or_else(|| Kind::Limit(format!("bytes {from} to {to} of the stream")).at(from))
}

/// Values that a load recorded: the spans of its map, in order.
#[derive(Debug)]
pub struct RecordedValues<'m, 'd> {
    map: &'m Map<'d>,
    stream: &'m [u8],
    at: usize,
    within: u64,
}

impl RecordedValues<'_, '_> {
    /// Goes on with the first span at or after `offset`.
    fn seek(&mut self, offset: u64) {
        self.at = self.map.spans().partition_point(|s| s.offset < offset);
        self.within = 0;
    }
}

impl Values for RecordedValues<'_, '_> {
    fn item(&mut self, map: &Map<'_>, name: Name<'_>, _: u32, into: &mut [u8]) -> Result<()> {
        let mut rest = into;
        while !rest.is_empty() {
            let Some(span) = self.map.spans().get(self.at) else {
                return Err(misfit(map, name.shown, 0));
            };
            if span.identity != map.identity(name.canonical) {
                return Err(misfit(map, name.shown, span.offset));
            }
            let left = span.len - self.within;
            let n = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let from = span.offset + self.within;
            let bytes = slice(self.stream, from, from + n as u64)?;
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(n);
            head.copy_from_slice(bytes);
            rest = tail;
            self.within += n as u64;
            if self.within == span.len {
                self.at += 1;
                self.within = 0;
            }
        }
        Ok(())
    }

    fn is_null(&mut self, map: &Map<'_>, name: Name<'_>) -> bool {
        let next = self.map.spans().get(self.at).filter(|_| self.within == 0);
        next.is_some_and(|span| {
            span.info == name.info && span.identity == map.identity(name.canonical)
        })
    }

    fn subsection(
        &mut self,
        map: &Map<'_>,
        owner: &compiled::Vmsd,
    ) -> Result<Option<(usize, u32)>> {
        let Some(span) = self.map.spans().get(self.at) else { return Ok(None) };
        if span.info != "subsection" || span.identity != map.identity(span.name) {
            return Ok(None);
        }
        let Some(which) = owner.subsections.iter().position(|s| s.0 == span.name) else {
            return Ok(None);
        };
        let head = slice(self.stream, span.offset, span.offset + span.len)?;
        if head.first() != Some(&SUBSECTION) {
            return Err(misfit(map, span.name, span.offset));
        }
        let version = head.iter().rev().take(4).rev().fold(0u32, |v, b| v << 8 | u32::from(*b));
        self.at += 1;
        Ok(Some((which, version)))
    }
}

fn misfit(map: &Map<'_>, name: &str, offset: u64) -> Box<Error> {
    map.fail(Kind::Limit("the recorded values do not fit the description".into()), offset, name)
}
