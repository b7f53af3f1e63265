//! Arrays of pointers with NULL elements (`VMS_ARRAY_OF_POINTER`): markers since 2.9, of every element
//! where the description allocates them.

use crate::dialect::PointerMarkers;
use crate::vmstate::compiled::Field;
use crate::vmstate::flow::{Flow, Name};
use crate::vmstate::progress::Walk;
use crate::wire::{Fault, Kind, Result, planted};

/// Elements of an array of pointers of which it is looked up whether the destination has them.
const MAX_KNOWN: u32 = 4096;
/// Name of the marker of a NULL element, in the node of that element.
const POINTER: &str = "pointer";

impl<'d, F: Flow<'d>> Walk<'d, '_, F> {
    /// Which elements of an array of pointers the destination has as NULL, as its own fixture shows:
    /// nothing, if that has none there, as then a byte may be a marker or the first of an element.
    pub(super) fn known_nulls(&mut self, field: &'d Field, count: u64) -> Option<Vec<bool>> {
        let first = u32::try_from(count).unwrap_or(u32::MAX).min(MAX_KNOWN);
        let mut is_null = |i| {
            self.flow.map_mut().enter(&field.name, &field.canonical, Some(i));
            let null =
                self.context.local.items.contains_key(&self.flow.map_mut().identity(POINTER));
            self.flow.map_mut().leave();
            null
        };
        let nulls: Vec<bool> = (0..first).map(&mut is_null).collect();
        nulls.contains(&true).then_some(nulls)
    }

    /// Whether an element of an array of pointers is NULL. The loader goes by its own pointers, and
    /// knows of none what the source has there: `known`, where that is known, else what the next
    /// byte says, as a destination that is configured as its source has the same.
    pub(super) fn null(&mut self, field: &'d Field, i: u64, known: Option<bool>) -> Result<bool> {
        let name = Name::plain(POINTER, "nullptr");
        let (loads, markers) = (self.flow.loads(), self.context.dialect.pointers);
        let index = Some(u32::try_from(i).unwrap_or(u32::MAX));
        self.flow.map_mut().enter(&field.name, &field.canonical, index);
        let at = self.flow.offset();
        let null = match known {
            Some(null) if loads => null,
            None if loads && markers == PointerMarkers::None => false,
            _ => self.flow.null_next(name),
        };
        if null && markers == PointerMarkers::None {
            let kind = Kind::Abort("a NULL element, which is followed before 2.9".into());
            return Err(self.flow.fail(kind, at, POINTER));
        }
        if null && !(loads && planted(Fault::NullMarkerKept)) {
            match self.flow.compared(name, 1) {
                (0x30, outcome) => outcome?,
                (_, Err(e)) if !loads => return Err(e),
                (0x31, _) if markers == PointerMarkers::NullOrValid => {
                    let kind = Kind::Abort("an element that is there, where there is NULL".into());
                    return Err(self.flow.fail(kind, at, POINTER));
                }
                (found, _) => {
                    let expected = match markers {
                        PointerMarkers::NullOrValid => "0x30 or 0x31",
                        _ => "0x30",
                    };
                    let kind = Kind::BadMarker { found: found as u8, expected };
                    return Err(self.flow.fail(kind, at, POINTER));
                }
            }
        }
        self.flow.map_mut().leave();
        Ok(null)
    }
}
