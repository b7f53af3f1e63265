//! Which difference between two descriptions, or which rule, made a reader part from the writer.

use super::Cause;
use super::walk::{Reader, present};
use crate::fuzzing::generate::Side;
use crate::vmstate::schema::{Field, Kind};

/// How a description came to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context<'s> {
    /// As a section: its version is on the wire.
    Section,
    /// As a subsection: its version is on the wire.
    Subsection,
    /// As a nested struct or list element: its version is not on the wire.
    Nested {
        /// Key of the description that holds it.
        parent: &'s str,
        /// The field.
        field: &'s str,
    },
}

/// A description that was being read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'s> {
    pub(super) key: &'s str,
    pub(super) version: u32,
    pub(super) context: Context<'s>,
}

impl Reader<'_, '_, '_> {
    /// The reason for parting here: of what was touched since the last item that was right, the
    /// first (innermost) that is not the same on both sides.
    pub(super) fn blame(&self) -> Option<Cause> {
        let left = self.left.iter().copied();
        let open = self.stack.iter().rev().map(|frame| (Some(*frame), None));
        let found = left.chain(open).find_map(|(frame, cause)| {
            cause.or_else(|| frame.and_then(|frame| self.differs(frame)))
        });
        found.or_else(|| self.truth.edited.filter(|e| *e <= self.at).map(|_| Cause::Edited))
    }

    /// How a description differs from the writer's, if it does.
    fn differs(&self, frame: Frame<'_>) -> Option<Cause> {
        let source = self.truth.source;
        let (there, here) =
            (source.tables.vmsd.get(frame.key)?, self.side.tables.vmsd.get(frame.key)?);
        let written = match frame.context {
            Context::Section | Context::Subsection => frame.version,
            Context::Nested { parent, field } => {
                let holder = source.tables.vmsd.get(parent)?;
                let field = holder.fields.iter().find(|f| f.name == field)?;
                match &field.kind {
                    Kind::Vstruct { version_id, .. } => *version_id,
                    Kind::Nested { .. } => field.version_id,
                    _ => there.version_id,
                }
            }
        };
        if same(source, &there.fields, written, self.side, &here.fields, frame.version) {
            return (there.name != here.name).then_some(Cause::Renamed);
        }
        // The same fields, hooks left aside: then it is the machine that made the difference.
        let hooked = |f: &&Field| f.exists.is_some();
        let gated = here.fields.iter().any(|f| hooked(&f));
        let plain = |fields: &[Field]| -> Vec<Field> {
            fields.iter().filter(|f| !hooked(f)).cloned().collect()
        };
        if gated
            && same(
                source,
                &plain(&there.fields),
                written,
                self.side,
                &plain(&here.fields),
                frame.version,
            )
        {
            return Some(Cause::LocalPresence);
        }
        Some(match frame.context {
            Context::Nested { .. } if written != frame.version => Cause::NestedVersion,
            Context::Nested { .. } => Cause::ForgottenNestedBump,
            _ if here.version_id > frame.version => Cause::MinimumNotRaised,
            _ => Cause::ForgottenBump,
        })
    }
}

/// Whether two lists of fields are the same on the wire, each at its version.
fn same(
    source: &Side,
    there: &[Field],
    written: u32,
    destination: &Side,
    here: &[Field],
    read: u32,
) -> bool {
    let shape = |f: &Field| (f.name.clone(), f.kind.clone(), f.count.clone());
    let list = |side: &Side, fields: &[Field], version| -> Vec<_> {
        let there = |f: &&Field| present(f, version, side).unwrap_or(true);
        fields.iter().filter(there).map(shape).collect()
    };
    list(source, there, written) == list(destination, here, read)
}
