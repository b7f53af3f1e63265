//! Design 1: versions alone. Whatever is added bumps the version and is sent from then on.
//!
//! What QEMU had before 0.13, and what was proposed again in August 2011: remove subsections and
//! bump. An optional part is part of its owner's layout from its version on; a part that is not
//! in use is sent in its default state.

use super::frame::{self, Io, Layout, Spot};
use super::model::{Desc, Field, State};
use super::sink::Refusal;
use super::{Claim, Promises};
use crate::wire::Writer;

/// See the module documentation.
#[derive(Debug)]
pub struct Linear;

impl Layout for Linear {
    fn version(&self, desc: &Desc) -> u32 {
        desc.linear
    }

    fn minimum(&self, desc: &Desc) -> u32 {
        desc.linear_minimum
    }

    fn has(&self, field: &Field, version: u32, _: Spot<'_>) -> bool {
        field.linear <= version
    }

    fn put_after(&self, out: &mut Writer, desc: &Desc, state: &State, spot: Spot<'_>) {
        for (optional, state) in desc.optional.iter().zip(&state.optional) {
            let inner = &optional.desc;
            let zero;
            let state = match state {
                Some(state) => state,
                None => {
                    zero = State::zero(inner);
                    &zero
                }
            };
            frame::put(self, out, inner, state, inner.linear, spot.inside(optional.id));
        }
    }

    fn take_after(
        &self,
        io: &mut Io<'_, '_>,
        desc: &Desc,
        version: u32,
        spot: Spot<'_>,
    ) -> Result<(), Refusal> {
        for optional in desc.optional.iter().filter(|o| o.linear <= version) {
            let inner = &optional.desc;
            let mark = io.sink.mark();
            let from = io.cursor.clone();
            frame::take(self, io, inner, inner.linear, spot.inside(optional.id))?;
            // A part in its default state is as good as not in use.
            let n = io.cursor.at() - from.at();
            if from.clone().take(n)?.iter().all(|b| *b == 0) {
                io.sink.rewind(mark);
            }
        }
        Ok(())
    }
}

impl Promises for Linear {
    fn name(&self) -> &'static str {
        "1 versions alone"
    }

    /// What is counted in one line is read rightly or refused.
    fn claims(&self, claim: Claim) -> bool {
        !claim.damaged && claim.evolution.is_upstream()
    }

    fn is_unambiguous(&self) -> bool {
        true
    }
}
