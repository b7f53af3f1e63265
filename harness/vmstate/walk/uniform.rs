//! Arrays of structs that all have the same layout, for a load that only wants the
//! [outline](crate::vmstate::Loader::outline): each such array is one item of the map. A virtio
//! transport sends 1024 queues of five fields, most of them never used.

use super::field_name;
use crate::vmstate::check;
use crate::vmstate::compiled::{Amount, Codec, Count, Field, Kind, Vmsd};
use crate::vmstate::flow::{Flow, Layout};
use crate::vmstate::local::Local;
use crate::vmstate::progress::Walk;
use crate::wire::map;
use crate::wire::{Fault, Result, planted};

/// Arrays of fewer elements are not worth the look.
const FEWEST: u64 = 8;

impl<'d, F: Flow<'d>> Walk<'d, '_, F> {
    /// The layout of the elements of an array of structs: nothing, where one may differ from another
    /// or means more to the load than its bytes.
    pub(super) fn layout(&self, field: &Field, vmsd: usize, count: u64) -> Option<Layout> {
        // Registers of a processor are looked at by name.
        let plain = self.flow.outlines() && self.device != "cpu" && count >= FEWEST;
        if !plain || field.array_of_pointer || field.auto_alloc {
            return None;
        }
        self.context.set.get(vmsd).and_then(layout)
    }

    /// The elements of such an array: many at a time, and one where a refill or a subsection may come
    /// between, as otherwise.
    pub(super) fn uniform(
        &mut self,
        field: &'d Field,
        vmsd: usize,
        layout: Layout,
        count: u64,
    ) -> Result<()> {
        let name = field_name(field, "array of structs");
        let mut done = 0;
        while done < count {
            let steps = layout.fields + 1;
            let most = super::most_steps(self.flow.offset());
            let allowed = most.saturating_sub(*self.flow.steps()) / steps;
            let passed = self.flow.elements(name, layout, allowed.min(count - done));
            *self.flow.steps() += passed * steps;
            done += passed;
            if done == count {
                break;
            }
            let (at, mark) = (self.flow.offset(), self.flow.map_mut().mark());
            self.step(field)?;
            self.nested(field, Some(u32::try_from(done).unwrap_or(u32::MAX)), vmsd, None)?;
            self.flow.after_element()?;
            if self.flow.offset() == at + layout.size as u64 {
                self.flow.map_mut().fold(mark, name.item(0), layout.hash, at, layout.size as u64);
            }
            done += 1;
        }
        Ok(())
    }
}

/// The layout of a description whose bytes are the same fields in any stream and release.
fn layout(vmsd: &Vmsd) -> Option<Layout> {
    if !vmsd.subsections.is_empty()
        || check::has_check(&vmsd.name)
        || planted(Fault::NestedVersionFromWire)
    {
        return None;
    }
    let (mut size, mut hash) = (0u64, 0);
    for field in &vmsd.fields {
        let Kind::Leaf(codec, info, Amount::Fixed(each)) = &field.kind else { return None };
        let known = matches!(codec, Codec::Plain(_) | Codec::Buffer | Codec::Unused);
        let there = field.exists.is_none() && field.version_id <= vmsd.version_id;
        let plain = !field.auto_alloc && !field.array_of_pointer && !field.dropped;
        if !known || !there || !plain || Local::is_needed(info, &field.name) {
            return None;
        }
        let count = match &field.count {
            Count::One => 1,
            Count::Many(Amount::Fixed(count)) => u64::from(u16::try_from(*count).ok()?),
            Count::Many(_) => return None,
        };
        let len = match codec {
            Codec::Plain(width) => u64::from(*width),
            _ => *each,
        };
        let len = len.checked_mul(count)?;
        size = size.checked_add(len)?;
        hash = map::hash(map::hash(hash, field.canonical.as_bytes()), &len.to_be_bytes());
    }
    if planted(Fault::LayoutUnseen) {
        hash = 0;
    }
    let size = usize::try_from(size).ok().filter(|size| *size > 0)?;
    Some(Layout { size, fields: vmsd.fields.len() as u64, hash })
}
