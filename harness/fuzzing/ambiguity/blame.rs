//! Which difference between two descriptions, or which rule, made a reader diverge from the writer.

use super::{Cause, Prediction, Step};
use crate::fuzzing::generate::Side;
use crate::vmstate::schema::{Count, Field, Kind, Presence, Vmsd};
use crate::wire::{Fault, planted};

/// How a description came to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context<'s> {
    /// As a section: its version is on the wire.
    Section,
    /// As a subsection: its version is on the wire.
    Subsection,
    /// As a nested struct or list element, in this field: its version is not on the wire.
    Nested(&'s str),
}

/// A description that was being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'t, 's> {
    /// The reader's, and the version it reads.
    pub(super) here: (&'s Vmsd, u32),
    /// The writer's in the same place, and the version it wrote.
    there: Option<(&'t Vmsd, u32)>,
    context: Context<'s>,
}

/// What was being read, and what was left.
#[derive(Debug)]
pub(super) struct Trail<'t, 's> {
    /// The writer.
    source: &'t Side,
    /// The reader.
    side: &'s Side,
    /// Descriptions being read.
    pub(super) stack: Vec<Frame<'t, 's>>,
    /// Descriptions left, and rules that said no, since the last item that was right.
    pub(super) left: Vec<(Option<Frame<'t, 's>>, Option<Cause>)>,
}

impl<'t, 's> Trail<'t, 's> {
    pub(super) fn new(source: &'t Side, side: &'s Side) -> Self {
        Trail { source, side, stack: Vec::new(), left: Vec::new() }
    }

    /// The description that is being read now, beside what the writer has in its place.
    pub(super) fn frame(
        &self,
        key: &str,
        here: (&'s Vmsd, u32),
        context: Context<'s>,
    ) -> Frame<'t, 's> {
        let tables = &self.source.tables.vmsd;
        let owner = self.stack.last().and_then(|frame| frame.there).map(|there| there.0);
        let there = match context {
            Context::Section => tables.get(key).map(|v| (v, here.1)),
            Context::Subsection => owner.and_then(|owner| {
                let mut listed = owner.subsections.iter().filter_map(|s| tables.get(&s.vmsd));
                listed.find(|v| v.name == here.0.name).map(|v| (v, here.1))
            }),
            Context::Nested(name) => owner.and_then(|owner| {
                let field = owner.fields.iter().find(|f| f.name == name)?;
                match &field.kind {
                    Kind::Struct { vmsd } => tables.get(vmsd).map(|v| (v, v.version_id)),
                    Kind::Vstruct { vmsd, version_id } => {
                        tables.get(vmsd).map(|v| (v, *version_id))
                    }
                    Kind::Nested { vmsd, key: of_key, .. } => {
                        let of = of_key.as_ref().filter(|of| *of == key).unwrap_or(vmsd);
                        tables.get(of).map(|v| (v, field.version_id))
                    }
                    Kind::Leaf { .. } | Kind::Unknown { .. } => None,
                }
            }),
        };
        Frame { here, there, context }
    }

    /// The reason for parting here: of what was touched since the last item that was right, the
    /// first (innermost) that is not the same on both sides; else `edited`, where bytes were first changed.
    pub(super) fn blame(&self, offset: u64, edited: Option<u64>) -> Option<Cause> {
        let left = self.left.iter().copied();
        let open = self.stack.iter().rev().map(|frame| (Some(*frame), None));
        let found = left.chain(open).find_map(|(frame, cause)| {
            cause.or_else(|| frame.and_then(|frame| self.differs(frame)))
        });
        found.or_else(|| edited.filter(|e| *e <= offset).map(|_| Cause::Edited))
    }

    /// How a description differs from the writer's, if it does.
    fn differs(&self, frame: Frame<'_, '_>) -> Option<Cause> {
        let (there, written) = frame.there?;
        let (here, read) = frame.here;
        // An old loader reads what it likes.
        let old = read < here.minimum_version_id;
        let there_fields = Fields { side: self.source, version: written };
        let here_fields = Fields { side: self.side, version: read };
        if !old && there_fields.list(there, true).eq(here_fields.list(here, true)) {
            return (there.name != here.name).then_some(Cause::Renamed);
        }
        // The same fields, hooks left aside: then it is the machine that made the difference.
        if !old && there_fields.list(there, false).eq(here_fields.list(here, false)) {
            return Some(Cause::LocalPresence);
        }
        Some(match frame.context {
            Context::Nested(_) if planted(Fault::NestedUnexplained) => return None,
            Context::Nested(_) if written != read => Cause::NestedVersion,
            Context::Nested(_) => Cause::ForgottenNestedBump,
            _ if here.version_id > read => Cause::MinimumNotRaised,
            _ => Cause::ForgottenBump,
        })
    }
}

/// The fields of a description at a version, as far as the wire shows them.
struct Fields<'s> {
    side: &'s Side,
    version: u32,
}

impl Fields<'_> {
    /// What is there, in order; fields with a hook only if `hooked`.
    fn list<'f>(
        &'f self,
        of: &'f Vmsd,
        hooked: bool,
    ) -> impl Iterator<Item = (&'f str, &'f Kind, &'f Count)> {
        of.fields
            .iter()
            .filter(move |f| hooked || f.exists.is_none())
            .filter(|f| present(f, self.version, self.side).unwrap_or(true))
            .map(|f| (f.name.as_str(), &f.kind, &f.count))
    }
}

/// Whether a field is there: its hook alone decides, else its version.
pub(super) fn present(field: &Field, version: u32, side: &Side) -> Step<bool> {
    match &field.exists {
        None => Ok(field.version_id <= version),
        Some(Presence::Observed(gate)) => {
            let seen = side.handlers.observed.get(gate).copied();
            seen.ok_or(Prediction::Open("a hook that nothing was observed of"))
        }
        Some(Presence::Hook(_)) => Err(Prediction::Open("a hook")),
    }
}
