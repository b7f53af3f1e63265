//! Design 2: subsections inside the section, recognised by one byte.
//!
//! As in 0.13, where a byte 05 after any description is a subsection, and in 0.14 and 0.15, where
//! it is one after a description that lists any.

use super::Design;
use super::cursor::{Stream, shown};
use super::frame::{self, Io, Layout, SUBSECTION, Spot};
use super::model::{Desc, Machine, State};
use super::sink::{Refusal, Sink};
use crate::wire::Writer;

/// See the module documentation.
#[derive(Debug)]
pub struct OneByte {
    /// Only after descriptions that list subsections (0.14).
    pub listed: bool,
}

/// Writes the optional parts in use as subsections.
pub fn put<L: Layout>(layout: &L, out: &mut Writer, desc: &Desc, state: &State, spot: Spot<'_>) {
    for (optional, state) in desc.in_use(state) {
        let inner = &optional.desc;
        out.u8(SUBSECTION);
        out.counted(inner.name.as_bytes());
        out.be32(layout.version(inner));
        frame::put(layout, out, inner, state, layout.version(inner), spot.inside(optional.id));
    }
}

/// Reads one subsection whose first byte has been looked at.
///
/// # Errors
/// A name that the description does not list, or whatever is wrong in it.
pub fn take<L: Layout>(
    layout: &L,
    io: &mut Io<'_, '_>,
    desc: &Desc,
    spot: Spot<'_>,
) -> Result<(), Refusal> {
    io.cursor.u8()?;
    let name = io.cursor.counted()?;
    let version = io.cursor.be32()?;
    let found = desc.optional.iter().find(|o| o.desc.name.as_bytes() == name);
    let Some(optional) = found else { return Err(Refusal::Optional(shown(name))) };
    frame::take(layout, io, &optional.desc, version, spot.inside(optional.id))
}

impl Layout for OneByte {
    fn put_after(&self, out: &mut Writer, desc: &Desc, state: &State, spot: Spot<'_>) {
        put(self, out, desc, state, spot);
    }

    fn take_after(
        &self,
        io: &mut Io<'_, '_>,
        desc: &Desc,
        _: u32,
        spot: Spot<'_>,
    ) -> Result<(), Refusal> {
        if self.listed && desc.optional.is_empty() {
            return Ok(());
        }
        while io.cursor.peek(0, 1, true) == [SUBSECTION] {
            take(self, io, desc, spot)?;
        }
        Ok(())
    }
}

impl Design for OneByte {
    fn name(&self) -> &'static str {
        if self.listed { "2 one byte, listed (0.14)" } else { "2 one byte (0.13)" }
    }

    fn encode(&self, from: &Machine, states: &[State]) -> Vec<u8> {
        frame::encode(self, from, states)
    }

    fn decode(&self, stream: Stream<'_>, to: &Machine, sink: &mut Sink) -> Result<(), Refusal> {
        frame::decode(self, stream, to, sink)
    }
}
