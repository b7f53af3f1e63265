//! Partial descriptions: what the sources of one release together say of each description.
//!
//! A partial description is found by its name and the names of all its fields in order, which a trace
//! has in full. Traces come first ([`Partials::adopt`]), then what the dump knows of the same
//! descriptions ([`Partials::complete`]), then the VMDESCRIPTIONs (`describe`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::dump::{Described, Dump};
use super::trace_log::Load;
use crate::release::notes::Note;

/// Index of a partial description.
pub type Id = usize;

/// All partial descriptions of one release.
#[derive(Debug, Default)]
pub struct Partials {
    list: Vec<Partial>,
    by_layout: BTreeMap<(String, Vec<String>), Id>,
    /// The same for descriptions of the dump, which leaves must-exist checks out.
    by_dump: BTreeMap<(String, Vec<String>), Id>,
    dump: Dump,
    /// What contradicts itself, in words.
    pub conflicts: BTreeSet<Note>,
}

/// What is known of one description.
#[derive(Debug, Clone, Default)]
pub struct Partial {
    /// The vmsd's name.
    pub name: String,
    /// `.version_id`.
    pub version: u32,
    /// `.minimum_version_id`, if the dump has this description.
    pub minimum: Option<u32>,
    /// Fields in order.
    pub fields: Vec<PartialField>,
    /// Subsections; all of them, in order, if the dump has this description.
    pub subsections: Vec<Id>,
}

/// What is known of one field.
#[derive(Debug, Clone, Default)]
pub struct PartialField {
    /// The field's name.
    pub name: String,
    /// Which of the fields of this name it is, from 0.
    pub occurrence: usize,
    /// How a VMDESCRIPTION calls it: with `[occurrence]` if the name is not unique.
    pub described_as: String,
    /// `.version_id`.
    pub version_id: Option<u32>,
    /// Whether there is a presence hook.
    pub hook: Option<bool>,
    /// Whether it is a must-exist check.
    pub must_exist: bool,
    /// Whether any load showed it absent.
    pub ever_absent: bool,
    /// What the VMDESCRIPTION says it is.
    pub form: Form,
    /// Descriptions entered for it, or named by the dump.
    pub nested: Vec<Id>,
    /// Whether the dump names the nested description: then this is a struct.
    pub is_struct: bool,
    /// Versions its elements were loaded with.
    pub nested_versions: BTreeSet<u32>,
    /// Element counts that were seen.
    pub counts: BTreeSet<u32>,
    /// Length of a plain array; `Some(None)` if it is known to be no plain array.
    pub length: Option<Option<u32>>,
    /// Bytes of one element in memory.
    pub memory: Option<u32>,
    /// Elements were seen to be NULL.
    pub null_elements: bool,
    /// Elements were seen with a marker before them.
    pub marked_elements: bool,
}

/// What a VMDESCRIPTION says a field is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Form {
    /// No stream carried it.
    #[default]
    Unknown,
    /// A codec, with the bytes of one element on the wire.
    Leaf {
        /// Its name.
        info: String,
        /// Bytes.
        size: u32,
    },
    /// `struct`.
    Struct,
    /// `vstruct`.
    Vstruct,
    /// A codec that recurses.
    Codec(String),
}

impl Partials {
    /// No partial descriptions yet, and a dump to complete them with.
    #[must_use]
    pub fn new(dump: Dump) -> Self {
        Self { dump, ..Self::default() }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Partial> {
        self.list.iter()
    }

    /// A partial description; an unknown `id` is an empty one.
    #[must_use]
    pub fn get(&self, id: Id) -> Option<&Partial> {
        self.list.get(id)
    }

    /// A partial description, to be changed.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut Partial> {
        self.list.get_mut(id)
    }

    /// The partial description called `name` with exactly these fields.
    #[must_use]
    pub fn find(&self, name: &str, fields: &[String]) -> Option<Id> {
        self.by_layout.get(&(name.to_owned(), fields.to_vec())).copied()
    }

    /// The first one called `name` whose fields include those of a VMDESCRIPTION, in order.
    #[must_use]
    pub fn find_around(&self, name: &str, described: &[&str]) -> Option<Id> {
        self.list.iter().position(|partial| {
            let mut fields = partial.fields.iter();
            partial.name == name && described.iter().all(|d| fields.any(|f| f.described_as == *d))
        })
    }

    /// Adds an empty partial description with these fields.
    pub fn add(&mut self, name: &str, version: u32, fields: Vec<String>) -> Id {
        let mut partial = Partial { name: name.to_owned(), version, ..Partial::default() };
        for (index, field) in fields.iter().enumerate() {
            let same = |others: &[String]| others.iter().filter(|other| *other == field).count();
            let occurrence = same(fields.get(..index).unwrap_or_default());
            let described_as =
                if same(&fields) == 1 { field.clone() } else { format!("{field}[{occurrence}]") };
            let name = field.clone();
            partial.fields.push(PartialField {
                name,
                occurrence,
                described_as,
                ..PartialField::default()
            });
        }
        let id = self.list.len();
        self.list.push(partial);
        self.by_layout.insert((name.to_owned(), fields), id);
        id
    }

    /// Takes what a self-load showed of one vmsd and all that it entered.
    pub fn adopt(&mut self, load: &Load, shows_hooks: bool) -> Id {
        let fields: Vec<String> = load.fields.iter().map(|field| field.name.clone()).collect();
        let id = match self.find(&load.name, &fields) {
            Some(id) => id,
            None => self.add(&load.name, load.version, fields),
        };
        for (index, seen) in load.fields.iter().enumerate() {
            let mut nested: Vec<Id> = Vec::new();
            for (at, load) in seen.loads.iter().enumerate() {
                // One that is the element before is adopted already.
                let before = at.checked_sub(1).and_then(|before| seen.loads.get(before));
                if before.is_none_or(|before| !Arc::ptr_eq(before, load)) {
                    nested.push(self.adopt(load, shows_hooks));
                }
            }
            let field = self.list.get_mut(id).and_then(|partial| partial.fields.get_mut(index));
            let Some(field) = field else { continue };
            field.ever_absent |= !seen.exists;
            field.counts.extend(seen.count);
            if shows_hooks {
                field.hook = Some(seen.hook.is_some());
                field.version_id = seen.hook.or(field.version_id);
            }
            field.nested_versions.extend(seen.loads.iter().map(|load| load.version));
            for nested in nested {
                if !field.nested.contains(&nested) {
                    field.nested.push(nested);
                }
            }
        }
        for subsection in &load.subsections {
            let subsection = self.adopt(subsection, shows_hooks);
            self.add_subsection(id, subsection);
        }
        id
    }

    /// Lists a subsection.
    pub fn add_subsection(&mut self, id: Id, subsection: Id) {
        if let Some(partial) = self.list.get_mut(id)
            && !partial.subsections.contains(&subsection)
        {
            partial.subsections.push(subsection);
        }
    }

    /// Adds what the dump knows: to all partial descriptions from number `from` on, and as new ones what
    /// only the dump knows, nested descriptions and subsections that no stream carried.
    pub fn complete(&mut self, from: Id) {
        let mut matched = BTreeMap::new();
        for (id, partial) in self.list.iter().enumerate().skip(from) {
            let fields: Vec<(&str, bool)> =
                partial.fields.iter().map(PartialField::checked).collect();
            if let Some(described) = self.dump.find(&partial.name, &fields) {
                self.by_dump.insert(layout(described), id);
                matched.insert(id, described.clone());
            }
        }
        for (id, described) in matched {
            self.merge(id, &described);
        }
    }

    /// The partial description of a description of the dump.
    pub fn of_dump(&mut self, described: &Described) -> Id {
        let (name, fields) = layout(described);
        if let Some(id) = self.by_dump.get(&(name.clone(), fields.clone())) {
            return *id;
        }
        let id = self.add(&name, described.version_id, fields.clone());
        self.by_dump.insert((name, fields), id);
        self.merge(id, described);
        id
    }

    /// The same for the dump's description called `name` whose fields include those of a VMDESCRIPTION.
    pub fn of_dump_around(&mut self, name: &str, described: &[&str]) -> Option<Id> {
        let found = self.dump.find_around(name, described)?.clone();
        Some(self.of_dump(&found))
    }

    fn merge(&mut self, id: Id, described: &Described) {
        let has_lengths = self.dump.has_lengths;
        let mut listed = described.fields.iter().peekable();
        let count = self.get(id).map_or(0, |partial| partial.fields.len());
        for index in 0..count {
            let Some(field) = self.list.get(id).and_then(|partial| partial.fields.get(index))
            else {
                continue;
            };
            let found = listed.next_if(|listed| listed.name == field.name);
            let nested = found.and_then(|found| found.nested.as_deref()).map(|d| self.of_dump(d));
            let Some(field) = self.list.get_mut(id).and_then(|d| d.fields.get_mut(index)) else {
                continue;
            };
            let Some(found) = found else {
                field.must_exist = true;
                field.length = Some(Some(0));
                continue;
            };
            field.version_id = Some(found.version_id);
            field.hook = Some(found.field_exists);
            field.memory = Some(found.size);
            if has_lengths {
                field.length = Some(found.num);
            }
            if let Some(nested) = nested {
                field.is_struct = true;
                if !field.nested.contains(&nested) {
                    field.nested.push(nested);
                }
            }
        }
        let mut subsections: Vec<Id> =
            described.subsections.iter().map(|described| self.of_dump(described)).collect();
        if let Some(partial) = self.list.get_mut(id) {
            let more = partial.subsections.iter().filter(|s| !subsections.contains(s)).copied();
            let more: Vec<Id> = more.collect();
            subsections.extend(more);
            partial.subsections = subsections;
            partial.version = described.version_id;
            partial.minimum = Some(described.minimum_version_id);
        }
    }
}

impl Partial {
    /// Names of all fields, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.fields.iter().map(|field| field.name.clone()).collect()
    }

    /// `vmsd/field/occurrence`: the key of an observation (`schema::Presence::Observed`).
    #[must_use]
    pub fn observation_key(&self, field: &PartialField) -> String {
        format!("{}/{}/{}", self.name, field.name, field.occurrence)
    }
}

impl PartialField {
    /// Its name, and whether it may be a must-exist check: it never had an element.
    fn checked(&self) -> (&str, bool) {
        (&self.name, !self.counts.is_empty() && self.counts.iter().all(|count| *count == 0))
    }

    /// The only count that was seen.
    #[must_use]
    pub fn only_count(&self) -> Option<u32> {
        self.counts.first().filter(|_| self.counts.len() == 1).copied()
    }
}

fn layout(described: &Described) -> (String, Vec<String>) {
    (described.name.clone(), described.fields.iter().map(|field| field.name.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::super::trace_log::parse;
    use super::*;

    fn load(text: &str) -> Load {
        let log = parse(&format!(
            "qemu_loadvm_state_section_startfull 1(d) 0 1\nvmstate_load d, d\n{text}"
        ));
        log.unwrap().sections.remove(0).load.unwrap()
    }

    #[test]
    fn dump_and_trace_meet_in_one_partial_description() {
        let mut dump = Dump::default();
        dump.add(
            r#"{"c": {"Description": {"name": "d", "version_id": 4, "minimum_version_id": 2,
            "Fields": [{"field": "a", "version_id": 3, "field_exists": true, "size": 2}],
            "Subsections": [{"name": "d/s", "version_id": 1, "minimum_version_id": 1}]}}}"#,
        )
        .unwrap();
        let mut partials = Partials::new(dump);
        let load = load(
            "vmstate_load_state d v4\nvmstate_load_state_field d:check\nvmstate_n_elems check: 0\n\
             vmstate_load_state_field d:a\nvmstate_subsection_load d\nvmstate_load_state_end d end/0",
        );
        let id = partials.adopt(&load, false);
        partials.complete(0);
        let partial = partials.get(id).unwrap();
        assert!(partial.fields[0].must_exist && !partial.fields[1].must_exist);
        assert_eq!((partial.fields[1].hook, partial.fields[1].version_id), (Some(true), Some(3)));
        assert_eq!(partial.minimum, Some(2));
        assert_eq!(partials.get(partial.subsections[0]).unwrap().name, "d/s");
        assert!(partial.fields[1].ever_absent);
    }

    #[test]
    fn repeated_names_are_numbered() {
        let mut partials = Partials::default();
        let names = ["a", "b", "a"].map(str::to_owned).to_vec();
        let id = partials.add("d", 1, names);
        let partial = partials.get(id).unwrap();
        let described: Vec<_> = partial.fields.iter().map(|f| f.described_as.as_str()).collect();
        assert_eq!(described, ["a[0]", "b", "a[1]"]);
        assert_eq!(partial.observation_key(&partial.fields[2]), "d/a/1");
        assert_eq!(partials.find_around("d", &["b", "a[1]"]), Some(id));
        assert_eq!(partials.find_around("d", &["a[1]", "b"]), None);
    }
}
