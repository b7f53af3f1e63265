//! Design 4: a sentinel after each embedded structure, for new machine types only.
//!
//! Proposed in July 2011 as the way out of the ambiguity of design 2: what follows a nested
//! struct is then either a subsection or the sentinel, never the next field. Old machine types
//! keep the old format, so that their streams still load.

use super::Promises;
use super::frame::{Io, Layout, Spot, put_subsections, take_by_byte};
use super::model::{Desc, State};
use super::sink::Refusal;
use crate::wire::Writer;

/// The sentinel: no record type, and not the first byte of a subsection.
const SENTINEL: u8 = 0x7d;

/// See the module documentation.
#[derive(Debug)]
pub struct Sentinel;

impl Layout for Sentinel {
    fn put_after(&self, out: &mut Writer, desc: &Desc, state: &State, spot: Spot<'_>) {
        put_subsections(self, out, desc, state, spot);
        if spot.machine.new_type && !spot.top {
            out.u8(SENTINEL);
        }
    }

    fn take_after(
        &self,
        io: &mut Io<'_, '_>,
        desc: &Desc,
        _: u32,
        spot: Spot<'_>,
    ) -> Result<(), Refusal> {
        let marked = spot.machine.new_type;
        if marked || !desc.optional.is_empty() {
            take_by_byte(self, io, desc, spot)?;
        }
        if marked && !spot.top && io.cursor.u8()? != SENTINEL {
            return Err(Refusal::Sentinel(desc.name.clone()));
        }
        Ok(())
    }
}

impl Promises for Sentinel {
    fn name(&self) -> &'static str {
        "4 sentinels, new types"
    }
}
