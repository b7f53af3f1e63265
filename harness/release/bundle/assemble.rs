//! Makes tables of partial descriptions. What a partial description leaves open is taken from another
//! release's tables, and marked so, or stays open and is noted.

use std::collections::{BTreeMap, BTreeSet};

use super::inherit::{Inherited, OtherReleases, has_size};
use super::known;
use super::partial::{Form, Id, Partial, PartialField, Partials};
use super::resolve::{Candidates, count, leaf_size, presence};
use super::undumped;
use crate::dialect::Version;
use crate::release::notes::Note;
use crate::vmstate::old;
use crate::vmstate::schema::{
    Field, Key, Kind, OldLoader, Size, Subsection, Tables, Unknown, Vmsd,
};

/// Makes the tables of one release, beginning at the descriptions that handlers name.
#[derive(Debug)]
pub struct Assembler<'a> {
    partials: &'a Partials,
    others: &'a OtherReleases<'a>,
    /// `None` if the release is no number; then no old loaders are inherited.
    version: Option<Version>,
    tables: Tables,
    keys: BTreeMap<Id, Key>,
    /// Keys of whole descriptions taken from another release, by that release and its key.
    taken: BTreeMap<(String, Key), Key>,
    used: BTreeSet<Key>,
    /// What stays open, in words.
    pub notes: Vec<Note>,
}

impl<'a> Assembler<'a> {
    /// Nothing made yet.
    #[must_use]
    pub fn new(release: &str, partials: &'a Partials, others: &'a OtherReleases<'a>) -> Self {
        Self {
            partials,
            others,
            version: release.parse().ok(),
            tables: Tables { release: release.to_owned(), ..Tables::default() },
            keys: BTreeMap::new(),
            taken: BTreeMap::new(),
            used: BTreeSet::new(),
            notes: Vec::new(),
        }
    }

    /// What was made so far.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// What was made.
    #[must_use]
    pub fn into_tables(self) -> Tables {
        self.tables
    }

    /// The key of a partial description, which is made with all it refers to.
    pub fn key(&mut self, id: Id) -> Key {
        if let Some(key) = self.keys.get(&id) {
            return key.clone();
        }
        let partials = self.partials;
        let Some(partial) = partials.get(id) else { return Key::new() };
        let key = self.new_key(&partial.name);
        self.keys.insert(id, key.clone());
        let vmsd = self.vmsd(partial);
        self.tables.vmsd.insert(key.clone(), vmsd);
        key
    }

    fn new_key(&mut self, name: &str) -> Key {
        let mut key = name.to_owned();
        let mut number = 1;
        while !self.used.insert(key.clone()) {
            number += 1;
            key = format!("{name}#{number}");
        }
        key
    }

    fn vmsd(&mut self, partial: &Partial) -> Vmsd {
        let same = self.others.same(&partial.name, partial.version, &partial.names());
        let same_version =
            same.or_else(|| self.others.same_version(&partial.name, partial.version));
        let mut inherited_from = None;
        let mut inherit = |from: Inherited| inherited_from = Some(from.tables.release.clone());
        let known = undumped::minimum(partial);
        let minimum_version_id = partial.minimum.or(known).unwrap_or_else(|| {
            same_version.map_or(partial.version, |found| {
                inherit(found);
                found.vmsd.minimum_version_id
            })
        });
        let same_minimum = |found: &Inherited| found.vmsd.minimum_version_id == minimum_version_id;
        let old = same_version.filter(same_minimum).and_then(|found| {
            let old = self.old_loader(found.vmsd)?;
            inherit(found);
            Some(old)
        });
        let fields =
            (0..partial.fields.len()).filter_map(|n| self.field(partial, n, same, same_version));
        let fields = fields.collect();
        let mut subsections: Vec<Subsection> = Vec::new();
        for id in &partial.subsections {
            subsections.push(Subsection { vmsd: self.key(*id), needed: None });
        }
        // The dump has all subsections. Else those of the same version elsewhere are added.
        for subsection in same_version.iter().flat_map(|found| &found.vmsd.subsections) {
            let Some(found) = same_version.filter(|_| partial.minimum.is_none()) else { break };
            let vmsd = self.taken(found.tables, &subsection.vmsd);
            if subsections.iter().all(|known| known.vmsd != vmsd) {
                inherited_from = Some(found.tables.release.clone());
                subsections.push(Subsection { vmsd, needed: None });
            }
        }
        if partial.minimum.is_none() && same_version.is_none() {
            self.optional(partial, &mut subsections);
        }
        if partial.minimum.is_none() {
            self.note_undumped(partial, same.is_some(), same_version);
        }
        Vmsd {
            name: partial.name.clone(),
            version_id: partial.version,
            minimum_version_id,
            old,
            unknown: match (partial.minimum, same_version) {
                (None, None) => undumped::unknown(partial),
                _ => Unknown::default(),
            },
            inherited_from,
            fields,
            subsections,
            ..Vmsd::default()
        }
    }

    /// Adds the subsections that a description is known to have and that were not seen.
    fn optional(&mut self, partial: &Partial, subsections: &mut Vec<Subsection>) {
        let Some(version) = self.version else { return };
        let partials = self.partials;
        let seen = |name: &str| {
            let mut names = partial.subsections.iter().filter_map(|id| partials.get(*id));
            names.any(|found| found.name == name)
        };
        for vmsd in known::subsections(partial, version).filter(|vmsd| !seen(&vmsd.name)) {
            let key = self.new_key(&vmsd.name);
            self.tables.vmsd.insert(key.clone(), vmsd);
            subsections.push(Subsection { vmsd: key, needed: None });
        }
    }

    /// The old loader of another release's description, as far as this release may still have it:
    /// all were removed in 7.0, some before. Without a hook the lower minimum means nothing (2.1
    /// and later; wire.md 4.1).
    fn old_loader(&self, vmsd: &Vmsd) -> Option<OldLoader> {
        let version = self.version.filter(|version| *version < Version::new(7, 0, 0))?;
        let lives = |hook: &String| !old::is_gone(hook, version);
        vmsd.old.clone().filter(|old| old.load.as_ref().is_some_and(lives))
    }

    fn note_undumped(&mut self, partial: &Partial, is_same: bool, same_version: Option<Inherited>) {
        let name = &partial.name;
        match same_version {
            _ if is_same => {}
            Some(found) => self.notes.push(Note::at(
                name,
                format!(
                    "not in the dump; minimum version and further subsections are those of {}, \
                     whose fields differ",
                    found.tables.release
                ),
            )),
            None if undumped::unknown(partial).is_empty() => {}
            None => self.notes.push(Note::at(
                name,
                "not in the dump nor in other tables; minimum version or subsections that were \
                 not sent are not told",
            )),
        }
    }

    fn field(
        &mut self,
        partial: &Partial,
        index: usize,
        same: Option<Inherited<'a>>,
        same_version: Option<Inherited<'a>>,
    ) -> Option<Field> {
        let reported = partial.fields.get(index)?;
        let others = self.others;
        let uses = partial.fields.iter().filter(|other| other.name == reported.name).count();
        let place = (reported.occurrence, uses);
        let mut similar: Vec<_> = others.similar(&partial.name, &reported.name, place).collect();
        if similar.is_empty() {
            similar.extend(others.similar_subsections(&partial.name, &reported.name, place));
        }
        let of_same_version = |(found, _): &&(Inherited<'a>, _)| {
            same_version.is_some_and(|same_version| std::ptr::eq(same_version.vmsd, found.vmsd))
        };
        let candidates = Candidates {
            same: same.and_then(|found| Some((found, found.vmsd.fields.get(index)?))),
            same_version: similar.iter().find(of_same_version).copied(),
            similar,
        };
        let mut from: Option<String> = None;
        let confirmed =
            |(found, field): &(Inherited, &Field)| self.confirms(reported, found.tables, field);
        let (count, count_open) = count(partial, reported, &candidates, confirmed, &mut from);
        let mut kind = self.kind(partial, reported, &candidates, &mut from);
        let count_open = count_open.filter(|_| known::scalar(partial, reported).is_none());
        if let (Some(why), false) = (count_open, matches!(kind, Kind::Unknown { .. })) {
            kind = Kind::Unknown { why: why.to_owned() };
        }
        let (version_id, exists) = presence(partial, reported, &candidates, &mut from);
        let version_id = known::version(partial, &reported.name).unwrap_or(version_id);
        if let Kind::Unknown { why } = &kind {
            self.notes.push(Note::at(format!("{}/{}", partial.name, reported.name), why));
        }
        let like = candidates.same.map(|(_, field)| field);
        Some(Field {
            name: reported.name.clone(),
            version_id,
            exists,
            kind,
            count,
            array_of_pointer: reported.null_elements
                || reported.marked_elements
                || like.is_some_and(|field| field.array_of_pointer),
            auto_alloc: reported.marked_elements
                && !reported.null_elements
                && reported.form != Form::Unknown,
            must_exist: reported.must_exist || like.is_some_and(|field| field.must_exist),
            inherited_from: from,
        })
    }

    /// What a partial description is a subsection of.
    fn owner(&self, partial: &Partial) -> Option<&'a Partial> {
        let partials = self.partials;
        let is = |id: &Id| partials.get(*id).is_some_and(|found| std::ptr::eq(found, partial));
        partials.iter().find(|owner| owner.subsections.iter().any(is))
    }

    fn kind(
        &mut self,
        partial: &Partial,
        reported: &PartialField,
        candidates: &Candidates<'a>,
        from: &mut Option<String>,
    ) -> Kind {
        let nested = reported.nested.first().copied();
        match (&reported.form, nested) {
            (Form::Leaf { info, size }, _) => Kind::Leaf {
                info: info.clone(),
                size: {
                    let owner = || self.owner(partial);
                    leaf_size(partial, owner, reported, info, *size, candidates, from)
                },
            },
            (Form::Struct, Some(id)) => Kind::Struct { vmsd: self.key(id) },
            (Form::Vstruct, Some(id)) => self.vstruct(id, reported),
            (Form::Codec(info), Some(id)) if info != "gtree" && reported.nested.len() == 1 => {
                Kind::Nested { info: info.clone(), vmsd: self.key(id), key: None }
            }
            (Form::Codec(info), _) => {
                Kind::Unknown { why: format!("the bundle does not tell the parts of a {info}") }
            }
            _ if reported.must_exist => Kind::Leaf { info: String::new(), size: Size::Fixed(0) },
            // A NULL element tells that they are pointers; what the trace enters for another is its
            // description.
            (_, Some(id)) if reported.is_struct || reported.null_elements => {
                let version = self.partials.get(id).map(|nested| nested.version);
                if reported.nested_versions.iter().any(|seen| Some(*seen) != version) {
                    return self.vstruct(id, reported);
                }
                Kind::Struct { vmsd: self.key(id) }
            }
            _ => self.inherited_kind(partial, reported, candidates, from),
        }
    }

    fn vstruct(&mut self, id: Id, reported: &PartialField) -> Kind {
        let own = self.partials.get(id).map_or(0, |nested| nested.version);
        let version_id = reported.nested_versions.first().copied().unwrap_or(own);
        Kind::Vstruct { vmsd: self.key(id), version_id }
    }

    /// A kind that no source of this release tells.
    fn inherited_kind(
        &mut self,
        partial: &Partial,
        reported: &PartialField,
        candidates: &Candidates<'a>,
        from: &mut Option<String>,
    ) -> Kind {
        let known = |field: &Field| !matches!(field.kind, Kind::Unknown { .. });
        let nested = reported.nested.first().copied();
        // Of another description only a codec is taken, and only with its size confirmed.
        let is_leaf = |field: &Field| {
            matches!(field.kind, Kind::Leaf { size: Size::Fixed(_), .. })
                && reported.memory.is_some()
        };
        let same = candidates.same.filter(|(_, field)| known(field));
        let similar = candidates.similar.iter().copied().filter(|(_, field)| is_leaf(field));
        let mut all = same.into_iter().chain(similar).peekable();
        if all.peek().is_none() {
            if let Some(kind) = known::kind(partial, reported, nested.map(|id| self.key(id))) {
                return kind;
            }
            let why = match (reported.nested.is_empty(), partial.minimum) {
                (false, _) => "the trace shows a nested vmsd, but not what reads it",
                (_, Some(_)) => "no stream of the bundle carries it, and no other table has it",
                (_, None) => "no stream of the bundle describes it, and no other table has it",
            };
            return Kind::Unknown { why: why.to_owned() };
        }
        let Some((found, field)) = all.find(|(_, field)| has_size(field, reported.memory)) else {
            let bytes = reported.memory.unwrap_or(0);
            let why = format!("it has {bytes} bytes in memory, and another number in other tables");
            return Kind::Unknown { why };
        };
        *from = Some(found.tables.release.clone());
        let own = nested;
        let tables = found.tables;
        let mut nested = |key: &Key| match own {
            Some(id) => self.key(id),
            None => self.taken(tables, key),
        };
        match &field.kind {
            Kind::Struct { vmsd } => Kind::Struct { vmsd: nested(vmsd) },
            Kind::Vstruct { vmsd, version_id } => {
                Kind::Vstruct { vmsd: nested(vmsd), version_id: *version_id }
            }
            Kind::Nested { info, vmsd, key } => {
                let vmsd = nested(vmsd);
                let key = key.as_ref().map(|key| self.taken(tables, key));
                Kind::Nested { info: info.clone(), vmsd, key }
            }
            other => other.clone(),
        }
    }

    /// Whether memory size or nested description show that a field of another table is of the
    /// same making.
    fn confirms(&self, reported: &PartialField, tables: &Tables, field: &Field) -> bool {
        match &field.kind {
            Kind::Leaf { .. } => reported.memory.is_some() && has_size(field, reported.memory),
            Kind::Struct { vmsd } | Kind::Vstruct { vmsd, .. } => {
                let own = reported.nested.first().and_then(|id| self.partials.get(*id));
                let theirs = tables.vmsd.get(vmsd);
                own.zip(theirs).is_some_and(|(own, theirs)| own.name == theirs.name)
            }
            Kind::Nested { .. } | Kind::Unknown { .. } => false,
        }
    }

    /// The key of a description taken whole from another release: this release's own, if it is
    /// known to have one like it.
    fn taken(&mut self, tables: &'a Tables, key: &Key) -> Key {
        let Some(vmsd) = tables.vmsd.get(key) else { return Key::new() };
        let names: Vec<String> = vmsd.fields.iter().map(|field| field.name.clone()).collect();
        if let Some(id) = self.partials.find(&vmsd.name, &names) {
            return self.key(id);
        }
        let origin = (tables.release.clone(), key.clone());
        if let Some(known) = self.taken.get(&origin) {
            return known.clone();
        }
        let new = self.new_key(&vmsd.name);
        self.taken.insert(origin, new.clone());
        let mut copy = vmsd.clone();
        copy.inherited_from = Some(tables.release.clone());
        copy.old = self.old_loader(vmsd);
        (copy.needed, copy.pre_load, copy.post_load) = (None, None, None);
        for subsection in &mut copy.subsections {
            subsection.vmsd = self.taken(tables, &subsection.vmsd);
            subsection.needed = None;
        }
        for field in &mut copy.fields {
            match &mut field.kind {
                Kind::Struct { vmsd } | Kind::Vstruct { vmsd, .. } => {
                    *vmsd = self.taken(tables, vmsd);
                }
                Kind::Nested { vmsd, key, .. } => {
                    *vmsd = self.taken(tables, vmsd);
                    if let Some(key) = key {
                        *key = self.taken(tables, key);
                    }
                }
                Kind::Leaf { .. } | Kind::Unknown { .. } => {}
            }
        }
        self.tables.vmsd.insert(new.clone(), copy);
        new
    }
}
