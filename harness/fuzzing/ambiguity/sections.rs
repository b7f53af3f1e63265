//! The main loop of the prediction: header, whole sections, footers, end.

use super::blame::Context;
use super::walk::Reader;
use super::{Prediction, Step};
use crate::stream::record;
use crate::vmstate::schema::{Body, Handler};

/// Reads a whole stream.
pub(super) fn stream(reader: &mut Reader<'_, '_, '_>) -> Step<()> {
    reader.item("header", 8)?;
    loop {
        reader.places.top();
        match reader.byte(reader.at) {
            Some(record::EOF) => {
                reader.item("end of stream", 1)?;
                if reader.pipe.ended {
                    return Err(reader.refuses("look-ahead beyond the end"));
                }
                if !reader.is_done() {
                    return Err(reader.diverges(reader.at));
                }
                return Ok(());
            }
            Some(record::START | record::FULL) => section(reader)?,
            // The writer makes neither: another item is taken for one.
            Some(record::PART | record::END) => return Err(reader.diverges(reader.at)),
            Some(record::COMMAND) if reader.dialect.commands.is_some() => command(reader)?,
            _ => return Err(reader.refuses("section type")),
        }
    }
}

/// A command, by the numbers and lengths of 10.0; its data are whatever they are.
fn command(reader: &mut Reader<'_, '_, '_>) -> Step<()> {
    let begin = reader.at;
    if reader.bytes(begin, 5).len() < 5 {
        return Err(reader.refuses("end of stream"));
    }
    let (number, len) = (reader.number(begin + 1, 2), reader.number(begin + 3, 2));
    let taken = match number {
        1 | 4 | 5 | 8 | 9 | 11 => len == 0,
        2 | 7 => len == 4,
        3 => len == 0 || len == 16,
        6 | 10 => true,
        _ => false,
    };
    if !taken {
        return Err(reader.refuses("command"));
    }
    reader.item("command", 5 + len)?;
    match number {
        // The guest runs, or a stream of its own follows: the writer makes neither.
        5 | 7 => Err(reader.diverges(reader.at)),
        _ => Ok(()),
    }
}

fn section<'s>(reader: &mut Reader<'_, '_, 's>) -> Step<()> {
    let begin = reader.at;
    let id = reader.number(begin + 1, 4);
    let len = u64::from(reader.byte(begin + 5).unwrap_or(0));
    let idstr = reader.bytes(begin + 6, len);
    let instance = reader.number(begin + 6 + len, 4);
    let version = reader.number(begin + 10 + len, 4);
    if reader.dialect.checks_idstr && reader.byte(begin + 5) == Some(0) {
        return Err(reader.refuses("section name"));
    }
    let whole = 14 + len;
    if (reader.bytes(begin, whole).len() as u64) < whole {
        return Err(reader.refuses("end of stream"));
    }
    reader.item("section header", whole)?;
    let idstr = idstr.split(|b| *b == 0).next().unwrap_or(idstr);
    let handlers: &'s [Handler] = &reader.side.handlers.handlers;
    let aliases = reader.dialect.aliases;
    let Some(handler) = handlers.iter().find(|h| takes(h, idstr, instance, aliases)) else {
        return Err(Prediction::Refuses { offset: begin, why: "unknown section" });
    };
    let Some(version) = u32::try_from(version).ok().filter(|v| *v <= handler.version_id) else {
        return Err(Prediction::Refuses { offset: begin, why: "section version" });
    };
    let Body::Vmsd(key) = &handler.body else { return Err(Prediction::Open("a loader")) };
    // Without its bus path: what the section is about.
    let device = handler.idstr.rsplit('/').next().unwrap_or_default();
    reader.places.enter(device, device, None);
    reader.vmsd(key, version, Context::Section)?;
    reader.places.top();
    if reader.dialect.footers {
        let at = reader.at;
        if reader.byte(at) != Some(record::FOOTER) || reader.number(at + 1, 4) != id {
            return Err(reader.refuses("footer"));
        }
        reader.item("section footer", 5)?;
    }
    Ok(())
}

/// Whether a handler takes a section of this name and instance: by its own, or by those it had
/// before its name got a bus path or its instance another number.
fn takes(handler: &Handler, idstr: &[u8], instance: u64, aliases: bool) -> bool {
    let known = |n: u32| u64::from(n) == instance || (aliases && alias(handler) == instance);
    let old = handler.compat.as_ref().filter(|_| aliases);
    (handler.idstr.as_bytes() == idstr && known(handler.instance_id))
        || old.is_some_and(|old| old.idstr.as_bytes() == idstr && known(old.instance_id))
}

/// The other instance that a handler takes; all ones if it has none.
fn alias(handler: &Handler) -> u64 {
    u64::from(handler.alias_id as u32)
}
