//! Fields that grow as they are loaded: lists and trees.

use super::field_name;
use crate::vmstate::compiled::Field;
use crate::vmstate::flow::Flow;
use crate::vmstate::progress::{Engine, Walk};
use crate::wire::{Fault, Kind, Result, planted};

impl<'d, F: Flow<'d>> Walk<'d, '_, F> {
    /// A list, a mark before each element and one behind the last (`vmstate_info_qtailq`,
    /// `vmstate_info_qlist`).
    pub(super) fn list(&mut self, field: &'d Field, vmsd: usize) -> Result<()> {
        let mark = field_name(field, "list mark");
        let mut i = 0;
        while self.flow.scalars(mark, 1, 1)? != 0 {
            self.nested(field, Some(i), vmsd, Some(field.version_id))?;
            i = i.saturating_add(1);
        }
        Ok(())
    }

    /// A tree: the number of nodes, then as a list, with keys (`vmstate_info_gtree`).
    pub(super) fn tree(
        &mut self,
        field: &'d Field,
        key: Option<usize>,
        value: usize,
    ) -> Result<()> {
        let name = |info| field_name(field, info);
        let at = self.flow.offset();
        let expected = self.flow.scalars(name("gtree count"), 4, 1)?;
        let mut found = 0u64;
        while self.flow.scalars(name("gtree mark"), 1, 1)? != 0 {
            match key {
                Some(key) => {
                    self.flow.map_mut().enter_key(&field.name, &field.canonical, found as u32);
                    self.vmsd(key, field.version_id)?;
                    self.flow.map_mut().leave();
                }
                None => {
                    let width = if planted(Fault::TreeKeyShort) { 4 } else { 8 };
                    self.flow.scalars(name("gtree key"), width, 1)?;
                }
            }
            self.nested(field, Some(found as u32), value, Some(field.version_id))?;
            found += 1;
        }
        if found != expected {
            let kind = Kind::Check(format!("{found} tree nodes, {expected} announced"));
            return Err(self.flow.fail(kind, at, &field.name));
        }
        Ok(())
    }
}
