//! Design 3: subsections inside the section, recognised by a look at length and name.
//!
//! 1.0 to today: byte 05, a length that leaves room for more than the owner's name, and a name
//! that begins with it. With a single refill (1.0 to 2.0) a look-ahead that meets the end of what
//! has arrived gives up; with full refills (2.1) it waits.

use super::Design;
use super::cursor::{Stream, shown};
use super::frame::{self, Io, Layout, SUBSECTION, Spot};
use super::model::{Desc, Machine, State};
use super::one_byte;
use super::sink::{Refusal, Sink};
use crate::wire::Writer;

/// See the module documentation.
#[derive(Debug)]
pub struct Prefix {
    /// Whether a look-ahead waits for as many bytes as it needs (2.1).
    pub full: bool,
}

/// Reads the subsections that follow a description.
///
/// # Errors
/// A name that has the right beginning but is not listed, or whatever is wrong in one.
pub fn take_all<L: Layout>(
    layout: &L,
    io: &mut Io<'_, '_>,
    desc: &Desc,
    spot: Spot<'_>,
    full: bool,
) -> Result<(), Refusal> {
    loop {
        if io.cursor.peek(0, 1, full) != [SUBSECTION] {
            return Ok(());
        }
        let len = io.cursor.peek(1, 1, full).first().map_or(0, |n| usize::from(*n));
        if len <= desc.prefix.len() {
            return Ok(());
        }
        let name = io.cursor.peek(2, len, full);
        if name.len() < len || !name.starts_with(desc.prefix.as_bytes()) {
            return Ok(());
        }
        if desc.optional.iter().all(|o| o.desc.name.as_bytes() != name) {
            return Err(Refusal::Optional(shown(name)));
        }
        one_byte::take(layout, io, desc, spot)?;
    }
}

impl Layout for Prefix {
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
        take_all(self, io, desc, spot, self.full)
    }
}

impl Design for Prefix {
    fn name(&self) -> &'static str {
        if self.full { "3 prefix (2.1)" } else { "3 prefix, one refill (1.0)" }
    }

    fn encode(&self, from: &Machine, states: &[State]) -> Vec<u8> {
        frame::encode(self, from, states)
    }

    fn decode(&self, stream: Stream<'_>, to: &Machine, sink: &mut Sink) -> Result<(), Refusal> {
        frame::decode(self, stream, to, sink)
    }
}
