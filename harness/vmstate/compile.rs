//! Compiles tables to what the engine walks: names resolved to indices, hooks to predicates, codecs to a
//! closed list, for one destination (release, machine type, observations).

use std::collections::BTreeMap;

use super::compiled::{Amount, Codec, Count, Field, Kind, Old, Set, Vmsd};
use super::local;
use super::old;
use super::presence::{self, Predicate};
use super::processor;
use super::rename::Renames;
use super::schema::{self, Answers};
use crate::dialect::{Dialect, Version};

/// What compiling needs beside the tables.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Release.
    pub release: Version,
    /// Machine type.
    pub machine: &'a str,
    /// Framing rules.
    pub dialect: &'a Dialect,
    /// Rename table.
    pub renames: &'a Renames,
    /// Results of hooks that are the same for every device.
    pub observed: &'a BTreeMap<String, bool>,
}

/// A place inside a section, with what the destination's configuration decides there.
#[derive(Debug, Clone)]
struct Place<'a> {
    answers: &'a Answers,
    path: String,
}

impl Place<'_> {
    fn inside(&self, name: &str) -> Self {
        Place { answers: self.answers, path: Answers::join(&self.path, name) }
    }
}

impl Set {
    /// Adds the description `key` and all that it reaches. Returns its index.
    ///
    /// # Errors
    /// A key that the tables do not have, by name.
    pub fn add(
        &mut self,
        tables: &schema::Tables,
        key: &str,
        target: &Target<'_>,
    ) -> Result<usize, String> {
        if let Some(index) = self.by_key.get(key) {
            return Ok(*index);
        }
        let source = tables
            .vmsd
            .get(key)
            .ok_or_else(|| format!("tables of {} have no description '{key}'", tables.release))?;
        let index = self.reserve();
        self.by_key.insert(key.to_string(), index);
        self.fill(index, tables, source, target, None)?;
        Ok(index)
    }

    /// Adds the description `key` as that of one section, of whose layout `answers` are known.
    /// What they do not reach is shared with other sections.
    ///
    /// # Errors
    /// See [`Set::add`].
    pub fn add_section(
        &mut self,
        tables: &schema::Tables,
        key: &str,
        target: &Target<'_>,
        answers: &Answers,
    ) -> Result<usize, String> {
        self.add_at(tables, key, target, Some(&Place { answers, path: String::new() }))
    }

    fn add_at(
        &mut self,
        tables: &schema::Tables,
        key: &str,
        target: &Target<'_>,
        at: Option<&Place<'_>>,
    ) -> Result<usize, String> {
        let at = at.filter(|at| at.answers.has_below(&at.path));
        let (Some(at), Some(source)) = (at, tables.vmsd.get(key)) else {
            return self.add(tables, key, target);
        };
        let index = self.reserve();
        self.fill(index, tables, source, target, Some(at))?;
        Ok(index)
    }

    fn fill(
        &mut self,
        index: usize,
        tables: &schema::Tables,
        source: &schema::Vmsd,
        target: &Target<'_>,
        at: Option<&Place<'_>>,
    ) -> Result<(), String> {
        let vmsd = self.build(tables, source, target, at)?;
        if let Some(place) = self.vmsds.get_mut(index) {
            *place = vmsd;
        }
        Ok(())
    }

    fn reserve(&mut self) -> usize {
        let index = self.vmsds.len();
        self.vmsds.push(Vmsd {
            name: String::new(),
            version_id: 0,
            minimum_version_id: 0,
            old: None,
            unmigratable: false,
            unknown: schema::Unknown::default(),
            fields: Vec::new(),
            subsections: Vec::new(),
        });
        index
    }

    fn build(
        &mut self,
        tables: &schema::Tables,
        source: &schema::Vmsd,
        target: &Target<'_>,
        at: Option<&Place<'_>>,
    ) -> Result<Vmsd, String> {
        let mut fields = Vec::with_capacity(source.fields.len());
        for (i, field) in source.fields.iter().enumerate() {
            let at = at.map(|at| at.inside(&source.described_as(i)));
            fields.push(self.field(tables, source, i, field, target, at.as_ref())?);
        }
        let mut subsections = Vec::new();
        for subsection in &source.subsections {
            if subsection.needed.is_none() && target.dialect.needless_ends_list {
                // Known only where a debugger read the tables; a bundle never says.
                if tables.vmsd.get(&subsection.vmsd).is_some_and(|v| v.inherited_from.is_none())
                    && source.subsections.iter().any(|s| s.needed.is_some())
                {
                    break;
                }
            }
            let name = tables.vmsd.get(&subsection.vmsd).map_or("", |v| v.name.as_str());
            let at = at.map(|at| at.inside(name));
            let index = self.add_at(tables, &subsection.vmsd, target, at.as_ref())?;
            subsections.push((name.to_string(), index));
        }
        let old = match &source.old {
            None => None,
            Some(loader) => Some(self.old(source, loader, tables, target, at)?),
        };
        Ok(Vmsd {
            name: source.name.clone(),
            version_id: source.version_id,
            minimum_version_id: source.minimum_version_id,
            old,
            unmigratable: source.unmigratable,
            unknown: processor::unknown(source),
            fields,
            subsections,
        })
    }

    fn old(
        &mut self,
        source: &schema::Vmsd,
        loader: &schema::OldLoader,
        tables: &schema::Tables,
        target: &Target<'_>,
        at: Option<&Place<'_>>,
    ) -> Result<Old, String> {
        let mut layouts = BTreeMap::new();
        if let Some(symbol) = &loader.load {
            for (version, layout) in old::layouts(symbol, source, target.release) {
                let index = self.reserve();
                self.fill(index, tables, &layout, target, at)?;
                layouts.insert(version, index);
            }
        }
        Ok(Old {
            minimum_version_id: loader.minimum_version_id,
            load: loader.load.clone(),
            layouts,
        })
    }

    fn field(
        &mut self,
        tables: &schema::Tables,
        vmsd: &schema::Vmsd,
        at: usize,
        field: &schema::Field,
        target: &Target<'_>,
        place: Option<&Place<'_>>,
    ) -> Result<Field, String> {
        let kind = match &field.kind {
            schema::Kind::Leaf { info, size } => {
                let size = match size {
                    schema::Size::Fixed(n) => match counted(vmsd, at, field) {
                        Some(bytes) if info == "buffer" => bytes,
                        _ => Amount::Fixed(u64::from(*n)),
                    },
                    schema::Size::Field { name, multiply } => slot(vmsd, at, name, *multiply),
                    schema::Size::Owner { name } => Amount::Owner(name.clone()),
                    schema::Size::Local { value } => {
                        let answered = place.and_then(|p| p.answers.size.get(&p.path)).copied();
                        local_amount(vmsd, at, field, answered.or(*value))
                    }
                };
                Kind::Leaf(Codec::of(info), info.clone(), size)
            }
            schema::Kind::Struct { vmsd } => {
                Kind::Struct(self.add_at(tables, vmsd, target, place)?, None)
            }
            schema::Kind::Vstruct { vmsd, version_id } => {
                Kind::Struct(self.add_at(tables, vmsd, target, place)?, Some(*version_id))
            }
            schema::Kind::Nested { info, vmsd, key } => {
                let body = self.add_at(tables, vmsd, target, place)?;
                match info.as_str() {
                    "tmp" => Kind::Struct(body, Some(field.version_id)),
                    "qtailq" | "qlist" => Kind::List(body),
                    "gtree" => {
                        let key = match key {
                            Some(key) => Some(self.add(tables, key, target)?),
                            None => None,
                        };
                        Kind::Tree(key, body)
                    }
                    other => Kind::Unknown(format!("codec '{other}'")),
                }
            }
            schema::Kind::Unknown { why } => Kind::Unknown(why.clone()),
        };
        let count = match &field.count {
            schema::Count::One => Count::One,
            schema::Count::Fixed(n) => Count::Many(Amount::Fixed(u64::from(*n))),
            schema::Count::Field { name, multiply, .. } => {
                Count::Many(slot(vmsd, at, name, *multiply))
            }
            schema::Count::Local { value } => {
                let answered = place.and_then(|p| p.answers.count.get(&p.path)).copied();
                Count::Many(local_amount(vmsd, at, field, answered.or(*value)))
            }
        };
        let (canonical, dropped) = target.renames.of(&vmsd.name, &field.name);
        Ok(Field {
            name: field.name.clone(),
            canonical,
            dropped,
            version_id: field.version_id,
            exists: exists(vmsd, at, field, target, place),
            must_exist: field.must_exist,
            kind,
            count,
            array_of_pointer: field.array_of_pointer,
            auto_alloc: field.auto_alloc,
        })
    }
}

/// The predicate of a field: by its hook's symbol, or as it was seen on this destination.
fn exists(
    vmsd: &schema::Vmsd,
    at: usize,
    field: &schema::Field,
    target: &Target<'_>,
    place: Option<&Place<'_>>,
) -> Option<Predicate> {
    let exists = field.exists.as_ref()?;
    let occurrence =
        vmsd.fields.iter().take(at).filter(|earlier| earlier.name == field.name).count();
    let key = format!("{}/{}/{occurrence}", vmsd.name, field.name);
    let here = place.and_then(|place| place.answers.present.get(&place.path));
    let seen = |key: &str| here.or_else(|| target.observed.get(key)).copied().map(Predicate::Fixed);
    Some(match exists {
        schema::Presence::Hook(symbol) => {
            let known = presence::predicate(symbol, target.release, target.machine);
            match seen(&key) {
                Some(seen) if presence::is_local(&known) => seen,
                _ => known,
            }
        }
        schema::Presence::Observed(key) => {
            match (presence::symbol(&vmsd.name, &field.name), seen(key)) {
                (Some(symbol), _) => presence::predicate(symbol, target.release, target.machine),
                (None, Some(seen)) => seen,
                (None, None) => Predicate::Unknown(format!("presence of {key}")),
            }
        }
    })
}

fn slot(vmsd: &schema::Vmsd, at: usize, name: &str, multiply: u32) -> Amount {
    let factor = u64::from(multiply);
    match vmsd.fields.iter().take(at).rposition(|f| f.name == name) {
        Some(index) => Amount::Slot(index, factor),
        None => Amount::Unknown(format!(
            "count of {} by {name}, which is no field before it",
            vmsd.name
        )),
    }
}

/// The count of a field by one before it that no table names.
fn counted(vmsd: &schema::Vmsd, at: usize, field: &schema::Field) -> Option<Amount> {
    let name = local::counter(&vmsd.name, &field.name)?;
    let before = vmsd.fields.iter().take(at).any(|f| f.name == name);
    before.then(|| slot(vmsd, at, name, 1))
}

fn local_amount(
    vmsd: &schema::Vmsd,
    at: usize,
    field: &schema::Field,
    seen: Option<u32>,
) -> Amount {
    if let Some(amount) = counted(vmsd, at, field) {
        return amount;
    }
    match seen.or_else(|| local::count(&vmsd.name, &field.name)) {
        Some(n) => Amount::Fixed(u64::from(n)),
        None => Amount::Unknown(format!("local count of {}/{}", vmsd.name, field.name)),
    }
}
