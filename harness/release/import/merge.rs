//! Joins a part of a release's bundle to what the corpus has of that release.
//!
//! A bundle of some scenarios says less than one of all of them: made anew from it alone, what the
//! others had shown would be lost. So what is on record stays to the byte, and the new scenarios
//! bring the descriptions that they need: one that is on record is used, one that is not gets a key
//! of its own.

use std::collections::BTreeMap;

use crate::vmstate::schema::{Body, Field, Handlers, Key, Kind, Tables, Vmsd};

/// `old` with the descriptions that `new` has beyond it, and `handlers` by the keys that these have
/// now.
pub(super) fn merged(
    old: &Tables,
    new: &Tables,
    mut handlers: Vec<Handlers>,
) -> (Tables, Vec<Handlers>) {
    let mut join = Join { new, all: old.clone(), keys: BTreeMap::new() };
    for handler in handlers.iter_mut().flat_map(|list| &mut list.handlers) {
        if let Body::Vmsd(key) = &mut handler.body {
            *key = join.key(key);
        }
    }
    for (place, said) in &new.more {
        join.all.more.entry(place.clone()).or_insert_with(|| said.clone());
    }
    (join.all, handlers)
}

struct Join<'t> {
    new: &'t Tables,
    all: Tables,
    /// What the new keys have become.
    keys: BTreeMap<Key, Key>,
}

impl Join<'_> {
    /// The key under which a description of the new tables is among all; it is put there if need be.
    fn key(&mut self, key: &str) -> Key {
        if let Some(known) = self.keys.get(key) {
            return known.clone();
        }
        let Some(vmsd) = self.new.vmsd.get(key) else { return key.to_owned() };
        // One that contains itself finds this on its way round.
        let free = self.free(key);
        self.keys.insert(key.to_owned(), free.clone());
        let mut vmsd = vmsd.clone();
        for field in &mut vmsd.fields {
            self.field(field);
        }
        for subsection in &mut vmsd.subsections {
            subsection.vmsd = self.key(&subsection.vmsd);
        }
        let same = self.all.vmsd.iter().find(|(_, known)| same(known, &vmsd));
        let found = match same.map(|(known, _)| known.clone()) {
            Some(known) => known,
            None => {
                self.all.vmsd.insert(free.clone(), vmsd);
                free
            }
        };
        self.keys.insert(key.to_owned(), found.clone());
        found
    }

    fn field(&mut self, field: &mut Field) {
        match &mut field.kind {
            Kind::Struct { vmsd } | Kind::Vstruct { vmsd, .. } => *vmsd = self.key(vmsd),
            Kind::Nested { vmsd, key, .. } => {
                *vmsd = self.key(vmsd);
                if let Some(key) = key {
                    *key = self.key(key);
                }
            }
            Kind::Leaf { .. } | Kind::Unknown { .. } => {}
        }
    }

    /// A key that nothing has: this one, or the description's name with a number.
    fn free(&self, key: &str) -> Key {
        let taken = |key: &str| {
            self.all.vmsd.contains_key(key) || self.keys.values().any(|known| known == key)
        };
        if !taken(key) {
            return key.to_owned();
        }
        let name = key.split('#').next().unwrap_or(key);
        (2..).map(|n| format!("{name}#{n}")).find(|key| !taken(key)).unwrap_or_default()
    }
}

/// Whether two descriptions say the same, wherever each was taken from.
fn same(one: &Vmsd, other: &Vmsd) -> bool {
    let plain = |vmsd: &Vmsd| {
        let mut vmsd = vmsd.clone();
        vmsd.inherited_from = None;
        vmsd.fields.iter_mut().for_each(|field| field.inherited_from = None);
        vmsd
    };
    one.name == other.name && plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(vmsd: &str) -> Tables {
        serde_json::from_str(&format!(r#"{{"release": "8.0", "vmsd": {{{vmsd}}}}}"#)).unwrap()
    }

    fn vmsd(key: &str, name: &str, fields: &str) -> String {
        format!(
            r#""{key}": {{"name": "{name}", "version_id": 1, "minimum_version_id": 1,
            "fields": [{fields}]}}"#
        )
    }

    fn leaf(name: &str) -> String {
        format!(
            r#"{{"name": "{name}", "kind": {{"leaf": {{"info": "uint8", "size": {{"fixed": 1}}}}}}}}"#
        )
    }

    fn inner(key: &str) -> String {
        format!(r#"{{"name": "inner", "kind": {{"struct": {{"vmsd": "{key}"}}}}}}"#)
    }

    fn handlers(keys: &[&str]) -> Vec<Handlers> {
        let handler = |key: &&str| {
            format!(
                r#"{{"idstr": "{key}", "instance_id": 0, "alias_id": -1, "version_id": 1,
                "body": {{"vmsd": "{key}"}}}}"#
            )
        };
        let list: Vec<String> = keys.iter().map(handler).collect();
        let text = format!(
            r#"{{"release": "8.0", "machine": "pc", "scenario": "new", "origin": "bundle",
            "handlers": [{}]}}"#,
            list.join(",")
        );
        vec![serde_json::from_str(&text).unwrap()]
    }

    fn keys(handlers: &[Handlers]) -> Vec<&str> {
        let bodies = handlers.iter().flat_map(|list| &list.handlers).map(|h| &h.body);
        bodies
            .map(|body| match body {
                Body::Vmsd(key) => key.as_str(),
                Body::Loader(name) => name.as_str(),
            })
            .collect()
    }

    #[test]
    fn what_is_on_record_stays_and_what_is_new_gets_a_key() {
        let old = tables(&[vmsd("in", "in", &leaf("a")), vmsd("x", "x", &inner("in"))].join(","));
        // The same x; another y; an x whose inner part is other.
        let new = tables(
            &[
                vmsd("in", "in", &leaf("a")),
                vmsd("in#2", "in", &leaf("b")),
                vmsd("x", "x", &inner("in")),
                vmsd("x#2", "x", &inner("in#2")),
                vmsd("y", "y", &leaf("c")),
            ]
            .join(","),
        );
        let (all, list) = merged(&old, &new, handlers(&["x", "x#2", "y"]));
        assert_eq!(keys(&list), ["x", "x#2", "y"]);
        assert_eq!(all.vmsd.keys().collect::<Vec<_>>(), ["in", "in#2", "x", "x#2", "y"]);
        for (key, vmsd) in &old.vmsd {
            assert_eq!(all.vmsd[key], *vmsd);
        }
        // Once more, it is all there.
        let (again, same) = merged(&all, &new, handlers(&["x", "x#2", "y"]));
        assert_eq!((again, keys(&same)), (all, vec!["x", "x#2", "y"]));
    }

    #[test]
    fn one_key_for_two_descriptions_is_two_keys() {
        let old = tables(&vmsd("x", "x", &leaf("a")));
        let new = tables(&vmsd("x", "x", &[leaf("a"), leaf("b")].join(",")));
        let (all, list) = merged(&old, &new, handlers(&["x"]));
        assert_eq!(keys(&list), ["x#2"]);
        assert_eq!(all.vmsd["x"], old.vmsd["x"]);
        assert_eq!(all.vmsd["x#2"].fields.len(), 2);
    }

    #[test]
    fn one_that_contains_itself_ends() {
        let new = tables(&vmsd("x", "x", &inner("x")));
        let (all, list) = merged(&tables(""), &new, handlers(&["x"]));
        assert_eq!((keys(&list), all), (vec!["x"], new));
    }
}
