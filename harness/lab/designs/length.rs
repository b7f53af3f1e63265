//! Design 7: each section says how many bytes it has (2015).
//!
//! A reader that would read beyond the end refuses there; one that is done before the end refuses
//! then. Both are distinguished. Inside, everything is as in design 3.

use super::Promises;
use super::cursor::Cursor;
use super::frame::{self, Io, Layout, Spot, Subsections};
use super::model::{Desc, State};
use super::sink::Refusal;
use crate::wire::Writer;

/// See the module documentation.
#[derive(Debug)]
pub struct Length;

impl Layout for Length {
    fn subsections(&self) -> Subsections {
        Subsections::Prefix { full: true }
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

impl Promises for Length {
    fn name(&self) -> &'static str {
        "7 section lengths"
    }
}
