//! The engine: one walk over a description, for both directions (`vmstate_load_state` and its
//! inverse; wire reference 4.1 to 4.3).
//!
//! ```text
//! version rules -> fields in order -> subsections -> post-load checks
//! field: present? -> how many -> per element: marker, struct or codec -> error flag
//! ```

mod collections;
mod pointers;
mod uniform;

use super::check;
use super::codec;
use super::compiled::{Amount, Count, Field, Kind as FieldKind, Old, Vmsd};
use super::flow::{Flow, Name};
use super::progress::{Engine, Walk};
use crate::dialect::{OldVersions, PointerMarkers, Version};
use crate::wire::{Fault, Kind, Result, planted};

/// Deepest nesting of descriptions; real ones stay below 10.
const MAX_DEPTH: u32 = 64;
/// Fields and elements that a load may come by for each byte that it has read: so is work in
/// proportion to the stream. Captured streams want less than one for six bytes; only a hostile count
/// of elements without a byte gets there.
const STEPS_PER_BYTE: u64 = 16;
/// Those that no byte has to be read for.
const STEPS_FREE: u64 = 1 << 14;

/// How many steps so many bytes allow.
#[must_use]
pub fn most_steps(bytes: u64) -> u64 {
    bytes.saturating_mul(STEPS_PER_BYTE).saturating_add(STEPS_FREE)
}

impl<'d, F: Flow<'d>> Engine for Walk<'d, '_, F> {
    fn vmsd(&mut self, index: usize, version: u32) -> Result<()> {
        let Some(vmsd) = self.context.set.get(index) else {
            return Err(self.undetermined(format!("description {index}")));
        };
        if version > vmsd.version_id {
            let kind = Kind::VersionTooNew {
                vmsd: vmsd.name.clone(),
                version_id: version,
                supported: vmsd.version_id,
            };
            return Err(self.fail(kind, ""));
        }
        if version < vmsd.minimum_version_id && vmsd.unknown.minimum {
            return Err(self.undetermined(format!("minimum version of {}", vmsd.name)));
        }
        if version < vmsd.minimum_version_id {
            return self.old(vmsd, version);
        }
        if self.depth >= MAX_DEPTH {
            return Err(self.fail(Kind::Limit(format!("nesting of {MAX_DEPTH}")), ""));
        }
        self.depth += 1;
        let base = self.fields(vmsd, version)?;
        while let Some((subsection, version)) = self.flow.subsection(self.context.set, vmsd)? {
            let (name, most) = self
                .context
                .set
                .get(subsection)
                .map_or(("", 0), |v| (v.name.as_str(), v.version_id));
            let version = match planted(Fault::SubsectionVersionUnchecked) {
                true => version.min(most),
                false => version,
            };
            self.flow.map_mut().enter(name, name, None);
            let outer = self.owner.replace((vmsd, base));
            self.vmsd(subsection, version)?;
            self.owner = outer;
            self.flow.map_mut().leave();
        }
        if self.flow.loads() {
            let at = self.flow.offset();
            let values = self.values.get(base..).unwrap_or(&[]);
            let (flow, known) = (&*self.flow, self.context.local);
            let context = check::CheckContext {
                release: self.context.release,
                local: known,
                scalar: &|name| known.scalar(flow.map().identity(name)),
                guest: &|address| flow.guest_byte(address),
            };
            let outcome = check::post_load(vmsd, values, &mut self.checks, &context);
            if let Err(kind) = outcome {
                return Err(self.flow.fail(kind, at, ""));
            }
        }
        self.values.truncate(base);
        self.depth -= 1;
        Ok(())
    }
}

impl<'d, F: Flow<'d>> Walk<'d, '_, F> {
    /// The path below the minimum version. No subsections and no checks follow there.
    fn old(&mut self, vmsd: &'d Vmsd, version: u32) -> Result<()> {
        let refused = Kind::VersionTooOld {
            vmsd: vmsd.name.clone(),
            version_id: version,
            minimum: vmsd.minimum_version_id,
        };
        let usable = |old: &&Old| version >= old.minimum_version_id;
        let layout = if planted(Fault::OldLayoutFirst) { 1 } else { version };
        match (self.context.dialect.old_versions, vmsd.old.as_ref().filter(usable)) {
            (OldVersions::Never, _) | (_, None) => Err(self.fail(refused, "")),
            (
                OldVersions::Always | OldVersions::WithHook,
                Some(Old { load: Some(hook), layouts, .. }),
            ) => match layouts.get(&layout).and_then(|i| self.context.set.get(*i)) {
                Some(layout) => {
                    let base = self.fields(layout, version)?;
                    self.values.truncate(base);
                    Ok(())
                }
                None => Err(self.undetermined(format!("{hook} for version {version}"))),
            },
            (OldVersions::Always, Some(_)) => {
                Err(self.fail(Kind::Abort(format!("{}: no load_state_old", vmsd.name)), ""))
            }
            (OldVersions::WithHook, Some(_)) => Err(self.fail(refused, "")),
        }
    }

    fn fields(&mut self, vmsd: &'d Vmsd, version: u32) -> Result<usize> {
        let base = self.values.len();
        self.values.resize(base + vmsd.fields.len(), 0);
        check::pre_load(vmsd, self.values.get_mut(base..).unwrap_or(&mut []));
        for (i, field) in vmsd.fields.iter().enumerate() {
            self.field(vmsd, field, version, base, i)?;
        }
        Ok(base)
    }

    fn field(
        &mut self,
        vmsd: &'d Vmsd,
        field: &'d Field,
        version: u32,
        base: usize,
        at: usize,
    ) -> Result<()> {
        self.step(field)?;
        let present = match &field.exists {
            None => field.version_id <= version || planted(Fault::LaterFieldsRead),
            Some(predicate) => {
                let timers = self.local_value("num_timers_save").unwrap_or(3);
                let values = self.values.get(base..).unwrap_or(&[]);
                let value = |name: &str| match (name.strip_prefix("../"), self.parent) {
                    (None, _) => vmsd.value(values, name),
                    (Some(name), Some((vmsd, base))) => {
                        vmsd.value(self.values.get(base..).unwrap_or(&[]), name)
                    }
                    (Some(_), None) => 0,
                };
                match predicate.holds(version, value, timers) {
                    Ok(present) => present,
                    Err(symbol) => {
                        let what =
                            format!("presence hook {symbol} of {}/{}", vmsd.name, field.name);
                        return Err(self.undetermined(what));
                    }
                }
            }
        };
        if !present {
            if field.exists.is_none() {
                self.flow.absent(&field.name);
            }
            if field.must_exist && self.context.dialect.validates && self.flow.loads() {
                return Err(self.fail(Kind::MustExist, &field.name));
            }
            return Ok(());
        }
        let (count, indexed) = match &field.count {
            Count::One => (1, false),
            Count::Many(amount) => {
                // The loader keeps the count in an int, whatever the counter's type.
                let n = self.amount(amount, base)?;
                (if n as u32 as i32 > 0 { u64::from(n as u32) } else { 0 }, true)
            }
        };
        if count == 0 {
            return Ok(());
        }
        let outer = self.parent.replace((vmsd, base));
        let value = self.elements(field, base, count, indexed, version)?;
        self.parent = outer;
        if let Some(place) = self.values.get_mut(base + at) {
            *place = value;
        }
        Ok(())
    }

    fn amount(&mut self, amount: &Amount, base: usize) -> Result<u64> {
        match amount {
            Amount::Fixed(n) => Ok(*n),
            Amount::Slot(index, factor) => {
                let value = self.values.get(base + index).copied().unwrap_or(0);
                let extra = u64::from(planted(Fault::CountOffByOne));
                let factor = if planted(Fault::FactorIgnored) { 1 } else { *factor };
                Ok(value.saturating_mul(factor).saturating_add(extra))
            }
            Amount::Owner(name) => {
                match self.owner.filter(|(owner, _)| owner.fields.iter().any(|f| f.name == *name)) {
                    Some((vmsd, base)) => {
                        let values = self.values.get(base..).unwrap_or(&[]);
                        Ok(vmsd.value(values, name))
                    }
                    None => {
                        Err(self
                            .undetermined(format!("a count by {name}, which did not come before")))
                    }
                }
            }
            Amount::Unknown(what) => Err(self.undetermined(what.clone())),
        }
    }

    /// The size of a leaf. A buffer whose size came with the stream is allocated as it comes
    /// (`VMS_ALLOC`, 2.2 on); the loader keeps the size in an int, and memory for a negative one
    /// is not to be had. 10.0.13 aborts; 11.1.3 takes it for a large one, and reads to the end.
    fn size(&mut self, amount: &Amount, base: usize, name: &str) -> Result<u64> {
        let size = self.amount(amount, base)?;
        let int = size as u32 as i32;
        let is_int = self.context.release < Version::new(11, 1, 0);
        if int < 0 && is_int && matches!(amount, Amount::Slot(..)) && self.flow.loads() {
            let text = format!("no memory for a buffer of {int} bytes");
            return Err(self.fail(Kind::Abort(text), name));
        }
        Ok(size)
    }

    /// The elements of a field that is there, in a description loaded as version `outer`.
    fn elements(
        &mut self,
        field: &'d Field,
        base: usize,
        count: u64,
        indexed: bool,
        outer: u32,
    ) -> Result<u64> {
        let name = |info| field_name(field, info);
        let marked =
            field.auto_alloc && self.context.dialect.pointers == PointerMarkers::NullOrValid;
        let pointers = field.array_of_pointer && !field.auto_alloc && indexed;
        if let FieldKind::Leaf(leaf, info, size) = &field.kind
            && !marked
            && !pointers
        {
            let size = self.size(size, base, &field.name)?;
            let value = codec::leaf(self, *leaf, name(info), size, count)?;
            self.flow.after_element()?;
            return Ok(value);
        }
        if let FieldKind::Struct(nested, None) = &field.kind
            && indexed
            && let Some(layout) = self.layout(field, *nested, count)
        {
            return self.uniform(field, *nested, layout, count).map(|()| 0);
        }
        let known = if pointers { self.known_nulls(field, count) } else { None };
        for i in 0..count {
            self.step(field)?;
            let of = |nulls: &Vec<bool>| nulls.get(usize::try_from(i).ok()?).copied();
            if pointers && self.null(field, i, known.as_ref().and_then(of))? {
                self.flow.after_element()?;
                continue;
            }
            if marked {
                let at = self.flow.offset();
                match self.flow.compared(name("ptr-marker"), 1) {
                    (_, Err(e)) if !self.flow.loads() => return Err(e),
                    (0x31, _) => {}
                    (0x30, _) => continue,
                    (found, _) => {
                        let kind = Kind::BadMarker { found: found as u8, expected: "0x30 or 0x31" };
                        return Err(self.flow.fail(kind, at, &field.name));
                    }
                }
            }
            let index = indexed.then_some(u32::try_from(i).unwrap_or(u32::MAX));
            match &field.kind {
                FieldKind::Leaf(leaf, info, size) => {
                    let size = self.size(size, base, &field.name)?;
                    codec::leaf(self, *leaf, name(info), size, 1)?;
                }
                FieldKind::Struct(nested, version) => {
                    let wire = planted(Fault::NestedVersionFromWire).then_some(outer);
                    self.nested(field, index, *nested, version.or(wire))?;
                }
                FieldKind::List(nested) => self.list(field, *nested)?,
                FieldKind::Tree(key, value) => self.tree(field, *key, *value)?,
                FieldKind::Unknown(why) => {
                    return Err(self.undetermined(why.clone()));
                }
            }
            self.flow.after_element()?;
        }
        Ok(0)
    }

    /// Counts a field or an element.
    fn step(&mut self, field: &Field) -> Result<()> {
        let times = if planted(Fault::WorkUnbounded) { 4 } else { 1 };
        let most = most_steps(self.flow.offset()).saturating_mul(times);
        let steps = self.flow.steps();
        *steps += 1;
        if *steps > most {
            let kind = Kind::Limit(format!("{most} fields and elements for so few bytes"));
            return Err(self.fail(kind, &field.name));
        }
        Ok(())
    }

    /// A nested struct: always loaded with the destination's own version of it, which is not on
    /// the wire, unless the field names one (`VMS_VSTRUCT`, `tmp`).
    fn nested(
        &mut self,
        field: &'d Field,
        index: Option<u32>,
        vmsd: usize,
        version: Option<u32>,
    ) -> Result<()> {
        let own = self.context.set.get(vmsd).map_or(0, |v| v.version_id);
        self.flow.map_mut().enter(&field.name, &field.canonical, index);
        let version = version.filter(|_| !planted(Fault::FieldVersionIgnored));
        self.vmsd(vmsd, version.unwrap_or(own))?;
        self.flow.map_mut().leave();
        Ok(())
    }
}

fn field_name<'d>(field: &'d Field, info: &'d str) -> Name<'d> {
    Name { shown: &field.name, canonical: &field.canonical, info, dropped: field.dropped }
}
