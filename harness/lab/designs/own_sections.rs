//! Design 5: subsections as sections of their own, named after device and subsection.
//!
//! October 2011, option 3: a section cannot be mistaken for the next field. Option 5 keeps both:
//! what exists stays inside its section (design 3), what is new gets a section of its own.

use super::cursor::shown;
use super::frame::{self, Io, Layout, Spot, Subsections, put_subsections};
use super::model::{Desc, Kind, Machine, Optional, Slot, State};
use super::sink::Refusal;
use super::{Claim, Evolution, Promises};
use crate::wire::Writer;

/// See the module documentation.
#[derive(Debug)]
pub struct OwnSections {
    /// What exists (generation 0) stays inside.
    pub both: bool,
}

impl OwnSections {
    fn is_own(&self, optional: &Optional) -> bool {
        !self.both || optional.generation > 0
    }

    /// The description with only those optional parts that stay inside.
    fn inside<'d>(&self, desc: &'d Desc, state: &'d State) -> (Desc, State) {
        let (optional, states) = desc
            .optional
            .iter()
            .zip(&state.optional)
            .filter(|(o, _)| !self.is_own(o))
            .map(|(o, s)| (o.clone(), s.clone()))
            .unzip();
        let kept = Desc { optional, fields: Vec::new(), ..desc.clone() };
        (kept, State { optional: states, fields: Vec::new() })
    }
}

/// The optional parts in use of a device, wherever they are, with the path of their names.
pub fn each<'a>(
    desc: &'a Desc,
    state: &'a State,
    path: &str,
    spot: Spot<'a>,
    with: &mut dyn FnMut(String, &'a Optional, &'a State, Spot<'a>),
) {
    for (field, slot) in desc.with(state) {
        if let (Kind::Struct(desc), Slot::Struct(state)) = (&field.kind, slot) {
            each(desc, state, &format!("{path}-{}", field.name), spot.inside(field.id), with);
        }
    }
    for (optional, state) in desc.in_use(state) {
        let (path, spot) = (format!("{path}-{}", optional.desc.name), spot.inside(optional.id));
        with(path.clone(), optional, state, spot);
        each(&optional.desc, state, &path, spot, with);
    }
}

/// The optional part of that path, and its place.
#[must_use]
pub fn find<'a>(desc: &'a Desc, path: &str, spot: Spot<'a>) -> Option<(&'a Optional, Spot<'a>)> {
    for field in &desc.fields {
        if let Kind::Struct(inner) = &field.kind
            && let Some(rest) = path.strip_prefix(&format!("-{}", field.name))
            && let Some(found) = find(inner, rest, spot.inside(field.id))
        {
            return Some(found);
        }
    }
    desc.optional.iter().find_map(|optional| {
        let rest = path.strip_prefix(&format!("-{}", optional.desc.name))?;
        let spot = spot.inside(optional.id);
        if rest.is_empty() { Some((optional, spot)) } else { find(&optional.desc, rest, spot) }
    })
}

impl Layout for OwnSections {
    fn subsections(&self) -> Subsections {
        if self.both { Subsections::Prefix { full: true } } else { Subsections::None }
    }

    fn put_after(&self, out: &mut Writer, desc: &Desc, state: &State, spot: Spot<'_>) {
        let (kept, state) = self.inside(desc, state);
        put_subsections(self, out, &kept, &state, spot);
    }

    fn put_beside(&self, out: &mut Writer, desc: &Desc, state: &State, spot: Spot<'_>) {
        each(desc, state, &desc.name, spot, &mut |path, optional, state, spot| {
            if self.is_own(optional) {
                frame::put_head(out, 0, &path, optional.desc.version);
                frame::put(self, out, &optional.desc, state, optional.desc.version, spot);
            }
        });
    }

    fn take_beside(
        &self,
        io: &mut Io<'_, '_>,
        machine: &Machine,
        name: &[u8],
        version: u32,
    ) -> Result<bool, Refusal> {
        let name = shown(name);
        for device in &machine.devices {
            let spot = Spot { machine, place: device.id, top: true };
            if let Some(path) = name.strip_prefix(device.desc.name.as_str())
                && let Some((optional, spot)) = find(&device.desc, path, spot)
            {
                frame::take(self, io, &optional.desc, version, spot)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Promises for OwnSections {
    fn name(&self) -> &'static str {
        if self.both { "5 both kinds of subsection" } else { "5 sections of their own" }
    }

    /// Alone: what is counted in one line, and optional parts whoever adds them.
    fn claims(&self, claim: Claim) -> bool {
        let evolution = claim.evolution;
        let parts = evolution == Evolution::BackportedSubsections;
        !self.both && !claim.damaged && (parts || evolution.is_upstream())
    }

    fn is_unambiguous(&self) -> bool {
        !self.both
    }
}
