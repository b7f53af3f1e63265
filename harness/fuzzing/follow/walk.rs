//! Walks the items of a section by its compiled description.

use super::Follower;
use crate::dialect::{OldVersions, PointerMarkers};
use crate::fuzzing::ambiguity::Prediction;
use crate::fuzzing::mutate::counted::Counted;
use crate::vmstate::check;
use crate::vmstate::compiled::{Amount, Codec, Count, Field, Kind, Old, Vmsd};
use crate::vmstate::flow::NULL;

/// Result of a step: it ends with the prediction.
pub(super) type Step<T> = Result<T, Prediction>;

/// A description being read, and where its values begin.
type Open<'d> = Option<(&'d Vmsd, usize)>;

/// Deepest nesting, and most fields and elements, that are followed.
const DEEPEST: u32 = 32;
const MOST_STEPS: u32 = 1 << 16;
/// Most elements of which is noted where each is.
const MOST_COUNTED: u64 = 256;
/// Name of the marker of a NULL element.
const POINTER: &str = "pointer";

impl<'d> Follower<'_, '_, 'd> {
    pub(super) fn step(&mut self) -> Step<()> {
        self.steps += 1;
        if self.steps > MOST_STEPS { Err(Prediction::Open("too much of it")) } else { Ok(()) }
    }

    /// The value of item `name` in the present place that the destination has of its own.
    fn own(&self, name: &str) -> Option<u64> {
        self.to.local.scalar(self.places.identity(name))
    }

    /// A description, with what it is nested in and what it is a part of by a subsection.
    pub(super) fn vmsd(
        &mut self,
        index: usize,
        version: u32,
        outer: [Open<'d>; 2],
        depth: u32,
    ) -> Step<()> {
        let to = self.to;
        let Some(vmsd) = to.set.get(index) else { return Err(Prediction::Open("a description")) };
        if depth > DEEPEST {
            return Err(Prediction::Open("too deep"));
        }
        if version > vmsd.version_id {
            return Err(self.refuses("version"));
        }
        if version < vmsd.minimum_version_id {
            return self.old(vmsd, version, outer, depth);
        }
        let base = self.fields(vmsd, version, outer, depth)?;
        while let Some((name, index, version)) = self.subsection(vmsd)? {
            self.places.enter(name, name, None);
            self.vmsd(index, version, [outer[0], Some((vmsd, base))], depth + 1)?;
            self.places.leave();
        }
        self.values.truncate(base);
        Ok(())
    }

    /// Below the minimum version: what a hook reads, and no subsections.
    fn old(&mut self, vmsd: &'d Vmsd, version: u32, outer: [Open<'d>; 2], depth: u32) -> Step<()> {
        if vmsd.unknown.minimum {
            return Err(Prediction::Open("a minimum version"));
        }
        let usable = |old: &&Old| version >= old.minimum_version_id;
        let old = vmsd.old.as_ref().filter(usable);
        if old.is_none() || self.to.dialect.old_versions == OldVersions::Never {
            return Err(self.refuses("version"));
        }
        let layout = old.and_then(|old| old.layouts.get(&version));
        let Some(layout) = layout.and_then(|index| self.to.set.get(*index)) else {
            return Err(Prediction::Open("an old version"));
        };
        let base = self.fields(layout, version, outer, depth)?;
        self.values.truncate(base);
        Ok(())
    }

    /// The fields, whose values are left behind. Where they begin.
    fn fields(
        &mut self,
        vmsd: &'d Vmsd,
        version: u32,
        outer: [Open<'d>; 2],
        depth: u32,
    ) -> Step<usize> {
        let base = self.values.len();
        self.values.resize(base + vmsd.fields.len(), 0);
        self.ends.resize(base + vmsd.fields.len(), 0);
        check::pre_load(vmsd, self.values.get_mut(base..).unwrap_or(&mut []));
        for (at, field) in vmsd.fields.iter().enumerate() {
            self.step()?;
            if !self.present((vmsd, base), field, version, outer[0])? {
                if field.must_exist && self.to.dialect.validates {
                    return Err(self.refuses("a field that must exist"));
                }
                continue;
            }
            let value = self.field((vmsd, base), field, outer[1], depth)?;
            if let (Some(place), Some(end)) =
                (self.values.get_mut(base + at), self.ends.get_mut(base + at))
            {
                (*place, *end) = (value, self.at);
            }
        }
        Ok(base)
    }

    /// Whether a field is there.
    fn present(
        &self,
        (vmsd, base): (&Vmsd, usize),
        field: &Field,
        version: u32,
        around: Open<'d>,
    ) -> Step<bool> {
        let Some(predicate) = &field.exists else { return Ok(field.version_id <= version) };
        let values = |from: usize| self.values.get(from..).unwrap_or(&[]);
        let value = |name: &str| match (name.strip_prefix("../"), around) {
            (None, _) => vmsd.value(values(base), name),
            (Some(name), Some((vmsd, base))) => vmsd.value(values(base), name),
            (Some(_), None) => 0,
        };
        let timers = self.own("num_timers_save").unwrap_or(3);
        predicate.holds(version, value, timers).map_err(|_| Prediction::Open("a presence hook"))
    }

    fn amount(&self, amount: &Amount, base: usize, owner: Open<'d>) -> Step<u64> {
        match amount {
            Amount::Fixed(n) => Ok(*n),
            Amount::Slot(at, factor) => {
                let value = self.values.get(base + at).copied().unwrap_or(0);
                Ok(value.saturating_mul(*factor))
            }
            Amount::Owner(name) => {
                let has = |of: &&(&Vmsd, usize)| of.0.fields.iter().any(|f| f.name == *name);
                let Some((vmsd, base)) = owner.as_ref().filter(has) else {
                    return Err(Prediction::Open("a size from elsewhere"));
                };
                Ok(vmsd.value(self.values.get(*base..).unwrap_or(&[]), name))
            }
            Amount::Unknown(_) => Err(Prediction::Open("a size from elsewhere")),
        }
    }

    /// All elements of a field that is there. The value of the last one.
    fn field(
        &mut self,
        of: (&'d Vmsd, usize),
        field: &'d Field,
        owner: Open<'d>,
        depth: u32,
    ) -> Step<u64> {
        let (count, indexed) = match &field.count {
            Count::One => (1, false),
            Count::Many(many) => {
                // Kept in an int.
                let n = self.amount(many, of.1, owner)? as u32 as i32;
                (u64::try_from(n).unwrap_or(0), true)
            }
        };
        if count == 0 {
            return Ok(0);
        }
        let markers = self.to.dialect.pointers;
        let marked = field.auto_alloc && markers == PointerMarkers::NullOrValid;
        let pointers = field.array_of_pointer && !field.auto_alloc && indexed;
        if let Kind::Leaf(codec, _, size) = &field.kind
            && !marked
            && !pointers
        {
            let (bytes, from) = (self.amount(size, of.1, owner)?, self.at);
            let value = self.leaf(*codec, field, bytes, count)?;
            let (by, elements) = match &field.count {
                Count::Many(by) => (by, count),
                Count::One => (size, bytes),
            };
            let each = (self.at - from).checked_div(elements).unwrap_or(0);
            if self.notes && elements <= MOST_COUNTED {
                self.counts(of, by, (0..=elements).map(|i| from + i * each));
            }
            return Ok(value);
        }
        let inside = [Some(of), owner];
        let notes = self.notes && count <= MOST_COUNTED;
        let mut edges = Vec::new();
        for i in 0..count {
            self.step()?;
            if notes {
                edges.push(self.at);
            }
            let index = indexed.then_some(u32::try_from(i).unwrap_or(u32::MAX));
            if pointers && self.null(field, index, count)? {
                continue;
            }
            if marked {
                let marker = self.byte(self.at);
                self.item(&field.canonical, 1)?;
                match marker {
                    Some(0x31) => {}
                    Some(NULL) => continue,
                    _ => return Err(self.refused_item(1, "pointer marker")),
                }
            }
            match &field.kind {
                Kind::Leaf(codec, _, size) => {
                    let size = self.amount(size, of.1, owner)?;
                    self.leaf(*codec, field, size, 1)?;
                }
                Kind::Struct(vmsd, version) => {
                    self.nested(field, index, (*vmsd, *version), inside, depth)?;
                }
                Kind::List(vmsd) => {
                    let version = Some(field.version_id);
                    let mut i = 0;
                    while self.mark(field)? {
                        self.nested(field, Some(i), (*vmsd, version), inside, depth)?;
                        i += 1;
                    }
                }
                Kind::Tree(key, vmsd) => self.tree(field, *key, *vmsd, inside, depth)?,
                Kind::Unknown(_) => return Err(Prediction::Open("an unknown field")),
            }
        }
        if let Count::Many(by) = &field.count
            && notes
        {
            edges.push(self.at);
            self.counts(of, by, edges.into_iter());
        }
        Ok(0)
    }

    /// Notes which field of a description counts elements with these edges.
    fn counts(
        &mut self,
        (vmsd, base): (&Vmsd, usize),
        by: &Amount,
        edges: impl Iterator<Item = u64>,
    ) {
        if let Amount::Slot(slot, factor) = by
            && let Some(Kind::Leaf(Codec::Plain(width) | Codec::Equal(width), ..)) =
                vmsd.fields.get(*slot).map(|field| &field.kind)
            && let Some(end) = self.ends.get(base + slot)
            && let Some(at) = end.checked_sub(u64::from(*width))
        {
            let (width, edges) = (u64::from(*width), edges.collect());
            self.counted.push(Counted { at, width, factor: *factor, edges });
        }
    }

    /// Refuses the item of so many bytes that is just behind.
    pub(super) fn refused_item(&self, len: u64, why: &'static str) -> Prediction {
        Prediction::Refuses { offset: self.at.saturating_sub(len), why }
    }

    /// The mark before an element of a list, or at its end.
    pub(super) fn mark(&mut self, field: &Field) -> Step<bool> {
        self.step()?;
        self.item(&field.canonical, 1)?;
        Ok(self.byte(self.at.saturating_sub(1)) != Some(0))
    }

    fn tree(
        &mut self,
        field: &'d Field,
        key: Option<usize>,
        vmsd: usize,
        inside: [Open<'d>; 2],
        depth: u32,
    ) -> Step<()> {
        let (at, version) = (self.at, Some(field.version_id));
        self.item(&field.canonical, 4)?;
        let announced = self.number(at, 4);
        let mut found = 0u32;
        while self.mark(field)? {
            match key {
                Some(key) => {
                    self.places.enter_key(&field.name, &field.canonical, found);
                    self.vmsd(key, field.version_id, inside, depth + 1)?;
                    self.places.leave();
                }
                None => self.item(&field.canonical, 8)?,
            }
            self.nested(field, Some(found), (vmsd, version), inside, depth)?;
            found += 1;
        }
        match u64::from(found) == announced {
            true => Ok(()),
            false => Err(Prediction::Refuses { offset: self.at, why: "tree nodes" }),
        }
    }

    /// Whether an element of an array of pointers is NULL; if so, its marker is read.
    fn null(&mut self, field: &'d Field, index: Option<u32>, count: u64) -> Step<bool> {
        let mut has = |i: u32| {
            self.places.enter(&field.name, &field.canonical, Some(i));
            let own = self.to.local.items.contains_key(&self.places.identity(POINTER));
            self.places.leave();
            own
        };
        // What the destination has there is asked of its own fixture, once for the array.
        if (0..count.min(64) as u32).any(&mut has) || count > 64 {
            return Err(Prediction::Open("pointers that are known to be NULL"));
        }
        if self.to.dialect.pointers == PointerMarkers::None {
            return Ok(false);
        }
        let null = self.looked_at(0) == Some(NULL);
        if null {
            self.places.enter(&field.name, &field.canonical, index);
            self.item(POINTER, 1)?;
            self.places.leave();
        }
        Ok(null)
    }

    fn nested(
        &mut self,
        field: &'d Field,
        index: Option<u32>,
        (vmsd, version): (usize, Option<u32>),
        inside: [Open<'d>; 2],
        depth: u32,
    ) -> Step<()> {
        let own = self.to.set.get(vmsd).map_or(0, |vmsd| vmsd.version_id);
        self.places.enter(&field.name, &field.canonical, index);
        self.vmsd(vmsd, version.unwrap_or(own), inside, depth + 1)?;
        self.places.leave();
        Ok(())
    }
}
