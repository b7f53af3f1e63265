//! Design 11: state is left out by a machine-type property for old types (2015).
//!
//! What is added is there on new machine types only; on old ones neither side knows of it, no
//! version is bumped, and nothing is refused. What a guest has in use of it is given up. Framing
//! as shipped: design 3 inside, design 8 around.

use super::cursor::Stream;
use super::footer::{put_footer, take_footer};
use super::frame::{self, Io, Layout, Spot};
use super::model::{Desc, Field, Machine, Optional, State};
use super::sink::{Refusal, Sink};
use super::{Design, one_byte, prefix};
use crate::wire::Writer;

/// See the module documentation.
#[derive(Debug)]
pub struct Skipped;

/// The description and state with only those optional parts that the machine type has.
fn on_machine(desc: &Desc, state: &State, machine: &Machine) -> (Desc, State) {
    let has = |o: &Optional| o.generation <= machine.generation;
    let parts = desc.optional.iter().zip(&state.optional).filter(|(o, _)| has(o));
    let (optional, states) = parts.map(|(o, s)| (o.clone(), s.clone())).unzip();
    let kept = Desc { optional, fields: Vec::new(), ..desc.clone() };
    (kept, State { optional: states, fields: Vec::new() })
}

impl Layout for Skipped {
    fn version(&self, desc: &Desc) -> u32 {
        desc.base
    }

    fn minimum(&self, desc: &Desc) -> u32 {
        desc.minimum.min(desc.base)
    }

    fn has(&self, field: &Field, _: u32, spot: Spot<'_>) -> bool {
        field.generation <= spot.machine.generation
    }

    fn put_after(&self, out: &mut Writer, desc: &Desc, state: &State, spot: Spot<'_>) {
        let (kept, state) = on_machine(desc, state, spot.machine);
        one_byte::put(self, out, &kept, &state, spot);
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

impl Design for Skipped {
    fn name(&self) -> &'static str {
        "11 left out by property"
    }

    fn gives_up(&self) -> bool {
        true
    }

    fn encode(&self, from: &Machine, states: &[State]) -> Vec<u8> {
        frame::encode(self, from, states)
    }

    fn decode(&self, stream: Stream<'_>, to: &Machine, sink: &mut Sink) -> Result<(), Refusal> {
        frame::decode(self, stream, to, sink)
    }
}
