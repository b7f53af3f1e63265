//! Design 8: a footer after each section, as shipped in 2.4.
//!
//! A marker byte and the section's id; on for machine types of 2.4 and later. Inside, everything
//! is as in design 3.

use super::cursor::Stream;
use super::frame::{self, Io, Layout, Spot};
use super::model::{Desc, Machine, State};
use super::sink::{Refusal, Sink};
use super::{Design, one_byte, prefix};
use crate::stream::record;
use crate::wire::Writer;

/// See the module documentation.
#[derive(Debug)]
pub struct Footer;

/// Writes a footer.
pub fn put_footer(out: &mut Writer, id: u32) {
    out.u8(record::FOOTER);
    out.be32(id);
}

/// Reads the footer of a section of this name and id.
///
/// # Errors
/// Anything else in its place.
pub fn take_footer(io: &mut Io<'_, '_>, name: &str, id: u32) -> Result<(), Refusal> {
    if io.cursor.u8()? == record::FOOTER && io.cursor.be32()? == id {
        return Ok(());
    }
    Err(Refusal::Footer(name.to_string()))
}

impl Layout for Footer {
    fn put_after(&self, out: &mut Writer, desc: &Desc, state: &State, spot: Spot<'_>) {
        one_byte::put(self, out, desc, state, spot);
    }

    fn take_after(
        &self,
        io: &mut Io<'_, '_>,
        desc: &Desc,
        _: u32,
        spot: Spot<'_>,
    ) -> Result<(), Refusal> {
        prefix::take_all(self, io, desc, spot, true)
    }

    fn put_body(&self, out: &mut Writer, desc: &Desc, state: &State, spot: Spot<'_>, id: u32) {
        frame::put(self, out, desc, state, self.version(desc), spot);
        put_footer(out, id);
    }

    fn take_body(
        &self,
        io: &mut Io<'_, '_>,
        desc: &Desc,
        version: u32,
        spot: Spot<'_>,
        id: u32,
    ) -> Result<(), Refusal> {
        frame::take(self, io, desc, version, spot)?;
        take_footer(io, &desc.name, id)
    }
}

impl Design for Footer {
    fn name(&self) -> &'static str {
        "8 footers (2.4)"
    }

    fn encode(&self, from: &Machine, states: &[State]) -> Vec<u8> {
        frame::encode(self, from, states)
    }

    fn decode(&self, stream: Stream<'_>, to: &Machine, sink: &mut Sink) -> Result<(), Refusal> {
        frame::decode(self, stream, to, sink)
    }
}
