//! Design 7: each section says how many bytes it has (2015).
//!
//! A reader that would read beyond the end refuses there; one that is done before the end refuses
//! then. Both are told apart. Inside, everything is as in design 3.

use super::cursor::{Cursor, Stream};
use super::frame::{self, Io, Layout, Spot};
use super::model::{Desc, Machine, State};
use super::sink::{Refusal, Sink};
use super::{Design, one_byte, prefix};
use crate::wire::Writer;

/// See the module documentation.
#[derive(Debug)]
pub struct Length;

impl Layout for Length {
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

    fn put_body(&self, out: &mut Writer, desc: &Desc, state: &State, spot: Spot<'_>, _: u32) {
        let mut body = Writer::new();
        frame::put(self, &mut body, desc, state, self.version(desc), spot);
        out.be32(u32::try_from(body.bytes().len()).unwrap_or(u32::MAX));
        out.put(body.bytes());
    }

    fn take_body(
        &self,
        io: &mut Io<'_, '_>,
        desc: &Desc,
        version: u32,
        spot: Spot<'_>,
        _: u32,
    ) -> Result<(), Refusal> {
        let len = usize::try_from(io.cursor.be32()?).unwrap_or(usize::MAX);
        let mut inner = Io { cursor: Cursor::over(io.cursor.take(len)?), sink: &mut *io.sink };
        let too_long = |refusal| match refusal {
            Refusal::End => {
                Refusal::Length { name: desc.name.clone(), found: len, expected: len + 1 }
            }
            other => other,
        };
        frame::take(self, &mut inner, desc, version, spot).map_err(too_long)?;
        if inner.cursor.ended() {
            return Ok(());
        }
        let expected = inner.cursor.at();
        Err(Refusal::Length { name: desc.name.clone(), found: len, expected })
    }
}

impl Design for Length {
    fn name(&self) -> &'static str {
        "7 section lengths"
    }

    fn encode(&self, from: &Machine, states: &[State]) -> Vec<u8> {
        frame::encode(self, from, states)
    }

    fn decode(&self, stream: Stream<'_>, to: &Machine, sink: &mut Sink) -> Result<(), Refusal> {
        frame::decode(self, stream, to, sink)
    }
}
