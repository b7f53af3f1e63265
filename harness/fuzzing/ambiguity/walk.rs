//! Walks the writer's items by the destination's descriptions, up to the first disagreement.

use super::blame::{Context, Trail, present};
use super::pipe::Pipe;
use super::{Cause, Prediction, Step, Truth};
use crate::dialect::{Dialect, OldVersions, PointerMarkers};
use crate::fuzzing::generate::Side;
use crate::fuzzing::generate::evolve::OLD_HOOK;
use crate::vmstate::schema::{Count, Field, Kind, Size, Vmsd};
use crate::wire::{Feed, Map};

/// A reader that knows what was written.
pub(super) struct Reader<'t, 'd, 's> {
    pub(super) truth: Truth<'t, 'd>,
    pub(super) side: &'s Side,
    pub(super) dialect: &'s Dialect,
    pub(super) pipe: Pipe<'s>,
    /// Where this reader is.
    pub(super) at: u64,
    /// The writer's next item.
    next: usize,
    /// Names of places; holds no items.
    pub(super) places: Map<'s>,
    /// What may be to blame.
    pub(super) trail: Trail<'t, 's>,
}

impl<'t, 'd, 's> Reader<'t, 'd, 's> {
    pub(super) fn new(
        truth: Truth<'t, 'd>,
        side: &'s Side,
        dialect: &'s Dialect,
        feed: &'s Feed,
    ) -> Self {
        let pipe = Pipe::new(feed, truth.bytes.len() as u64);
        Reader {
            truth,
            side,
            dialect,
            pipe,
            at: 0,
            next: 0,
            places: Map::new(),
            trail: Trail::new(truth.source, side),
        }
    }

    /// The byte at `offset`.
    pub(super) fn byte(&self, offset: u64) -> Option<u8> {
        self.truth.bytes.get(usize::try_from(offset).ok()?).copied()
    }

    /// Bytes from `offset` on; fewer at the end of the stream.
    pub(super) fn bytes(&self, offset: u64, len: u64) -> &'t [u8] {
        let size = self.truth.bytes.len() as u64;
        let range = offset.min(size) as usize..offset.saturating_add(len).min(size) as usize;
        self.truth.bytes.get(range).unwrap_or(&[])
    }

    /// A big-endian number.
    pub(super) fn number(&self, offset: u64, len: u64) -> u64 {
        self.bytes(offset, len).iter().fold(0, |v, b| v << 8 | u64::from(*b))
    }

    /// Whether the writer's next item is `name` of the current place.
    pub(super) fn is_next(&self, name: &str) -> bool {
        let span = self.truth.map.spans().get(self.next);
        span.is_some_and(|s| s.offset == self.at && s.identity == self.places.identity(name))
    }

    /// Whether the writer has no more state.
    pub(super) fn is_done(&self) -> bool {
        self.truth.map.spans().iter().skip(self.next).all(|s| s.name == "vmdescription")
    }

    /// Reads `len` bytes as `name` of the current place. Returns the value of the last 8.
    pub(super) fn item(&mut self, name: &str, len: u64) -> Step<u64> {
        if len == 0 {
            return Ok(0);
        }
        let span = self.truth.map.spans().get(self.next);
        match span {
            Some(s) if s.offset == self.at && s.identity == self.places.identity(name) => {
                if s.len != len {
                    return Err(self.diverges(self.at + s.len.min(len)));
                }
            }
            _ => return Err(self.diverges(self.at)),
        }
        self.next += 1;
        self.at += len;
        self.trail.left.clear();
        let tail = len.min(8);
        Ok(self.number(self.at - tail, tail))
    }

    /// The reader goes on with something else.
    pub(super) fn diverges(&self, offset: u64) -> Prediction {
        Prediction::Diverges { offset, cause: self.trail.blame(offset, self.truth.edited) }
    }

    /// The reader refuses here.
    pub(super) fn refuses(&self, why: &'static str) -> Prediction {
        Prediction::Refuses { offset: self.at, why }
    }

    /// Reads the description `key` at `version`, with its subsections.
    pub(super) fn vmsd(&mut self, key: &'s str, version: u32, context: Context<'s>) -> Step<()> {
        let Some(vmsd) = self.side.tables.vmsd.get(key) else {
            return Err(Prediction::Open("a description is missing"));
        };
        let frame = self.trail.frame(key, (vmsd, version), context);
        if version > vmsd.version_id {
            return Err(self.refuses("version"));
        }
        self.trail.stack.push(frame);
        if version < vmsd.minimum_version_id {
            self.old(vmsd, version)?;
            self.trail.stack.pop();
            self.trail.left.push((Some(frame), None));
            return Ok(());
        }
        let mut values = vec![0u64; vmsd.fields.len()];
        for (i, field) in vmsd.fields.iter().enumerate() {
            if present(field, version, self.side)? {
                let value = self.field(vmsd, field, &values)?;
                if let Some(place) = values.get_mut(i) {
                    *place = value;
                }
            } else if field.must_exist && self.dialect.validates {
                return Err(self.refuses("a field that must exist"));
            }
        }
        while let Some((subsection, version)) = self.subsection(vmsd)? {
            let name = self.side.tables.vmsd.get(subsection).map_or("", |v| v.name.as_str());
            self.places.enter(name, name, None);
            self.vmsd(subsection, version, Context::Subsection)?;
            self.places.leave();
        }
        self.trail.stack.pop();
        self.trail.left.push((Some(frame), None));
        Ok(())
    }

    /// Below the minimum: what the one hook that is generated reads, and no subsections.
    fn old(&mut self, vmsd: &'s Vmsd, version: u32) -> Step<()> {
        let hook = match &vmsd.old {
            Some(old) if version >= old.minimum_version_id => old.load.as_deref(),
            _ => return Err(self.refuses("version")),
        };
        match (self.dialect.old_versions, hook) {
            (OldVersions::Never, _) | (_, None) => return Err(self.refuses("version")),
            (_, Some(OLD_HOOK)) if matches!(version, 1 | 2) => {}
            _ => return Err(Prediction::Open("an old version")),
        }
        if let Some(field) = vmsd.fields.first()
            && present(field, version, self.side)?
        {
            self.field(vmsd, field, &[])?;
        }
        self.item("smm_enabled", 1)?;
        self.after_element()?;
        if version == 2 {
            self.item("irq_levels", 16)?;
            self.after_element()?;
        }
        Ok(())
    }

    fn field(&mut self, vmsd: &'s Vmsd, field: &'s Field, values: &[u64]) -> Step<u64> {
        let count = match &field.count {
            Count::One => 1,
            Count::Fixed(n) => u64::from(*n),
            Count::Field { name, multiply, .. } => {
                // A negative count means none.
                let n = counter(vmsd, field, name, values)?.saturating_mul(u64::from(*multiply));
                if n as u32 as i32 > 0 { u64::from(n as u32) } else { 0 }
            }
            Count::Local { .. } => return Err(Prediction::Open("a local count")),
        };
        if count == 0 {
            return Ok(0);
        }
        let marked = field.auto_alloc && self.dialect.pointers == PointerMarkers::NullOrValid;
        let indexed = !matches!(field.count, Count::One);
        let pointers = field.array_of_pointer && !field.auto_alloc && indexed;
        let mut scalar = None;
        if let Kind::Leaf { info, size } = &field.kind
            && !marked
        {
            let size = match size {
                Size::Fixed(n) => u64::from(*n),
                Size::Field { name, multiply } => {
                    counter(vmsd, field, name, values)?.saturating_mul(u64::from(*multiply))
                }
                Size::Owner { .. } => return Err(Prediction::Open("a size in the owner")),
                Size::Local { .. } => return Err(Prediction::Open("a local size")),
            };
            let width = width(info, size);
            if !pointers {
                let value = self.item(&field.name, count.saturating_mul(width))?;
                return self.after_element().map(|()| value);
            }
            scalar = Some(width);
        }
        for i in 0..count {
            if pointers && self.null(field, i)? {
                self.after_element()?;
                continue;
            }
            if let Some(width) = scalar {
                self.item(&field.name, width)?;
                self.after_element()?;
                continue;
            }
            if marked {
                match self.item(&field.name, 1)? {
                    0x30 => continue,
                    0x31 => {}
                    _ => {
                        let offset = self.at.saturating_sub(1);
                        return Err(Prediction::Refuses { offset, why: "pointer marker" });
                    }
                }
            }
            self.element(field, indexed.then_some(i as u32))?;
            self.after_element()?;
        }
        Ok(0)
    }

    /// Whether the next element of an array of pointers is taken for NULL: by its first byte, as
    /// nothing else is known.
    fn null(&mut self, field: &'s Field, i: u64) -> Step<bool> {
        self.pipe.sees_fully(self.at + 1);
        if self.byte(self.at) != Some(0x30) {
            return Ok(false);
        }
        self.places.enter(&field.name, &field.name, Some(i as u32));
        if !self.is_next("pointer") {
            self.trail.left.push((self.trail.stack.last().copied(), None));
            self.trail.left.push((None, Some(Cause::NullByLook)));
        }
        self.item("pointer", 1)?;
        self.places.leave();
        Ok(true)
    }

    /// 2.1 on: the error flag is looked at, which look-ahead sets at the end of the stream.
    fn after_element(&self) -> Step<()> {
        if self.dialect.checks_elements && self.pipe.ended {
            return Err(self.refuses("look-ahead beyond the end"));
        }
        Ok(())
    }

    fn element(&mut self, field: &'s Field, index: Option<u32>) -> Step<()> {
        let nested = Context::Nested(&field.name);
        let own = |key: &str| self.side.tables.vmsd.get(key).map_or(0, |v| v.version_id);
        match &field.kind {
            Kind::Struct { vmsd } => {
                let version = own(vmsd);
                self.inside(field, index, vmsd, version, nested)
            }
            Kind::Vstruct { vmsd, version_id } => {
                self.inside(field, index, vmsd, *version_id, nested)
            }
            Kind::Nested { info, vmsd, .. } if info == "tmp" => {
                self.inside(field, index, vmsd, field.version_id, nested)
            }
            Kind::Nested { info, vmsd, key } if info == "gtree" => {
                let at = self.at;
                let announced = self.item(&field.name, 4)?;
                let mut found = 0;
                while self.item(&field.name, 1)? != 0 {
                    let index = Some(found as u32);
                    match key {
                        Some(key) => {
                            self.places.enter_key(&field.name, &field.name, found as u32);
                            self.vmsd(key, field.version_id, nested)?;
                            self.places.leave();
                        }
                        None => self.item(&field.name, 8).map(|_| ())?,
                    }
                    self.inside(field, index, vmsd, field.version_id, nested)?;
                    found += 1;
                }
                if found != announced {
                    return Err(Prediction::Refuses { offset: at, why: "tree nodes" });
                }
                Ok(())
            }
            Kind::Nested { vmsd, .. } => {
                let mut i = 0;
                while self.item(&field.name, 1)? != 0 {
                    self.inside(field, Some(i), vmsd, field.version_id, nested)?;
                    i += 1;
                }
                Ok(())
            }
            Kind::Leaf { .. } | Kind::Unknown { .. } => {
                Err(Prediction::Open("an element that is not modelled"))
            }
        }
    }

    fn inside(
        &mut self,
        field: &'s Field,
        index: Option<u32>,
        vmsd: &'s str,
        version: u32,
        context: Context<'s>,
    ) -> Step<()> {
        self.places.enter(&field.name, &field.name, index);
        self.vmsd(vmsd, version, context)?;
        self.places.leave();
        Ok(())
    }
}

/// The value of the nearest earlier field of that name.
fn counter(vmsd: &Vmsd, of: &Field, name: &str, values: &[u64]) -> Step<u64> {
    let before = vmsd.fields.iter().take_while(|f| !std::ptr::eq(*f, of)).count();
    let earlier = vmsd.fields.iter().take(before).rposition(|f| f.name == name);
    let value = earlier.and_then(|i| values.get(i)).copied();
    value.ok_or(Prediction::Open("a counter that is no earlier field"))
}

/// Bytes of an element on the wire, which mostly is as long as in memory; a bitmap's size is in bits.
fn width(info: &str, size: u64) -> u64 {
    match info {
        "uint8" | "bool" => 1,
        "uint16" => 2,
        "uint32" => 4,
        "uint64" => 8,
        "bitmap" => 8 * size.div_ceil(64),
        _ => size,
    }
}
