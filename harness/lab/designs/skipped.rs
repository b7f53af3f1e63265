//! Design 11: state is left out by a machine-type property for old types (2015).
//!
//! What is added is there on new machine types only; on old ones neither side knows of it, no
//! version is bumped, and nothing is refused. What a guest has in use of it is given up. Framing
//! as shipped: design 3 inside, design 8 around.

use super::Promises;
use super::frame::{Layout, Spot, Subsections, put_subsections};
use super::model::{Desc, Field, Machine, Optional, State};
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
    fn subsections(&self) -> Subsections {
        Subsections::Prefix { full: true }
    }

    fn footers(&self) -> bool {
        true
    }

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
        put_subsections(self, out, &kept, &state, spot);
    }
}

impl Promises for Skipped {
    fn name(&self) -> &'static str {
        "11 left out by property"
    }

    fn gives_up(&self) -> bool {
        true
    }
}
